package wire

import "strings"

// Request is the head of a request. Its strings share one copy of the head and stay valid;
// Fields is used again by the next Parse.
type Request struct {
	Method string
	Target string // as it was sent
	// Path and Query are Target's, still escaped; Path is "*" for that one, and empty for
	// CONNECT.
	Path     string
	Query    string // without the question mark
	HasQuery bool
	// Host is the authority of an absolute Target or of CONNECT, else Host's value; empty
	// only in HTTP/1.0.
	Host   string
	Minor  int // of the version: 0 or 1
	Fields []Field

	Framing Framing // NoBody, Length or Chunked
	Length  int64   // of the body, where Framing says so; else -1
	Close   bool    // the client wants the connection to end after the answer
	// Continue says that the client waits for a 100 before it sends its body.
	Continue bool
	// Upgrade is the one protocol, in lower case, that the client asks to change to; empty
	// for none, and for what may not pass: inside HTTP or TLS, requests would go round
	// the proxy.
	Upgrade string
	// TETrailers says that the client takes trailers (TE: trailers).
	TETrailers bool
}

// Parse reads a head from the front of buf, and gives its length; 0 where more must be
// read first. Empty lines before the request line are skipped, and count. An error is a
// *SyntaxError; the connection cannot be used any more. At most one allocation, but for
// Fields when it grows. What r holds is valid only after a Parse that gave a length.
func (r *Request) Parse(buf []byte, l *Limits) (n int, err error) {
	b := l.cap(buf)
	at := 0
	for at+1 < len(b) && b[at] == '\r' && b[at+1] == '\n' {
		at += 2
	}
	var line requestLine
	size, err := line.read(b[at:], l.Target)
	if err != nil {
		return 0, err
	}
	if size == 0 {
		return l.more(b)
	}
	n, err = l.end(b, at+size)
	if n == 0 {
		return 0, err
	}
	b = b[at:n]
	head := string(b)
	r.Method = head[:line.method]
	r.Target = head[line.method+1 : line.target]
	r.Minor = line.minor
	if r.Fields, err = appendFields(r.Fields[:0], b, head, size); err != nil {
		return 0, err
	}
	if err := r.understand(); err != nil {
		return 0, err
	}
	return n, nil
}

// requestLine says where the parts of one end.
type requestLine struct {
	method, target int // where they end
	minor          int
}

// maxMethod is more than the longest registered method has.
const maxMethod = 32

// read reads the line from the front of b, and gives its length; 0 where it has not ended.
// It goes from left to right, so that the first fault is the same for any part of b that
// has it.
func (q *requestLine) read(b []byte, maxTarget int) (int, error) {
	q.method = tokenLen(b)
	switch {
	case q.method > maxMethod:
		return 0, errLongMethod
	case q.method == len(b), q.method == 0 && len(b) == 1 && b[0] == '\r':
		return 0, nil
	case q.method == 0 && b[0] == '\n':
		return 0, errBareLF
	case q.method == 0, b[q.method] != ' ':
		return 0, errMethod
	}
	from := q.method + 1
	q.target = from
	for q.target < len(b) && isTarget[b[q.target]] {
		q.target++
	}
	switch {
	case q.target-from > maxTarget:
		return 0, errLongTarget
	case q.target == len(b):
		return 0, nil
	case b[q.target] == '\r', b[q.target] == '\n':
		return 0, errRequest
	case b[q.target] != ' ', q.target == from:
		return 0, errTarget
	}
	return q.version(b, q.target+1)
}

// version reads the rest of the line.
func (q *requestLine) version(b []byte, at int) (int, error) {
	const shape = "HTTP/0.0\r\n"
	for i := range min(len(shape), len(b)-at) {
		c := b[at+i]
		if shape[i] == '0' && '0' <= c && c <= '9' || shape[i] == c {
			continue
		}
		if i == len(shape)-2 && c == '\n' {
			return 0, errBareLF
		}
		return 0, errRequest
	}
	if len(b)-at < len(shape) {
		return 0, nil
	}
	q.minor = int(b[at+7] - '0')
	if b[at+5] != '1' || q.minor > 1 {
		return 0, errVersion
	}
	return at + len(shape), nil
}

// understand fills in what follows from the first line and the fields.
func (r *Request) understand() error {
	c := common{minor: r.Minor, length: -1}
	r.Host, r.Continue, r.TETrailers = "", false, false
	hosts := 0
	expects := false
	for _, f := range r.Fields {
		own, err := c.field(f)
		if err != nil {
			return err
		}
		if own {
			continue
		}
		switch len(f.Name) {
		case len("te"):
			r.TETrailers = r.TETrailers || lowerEqual(f.Name, "te") && hasTrailers(f.Value)
		case len("host"):
			if lowerEqual(f.Name, "host") {
				r.Host = f.Value
				hosts++
			}
		case len("expect"):
			if lowerEqual(f.Name, "expect") {
				if !lowerEqual(f.Value, "100-continue") {
					return errExpectation
				}
				expects = true
			}
		}
	}
	if err := r.checkHost(hosts); err != nil {
		return err
	}
	if err := r.address(); err != nil {
		return err
	}
	var err error
	if r.Framing, err = c.framing(NoBody); err != nil {
		return err
	}
	r.Length = c.length
	r.Close = c.ends()
	r.Upgrade = c.protocol()
	// HTTP/1.0 knows no 100, and who sends no body waits for none.
	r.Continue = expects && r.Minor == 1 && (r.Framing == Chunked || r.Length > 0)
	return nil
}

// hasTrailers reports whether a list of transfer codings has "trailers", which has no
// parameters: who gives it some means it nevertheless.
func hasTrailers(list string) bool {
	for rest, more := list, true; more; {
		var item string
		item, rest, more = strings.Cut(rest, ",")
		if item, _, _ = strings.Cut(item, ";"); lowerEqual(trim(item), "trailers") {
			return true
		}
	}
	return false
}

func (r *Request) checkHost(lines int) error {
	switch {
	case lines > 1:
		return errTwoHost
	case lines == 0 && r.Minor == 1:
		return errNoHost
	case lines == 1 && !validHost(r.Host):
		return errHost
	}
	return nil
}

// address takes Target apart (RFC 9112, 3.2).
func (r *Request) address() error {
	target := r.Target
	switch {
	case r.Method == "CONNECT":
		colon := strings.LastIndexByte(target, ':')
		if colon <= 0 || colon == len(target)-1 || !validHost(target) {
			return errForm
		}
		r.Host, r.Path, r.Query, r.HasQuery = target, "", "", false
		return nil
	case target == "*":
		if r.Method != "OPTIONS" {
			return errForm
		}
	case target[0] != '/':
		rest, ok := cutScheme(target)
		if !ok {
			return errScheme
		}
		end := strings.IndexAny(rest, "/?")
		if end < 0 {
			end = len(rest)
		}
		if r.Host = rest[:end]; !validHost(r.Host) {
			return errAuthority
		}
		target = rest[end:]
	}
	r.Path, r.Query, r.HasQuery = strings.Cut(target, "?")
	if r.Path == "" {
		r.Path = "/"
		if r.Method == "OPTIONS" && !r.HasQuery {
			r.Path = "*" // RFC 9112, 3.2.4
		}
	}
	return nil
}

// cutScheme is what follows http:// or https://.
func cutScheme(target string) (string, bool) {
	for _, scheme := range [...]string{"http://", "https://"} {
		if len(target) >= len(scheme) && lowerEqual(target[:len(scheme)], scheme) {
			return target[len(scheme):], true
		}
	}
	return "", false
}
