package telemetry

import (
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/segue-run/segue/proxy"
)

const (
	accessQueue = 4096 // lines that wait to be written
	accessBatch = 64 << 10
	accessMost  = 1000 // lines of each kind a second
	accessPause = time.Second
	// accessJoin is how long Close waits: some writes have no end, see accessFile.write.
	accessJoin = 3 * accessPause
	// accessLine is how long a line may have grown to be used again.
	accessLine = 16 << 10
)

// AccessLogConfig says which requests are logged, and where. Zero values mean the default.
type AccessLogConfig struct {
	// Path is the file that lines are added to; "-" for standard output. Required.
	Path string
	// Sample is of how many ordinary requests one is logged; default 1: all. Negative:
	// none.
	Sample int
	// PerSecond is how many ordinary requests are logged a second at most, and how many
	// of those that are logged always: failures, refusals, and slow ones. Default 1000.
	PerSecond int
	// Slow is how long the answer to a request has to keep somebody waiting for it to be
	// logged always; what the bodies take is not counted. Default 1 s; negative for never.
	Slow time.Duration
	// Query has a request's query logged too: secrets travel there.
	Query bool
	// Logger is told when lines cannot be written; default: none.
	Logger *zap.Logger
}

// AccessLog writes a line of JSON for each request that its policy picks. It is safe for
// concurrent use.
type AccessLog struct {
	cfg  AccessLogConfig
	log  *zap.Logger
	file *accessFile

	usual, always perSecond

	queue  chan *[]byte
	lines  sync.Pool     // of *[]byte
	stop   chan struct{} // closed by Close
	done   chan struct{} // closed when the goroutine has ended
	close  sync.Once
	reopen atomic.Bool

	written, sampled, flooded, crowded, failed atomic.Uint64
}

// AccessStats count requests by what became of their lines.
type AccessStats struct {
	Written uint64
	Sampled uint64 // left out, as ordinary ones are
	Flooded uint64 // left out beyond PerSecond
	Crowded uint64 // lost, because writing was slower than the traffic
	Failed  uint64 // lost, because they could not be written
}

// OpenAccessLog opens the file, and starts the goroutine that writes to it until Close.
func OpenAccessLog(cfg AccessLogConfig) (*AccessLog, error) {
	if cfg.Sample == 0 {
		cfg.Sample = 1
	}
	if cfg.PerSecond == 0 {
		cfg.PerSecond = accessMost
	}
	if cfg.Slow == 0 {
		cfg.Slow = time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	file, err := openAccessFile(cfg.Path)
	if err != nil {
		return nil, err
	}
	a := &AccessLog{cfg: cfg, log: cfg.Logger, file: file, queue: make(chan *[]byte, accessQueue),
		stop: make(chan struct{}), done: make(chan struct{})}
	a.usual.most, a.always.most = uint32(max(0, cfg.PerSecond)), uint32(max(0, cfg.PerSecond))
	a.lines.New = func() any { return new(make([]byte, 0, 1024)) }
	go a.run()
	return a, nil
}

// Log is a proxy.Config.Log. It never blocks, and allocates nothing for a request that is
// not picked. After Close nothing is written.
func (a *AccessLog) Log(e *proxy.Entry) {
	if !a.picks(e) {
		return
	}
	line := a.lines.Get().(*[]byte)
	*line = appendEntry((*line)[:0], e, a.cfg.Query)
	select {
	case a.queue <- line:
	default:
		a.crowded.Add(1)
		a.free(line)
	}
}

func (a *AccessLog) free(line *[]byte) {
	if cap(*line) <= accessLine {
		a.lines.Put(line)
	}
}

// Reopen has the file opened anew by its path before the next line is written: whoever
// moved it away calls this, but need not, since that is seen within a second as well.
func (a *AccessLog) Reopen() { a.reopen.Store(true) }

// Stats reads the counters.
func (a *AccessLog) Stats() AccessStats {
	return AccessStats{Written: a.written.Load(), Sampled: a.sampled.Load(), Flooded: a.flooded.Load(),
		Crowded: a.crowded.Load(), Failed: a.failed.Load()}
}

// Close writes what is queued, as long as that can be written, joins the goroutine and
// closes the file. A second call waits as well. Where a write does not end in a few seconds,
// as that to a standard output which nobody reads, Close says so in the log and leaves the
// goroutine to it.
func (a *AccessLog) Close() error {
	a.close.Do(func() { close(a.stop) })
	timer := time.NewTimer(accessJoin)
	defer timer.Stop()
	select {
	case <-a.done:
	case <-timer.C:
		a.log.Error("the access log is stuck: its last lines may be lost", zap.String("file", a.cfg.Path))
	}
	return nil
}

// run writes in batches, as many lines at once as there are.
func (a *AccessLog) run() {
	defer close(a.done)
	defer a.file.close()
	batch := make([]byte, 0, accessBatch)
	for stopping := false; ; {
		var line *[]byte
		select {
		case line = <-a.queue:
		default:
			if stopping {
				return
			}
			select {
			case line = <-a.queue:
			case <-a.stop:
				stopping = true
				continue
			}
		}
		var n uint64
		batch, n = a.gather(batch[:0], line)
		if !a.write(batch, n) && a.stopped() {
			a.failed.Add(uint64(len(a.queue))) // nobody waits for a disk that is full
			return
		}
	}
}

// gather adds the lines that there are, beginning with one, as long as they fit.
func (a *AccessLog) gather(batch []byte, line *[]byte) (lines []byte, n uint64) {
	for {
		batch, n = append(batch, *line...), n+1
		a.free(line)
		if len(batch) >= accessBatch {
			return batch, n
		}
		select {
		case line = <-a.queue:
		default:
			return batch, n
		}
	}
}

func (a *AccessLog) stopped() bool {
	select {
	case <-a.stop:
		return true
	default:
		return false
	}
}

// write puts n lines into the file, and says whether they are there. What cannot be
// written is lost: the log of requests must not hold up the requests.
func (a *AccessLog) write(batch []byte, n uint64) bool {
	err := a.file.write(batch, a.reopen.Swap(false))
	if err != nil {
		a.failed.Add(n)
		if !a.file.failing {
			a.log.Error("the access log cannot be written", zap.String("file", a.cfg.Path), zap.Error(err))
		}
		a.file.failing = true
		return false
	}
	a.written.Add(n)
	if a.file.failing {
		a.log.Info("the access log is written again", zap.String("file", a.cfg.Path), zap.Uint64("missing", a.failed.Load()))
	}
	a.file.failing = false
	return true
}
