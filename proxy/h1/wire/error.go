package wire

// SyntaxError refuses a message.
type SyntaxError struct {
	Status  int    // what a client is answered: 400, 414, 417, 431, 501 or 505; 502 for what only an answer can have
	Section string // of RFC 9112, or of another where it says so
	Msg     string // in plain words
}

// Error says what is wrong, and by which rule.
func (e *SyntaxError) Error() string { return e.Msg + " (" + e.Section + ")" }

// All that a message can be refused for; made once, since a client can ask for them at will.
var (
	errBareLF     = &SyntaxError{400, "RFC 9112, 2.2", "a line that does not end with CR and LF"}
	errMethod     = &SyntaxError{400, "RFC 9110, 9.1", "a method that is no token"}
	errLongMethod = &SyntaxError{501, "RFC 9112, 3", "a method that is too long"}
	errTarget     = &SyntaxError{400, "RFC 9112, 3.2", "a target that is empty or has a character that may not stand in one"}
	errLongTarget = &SyntaxError{414, "RFC 9112, 3", "a target that is too long"}
	errForm       = &SyntaxError{400, "RFC 9112, 3.2", "a target of a form that its method does not have"}
	errScheme     = &SyntaxError{400, "RFC 9112, 3.2.2", "a target that is neither a path nor an http or https address"}
	errAuthority  = &SyntaxError{400, "RFC 9110, 4.2", "an address without a valid host"}
	errRequest    = &SyntaxError{400, "RFC 9112, 3", "a request line that is not method, target and version with one space between"}
	errVersion    = &SyntaxError{505, "RFC 9112, 2.3", "a version that is neither HTTP/1.0 nor HTTP/1.1"}

	errTooLarge = &SyntaxError{431, "RFC 6585, 5", "a head that is too large"}
	errTooMany  = &SyntaxError{431, "RFC 6585, 5", "too many header lines"}
	errFold     = &SyntaxError{400, "RFC 9112, 5.2", "a header line that begins with a space"}
	errSpace    = &SyntaxError{400, "RFC 9112, 5.1", "a space before the colon of a header line"}
	errName     = &SyntaxError{400, "RFC 9112, 5", "a header name that is empty or no token"}
	errValue    = &SyntaxError{400, "RFC 9110, 5.5", "a control character in a header"}

	errNoHost  = &SyntaxError{400, "RFC 9112, 3.2", "no Host"}
	errTwoHost = &SyntaxError{400, "RFC 9112, 3.2", "more than one Host"}
	errHost    = &SyntaxError{400, "RFC 9112, 3.2", "a Host that is none"}

	errBothLengths = &SyntaxError{400, "RFC 9112, 6.1", "both Content-Length and Transfer-Encoding"}
	errTwoLengths  = &SyntaxError{400, "RFC 9112, 6.3", "more than one Content-Length"}
	errLength      = &SyntaxError{400, "RFC 9112, 6.3", "a Content-Length that is no number, or too large a one"}
	errCoding      = &SyntaxError{400, "RFC 9112, 6.1", "a Transfer-Encoding that is not chunked, once and last"}
	errNoCoding    = &SyntaxError{501, "RFC 9112, 6.1", "a transfer coding other than chunked"}
	errOldCoding   = &SyntaxError{400, "RFC 9112, 6.1", "Transfer-Encoding in HTTP/1.0"}
	errExpectation = &SyntaxError{417, "RFC 9110, 10.1.1", "an expectation other than 100-continue"}

	errStatusLine = &SyntaxError{502, "RFC 9112, 4", "a status line that is not version, three digits and a reason with one space between"}
	errStatus     = &SyntaxError{502, "RFC 9110, 15", "a status below 100"}
	errBodyless   = &SyntaxError{502, "RFC 9112, 6.1", "a body where the status has none"}

	errChunkSize = &SyntaxError{400, "RFC 9112, 7.1", "a chunk size that is no hexadecimal number, or too large a one"}
	errChunkExt  = &SyntaxError{400, "RFC 9112, 7.1.1", "something behind a chunk size that is no extension"}
	errChunkLine = &SyntaxError{400, "RFC 9112, 7.1.1", "too much besides the data in a chunked body"}
	errChunkEnd  = &SyntaxError{400, "RFC 9112, 7.1", "a chunk that is longer than its size"}
	errTrailer   = &SyntaxError{400, "RFC 9110, 6.5.1", "a trailer that may only stand in a head"}
)
