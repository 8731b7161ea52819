package nethttp

import (
	"time"

	"github.com/segue-run/segue/proxy"
)

// log tells of the request, now that all is over.
func (t *transit) log() {
	if t.e.cfg.Log == nil {
		return
	}
	entry := proxy.Entry{Request: &t.request, Protocol: t.in.Proto, Route: t.request.Route, Outcome: t.outcome,
		Status: t.status, Refused: t.refused, Began: t.began, Duration: time.Since(t.began), Retried: t.retried, Replayed: t.replayed}
	if t.exchange != nil {
		entry.Labels = t.exchange.Target().Labels()
	}
	t.e.cfg.Log(&entry)
}
