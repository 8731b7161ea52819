package nethttp

import (
	"context"
	"sync"

	"github.com/segue-run/segue/proxy"
)

// attempt is one that can be ended by itself, before its answer comes, while the request
// goes on. A nil one cannot.
type attempt struct {
	cancel context.CancelCauseFunc
	kept   *keeper // nil where there is no body

	mu    sync.Mutex // keeper.mu comes after it
	over  bool
	taken bool // back
}

// newAttempt gives the attempt that is about to begin a context of its own.
func (t *transit) newAttempt() *attempt {
	ctx, cancel := context.WithCancelCause(t.out.Context()) // which ends with the request
	t.out = t.out.WithContext(ctx)
	return &attempt{cancel: cancel, kept: t.kept}
}

// back ends the attempt, if nothing has come of it and the request can be sent again;
// it reports whether it did.
func (a *attempt) back() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over || a.taken || a.kept != nil && !a.kept.hold() {
		return false
	}
	a.taken = true
	a.cancel(proxy.ErrRecalled)
	return true
}

// end says that something has come of it. It reports whether it was taken back before.
func (a *attempt) end() bool {
	if a == nil {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
	return a.taken
}
