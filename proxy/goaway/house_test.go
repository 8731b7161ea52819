package goaway_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/segue-run/segue/proxy/goaway"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// borders feeds the stream byte by byte and gives where the borders are.
func borders(t *testing.T, f goaway.Follower, stream []byte) []int {
	t.Helper()
	var at []int
	if f.AtBorder() {
		at = append(at, 0)
	}
	for i := range stream {
		border := f.Follow(stream[i : i+1])
		if (border == 1) != f.AtBorder() {
			t.Fatalf("after byte %d: border %d, at a border %v", i, border, f.AtBorder())
		}
		if border == 1 {
			at = append(at, i+1)
		}
	}
	return at
}

// splitAnyhow feeds the stream in random parts and checks each against the borders of the
// whole; the stream stays as it is.
func splitAnyhow(t *testing.T, f goaway.Follower, stream []byte, want []int, random *rand.Rand) {
	t.Helper()
	before := slices.Clone(stream)
	for at := 0; at < len(stream); {
		end := at + random.IntN(min(len(stream)-at, 40)+1)
		if random.IntN(4) == 0 {
			end = at + random.IntN(len(stream)-at+1)
		}
		border := f.Follow(stream[at:end])
		last := 0
		for _, b := range want {
			if b > at && b <= end {
				last = b - at
			}
		}
		if border != last {
			t.Fatalf("part %d..%d: border %d, want %d; borders %v", at, end, border, last, want)
		}
		if f.AtBorder() != slices.Contains(want, end) {
			t.Fatalf("after %d: at a border %v; borders %v", end, f.AtBorder(), want)
		}
		at = end
	}
	if !bytes.Equal(stream, before) {
		t.Fatal("what passed was changed")
	}
}

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, seed)) }

func TestNothingIsAllocatedAsAnAnswerPasses(t *testing.T) {
	for name, c := range map[string]struct {
		f    goaway.Follower
		part []byte
	}{
		"websocket": {goaway.ForUpgrade("websocket"), frame(t, true, 1, bytes.Repeat([]byte("x"), 300), nil)},
		"events":    {goaway.ForBody("text/event-stream"), []byte("data: x\n\n")},
		"grpc":      {goaway.ForBody("application/grpc"), []byte("\x00\x00\x00\x00\x02hi")},
	} {
		if n := testing.AllocsPerRun(100, func() {
			if c.f.Follow(c.part) != len(c.part) {
				t.Errorf("%s: no border", name)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// FuzzBorders looks for a stream whose borders depend on how it is split.
func FuzzBorders(f *testing.F) {
	for kind, seed := range []string{
		"\x81\x02hi\x89\x00\x01\x01a\x80\x00\x82\x7e\x00\x80" + string(make([]byte, 128)) + "\x88\x02\x03\xe8",
		"\x81\x82abcdhi\x88\x80abcd",
		"\xef\xbb\xbf: hello\r\ndata: 1\r\n\r\nid: 2\rdata\r\rx\n\n",
		"\x00\x00\x00\x00\x02hi\x01\x00\x00\x00\x00",
		"\x00\x00\x00\x00\x02hi\x80\x00\x00\x00\x01x",
	} {
		f.Add(uint8(kind), uint64(1), []byte(seed))
	}
	kinds := []func() goaway.Follower{
		func() goaway.Follower { return goaway.ForUpgrade("websocket") },
		func() goaway.Follower { return goaway.ForUpgradeToModule("websocket") },
		func() goaway.Follower { return goaway.ForBody("text/event-stream") },
		func() goaway.Follower { return goaway.ForBody("application/grpc") },
		func() goaway.Follower { return goaway.ForBody("application/grpc-web") },
	}
	f.Fuzz(func(t *testing.T, kind uint8, seed uint64, stream []byte) {
		of := kinds[int(kind)%len(kinds)]
		one := of()
		want := borders(t, one, stream)
		two := of()
		splitAnyhow(t, two, stream, want, seeded(seed))
		if one.Closed() != two.Closed() {
			t.Fatalf("closed %v or %v", one.Closed(), two.Closed())
		}
		if one.Closed() && len(one.Farewell()) != 0 {
			t.Fatal("a second farewell")
		}
	})
}
