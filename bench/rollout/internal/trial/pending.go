package trial

import (
	"slices"
	"time"
)

// event is a moment in the life of a request that was dealt.
type event struct {
	at, dealt time.Duration
	kind      kind
	candidate bool
	failed    bool
	late      bool // the request was overdue before this answer
	key       int
	wait      time.Duration
}

type kind uint8

const (
	answered kind = iota
	overdue
)

// pending are the events to come, in order. A new one mostly belongs near the end.
type pending []event

func (p *pending) add(e event) {
	i := len(*p)
	for i > 0 && (*p)[i-1].at > e.at {
		i--
	}
	*p = slices.Insert(*p, i, e)
}

// next takes out the next event, if it comes by that time.
func (p *pending) next(by time.Duration) (event, bool) {
	if len(*p) == 0 || (*p)[0].at > by {
		return event{}, false
	}
	e := (*p)[0]
	*p = (*p)[1:]
	return e, true
}
