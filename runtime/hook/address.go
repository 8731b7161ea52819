package hook

import (
	"cmp"
	"encoding/base64"
	"errors"
	"net/url"
	"slices"
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

// longSegment is from where on a part of a path is taken for a token, not a word.
const longSegment = 12

// secrets are the parts of an address that an answer could repeat, each with what
// stands for it; longer ones first, as they hold the others.
func secrets(u *url.URL) []string {
	parts := []string{u.RequestURI(), u.RawQuery, u.EscapedPath(), u.Path}
	for _, values := range u.Query() {
		parts = append(parts, values...)
	}
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		_, value, _ := strings.Cut(pair, "=")
		parts = append(parts, value)
	}
	for segment := range strings.SplitSeq(u.Path, "/") {
		if len(segment) >= longSegment {
			parts = append(parts, segment)
		}
	}
	if u.User != nil {
		password, _ := u.User.Password()
		basic := u.User.Username() + ":" + password
		parts = append(parts, base64.StdEncoding.EncodeToString([]byte(basic)), basic, u.User.String(), password, u.User.Username())
	}
	slices.SortFunc(parts, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	var pairs []string
	for _, part := range parts {
		// A shorter one is in every second word, and no secret.
		if len(part) >= 4 {
			pairs = append(pairs, part, redacted)
		}
	}
	return pairs
}
