package balance

import (
	"time"

	"net/http"
	"sync/atomic"

	"github.com/segue-run/segue/proxy"
)

// tally counts what a target has answered.
type tally struct {
	classes  [proxy.Classes]atomic.Uint64
	bytesIn  atomic.Int64
	bytesOut atomic.Int64
	refused  atomic.Uint64
	latency  histogram
}

// count notes how a request ended.
func (c *tally) count(o proxy.Outcome) {
	c.classes[o.Class].Add(1)
	if o.BytesIn != 0 {
		c.bytesIn.Add(o.BytesIn)
	}
	if o.BytesOut != 0 {
		c.bytesOut.Add(o.BytesOut)
	}
	if o.Class.Attributable() && o.Status != http.StatusSwitchingProtocols {
		c.latency.add(o.Wait)
	}
}

// Counts are what was answered, by a target or by all of a release's together; whole in
// each number, not across them.
type Counts struct {
	InFlight int
	Long     int                   // of these, with an answer that is long (proxy.Answer.Long)
	Requests uint64                // finished
	Classes  [proxy.Classes]uint64 // of these, by proxy.Class
	BytesIn  int64                 // bodies from clients
	BytesOut int64                 // bodies to clients
	Refused  uint64                // had no room, see TargetConfig.Most; not in Requests
	// Latency is proxy.Outcome.Wait, of the requests that are attributable to the module:
	// no upgrades, and none that the client, a drain or the host ended.
	Latency Histogram
}

// Failed is how many requests count against the release.
func (c *Counts) Failed() uint64 {
	n := uint64(0)
	for class, count := range c.Classes {
		if proxy.Class(class).Failed() {
			n += count
		}
	}
	return n
}

// add adds o to c.
func (c *Counts) add(o Counts) {
	c.InFlight += o.InFlight
	c.Long += o.Long
	c.Requests += o.Requests
	for class, n := range o.Classes {
		c.Classes[class] += n
	}
	c.BytesIn += o.BytesIn
	c.BytesOut += o.BytesOut
	c.Refused += o.Refused
	c.Latency.add(o.Latency)
}

// TargetStats are a target's counters at one moment.
type TargetStats struct {
	Labels   proxy.Labels
	State    TargetState
	Standing Standing
	Ejected  uint64 // how often it was taken out
	// Reason is why it is out, or was until it returned, and Until when it is or was to
	// return; zero of one that is trusted.
	Reason string
	Until  time.Time
	Counts
}

// Stats reads the counters.
func (t *Target) Stats() TargetStats {
	s := TargetStats{Labels: t.labels, State: t.State(), Counts: t.counts()}
	t.release.outliers.tell(t, &s)
	return s
}

// counts reads what the target has answered.
func (t *Target) counts() Counts {
	c := Counts{InFlight: int(t.inFlight.Load()), Long: int(t.long.Load())}
	for class := range t.classes {
		c.Classes[class] = t.classes[class].Load()
		c.Requests += c.Classes[class]
	}
	c.BytesIn, c.BytesOut, c.Refused = t.bytesIn.Load(), t.bytesOut.Load(), t.refused.Load()
	c.Latency = t.latency.snapshot()
	return c
}

// ReleaseStats are the counters of all of a release's targets together, at one moment:
// also of those that were removed.
type ReleaseStats struct {
	Labels proxy.Labels // without an instance
	State  TargetState  // see Release.State
	Counts
	Ejected uint64        // how often a target was taken out
	Rescued uint64        // see Release.Rescued; of replays, those that are over
	Waiting int           // requests that wait for room now
	Waited  uint64        // that have had to wait for room
	Targets []TargetStats // those that were not removed, in the order in which they were added
}

// Stats reads the counters.
func (r *Release) Stats() ReleaseStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := ReleaseStats{Labels: r.cfg.Labels, State: r.stateLocked(), Counts: r.gone, Ejected: r.outliers.ejected.Load(), Rescued: r.rescued.Load(),
		Waiting: int(r.queue.n.Load()), Waited: r.queue.ever.Load()}
	for _, t := range *r.targets.Load() {
		own := t.Stats()
		s.Targets = append(s.Targets, own)
		s.add(own.Counts)
	}
	for _, t := range r.leaving {
		s.add(t.counts())
	}
	return s
}

// Latency is ReleaseStats.Latency alone.
func (r *Release) Latency() Histogram {
	r.mu.Lock()
	defer r.mu.Unlock()
	sum := r.gone.Latency
	for t := range r.allLocked() {
		sum.add(t.latency.snapshot())
	}
	return sum
}
