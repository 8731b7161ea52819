package manifest

import (
	"bytes"
	"errors"
	"strings"
)

// Why a Scanner has no manifest.
var (
	ErrNone      = errors.New("no manifest in the file")
	ErrTooLarge  = errors.New("the manifest has no closing line `...` within 256 KiB of its marker")
	ErrAmbiguous = errors.New("the file holds two different manifests")
)

// marker is the first line of an embedded manifest. It is put together at run
// time, so that no executable holds it but those that embed a manifest.
var marker = []byte(strings.Join([]string{"---", "# segue:module/v1"}, " "))

// FirstLine is the line that an embedded manifest begins with, without its break.
// A program that prints it must not have it as a constant.
func FirstLine() string { return string(marker) }

// closing is the last line of an embedded manifest, with the break before it. At
// the beginning of a line nothing else in a YAML mapping starts with three dots,
// so what follows needs no look: in an executable it is somebody else's bytes.
var closing = []byte("\n...")

// seam is how many bytes of the one Write may belong to a marker or a closing
// that ends in the next: marker and "\r\n", less one.
var seam = len(marker) + 1

// Scanner finds an embedded manifest in the bytes written to it, in pieces of any
// size. It keeps at most MaxSize and a little, whatever is written. The zero value
// is ready; it is not for use by several goroutines.
type Scanner struct {
	open      bool   // within a document
	text      []byte // open: the document so far; else: the last bytes seen, at most seam
	found     []byte // the first complete document
	ambiguous bool
	tooLarge  bool
}

// Write looks at p. It never fails.
func (s *Scanner) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if s.open {
			p = s.collect(p)
		} else {
			p = s.search(p)
		}
	}
	return n, nil
}

// Manifest is the document found so far, from its marker to its closing, byte for
// byte; the caller must not change it. The error is ErrNone, ErrTooLarge or
// ErrAmbiguous. Equal copies of one document count as one.
func (s *Scanner) Manifest() ([]byte, error) {
	switch {
	case s.ambiguous:
		return nil, ErrAmbiguous
	case s.found != nil:
		return s.found, nil
	case s.open || s.tooLarge:
		return nil, ErrTooLarge
	}
	return nil, ErrNone
}

// search looks for the beginning of a document and gives what of p lies behind it.
func (s *Scanner) search(p []byte) []byte {
	kept := len(s.text)
	s.text = append(s.text, p[:min(len(p), seam)]...)
	if start, end := markerLine(s.text); end > 0 {
		s.text, s.open = s.text[start:end], true
		return p[end-kept:]
	}
	if start, end := markerLine(p); end > 0 {
		s.text, s.open = append(s.text[:0], p[start:end]...), true
		return p[end:]
	}
	if len(p) >= seam {
		s.text = append(s.text[:0], p[len(p)-seam:]...)
	} else {
		s.keepSeam()
	}
	return nil
}

// collect adds to the open document and gives what of p lies behind its end.
func (s *Scanner) collect(p []byte) []byte {
	old := len(s.text)
	take, complete := p[:min(len(p), MaxSize-old)], false
	// The closing may have begun in what was written before. Behind the marker
	// line there are always enough bytes to look back at.
	tail := s.text[old-len(closing)+1:]
	joined := append(bytes.Clone(tail), take[:min(len(take), len(closing)-1)]...)
	if i := bytes.Index(joined, closing); i >= 0 {
		take, complete = take[:i+len(closing)-len(tail)], true
	} else if i := bytes.Index(take, closing); i >= 0 {
		take, complete = take[:i+len(closing)], true
	}
	s.text = append(s.text, take...)
	// A marker within the document means that what came before was none.
	from := max(1, old-seam)
	if i := lastMarkerLine(s.text[from:]); i >= 0 {
		s.text = s.text[:copy(s.text, s.text[from+i:])]
	}
	switch {
	case complete:
		s.close()
	case len(s.text) >= MaxSize:
		s.open, s.tooLarge = false, true
		s.keepSeam()
	}
	return p[len(take):]
}

// close ends the open document.
func (s *Scanner) close() {
	switch {
	case s.found == nil:
		s.found = bytes.Clone(s.text)
	case !bytes.Equal(s.found, s.text):
		s.ambiguous = true
	}
	s.open, s.text = false, s.text[:0]
}

// keepSeam keeps only what the next Write may need.
func (s *Scanner) keepSeam() {
	s.text = s.text[:copy(s.text, s.text[max(0, len(s.text)-seam):])]
}

// markerLine finds the first whole marker line of b; end is 0 where there is none.
func markerLine(b []byte) (start, end int) {
	for from := 0; ; {
		i := bytes.Index(b[from:], marker)
		if i < 0 {
			return 0, 0
		}
		start, from = from+i, from+i+len(marker)
		if n := lineBreak(b[from:]); n > 0 {
			return start, from + n
		}
	}
}

// lastMarkerLine finds the last whole marker line of b, -1 where there is none.
func lastMarkerLine(b []byte) int {
	for end := len(b); ; {
		i := bytes.LastIndex(b[:end], marker)
		if i < 0 || lineBreak(b[i+len(marker):]) > 0 {
			return i
		}
		end = i
	}
}

// lineBreak is the length of the line break that b begins with, 0 for none.
func lineBreak(b []byte) int {
	switch {
	case bytes.HasPrefix(b, []byte("\n")):
		return 1
	case bytes.HasPrefix(b, []byte("\r\n")):
		return 2
	}
	return 0
}
