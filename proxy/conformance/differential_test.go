package conformance_test

import (
	"slices"
	"testing"
)

// TestOthersMakeTheSameOfIt shows the same bytes to us, to nginx and to HAProxy.
func TestOthersMakeTheSameOfIt(t *testing.T) {
	if engine.name != "h1" {
		return // that one stands beside them
	}
	ours, others, samples := ourselves(t), []*peer{nginx(t), haproxy(t)}, shown()
	for _, d := range differences {
		for _, name := range d.samples {
			if !slices.ContainsFunc(samples, func(s sample) bool { return s.name == name }) {
				t.Errorf("a difference of %q, which is not shown", name)
			}
		}
	}
	for _, s := range samples {
		want := ours.verdict(t, s.send)
		for _, other := range others {
			got, why := other.verdict(t, s.send), reason(other.name, s.name)
			switch {
			case got != want && why == "":
				t.Errorf("%s: %s makes of it %q, we %q", s.name, other.name, got, want)
			case got == want && why != "": // a newer version, perhaps
				t.Logf("%s: %s makes the same of it as we do, and need not", s.name, other.name)
			}
		}
	}
}

// reason is why they differ.
func reason(peer, name string) string {
	for _, d := range differences {
		if (d.peer == peer || d.peer == "both") && slices.Contains(d.samples, name) {
			return d.reason
		}
	}
	return ""
}

// sample is what is shown to all.
type sample struct{ name, send string }

// last is behind each: a request, that the connection ends with.
const last = "GET /smuggled HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

func shown() []sample {
	var all []sample
	for _, refusals := range [][]refusal{framingRefusals(), fieldRefusals(), targetRefusals()} {
		for _, r := range refusals {
			all = append(all, sample{r.name, r.send + last})
		}
	}
	for _, r := range chunkRefusals() {
		all = append(all, sample{r.name, post(r.send+last, "Transfer-Encoding: chunked")})
	}
	for _, p := range twoPaths {
		all = append(all, sample{p.name, "GET " + p.path + " HTTP/1.1\r\nHost: x\r\n\r\n" + last})
	}
	for _, passages := range [][]exchangeCase{targetPassages(), chunkPassages()} {
		for _, c := range passages {
			if c.answer == "" {
				all = append(all, sample{c.name, c.send + last})
			}
		}
	}
	return all
}
