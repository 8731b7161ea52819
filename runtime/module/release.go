package module

import (
	"crypto/sha256"
	"encoding/hex"
)

// Digest is the SHA-256 of an artifact's bytes in lower-case hex.
type Digest string

// Short is the digest's first 12 characters, for people.
func (d Digest) Short() string {
	if len(d) < 12 {
		return string(d)
	}
	return string(d[:12])
}

// ParseDigest checks that s is a whole digest.
func ParseDigest(s string) (Digest, error) {
	if raw, err := hex.DecodeString(s); err != nil || len(raw) != sha256.Size {
		return "", &Error{Kind: Invalid, Field: "digest", Value: s, Hint: "a digest is 64 hexadecimal characters"}
	}
	return Digest(s), nil
}

// Release is one immutable version of a module: a name, a version and the bytes.
type Release struct {
	Module  string `json:"module"`
	Version string `json:"version"`
	Digest  Digest `json:"digest"`
}

// String is "hello@1.0.0".
func (r Release) String() string { return r.Module + "@" + r.Version }

// IsZero reports whether r names nothing.
func (r Release) IsZero() bool { return r == Release{} }
