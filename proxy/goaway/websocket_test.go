package goaway_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/segue-run/segue/proxy/goaway"
)

// frame is a WebSocket frame with the least length; masked where key is four bytes.
func frame(t testing.TB, fin bool, opcode byte, payload, key []byte) []byte {
	t.Helper()
	first := opcode
	if fin {
		first |= 0x80
	}
	mask := byte(0)
	if key != nil {
		mask = 0x80
	}
	out := []byte{first}
	switch n := len(payload); {
	case n < 126:
		out = append(out, mask|byte(n))
	case n < 1<<16:
		out = binary.BigEndian.AppendUint16(append(out, mask|126), uint16(n))
	default:
		out = binary.BigEndian.AppendUint64(append(out, mask|127), uint64(n))
	}
	out = append(out, key...)
	for i, b := range payload {
		if key != nil {
			b ^= key[i%4]
		}
		out = append(out, b)
	}
	return out
}

// conversation is a valid stream with its borders, without a close frame.
func conversation(t testing.TB, random *rand.Rand, key []byte) (stream []byte, at []int) {
	t.Helper()
	at = []int{0}
	payload := func(most int) []byte {
		p := make([]byte, random.IntN(most+1))
		for i := range p {
			p[i] = byte(random.Uint32())
		}
		return p
	}
	sizes := []int{0, 10, 125, 126, 300, 1 << 16, 1<<16 + 40}
	for range 1 + random.IntN(6) {
		opcode := byte(1 + random.IntN(2))
		for last := false; !last; opcode = 0 {
			last = random.IntN(3) > 0
			stream = append(stream, frame(t, last, opcode, payload(sizes[random.IntN(len(sizes))]), key)...)
			if last {
				at = append(at, len(stream))
			}
			if random.IntN(3) == 0 {
				stream = append(stream, frame(t, true, byte(9+random.IntN(2)), payload(125), key)...)
				if last {
					at = append(at, len(stream))
				}
			}
		}
	}
	return stream, at
}

func TestAWebSocketsBordersAreBetweenItsWholeMessagesHoweverItIsSplit(t *testing.T) {
	for _, side := range []struct {
		follower func(string) goaway.Follower
		key      []byte
	}{{goaway.ForUpgrade, nil}, {goaway.ForUpgradeToModule, []byte{1, 2, 0x83, 4}}} {
		for seed := range uint64(60) {
			random := seeded(seed)
			stream, want := conversation(t, random, side.key)
			if got := borders(t, side.follower("WebSocket"), stream); !slices.Equal(got, want) {
				t.Fatalf("seed %d: borders %v, want %v", seed, got, want)
			}
			splitAnyhow(t, side.follower("websocket"), stream, want, random)
		}
	}
}

func TestNoCloseFrameIsPutBetweenTheFragmentsOfAMessage(t *testing.T) {
	f := goaway.ForUpgrade("websocket")
	begun := slices.Concat(frame(t, false, 1, []byte("half"), nil), frame(t, true, 9, []byte("ping"), nil), frame(t, false, 0, nil, nil))
	if f.Follow(begun) != 0 || f.AtBorder() {
		t.Error("a border in a message that has not ended")
	}
	end := frame(t, true, 0, []byte("whole"), nil)
	if got := f.Follow(end); got != len(end) || !f.AtBorder() {
		t.Errorf("border %d of %d", got, len(end))
	}
}

func TestWhatIsNoWebSocketsHasNoBorderFromThereOn(t *testing.T) {
	good := frame(t, true, 1, []byte("hi"), nil)
	for name, bad := range map[string][]byte{
		"a reserved bit":                     {0xa1, 0},
		"a reserved data opcode":             {0x83, 0},
		"a reserved control opcode":          {0x8b, 0},
		"a continuation of nothing":          {0x80, 0},
		"a message within another":           {0x01, 0, 0x81, 0},
		"a control frame in fragments":       {0x09, 0},
		"a compressed control frame":         {0xc9, 0},
		"a long control frame":               {0x89, 126, 0, 126},
		"a mask of the server's":             {0x81, 0x80, 1, 2, 3, 4},
		"a length in two bytes too many":     {0x81, 126, 0, 125},
		"a length in eight bytes too many":   {0x81, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff},
		"a negative length":                  {0x81, 127, 0x80, 0, 0, 0, 0, 0, 0, 0},
		"a frame after the close frame":      {0x88, 0, 0x81, 0},
		"a second close frame":               {0x88, 0, 0x88, 0},
		"an answer in another protocol":      []byte("HTTP/1.1 200 OK\r\n\r\n"),
		"a compressed frame that is unknown": {0xf1, 0},
	} {
		f := goaway.ForUpgrade("websocket")
		stream := slices.Concat(good, bad, bytes.Repeat(good, 40))
		at := borders(t, f, stream)
		if f.AtBorder() || len(at) < 2 || at[1] != len(good) || at[len(at)-1] > len(good)+2 {
			t.Errorf("%s: borders %v", name, at)
		}
	}
	if f := goaway.ForUpgradeToModule("websocket"); f.Follow(good) != 0 || f.AtBorder() {
		t.Error("a client that does not mask has a border")
	}
}

func TestACompressedMessageIsOneLikeAnyOther(t *testing.T) {
	f := goaway.ForUpgrade("websocket")
	message := []byte{0x41, 1, 'x', 0x80, 1, 'y'}
	if got := f.Follow(message); got != len(message) {
		t.Errorf("border %d", got)
	}
}

func TestGoingAwayIsACloseFrameForEitherSide(t *testing.T) {
	toClient := goaway.ForUpgrade("websocket").Farewell()
	if want := frame(t, true, 8, []byte("\x03\xe9going away"), nil); !bytes.Equal(toClient, want) {
		t.Errorf("to the client %x, want %x", toClient, want)
	}
	keys := map[string]bool{}
	for range 8 {
		toModule := goaway.ForUpgradeToModule("websocket").Farewell()
		key := toModule[2:6]
		if want := frame(t, true, 8, []byte("\x03\xe9going away"), key); !bytes.Equal(toModule, want) {
			t.Errorf("to the module %x, want %x", toModule, want)
		}
		keys[string(key)] = true
	}
	if len(keys) < 2 {
		t.Error("every mask is the same")
	}
	// Each is what its own side would have sent.
	f := goaway.ForUpgrade("websocket")
	if f.Follow(toClient) != len(toClient) || !f.Closed() {
		t.Error("it does not follow its own farewell")
	}
}

func TestAModuleThatSaidFarewellIsNotSpokenForAgain(t *testing.T) {
	f := goaway.ForUpgrade("websocket")
	closing := frame(t, true, 8, []byte("\x03\xe8done"), nil)
	f.Follow(closing[:3])
	if f.Closed() || f.AtBorder() {
		t.Error("half a close frame is taken for a whole one")
	}
	if got := f.Follow(closing[3:]); got != len(closing)-3 || !f.Closed() || !f.AtBorder() {
		t.Errorf("border %d, closed %v", got, f.Closed())
	}
	if farewell := f.Farewell(); len(farewell) != 0 {
		t.Errorf("a second one: %x", farewell)
	}
}

func TestOtherUpgradesAreNotFollowed(t *testing.T) {
	for _, protocol := range []string{"", "h2c", "websocket2", "TLS/1.2"} {
		if goaway.ForUpgrade(protocol) != nil || goaway.ForUpgradeToModule(protocol) != nil {
			t.Errorf("%q is followed", protocol)
		}
	}
}
