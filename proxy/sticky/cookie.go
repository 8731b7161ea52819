package sticky

import (
	"crypto/hmac"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"strings"
	"time"
)

// CookieName is the cookie's name. It is the runtime's own: modules neither see it nor
// set it.
const CookieName = "Segue-Client"

const (
	idSize    = 16
	timeSize  = 4  // minutes since 1970
	macSize   = 16 // of a truncated HMAC-SHA256
	maxAge    = 24 * time.Hour
	renewFrom = maxAge / 2
)

// cookie is who a client is and since when it has been told so.
type cookie struct {
	id     string // idSize random bytes
	issued time.Time
}

// newCookie makes a client that nobody has seen.
func newCookie(now time.Time) cookie {
	var id [idSize]byte
	_, _ = rand.Read(id[:]) // never fails
	return cookie{id: string(id[:]), issued: now}
}

// value is the cookie as it is sent: id, time and signature.
func (c cookie) value(s *Secret) string {
	raw := binary.BigEndian.AppendUint32([]byte(c.id), uint32(c.issued.Unix()/60))
	raw = append(raw, mac(s.sign, string(raw))[:macSize]...)
	return base64.RawURLEncoding.EncodeToString(raw)
}

// readCookie gives the first cookie of the header that the secret has signed.
func readCookie(s *Secret, header string) (cookie, bool) {
	for pair := range strings.SplitSeq(header, ";") {
		name, value, found := strings.Cut(strings.Trim(pair, " \t"), "=")
		if !found || name != CookieName || len(value) != base64.RawURLEncoding.EncodedLen(idSize+timeSize+macSize) {
			continue
		}
		raw, err := base64.RawURLEncoding.Strict().DecodeString(value)
		if err != nil {
			continue
		}
		signed, signature := raw[:idSize+timeSize], raw[idSize+timeSize:]
		if hmac.Equal(mac(s.sign, string(signed))[:macSize], signature) {
			minutes := int64(binary.BigEndian.Uint32(signed[idSize:]))
			return cookie{id: string(signed[:idSize]), issued: time.Unix(minutes*60, 0)}, true
		}
	}
	return cookie{}, false
}

// line is the Set-Cookie header that gives the cookie to its client.
func (c cookie) line(s *Secret, secure bool) string {
	line := CookieName + "=" + c.value(s) + "; Path=/; Max-Age=" + strconv.Itoa(int(maxAge/time.Second)) + "; HttpOnly; SameSite=Lax"
	if secure {
		line += "; Secure"
	}
	return line
}
