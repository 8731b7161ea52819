package telemetry

import (
	"bytes"
	"log"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/segue-run/segue/runtime/module"
)

// What the standard library says is often caused by a peer, as often as he likes.
const (
	stdLogBurst = 10
	stdLogEvery = time.Second
)

// RedirectStdLog makes Go's default logger, into which net/http and others write, warn
// through logger: ten lines, then one a second with how many were left out. restore
// undoes it; nobody else may change the default logger meanwhile.
func RedirectStdLog(logger *zap.Logger) (restore func()) {
	flags, prefix, out := log.Flags(), log.Prefix(), log.Writer()
	log.SetFlags(0)
	log.SetPrefix("")
	log.SetOutput(&stdLog{log: logger.Named("go"), budget: budget{burst: stdLogBurst, every: stdLogEvery}})
	return func() {
		log.SetFlags(flags)
		log.SetPrefix(prefix)
		log.SetOutput(out)
	}
}

// stdLog takes the lines of Go's default logger.
type stdLog struct {
	log *zap.Logger

	mu      sync.Mutex // guards the two below
	budget  budget
	leftOut uint64 // since the last line that was logged
}

// Write logs one line. It never fails.
func (s *stdLog) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.budget.take() {
		s.leftOut++
		return len(line), nil
	}
	fields := []zap.Field{zap.String("detail", module.Clip(string(bytes.TrimSpace(line)), maxText))}
	if s.leftOut > 0 {
		fields = append(fields, zap.Uint64("left_out", s.leftOut))
		s.leftOut = 0
	}
	s.log.Warn("the standard library warns", fields...)
	return len(line), nil
}
