package hook

import (
	"errors"
	"net/url"
	"strings"
)

// address is a hook's, with what may be told of it.
type address struct {
	url   *url.URL // without the user's part
	user  *url.Userinfo
	shown string // scheme and host
	// secret takes what may not be told out of a text.
	secret *strings.Replacer
}

// redacted stands where a part of an address was.
const redacted = "[…]"

// parse reads a hook's address. Its errors do not repeat it.
func parse(text string) (address, error) {
	u, err := url.Parse(text)
	if err != nil {
		return address{}, errors.New("is no address")
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return address{}, errors.New("is no address of a web server")
	}
	a := address{user: u.User, shown: origin(u), secret: strings.NewReplacer(secrets(u)...)}
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	a.url = u
	return a, nil
}

// origin is scheme and host, which are no secret.
func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }

// secrets are the parts of an address that an answer could repeat, each with what
// stands for it; longer ones first, as they hold the others.
func secrets(u *url.URL) []string {
	parts := []string{u.RequestURI(), u.RawQuery, u.EscapedPath(), u.Path}
	for _, values := range u.Query() {
		parts = append(parts, values...)
	}
	if u.User != nil {
		password, _ := u.User.Password()
		parts = append(parts, u.User.String(), password, u.User.Username())
	}
	var pairs []string
	for _, part := range parts {
		// A shorter one is in every second word, and no secret.
		if len(part) >= 4 {
			pairs = append(pairs, part, redacted)
		}
	}
	return pairs
}
