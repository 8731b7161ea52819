package wire

import "bytes"

// Response is the head of an answer, as Request is of a request.
type Response struct {
	Minor  int
	Status int // 100 to 999
	Reason string
	Fields []Field

	Framing Framing
	Length  int64  // as it was declared, also for an answer to HEAD, whose Framing is NoBody; -1 for none
	Close   bool   // the connection ends after the body
	Upgrade string // of a 101; see Request.Upgrade
}

// Parse reads the head of an answer to a request of that method, as Request.Parse does.
// Nothing may go before the status line.
func (r *Response) Parse(buf []byte, method string, l *Limits) (n int, err error) {
	b := l.cap(buf)
	size, err := r.line(b)
	if err != nil {
		return 0, err
	}
	if size == 0 {
		return l.more(b)
	}
	n, err = l.end(b, size)
	if n == 0 {
		return 0, err
	}
	b = b[:n]
	head := string(b)
	r.Reason = trim(head[len("HTTP/1.1 200") : size-2])
	if r.Fields, err = appendFields(r.Fields[:0], b, head, size); err != nil {
		return 0, err
	}
	if err := r.understand(method); err != nil {
		return 0, err
	}
	return n, nil
}

// line reads the status line from the front of b, and gives its length; 0 where it has not
// ended. A reason may be missing with the space before it: many leave that out.
func (r *Response) line(b []byte) (int, error) {
	const shape = "HTTP/1.0 000"
	for i := range min(len(shape), len(b)) {
		c := b[i]
		if shape[i] == '0' && '0' <= c && c <= '9' || shape[i] == c {
			continue
		}
		return 0, errStatusLine
	}
	if len(b) <= len(shape) {
		return 0, nil
	}
	r.Minor = int(b[7] - '0')
	r.Status = int(b[9]-'0')*100 + int(b[10]-'0')*10 + int(b[11]-'0')
	if r.Minor > 1 {
		return 0, errStatusLine
	}
	if r.Status < 100 {
		return 0, errStatus
	}
	if c := b[len(shape)]; c != ' ' && c != '\r' {
		return 0, errStatusLine
	}
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		return 0, nil
	}
	if b[end-1] != '\r' {
		return 0, errBareLF
	}
	if !cleanValue(b[len(shape) : end-1]) {
		return 0, errStatusLine
	}
	return end + 1, nil
}

// understand fills in what follows from the first line and the fields (RFC 9112, 6.3).
func (r *Response) understand(method string) error {
	c := common{minor: r.Minor, length: -1}
	for _, f := range r.Fields {
		if _, err := c.field(f); err != nil {
			return err
		}
	}
	framing, err := c.framing(UntilClose)
	if err != nil {
		return err
	}
	r.Framing, r.Length, r.Close, r.Upgrade = framing, c.length, c.ends(), ""
	switch {
	case r.Status < 200 || r.Status == 204:
		// What comes behind one that has a body nevertheless would be taken for the next
		// answer, or that for a body.
		if framing == Chunked || c.length > 0 {
			return errBodyless
		}
		r.Framing = NoBody
		if r.Status == 101 {
			r.Upgrade = c.protocol()
		}
	case r.Status == 304 || method == "HEAD":
		r.Framing = NoBody
	case r.Framing == UntilClose:
		r.Close = true
	}
	return nil
}
