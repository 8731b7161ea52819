package load

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Count is how many requests went well and how many did not.
type Count struct {
	Served int `json:"served"`
	Failed int `json:"failed"`
}

// Result is how the requests went.
type Result struct {
	Count
	Seconds float64 `json:"seconds"`
	// Longest is the longest that a served request took, in milliseconds.
	Longest float64 `json:"longest_ms"`
	// Releases are the requests by the release that answered; "" is no answer.
	Releases map[string]Count `json:"releases"`
	// Kinds are the requests by method and connection.
	Kinds map[string]Count `json:"kinds"`
	// Reasons says why requests failed, and how many each.
	Reasons map[string]int `json:"reasons,omitempty"`
}

// maxReasons bounds how many different reasons are remembered.
const maxReasons = 50

// Watch is a look at a load while it runs. The zero value is ready.
type Watch struct {
	mu      sync.Mutex
	started time.Time
	result  Result
}

// Result is a copy of how it went so far.
func (w *Watch) Result() Result {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.result
	r.Seconds = time.Since(w.started).Seconds()
	r.Releases, r.Kinds, r.Reasons = maps.Clone(r.Releases), maps.Clone(r.Kinds), maps.Clone(r.Reasons)
	return r
}

func (w *Watch) start() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.started = time.Now()
	w.result = Result{Releases: map[string]Count{}, Kinds: map[string]Count{}, Reasons: map[string]int{}}
}

func (w *Watch) add(a answer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := &w.result
	one := Count{Served: 1}
	if a.failure != "" {
		one = Count{Failed: 1}
		if _, known := r.Reasons[a.failure]; !known && len(r.Reasons) >= maxReasons {
			a.failure = "other reasons"
		}
		r.Reasons[a.failure]++
	} else {
		r.Longest = max(r.Longest, float64(a.took.Microseconds())/1000)
	}
	r.Count = r.plus(one)
	r.Releases[a.release] = r.Releases[a.release].plus(one)
	r.Kinds[a.kind] = r.Kinds[a.kind].plus(one)
}

func (c Count) plus(d Count) Count {
	return Count{Served: c.Served + d.Served, Failed: c.Failed + d.Failed}
}

// String is the result in a few lines for people.
func (r Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d requests in %.1f s: %d served, %d failed; the longest took %.1f ms\n",
		r.Served+r.Failed, r.Seconds, r.Served, r.Failed, r.Longest)
	table := func(counts map[string]Count) {
		for _, name := range slices.Sorted(maps.Keys(counts)) {
			c := counts[name]
			if name == "" {
				name = "no release"
			}
			fmt.Fprintf(&b, "  %-24s %7d served %7d failed\n", name, c.Served, c.Failed)
		}
	}
	table(r.Releases)
	table(r.Kinds)
	for _, reason := range slices.Sorted(maps.Keys(r.Reasons)) {
		fmt.Fprintf(&b, "  failed: %d × %s\n", r.Reasons[reason], reason)
	}
	return b.String()
}
