package wire

import "strings"

// mayTrail reports whether a field may stand behind a body: none that says where the
// message ends or goes, who sends it, or what the body is (RFC 9110, 6.5.1). Who merges
// trailers into the head would take those for what the head has said.
func mayTrail(name string) bool {
	var lower [24]byte
	if len(name) > len(lower) {
		return true
	}
	for i := range len(name) {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		lower[i] = c
	}
	key := string(lower[:len(name)])
	return !headOnly[key] && !strings.HasPrefix(key, "if-")
}

var headOnly = map[string]bool{
	"authorization": true, "cache-control": true, "connection": true, "content-encoding": true,
	"content-length": true, "content-range": true, "content-type": true, "cookie": true,
	"expect": true, "forwarded": true, "host": true, "keep-alive": true, "max-forwards": true,
	"pragma": true, "proxy-authenticate": true, "proxy-authorization": true, "proxy-connection": true,
	"range": true, "realm": true, "set-cookie": true, "te": true, "trailer": true,
	"transfer-encoding": true, "upgrade": true, "www-authenticate": true,
}
