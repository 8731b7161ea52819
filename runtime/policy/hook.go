package policy

import (
	"net/url"
	"strings"
)

// Points are all of them, in their order.
var Points = []Point{BeforeStart, BeforeTraffic, EachStep, AfterPromotion, AfterRollback}

// gates are the points that can stop something.
var gates = []Point{BeforeStart, BeforeTraffic, EachStep}

// Signs are all kinds of evidence beyond requests.
var Signs = []Sign{Crash, OOM, Sandbox, Probes, Restart, Memory, Difference, Denial, Quota}

// parseHook reads an absolute http or https URL; "none" is one that is set to nothing.
// Its errors do not tell the secrets of the URL.
func parseHook(text string) (string, error) {
	const hint = "write a URL such as https://gate.example/rollouts, or none"
	if text == "none" {
		return "", nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return "", wrong(RedactURL(text), "is no URL", hint)
	case u.Scheme != "http" && u.Scheme != "https":
		return "", wrong(RedactURL(text), "is neither http nor https", hint)
	case u.Hostname() == "":
		return "", wrong(RedactURL(text), "names no host", hint)
	case u.Fragment != "":
		return "", wrong(RedactURL(text), "has a fragment, which is never sent", "leave out what comes after '#'")
	}
	return text, nil
}

// RedactURL is a URL without what may be secret of it: "https://gate.example/…". User
// and password, the path and the query are left out; many services put a secret into
// one of them. Of what cannot be read it tells nothing.
func RedactURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return "…"
	}
	shown := u.Scheme + "://" + u.Host
	if rest, _ := strings.CutPrefix(text, shown); rest != "" && rest != "/" {
		shown += "/…"
	}
	return shown
}

// Redacted is p with what may be secret left out, to be shown or logged.
func (p Policy) Redacted() Policy {
	if len(p.Hooks) == 0 {
		return p
	}
	shown := make(map[Point]string, len(p.Hooks))
	for point, url := range p.Hooks {
		if url != "" {
			url = RedactURL(url)
		}
		shown[point] = url
	}
	p.Hooks = shown
	return p
}
