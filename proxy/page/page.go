package page

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Page is an answer of the proxy's own.
type Page struct {
	Status int `json:"status"`
	// Error is why, in a word for programs: "no-route", "bad-request", "timeout" …
	Error   string `json:"error"`
	Module  string `json:"module,omitempty"`
	Message string `json:"message"` // for people
	Request string `json:"request,omitempty"`
	// RetryAfter is when to try again; 0 where nobody knows. Header takes it in whole seconds.
	RetryAfter time.Duration `json:"-"`
}

// Render gives the body in the format that the request's Accept lines like best: JSON,
// HTML, or text where they name neither.
func (p Page) Render(accept ...string) (contentType string, body []byte) {
	if wantsJSON(accept) {
		body, _ = json.Marshal(p) // strings and numbers alone: it cannot fail
		return "application/json", append(body, '\n')
	}
	return "text/plain; charset=utf-8", fmt.Appendf(nil, "%d %s: %s\n", p.Status, http.StatusText(p.Status), p.Message)
}

// wantsJSON reports whether Accept names JSON, in whatever dress.
func wantsJSON(accept []string) bool {
	for _, line := range accept {
		for item := range strings.SplitSeq(line, ",") {
			media, _, _ := strings.Cut(item, ";")
			media = strings.ToLower(strings.TrimSpace(media))
			if media == "application/json" || strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json") {
				return true
			}
		}
	}
	return false
}
