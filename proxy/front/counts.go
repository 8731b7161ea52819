package front

import (
	"sync/atomic"
	"time"

	"github.com/segue-run/segue/proxy/carry"
)

// Counts are a front's counters at one moment; whole in each number, not across them.
type Counts struct {
	Open        int    // connections, the engines' too
	Accepted    uint64 // of these, ever; refused ones too
	OverLimit   uint64 // closed at once, there being as many as may be
	OverAddress uint64 // closed at once, their address having as many as it may
	Unproven    uint64 // closed for what they said, or did not, in the PROXY protocol
	NoHandshake uint64 // whose TLS handshake failed, or took too long
	Silent      uint64 // that said nothing in time, or went away before
}

type counters struct {
	open                                                            atomic.Int64
	accepted, overLimit, overAddress, unproven, noHandshake, silent atomic.Uint64
}

// Counts reads the counters.
func (f *Front) Counts() Counts {
	n := &f.counters
	return Counts{Open: int(n.open.Load()), Accepted: n.accepted.Load(), OverLimit: n.overLimit.Load(), OverAddress: n.overAddress.Load(),
		Unproven: n.unproven.Load(), NoHandshake: n.noHandshake.Load(), Silent: n.silent.Load()}
}

// noticeEvery is how often the same trouble is logged at most.
const noticeEvery = 10 * time.Second

// notice is a trouble that clients can cause as often as they like.
type notice struct{ carry.Seldom }

// due reports whether it is to be logged now.
func (n *notice) due() bool { return n.Due(noticeEvery) }
