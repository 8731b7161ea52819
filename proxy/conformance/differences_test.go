package conformance_test

// differences are where others make something else of the same bytes, each with why we do
// not do as they do. But for one they all take what we refuse: what they take in good
// faith, the next reader in the row may take for something else.
var differences = []struct {
	peer    string // "nginx", "haproxy" or "both"
	reason  string
	samples []string
}{
	{"both", "a line may end with LF alone where the reader is tolerant (RFC 9112, 2.2); readers that are not see another line", []string{
		"bare LF everywhere", "bare LF behind the request line", "bare LF behind a header line", "bare LF at the end of the head",
		"bare LF behind a size", "bare LF behind data", "bare LF in an extension", "bare LF behind the last chunk", "less data than was said"}},
	{"both", "spaces in a row may be taken for one (RFC 9112, 3); who does not finds another target", []string{
		"two spaces", "two spaces before the version"}},
	{"both", "control characters in values are passed on; some readers end a value there", []string{
		"BEL in a value", "DEL in a value", "a vertical tab in a value"}},
	{"both", "a Host is passed on as it is; it has to be one here, since it decides where a request goes", []string{
		"a Host with user information", "a Host that is not ASCII", "a Host with a port that is none", "a Host with an open bracket"}},
	{"both", "any HTTP/1 is taken for HTTP/1.1 (RFC 9110, 2.5); there are no others", []string{"HTTP/1.2"}},
	{"both", "the scheme of an address is not looked at; only http and https have the authority we take", []string{"another scheme"}},
	{"both", "what follows a chunk's size is skipped up to the end of the line, as if spaces were allowed there; others do not skip it", []string{
		"a space behind a size", "a tab behind a size", "a space before an extension", "a space in an extension", "an empty extension", "NUL in an extension"}},
	{"both", "the bytes of extensions are not counted; they cost us, and nobody needs many", []string{"long lines for little data"}},
	{"both", "trailers are read loosely and dropped; ours go to the module", []string{
		"a folded trailer", "NUL in a trailer", "a length in a trailer", "a coding in a trailer", "a host in a trailer"}},
	{"both", "a path is passed on with what two readers decode differently; here the one spelling decides and is passed on", []string{
		"an encoded slash", "an encoded backslash", "a backslash", "an encoded line end", "an encoded DEL"}},

	{"nginx", "a CR before the line's end is cut off; other readers see a line end", []string{"bare CR at the end of a value"}},
	{"nginx", "header lines that are none are dropped and the rest is served; whoever stands before us may have seen something in them", []string{
		"no colon", "a name in quotes", "a name with a slash", "a name that is not ASCII"}},
	{"nginx", "a space behind the version is skipped (RFC 9112, 3)", []string{"a space last"}},
	{"nginx", "HTTP/0.9 is answered; it is not a part of HTTP/1.1 any more", []string{"no version"}},
	{"nginx", "the minor version may have several digits; it has one", []string{"a version of two digits"}},
	{"nginx", "a fragment is cut off for itself, and passed on", []string{"a fragment"}},
	{"nginx", "targets are passed on that are not ASCII; readers take them for different characters", []string{"a target that is not ASCII", "a query that is not ASCII"}},
	{"nginx", "trailers that are none, or too many, are dropped", []string{"a trailer without a colon", "too many trailers"}},
	{"nginx", "a bad path closes the connection; to us the next request is as good as any other", []string{
		"an encoded NUL", "a path above the root", "an encoded path above the root", "an encoding that is none", "an encoding that breaks off"}},

	{"haproxy", "Content-Length is dropped and the connection closed, as RFC 9112, 6.1 allows; a message with both is an attack or broken", []string{
		"both lengths", "both lengths, turned round"}},
	{"haproxy", "equal lengths are taken for one, as RFC 9112, 6.3 allows; no client sends them", []string{"two equal lengths", "a list of equal lengths"}},
	{"haproxy", "folded lines are unfolded, as RFC 9112, 5.2 allows; who does not unfold sees another line", []string{
		"a folded line", "a line folded with a tab", "a folded line of spaces", "chunked behind a folded line"}},
	{"haproxy", "chunks in HTTP/1.0 are read and the connection closed; RFC 9112, 6.1 calls its framing faulty", []string{"chunked in HTTP/1.0"}},
	{"haproxy", "NUL in a value is passed on", []string{"NUL in a value"}},
	{"haproxy", "Host may be missing or there twice, as long as the target says nothing else", []string{"no Host", "two equal Hosts"}},
	{"haproxy", "Host is passed on as it is", []string{"an empty Host", "a Host with a path", "a Host that is a list", "a Host with a space"}},
	{"haproxy", "a tab is taken for a space (RFC 9112, 3)", []string{"a tab for a space"}},
	{"haproxy", "another version is taken for HTTP/1.1, or HTTP/1.0", []string{"HTTP/0.9", "HTTP/2.0", "HTTP/3.0"}},
	{"haproxy", "targets are passed on as they are", []string{"DEL in the target", "an asterisk for GET", "an address without a host", "an address with user information"}},
	{"haproxy", "CONNECT is passed on; we open no tunnels", []string{"CONNECT"}},
	{"haproxy", "a path is passed on as it is", []string{
		"an encoded NUL", "a path above the root", "an encoded path above the root", "an encoding that is none", "an encoding that breaks off"}},
	// The only ones that we take and another one refuses.
	{"haproxy", "an address whose host is not Host's is refused; RFC 9112, 3.2.2 says to take the address's, and the module gets that as its Host", []string{
		"an address", "an address with a port", "an address without a path", "an address with a query alone", "an address of HTTPS"}},
}
