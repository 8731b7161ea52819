package sticky_test

import (
	"encoding/base64"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/sticky"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newSecret(t testing.TB, fill string) *sticky.Secret {
	t.Helper()
	s, err := sticky.NewSecret([]byte(strings.Repeat(fill, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func with(name, value string) *proxy.Request {
	return &proxy.Request{Header: http.Header{name: {value}}}
}

// issued is the cookie that a Set-Cookie line gives, as a browser sends it back.
func issued(line string) string {
	pair, _, _ := strings.Cut(line, ";")
	return pair
}

func TestAKeyThatIsTooShortIsRefused(t *testing.T) {
	if _, err := sticky.NewSecret(make([]byte, 31)); err == nil {
		t.Error("31 bytes were accepted")
	}
}

func TestUsersAreSpreadEvenlyAndMoveOnceAsTheWeightRises(t *testing.T) {
	users := newSecret(t, "k").ByHeader("X-User")
	weights := []int{1, 100, 500, 2500, 5000, 10000}
	const n = 100_000
	counts := make([]int, len(weights))
	for i := range n {
		place, known := users.Of(with("X-User", fmt.Sprint("user-", i)), "rollout-1", noon)
		if !known || place.Key == 0 || place.SetCookie != "" {
			t.Fatalf("user %d: %+v", i, place)
		}
		moved := false
		for w, weight := range weights {
			candidate := place.Point() < weight
			if moved && !candidate {
				t.Fatalf("user %d went back", i)
			}
			if moved = candidate; candidate {
				counts[w]++
			}
		}
	}
	for w, weight := range weights {
		share := float64(weight) / 10000
		if due := share * n; math.Abs(float64(counts[w])-due) > 5*math.Sqrt(due*(1-share)) {
			t.Errorf("weight %d: %d of %d users", weight, counts[w], n)
		}
	}
}

func TestPlacesOfTwoRolloutsHaveNothingToDoWithEachOther(t *testing.T) {
	users, others := newSecret(t, "k").ByHeader("X-User"), newSecret(t, "l").ByHeader("X-User")
	both, foreseen := 0, 0
	for i := range 10_000 {
		r := with("X-User", fmt.Sprint(i))
		a, _ := users.Of(r, "1", noon)
		b, _ := users.Of(r, "2", noon)
		c, _ := others.Of(r, "1", noon)
		if again, _ := users.Of(r, "1", noon.Add(time.Hour)); again != a {
			t.Fatal("a user moved within a rollout")
		}
		if a.Point() < 5000 && b.Point() < 5000 {
			both++
		}
		if a.Point() < 5000 && c.Point() < 5000 {
			foreseen++
		}
	}
	for _, n := range []int{both, foreseen} {
		if n < 2250 || n > 2750 { // due 2500, standard deviation 43
			t.Errorf("%d of 10000 are on one side in both", n)
		}
	}
}

func TestAUserKeepsItsCookieAndItsPlace(t *testing.T) {
	secret := newSecret(t, "k")
	first, known := secret.ByCookie().Of(with("Cookie", "a=1"), "r", noon)
	if !known || first.Key == 0 {
		t.Fatalf("got %+v", first)
	}
	for _, attribute := range []string{"; Path=/;", "; Max-Age=86400;", "; HttpOnly;", "; SameSite=Lax"} {
		if !strings.Contains(first.SetCookie, attribute) {
			t.Errorf("%q has no %q", first.SetCookie, attribute)
		}
	}
	if strings.Contains(first.SetCookie, "Secure") {
		t.Error("a cookie for TLS alone, over none")
	}
	cookie := issued(first.SetCookie)
	again := newSecret(t, "k").ByCookie() // after a restart
	for _, header := range []string{cookie, "a=1; " + cookie, "Segue-Client=forged;" + cookie + ";b=2", "  " + cookie + "\t"} {
		place, _ := again.Of(with("Cookie", header), "r", noon.Add(time.Hour))
		if place.Key != first.Key || place.SetCookie != "" {
			t.Errorf("%q: %+v", header, place)
		}
	}
	for _, later := range []time.Duration{13 * time.Hour, 100 * 24 * time.Hour, -24 * time.Hour} {
		place, _ := again.Of(with("Cookie", cookie), "r", noon.Add(later))
		renewed, _ := again.Of(with("Cookie", issued(place.SetCookie)), "r", noon.Add(later))
		if place.Key != first.Key || place.SetCookie == "" || renewed.Key != first.Key || renewed.SetCookie != "" {
			t.Errorf("after %s: %+v, then %+v", later, place, renewed)
		}
	}
	over := with("Cookie", "")
	over.Secure = true
	if place, _ := again.Of(over, "r", noon); !strings.HasSuffix(place.SetCookie, "; Secure") {
		t.Errorf("over TLS: %q", place.SetCookie)
	}
}

func TestAForgedCookieIsReplaced(t *testing.T) {
	secret := newSecret(t, "k")
	users := secret.ByCookie()
	good, _ := users.Of(with("Cookie", ""), "r", noon)
	name, value, _ := strings.Cut(issued(good.SetCookie), "=")
	foreign, _ := newSecret(t, "l").ByCookie().Of(with("Cookie", ""), "r", noon)
	raw, _ := base64.RawURLEncoding.DecodeString(value)
	forged := []string{"", "x", value[:len(value)-1], value + "A", value + "=", strings.Repeat("A", len(value)), "\"" + value + "\"",
		strings.TrimPrefix(issued(foreign.SetCookie), name+"="), secret.Token("m", "r")}
	for i := range raw {
		bent := append([]byte(nil), raw...)
		bent[i] ^= 1
		forged = append(forged, base64.RawURLEncoding.EncodeToString(bent))
	}
	for _, value := range forged {
		place, known := users.Of(with("Cookie", name+"="+value), "r", noon)
		if !known || place.Key == good.Key || place.SetCookie == "" || issued(place.SetCookie) == name+"="+value {
			t.Errorf("%q: %+v", value, place)
		}
	}
	if place, _ := users.Of(with("Cookie", "segue-client="+value), "r", noon); place.Key == good.Key {
		t.Error("a cookie of another name was taken")
	}
}

func TestARequestWithoutTheHeaderIsNobodys(t *testing.T) {
	if place, known := newSecret(t, "k").ByHeader("X-User").Of(with("Cookie", "a=1"), "r", noon); known || place != (sticky.Place{}) {
		t.Errorf("got %+v", place)
	}
}

func TestATokenIsOfOneRolloutOfOneModule(t *testing.T) {
	s := newSecret(t, "k")
	seen := map[string]string{}
	for _, c := range [][2]string{{"m", "1"}, {"m", "2"}, {"n", "1"}, {"m1", ""}, {"", "m1"}} {
		token := s.Token(c[0], c[1])
		if token != newSecret(t, "k").Token(c[0], c[1]) || len(token) != 22 {
			t.Errorf("%v: %q", c, token)
		}
		if before, found := seen[token]; found {
			t.Errorf("%v has the token of %s", c, before)
		}
		seen[token] = fmt.Sprint(c)
	}
	if _, found := seen[newSecret(t, "l").Token("m", "1")]; found {
		t.Error("another secret gives the same token")
	}
}

func BenchmarkCookie(b *testing.B) {
	users := newSecret(b, "k").ByCookie()
	place, _ := users.Of(with("Cookie", ""), "r", noon)
	r := with("Cookie", "a=1; "+issued(place.SetCookie))
	b.ReportAllocs()
	for b.Loop() {
		users.Of(r, "r", noon)
	}
}
