package page

import (
	"fmt"
	"html"
	"net/http"
	"strings"
)

// html is a page that needs nothing but itself, in the colours that the reader's system
// likes.
func (p Page) html() []byte {
	title := fmt.Sprintf("%d %s", p.Status, http.StatusText(p.Status))
	var b strings.Builder
	b.WriteString(htmlHead)
	b.WriteString("<title>" + html.EscapeString(title) + "</title>\n</head>\n<body>\n<main>\n<p class=\"status\">" + html.EscapeString(title) + "</p>\n<h1>")
	b.WriteString(html.EscapeString(printable(p.headline())) + "</h1>\n<p class=\"message\">")
	b.WriteString(html.EscapeString(printable(p.Message)) + "</p>\n")
	if advice := p.advice(); advice != "" {
		b.WriteString("<p>" + html.EscapeString(advice) + "</p>\n")
	}
	b.WriteString("<dl>\n")
	for _, row := range [][2]string{{"Module", p.Module}, {"Reason", p.Error}, {"Request", p.Request}} {
		if row[1] != "" {
			b.WriteString("<dt>" + row[0] + "</dt><dd>" + html.EscapeString(printable(row[1])) + "</dd>\n")
		}
	}
	b.WriteString("</dl>\n</main>\n</body>\n</html>\n")
	return []byte(b.String())
}

// headline is the status in other words than the protocol's.
func (p Page) headline() string {
	switch {
	case p.Error == "maintenance":
		return "Closed for maintenance"
	case p.Status == http.StatusNotFound:
		return "Nothing is here"
	case p.Status == http.StatusTooManyRequests:
		return "Too many requests"
	case p.Status == http.StatusGatewayTimeout:
		return "No answer in time"
	case p.Status == http.StatusBadGateway:
		return "No answer"
	case p.Status == http.StatusServiceUnavailable:
		return "Not available for the moment"
	case p.Status >= 500:
		return "This did not work"
	}
	return "The request cannot be served"
}

const htmlHead = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
<style>
:root { color-scheme: light dark; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: light-dark(#f6f6f4, #16171a); color: light-dark(#1c1d20, #e7e7ea); font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 36rem; padding: 2rem; }
h1 { margin: 0 0 1rem; font-size: 1.75rem; line-height: 1.2; }
.status { margin: 0; color: light-dark(#686a70, #9a9ca3); }
.message { white-space: pre-line; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; margin: 2rem 0 0; font-size: .875rem; color: light-dark(#686a70, #9a9ca3); }
dd { margin: 0; font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
</style>
`
