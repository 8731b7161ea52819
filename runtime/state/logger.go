package state

import (
	"fmt"
	"sync"

	"go.uber.org/zap"
)

// serverLog hands the NATS server's warnings and errors to zap and drops the rest. An
// error of the embedded server means that it could not keep what it was given: the
// first one is also told to onError.
type serverLog struct {
	log     *zap.Logger
	onError func(error)

	mu    sync.Mutex
	fatal error    // the first fatal message, which the server survives in process
	warns []string // what it warned of so far, kept until the start is over
	quiet bool     // the start is over
}

func (l *serverLog) Noticef(string, ...any) {}
func (l *serverLog) Debugf(string, ...any)  {}
func (l *serverLog) Tracef(string, ...any)  {}

func (l *serverLog) Warnf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	l.mu.Lock()
	if !l.quiet {
		l.warns = append(l.warns, text)
	}
	l.mu.Unlock()
	l.log.Warn("state server warns", zap.String("detail", text))
}

func (l *serverLog) Errorf(format string, v ...any) {
	err := fmt.Errorf(format, v...)
	l.log.Error("state server reports an error", zap.Error(err))
	l.onError(err)
}

func (l *serverLog) Fatalf(format string, v ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fatal == nil {
		l.fatal = fmt.Errorf(format, v...)
	}
}

// started ends the collection of warnings and gives the fatal error, if there was one.
func (l *serverLog) started() (warns []string, fatal error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.quiet = true
	return l.warns, l.fatal
}
