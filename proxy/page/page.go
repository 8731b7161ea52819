package page

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
)

// Page is an answer of the proxy's own.
type Page struct {
	Status int `json:"status"`
	// Error is why, in a word for programs: "no-route", "bad-request", "timeout" …
	Error   string `json:"error"`
	Module  string `json:"module,omitempty"`
	Message string `json:"message"` // for people
	Request string `json:"request,omitempty"`
	// RetryAfter is when to try again; 0 where nobody knows. Header and JSON take it in
	// whole seconds: see RetrySeconds.
	RetryAfter time.Duration `json:"-"`
}

// RetrySeconds is RetryAfter as the header of that name tells it: whole seconds, rounded
// up; 0 where the header is to be left out.
func (p Page) RetrySeconds() int64 {
	if p.RetryAfter <= 0 {
		return 0
	}
	return int64((p.RetryAfter-1)/time.Second) + 1
}

// Render gives the body in the format that the request's Accept lines like best: JSON,
// HTML, or text where they name neither. A request of HEAD gets the same header.
func (p Page) Render(accept ...string) (contentType string, body []byte) {
	switch preferred(accept) {
	case formatJSON:
		return "application/json", p.json()
	case formatHTML:
		return "text/html; charset=utf-8", p.html()
	}
	return "text/plain; charset=utf-8", p.text()
}

func (p Page) json() []byte {
	body, _ := json.Marshal(struct { // strings and numbers alone: it cannot fail
		Page
		RetryAfter int64 `json:"retry_after,omitempty"` // seconds
	}{p, p.RetrySeconds()})
	return append(body, '\n')
}

func (p Page) text() []byte {
	body := fmt.Appendf(nil, "%d %s: %s\n", p.Status, http.StatusText(p.Status), printable(p.Message))
	if advice := p.advice(); advice != "" {
		body = fmt.Appendf(body, "%s\n", advice)
	}
	if p.Request != "" {
		body = fmt.Appendf(body, "Request %s\n", printable(p.Request))
	}
	return body
}

// printable is text that a terminal shows and does not obey.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// advice is what the client may do, in a sentence; empty where there is nothing.
func (p Page) advice() string {
	switch seconds := p.RetrySeconds(); {
	case seconds > 90:
		return fmt.Sprintf("Try again in %d minutes.", (seconds+59)/60)
	case seconds > 1:
		return fmt.Sprintf("Try again in %d seconds.", seconds)
	case seconds == 1:
		return "Try again in a second."
	case p.Status == http.StatusNotImplemented, p.Status == http.StatusHTTPVersionNotSupported:
		return ""
	case p.Status >= 500:
		return "Try again. If it stays so, tell those who run this server, with the number of the request."
	case p.Status == http.StatusNotFound:
		return "Look whether the address is right."
	}
	return ""
}
