package sticky

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
)

// leastKey is how many bytes a key has at least.
const leastKey = 32

// Secret is the host's, from which all else follows. It must be the same after a
// restart, or every user is a new one.
type Secret struct {
	sign, place, preview []byte // a key for each use
}

// NewSecret makes it of at least 32 random bytes, which it does not keep.
func NewSecret(key []byte) (*Secret, error) {
	if len(key) < leastKey {
		return nil, fmt.Errorf("make a secret: the key has %d bytes, and needs %d", len(key), leastKey)
	}
	return &Secret{sign: mac(key, "sign"), place: mac(key, "place"), preview: mac(key, "preview")}, nil
}

// Token is what a request bears in its Segue-Preview header to see the candidate of
// this rollout of the module, and of no other.
func (s *Secret) Token(module, rollout string) string {
	return base64.RawURLEncoding.EncodeToString(mac(s.preview, module, rollout)[:macSize])
}

// mac signs the parts, each with its length, so that no two lists of parts are the
// same bytes.
func mac(key []byte, parts ...string) []byte {
	h := hmac.New(sha256.New, key)
	var message []byte
	for _, part := range parts {
		message = binary.BigEndian.AppendUint32(message, uint32(len(part)))
		message = append(message, part...)
	}
	h.Write(message)
	return h.Sum(nil)
}
