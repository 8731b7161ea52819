package proxy

import (
	"strings"
	"time"
)

// Route is the way by which requests come to a module, and what holds on it. It is not
// changed once it is in a table.
type Route struct {
	Module string
	// Pattern is the route as an operator writes it, such as "POST *.example.com/api":
	// its name in logs, pages and metrics.
	Pattern string
	// Prefix is its path, as CleanPath gives it and without a trailing slash; empty for all.
	Prefix string
	// Strip says that the module gets paths without Prefix; X-Forwarded-Prefix tells it
	// what is missing.
	Strip    bool
	Timeouts Timeouts
	// MaxBody is how many bytes a request's body may have; 0 for the engine's limit.
	MaxBody int64
}

// Forwarded is the path that the module gets in place of one that the route has matched.
// It allocates nothing.
func (r *Route) Forwarded(path string) string {
	if !r.Strip {
		return path
	}
	if rest := strings.TrimPrefix(path, r.Prefix); rest != "" {
		return rest
	}
	return "/"
}

// Timeouts of a request. 0 leaves one to what holds in general; negative is for ever.
type Timeouts struct {
	Connect time.Duration // for a connection to the module
	// Answer is how long the module may take from the end of the request to the head of
	// its answer, and before that to take each piece of the body.
	Answer time.Duration
	// Idle is how long a body may stand still on the module's side, and an upgraded
	// connection on both sides. What holds in general is not for answers that are long
	// (Config.LongIdle).
	Idle time.Duration
	// Total is how long the whole may take; it does not end an answer that is long
	// (Answer.Long).
	Total time.Duration
}

// Or is t with what it leaves unset taken from general.
func (t Timeouts) Or(general Timeouts) Timeouts {
	for _, d := range []struct{ at, from *time.Duration }{
		{&t.Connect, &general.Connect}, {&t.Answer, &general.Answer}, {&t.Idle, &general.Idle}, {&t.Total, &general.Total},
	} {
		if *d.at == 0 {
			*d.at = *d.from
		}
	}
	return t
}
