package replay

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/segue-run/segue/proxy"
)

const (
	defaultEntries = 200
	defaultBytes   = 8 << 20
	// pathShare of the entries may be of one path.
	pathShare = 10
)

// RingConfig says what a Ring keeps. Zero values mean the default.
type RingConfig struct {
	Entries int   // at most so many recordings; default 200
	Bytes   int64 // of memory, about, and as many for what is being recorded; default 8 MiB
	// Keep are request headers that are recorded beside Accept, Accept-Language,
	// Accept-Encoding, Content-Type and User-Agent.
	Keep []string
	// Headers of an answer that are kept beside Content-Type and Content-Encoding.
	Headers []string
}

// Ring keeps recent requests of one module's stable release with their answers. Only
// GETs that were answered whole, with a status below 500, and without any sign of a
// credential come in (see the package's documentation). The newest wins, but a path
// never has more than a tenth of the entries, and of several that ask the same only
// the newest stays; when the ring is full, the oldest goes of the path that has most.
//
// It is for concurrent use.
type Ring struct {
	entries int
	bytes   int64
	keep    []string
	headers []string
	memory  budget // for what is being recorded

	mu   sync.Mutex
	recs []*Recording // oldest first
	size int64
	held map[place]int // how many entries each path has
}

// place is what a ring shares its entries between.
type place struct{ host, path string }

// NewRing makes an empty ring. It refuses with an *Error a header name that cannot be
// kept.
func NewRing(cfg RingConfig) (*Ring, error) {
	keep, err := canonicalNames(cfg.Keep, CheckKeep)
	if err != nil {
		return nil, err
	}
	headers, err := canonicalNames(cfg.Headers, CheckHeader)
	if err != nil {
		return nil, err
	}
	r := &Ring{entries: cmp.Or(cfg.Entries, defaultEntries), bytes: cmp.Or(cfg.Bytes, defaultBytes),
		keep: keep, headers: headers, held: map[place]int{}}
	r.memory.give(r.bytes)
	return r, nil
}

// Tap records req and its answer. It is nil, not an empty Tap, where the request is
// not to be recorded.
func (r *Ring) Tap(req *proxy.Request) proxy.Tap {
	if req.Method != http.MethodGet || forbids(req.Header, r.keep) || suspectQuery(req.Query) {
		return nil
	}
	rec := address(req)
	rec.Header = recorded(req.Header, r.keep)
	return newTap(r, &r.memory, req, rec, r.headers)
}

// address is where req goes, in memory of its own.
func address(req *proxy.Request) Recording {
	host := req.Host
	if clean, err := proxy.CleanHost(req.Authority); err == nil && clean == req.Host {
		host = cmp.Or(req.Authority, host)
	}
	rec := Recording{Method: strings.Clone(req.Method), Host: strings.Clone(host),
		Path: strings.Clone(req.Path), Query: strings.Clone(req.Query), Secure: req.Secure}
	if req.Route != nil && req.Route.Strip {
		rec.Prefix = req.Route.Prefix
	}
	return rec
}

// wants leaves out what the same request would not get again, streams, and what its
// author does not want to be stored.
func (r *Ring) wants(status int, header http.Header) bool {
	if status < 200 || status >= 500 || status == http.StatusPartialContent || status == http.StatusNotModified {
		return false
	}
	return !proxy.HasToken(header["Cache-Control"], "no-store") && !streams(header)
}

// streams reports whether an answer's body is a stream of events.
func streams(header http.Header) bool {
	return strings.HasPrefix(strings.ToLower(header.Get("Content-Type")), "text/event-stream")
}

func (r *Ring) spilled() {}

func (r *Ring) record(rec Recording, lent int64) {
	defer r.memory.give(lent)
	size := rec.size()
	if size > r.bytes {
		return
	}
	at := place{rec.Host, rec.Path}
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.IndexFunc(r.recs, func(old *Recording) bool { return asksSame(old, &rec) }); i >= 0 {
		r.removeLocked(i)
	} else if r.held[at] >= max(1, r.entries/pathShare) {
		r.removeLocked(slices.IndexFunc(r.recs, func(old *Recording) bool { return old.place() == at }))
	}
	for len(r.recs) >= r.entries || r.size+size > r.bytes {
		r.removeLocked(r.victimLocked())
	}
	r.recs = append(r.recs, &rec)
	r.held[at]++
	r.size += size
}

func (r *Recording) place() place { return place{r.Host, r.Path} }

// asksSame reports whether two requests ask for the same.
func asksSame(a, b *Recording) bool {
	return a.place() == b.place() && a.Query == b.Query && a.Secure == b.Secure &&
		slices.Equal(a.Header["Accept"], b.Header["Accept"]) &&
		slices.Equal(a.Header["Accept-Language"], b.Header["Accept-Language"])
}

// victimLocked is the oldest entry of a path that has as many as any.
func (r *Ring) victimLocked() int {
	most, victim := 0, 0
	for i, rec := range r.recs {
		if n := r.held[rec.place()]; n > most {
			most, victim = n, i
		}
	}
	return victim
}

func (r *Ring) removeLocked(i int) {
	at := r.recs[i].place()
	r.size -= r.recs[i].size()
	r.recs = slices.Delete(r.recs, i, i+1)
	if r.held[at]--; r.held[at] == 0 {
		delete(r.held, at)
	}
}

// Recent gives at most n recordings, those first that differ most: the newest of
// each path, then the second of each, and so on; among these, what was answered with
// success before what was not, and the newer before the older.
func (r *Ring) Recent(n int) []Recording {
	type ranked struct {
		*Recording
		turn int // how many of its path are newer
	}
	r.mu.Lock()
	all := make([]ranked, 0, len(r.recs))
	seen := map[place]int{}
	for _, rec := range slices.Backward(r.recs) {
		all = append(all, ranked{rec, seen[rec.place()]})
		seen[rec.place()]++
	}
	r.mu.Unlock()
	slices.SortStableFunc(all, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(a.turn, b.turn), cmp.Compare(a.Answer.Status/400, b.Answer.Status/400))
	})
	out := make([]Recording, 0, min(max(n, 0), len(all)))
	for _, rec := range all[:cap(out)] {
		out = append(out, *rec.Recording)
	}
	return out
}
