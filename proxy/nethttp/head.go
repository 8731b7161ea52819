package nethttp

import (
	"net/http"
	"slices"
	"strings"

	"github.com/segue-run/segue/proxy/page"
)

// maxMethod is more than the longest registered method has.
const maxMethod = 32

// screen refuses a head that HTTP/2 lets pass, or net/http, and that a module must not get:
// HTTP/1.1 would read it in another way, or it is too large. What it refuses counts for no
// module. A nil page lets it pass.
func (t *transit) screen() *page.Page {
	in, limits := t.in, &t.e.cfg.Limits
	switch {
	case !isMethod(in.Method):
		return refusal(http.StatusBadRequest, "the request's method is none")
	case len(in.Method) > maxMethod:
		return refusal(http.StatusNotImplemented, "the request's method is too long")
	case len(in.RequestURI) > limits.URLBytes:
		return refusal(http.StatusRequestURITooLong, "")
	case !isVisible(in.RequestURI), in.ProtoMajor == 2 && in.RequestURI[0] != '/' && in.Method != http.MethodConnect:
		return refusal(http.StatusBadRequest, "the request's address has a character that may not stand in one")
	case headerLines(in.Header) > limits.Headers || len(in.Trailer) > limits.Headers:
		return refusal(http.StatusRequestHeaderFieldsTooLarge, "")
	case namesTooMuch(in.Header):
		return refusal(http.StatusBadRequest, "the request's Connection names too many fields")
	case !oneHost(in):
		return refusal(http.StatusBadRequest, "the request names more than one host")
	case !oneLength(in):
		return refusal(http.StatusBadRequest, "the request's length is not what it says")
	}
	return nil
}

func refusal(status int, message string) *page.Page {
	p := page.Of(status, "", message)
	return &p
}

// isMethod reports whether it is a token (RFC 9110, 5.6.2).
func isMethod(method string) bool {
	for i := range len(method) {
		c := method[i]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return method != ""
}

// isVisible reports whether a target holds nothing but visible ASCII, and no fragment.
func isVisible(target string) bool {
	for i := range len(target) {
		if c := target[i]; c <= ' ' || c > '~' || c == '#' {
			return false
		}
	}
	return true
}

func headerLines(h http.Header) (n int) {
	for _, values := range h {
		n += len(values)
	}
	return n
}

// oneHost reports whether :authority and Host, where HTTP/2 has both, are the same. (Of
// HTTP/1.1, net/http takes Host out of the header.)
func oneHost(in *http.Request) bool {
	return !slices.ContainsFunc(in.Header["Host"], func(host string) bool { return !strings.EqualFold(host, in.Host) })
}

// oneLength reports whether there is at most one Content-Length, and one that net/http
// has taken over.
func oneLength(in *http.Request) bool {
	lines := in.Header["Content-Length"]
	return len(lines) == 0 || len(lines) == 1 && (in.ContentLength > 0 || strings.Trim(lines[0], "0") == "" && lines[0] != "")
}
