package wire

import "errors"

// Field is one header line: the name as it was sent, the value without the spaces around.
type Field struct{ Name, Value string }

// Limits bound a head. All are to be set.
type Limits struct {
	Bytes  int // of the whole head
	Fields int // lines
	Target int // bytes of a request's target
}

// Framing says how a body's end is told.
type Framing uint8

// The framings.
const (
	NoBody     Framing = iota
	Length             // as many bytes as Content-Length says
	Chunked            // Transfer-Encoding: chunked
	UntilClose         // to the end of the connection; answers only
)

// SyntaxError refuses a message.
type SyntaxError struct {
	Status  int    // what a client is answered: 400, 414, 417, 431, 501 or 505
	Section string // of RFC 9112, or of another where it says so
	Msg     string // in plain words
}

// Error says what is wrong, and by which rule.
func (e *SyntaxError) Error() string { return e.Msg + " (" + e.Section + ")" }

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
	// Host is the authority of an absolute Target, else Host's value.
	Host   string
	Minor  int // of the version: 0 or 1
	Fields []Field

	Framing Framing
	Length  int64 // of the body, where Framing says so
	Close   bool  // the client wants the connection to end after the answer
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
// read first. Empty lines before the request line are skipped. An error is a
// *SyntaxError; the connection cannot be used any more. At most one allocation.
func (r *Request) Parse(buf []byte, l *Limits) (n int, err error) { return 0, errors.ErrUnsupported }

// Response is the head of an answer, as Request is of a request.
type Response struct {
	Minor  int
	Status int // 100 to 999
	Reason string
	Fields []Field

	Framing Framing
	Length  int64  // as it was declared, also for an answer to HEAD, whose Framing is NoBody; -1 for none
	Close   bool   // the connection ends after the body
	Upgrade string // of a 101
}

// Parse reads the head of an answer to a request of that method, as Request.Parse does.
func (r *Response) Parse(buf []byte, method string, l *Limits) (n int, err error) {
	return 0, errors.ErrUnsupported
}

// Chunks reads a chunked body. Its zero value is ready, but for Limits.
type Chunks struct {
	Limits *Limits // for the trailers
	// Trailer is what came behind the body; once it has ended.
	Trailer []Field
}

// Next reads from the front of buf: data is a part of the body, in buf; n is how much of
// buf it has taken, data included; done says that the body and its trailers have ended.
// Where n is 0 and done is not, more must be read. An error is a *SyntaxError.
func (c *Chunks) Next(buf []byte) (data []byte, n int, done bool, err error) {
	return nil, 0, false, errors.ErrUnsupported
}

// AppendField appends a header line with its end.
func AppendField(dst []byte, name, value string) []byte {
	return append(append(append(append(dst, name...), ": "...), value...), "\r\n"...)
}

// AppendStatus appends the first line of an answer, with the usual reason.
func AppendStatus(dst []byte, status int) []byte { return dst }

// AppendChunkHead appends what goes before a chunk of n bytes; "\r\n" goes behind it.
func AppendChunkHead(dst []byte, n int) []byte { return dst }

// AppendTrailer appends the end of a chunked body, with trailers.
func AppendTrailer(dst []byte, trailer []Field) []byte { return dst }
