package replay

import (
	"net/url"
	"slices"
	"strings"

	"github.com/segue-run/segue/proxy"
)

// secrets are parts of names, in lower case, of values that nobody else should read.
var secrets = []string{"token", "secret", "passw", "pwd", "signature", "session", "credential",
	"jwt", "cookie", "authori", "authen", "oauth", "auth_", "auth-", "_auth", "-auth", "api_key", "api-key", "apikey",
	"private_key", "access_key", "accesskey", "privatekey"}

// suspects are parts of the names of what may be a credential, too: a request is
// rather not recorded, though a value of this name may be shown.
var suspects = []string{"key", "code", "hmac", "ticket", "nonce", "saml", "assertion"}

// shorts are whole names that are too short to look for inside of others.
var shorts = []string{"sig", "pin", "otp", "sid", "pass", "auth", "state"}

// secret reports whether a value of that name should not be shown.
func secret(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(secrets, func(part string) bool { return strings.Contains(name, part) })
}

// suspect reports whether a value of that name may be a credential.
func suspect(name string) bool {
	lower := strings.ToLower(name)
	return secret(lower) || slices.Contains(shorts, lower) ||
		slices.ContainsFunc(suspects, func(part string) bool { return strings.Contains(lower, part) })
}

// suspectQuery reports whether a query may hold a credential, or cannot be read. What
// counts as a name reaches to the last equals sign of a decoded pair, so that it takes
// in the names in an address that is itself a value.
func suspectQuery(query string) bool {
	for pair := range strings.FieldsFuncSeq(query, func(r rune) bool { return r == '&' || r == ';' }) {
		decoded, err := url.QueryUnescape(pair)
		if err != nil {
			return true
		}
		name := decoded
		if i := strings.LastIndexByte(decoded, '='); i >= 0 {
			name = decoded[:i]
		}
		if suspect(name) {
			return true
		}
	}
	return false
}

// credentials are headers that speak of who asks, for a Header that can only be asked
// by name; each is a suspect.
var credentials = []string{"Authorization", "Cookie", "Proxy-Authorization", "X-Api-Key", "Api-Key", "X-Auth-Token",
	"X-Access-Token", "X-Csrf-Token", "X-Xsrf-Token", "X-Session-Id", "X-Amz-Security-Token", "X-Goog-Api-Key"}

// conditions are headers that make the answer another one than the address alone would
// get.
var conditions = []string{"If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since", "If-Range", "Range",
	"Upgrade"}

// forbids reports whether a request with that header must not be recorded: it has a
// credential or a condition that is not among the kept ones. Of an http.Header every
// name is looked at. The runtime's own cookies are no credentials: they are not recorded.
func forbids(header proxy.Header, kept []string) bool {
	if all, ok := proxy.HeaderOf(header); ok {
		for name, values := range all {
			if name == "Cookie" && len(proxy.ForeignCookies(values)) == 0 || slices.Contains(harmless, name) || slices.Contains(kept, name) {
				continue
			}
			if slices.Contains(conditions, name) || suspect(name) {
				return true
			}
		}
		return false
	}
	has := func(name string) bool {
		value := header.Get(name)
		return value != "" && !slices.Contains(kept, name) && (name != "Cookie" || len(proxy.ForeignCookies([]string{value})) > 0)
	}
	return slices.ContainsFunc(credentials, has) || slices.ContainsFunc(conditions, has)
}
