package replay

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
)

const (
	defaultWorkers = 8
	defaultQueue   = 64
	defaultMemory  = 16 << 20
)

// MirrorConfig says what is copied and where to. Zero values mean the default.
type MirrorConfig struct {
	Dial  Dial // to the candidate; required
	Share int  // of the requests that match, in basis points; 0 is none
	// Matches are the requests of which copies are made; default GET and HEAD
	// everywhere.
	Matches []proxy.Match
	Rules   Rules
	Workers int           // copies under way at once; default 8
	Queue   int           // copies that wait; default 64
	Timeout time.Duration // of each copy; default 5 s
	Memory  int64         // bytes of all that is recorded, waits or is under way; default 16 MiB
}

// Mirrored is what a mirror has seen.
type Mirrored struct {
	Comparison
	// Dropped copies were not compared, since the queue or the memory was full, the host
	// lacked the means, or the mirror was closed before their turn.
	Dropped uint64
}

// Mirror copies stable's requests to a candidate and compares the answers, which go
// nowhere. Exactly the configured share is copied, of the requests that match; of
// these, upgrades, bodies above 64 KiB, answers above 8 MiB, streams of events, and
// what stable did not answer whole and below 500 are left out.
//
// It is for concurrent use.
type Mirror struct {
	matches []proxy.Match
	share   int
	slots   *balance.Slots
	headers []string
	memory  budget
	pair    pair
	cancel  context.CancelFunc
	workers sync.WaitGroup

	mu     sync.Mutex
	queue  chan copyJob // sent to and closed under mu, never blocking
	closed bool
	seen   Mirrored
}

// copyJob is a request that waits to be sent.
type copyJob struct {
	rec  Recording
	lent int64
}

// NewMirror starts a mirror; close it. It refuses with an *Error a share or a path that
// is none.
func NewMirror(cfg MirrorConfig) (*Mirror, error) {
	if cfg.Share < 0 || cfg.Share > balance.Full {
		return nil, &Error{Value: strconv.Itoa(cfg.Share), Msg: "is no share", Hint: "write 0 to 10000 basis points"}
	}
	matches, err := cleanMatches(cfg.Matches)
	if err != nil {
		return nil, err
	}
	workers := max(1, cmp.Or(cfg.Workers, defaultWorkers))
	m := &Mirror{matches: matches, share: cfg.Share, headers: cfg.Rules.Headers,
		slots: balance.NewSlots(cfg.Share, balance.Full-cfg.Share),
		queue: make(chan copyJob, max(1, cmp.Or(cfg.Queue, defaultQueue))),
		pair: pair{candidate: newSender(cfg.Dial, workers, cfg.Rules.Headers), rules: cfg.Rules,
			timeout: cmp.Or(cfg.Timeout, defaultTimeout), via: viaMirror}}
	m.memory.give(cmp.Or(cfg.Memory, defaultMemory))
	ctx, cancel := context.WithCancel(context.Background())
	m.cancel = cancel
	for range workers {
		m.workers.Go(func() {
			for job := range m.queue {
				m.send(ctx, job)
			}
		})
	}
	return m, nil
}

func cleanMatches(matches []proxy.Match) ([]proxy.Match, error) {
	if len(matches) == 0 {
		matches = []proxy.Match{{Method: http.MethodGet, Path: "/"}, {Method: http.MethodHead, Path: "/"}}
	}
	clean := make([]proxy.Match, 0, len(matches))
	for _, match := range matches {
		path, err := proxy.CleanPath(match.Path)
		if err != nil {
			return nil, &Error{Value: clip(match.Path), Msg: "is no path", Hint: "write one such as /orders"}
		}
		clean = append(clean, proxy.Match{Method: match.Method, Path: strings.TrimSuffix(path, "/")})
	}
	return clean, nil
}

// Tap copies req, which stable answers, to the candidate once that is done. It is nil,
// not an empty Tap, where req is not to be copied.
func (m *Mirror) Tap(req *proxy.Request) proxy.Tap {
	if m.share == 0 || !m.matching(req) || m.slots.Next() != 0 {
		return nil
	}
	rec := address(req)
	rec.Header, rec.Remote = copied(req.Header), req.Client
	if !rec.Remote.IsValid() {
		rec.Remote = req.Remote.Addr()
	}
	return newTap(m, &m.memory, req, rec, m.headers)
}

func (m *Mirror) matching(req *proxy.Request) bool {
	if req.Header.Get("Upgrade") != "" || strings.EqualFold(req.Method, http.MethodConnect) {
		return false
	}
	for _, match := range m.matches {
		if match.Covers(req) {
			return true
		}
	}
	return false
}

func (m *Mirror) wants(status int, header http.Header) bool {
	return status >= 200 && status < 500 && !streams(header)
}

func (m *Mirror) spilled() { m.dropped() }

// record queues a copy, or drops it.
func (m *Mirror) record(rec Recording, lent int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		select {
		case m.queue <- copyJob{rec, lent}:
			return
		default:
		}
	}
	m.memory.give(lent)
	m.seen.Dropped++
}

func (m *Mirror) dropped() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen.Dropped++
}

// send compares the answers to one request.
func (m *Mirror) send(ctx context.Context, job copyJob) {
	defer m.memory.give(job.lent)
	found, err := m.pair.compare(ctx, &job.rec)
	if err != nil {
		m.dropped()
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen.note(&job.rec, found)
}

// Seen is what has been compared until now.
func (m *Mirror) Seen() Mirrored {
	m.mu.Lock()
	defer m.mu.Unlock()
	seen := m.seen
	seen.Examples = append([]Example(nil), seen.Examples...)
	return seen
}

// Close ends what is under way and waits for the workers. Taps that are still open come
// to nothing. It may be called more than once.
func (m *Mirror) Close() {
	m.cancel()
	m.mu.Lock()
	if !m.closed {
		m.closed = true
		close(m.queue)
	}
	m.mu.Unlock()
	m.workers.Wait()
	m.pair.candidate.close()
}
