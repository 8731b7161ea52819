package h1

import (
	"context"
	"sync"
	"time"
)

// lazy is a context that costs nothing until somebody waits for its end.
type lazy struct {
	mu     sync.Mutex
	cause  error                   // not nil once it has ended
	inner  context.Context         // nil until somebody has asked
	cancel context.CancelCauseFunc // of inner
}

// end ends it, if nobody has before, and reports whether it did.
func (l *lazy) end(cause error) bool {
	if cause == nil {
		cause = context.Canceled
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cause != nil {
		return false
	}
	l.cause = cause
	if l.cancel != nil {
		l.cancel(cause)
	}
	return true
}

// ended is why it has ended; nil where it has not.
func (l *lazy) ended() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cause
}

func (l *lazy) real() context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inner == nil {
		l.inner, l.cancel = context.WithCancelCause(context.Background())
		if l.cause != nil {
			l.cancel(l.cause)
		}
	}
	return l.inner
}

// Deadline implements context.Context.
func (l *lazy) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done implements context.Context.
func (l *lazy) Done() <-chan struct{} { return l.real().Done() }

// Err implements context.Context.
func (l *lazy) Err() error {
	if l.ended() == nil {
		return nil
	}
	return context.Canceled
}

// Value implements context.Context; context.Cause asks for the cause by it.
func (l *lazy) Value(key any) any { return l.real().Value(key) }
