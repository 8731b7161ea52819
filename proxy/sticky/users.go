package sticky

import (
	"encoding/binary"
	"math/bits"
	"time"

	"github.com/segue-run/segue/proxy"
)

// full is the whole of a weight, in basis points.
const full = 10000

// Users tells users apart, in one way.
type Users struct {
	secret *Secret
	header string // empty: by the cookie
}

// ByCookie tells users apart by a cookie that is issued to those who have none.
func (s *Secret) ByCookie() *Users { return &Users{secret: s} }

// ByHeader tells users apart by the first value of the named header, which is not
// empty. Requests without it are nobody's.
func (s *Secret) ByHeader(name string) *Users { return &Users{secret: s, header: name} }

// Place is where a user stands in one rollout. Its zero value is nobody's.
type Place struct {
	// Key is uniform over all users, and never 0 for one.
	Key uint64
	// SetCookie is the header line that tells the client who it is; empty where the
	// client knows.
	SetCookie string
}

// Point is the place in basis points: uniform from 0 to 9999.
func (p Place) Point() int {
	point, _ := bits.Mul64(p.Key, full)
	return int(point)
}

// Of gives the place that r's sender has in a rollout; false where nothing tells who
// that is. A cookie that is half its age is issued anew, for the same user.
func (u *Users) Of(r *proxy.Request, rollout string, now time.Time) (Place, bool) {
	if u.header != "" {
		value := r.Header.Get(u.header)
		if value == "" {
			return Place{}, false
		}
		return Place{Key: u.key(rollout, "header", value)}, true
	}
	known, found := readCookie(u.secret, r.Header.Get("Cookie"))
	if !found {
		known = newCookie(now)
	}
	place := Place{Key: u.key(rollout, "cookie", known.id)}
	if age := now.Sub(known.issued); !found || age > renewFrom || age < -renewFrom {
		known.issued = now
		place.SetCookie = known.line(u.secret, r.Secure)
	}
	return place, true
}

func (u *Users) key(rollout, kind, user string) uint64 {
	return max(binary.BigEndian.Uint64(mac(u.secret.place, rollout, kind, user)), 1)
}
