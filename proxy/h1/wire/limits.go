package wire

import "bytes"

// Limits bound a head. All are to be set.
type Limits struct {
	Bytes  int // of the whole head
	Fields int // lines
	Target int // bytes of a request's target
}

// cap gives of buf what a head may be.
func (l *Limits) cap(buf []byte) []byte {
	if len(buf) > l.Bytes {
		return buf[:l.Bytes]
	}
	return buf
}

// more says that a head goes on beyond b: 431 where it may not.
func (l *Limits) more(b []byte) (int, error) {
	if len(b) >= l.Bytes {
		return 0, errTooLarge
	}
	return 0, nil
}

// end finds the end of the field lines that begin at b[at], behind the empty line; 0 where
// it is not there yet. It looks at nothing but line ends, so that a head that comes byte by
// byte costs little.
func (l *Limits) end(b []byte, at int) (int, error) {
	for lines := 0; ; lines++ {
		i := bytes.IndexByte(b[at:], '\n')
		switch {
		case i < 0:
			return l.more(b)
		case i == 0 || b[at+i-1] != '\r':
			return 0, errBareLF
		case i == 1:
			return at + 2, nil
		case lines == l.Fields:
			return 0, errTooMany
		}
		at += i + 1
	}
}
