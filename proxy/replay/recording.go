package replay

import (
	"bytes"
	"crypto/sha256"
	"hash"
	"net/http"
	"net/netip"
	"strings"
)

const (
	// keepBody is how many bytes of a body are kept.
	keepBody = 64 << 10
	// maxLength is the length of an answer from which on it is not hashed any more, and
	// neither recorded nor mirrored.
	maxLength = 8 << 20
	// maxHead is how much of a request's address and header is kept: a longer one is
	// not recorded.
	maxHead = 16 << 10
)

// Recording is a request with the answer that it got. It is not changed once made:
// copies of it share what it points to.
type Recording struct {
	Method string
	Host   string // with its port, as it was sent
	Path   string // as proxy.CleanPath gives it
	// Prefix is what its route strips of the path: the module gets the rest; empty for nothing.
	Prefix string
	Query  string // without the question mark
	Header http.Header
	Body   []byte
	Secure bool // it came over TLS
	// Remote is who asked, for a copy that goes out at once; invalid in a Ring.
	Remote netip.Addr
	Answer Answer
}

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header // only what a comparison may need
	Body   []byte      // its first 64 KiB, as it was sent
	// Sum is the SHA-256 of the whole body, and Length its length in bytes. Where an
	// answer was not read to its end, Length is more than was allowed.
	Sum    [sha256.Size]byte
	Length int64
}

// String is the request's method and path: what may be shown of it.
func (r Recording) String() string { return clip(r.Method + " " + r.Path) }

// size is about what r takes of memory.
func (r *Recording) size() int64 {
	return headSize(r) + int64(cap(r.Body)+cap(r.Answer.Body)) + headerSize(r.Answer.Header)
}

// headSize is about what the request takes without its body.
func headSize(r *Recording) int64 {
	const fixed = 512 // the struct and its maps
	return fixed + int64(len(r.Method)+len(r.Host)+len(r.Path)+len(r.Prefix)+len(r.Query)) + headerSize(r.Header)
}

func headerSize(h http.Header) (n int64) {
	for name, values := range h {
		n += int64(len(name)) + 64
		for _, value := range values {
			n += int64(len(value)) + 16
		}
	}
	return n
}

// listener takes down an answer as it passes.
type listener struct {
	status int
	header http.Header
	body   []byte
	length int64
	sum    hash.Hash
}

// head takes down the answer's head: of its header what is always needed, and the
// named ones. It clones what it keeps.
func (l *listener) head(status int, header http.Header, also []string) {
	l.status, l.sum = status, sha256.New()
	l.header = make(http.Header, 2)
	for _, name := range alwaysKept {
		keepHeader(l.header, header, name)
	}
	for _, name := range also {
		keepHeader(l.header, header, name)
	}
}

func keepHeader(to, from http.Header, name string) {
	if values, ok := from[name]; ok {
		kept := make([]string, len(values))
		for i, value := range values {
			kept[i] = strings.Clone(value)
		}
		to[name] = kept
	}
}

// part takes down some of the body.
func (l *listener) part(p []byte) {
	l.length += int64(len(p))
	if l.sum != nil {
		l.sum.Write(p)
	}
	l.body = append(l.body, p[:min(len(p), keepBody-len(l.body))]...)
}

// answer is what was taken down.
func (l *listener) answer() Answer {
	a := Answer{Status: l.status, Header: l.header, Body: bytes.Clone(l.body), Length: l.length}
	if l.sum != nil {
		l.sum.Sum(a.Sum[:0])
	}
	return a
}
