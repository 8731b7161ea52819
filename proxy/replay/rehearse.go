package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

const (
	maxExamples     = 10
	examplesAlike   = 3 // of one request, and of one What
	noiseLimit      = 1000
	defaultParallel = 4
)

// Comparison is what became of requests when the candidate had to answer them too.
type Comparison struct {
	Requests  uint64 // compared
	Different uint64 // of these: answered otherwise, or not at all
	Examples  []Example
}

// Example is one of the first differences, of which no more than three are of one
// request and no more than three of one kind.
type Example struct {
	Request string // "GET /hello", without the query
	Difference
}

// note adds one compared request.
func (c *Comparison) note(rec *Recording, found []Difference) {
	c.Requests++
	if len(found) == 0 {
		return
	}
	c.Different++
	request := rec.String()
	for _, difference := range found[:min(len(found), examplesAlike)] {
		alike := 0
		for _, e := range c.Examples {
			if e.What == difference.What {
				alike++
			}
		}
		if alike < examplesAlike && len(c.Examples) < maxExamples {
			c.Examples = append(c.Examples, Example{request, difference})
		}
	}
}

// Options say how a rehearsal goes. Zero values mean the default.
type Options struct {
	Concurrency int           // requests at once; default 4
	Timeout     time.Duration // of each request; default 5 s
	// Stable, if not nil, leads to the stable release: where a candidate's answer
	// differs from the recorded one, stable is asked again, and only what the candidate
	// has other than both answers counts, and only where these two agree. So what has
	// changed since, and what changes with each answer, is no difference.
	Stable Dial
}

// Rehearse sends recorded requests to a candidate and compares its answers with those
// that were recorded. An answer that does not come, or is a 5xx where stable's was
// not, is a difference in the "answer". It blocks until all is compared; when ctx ends
// first, or the host lacks the means (ErrHost), it gives what it has and the error.
func Rehearse(ctx context.Context, dial Dial, recs []Recording, rules Rules, opts Options) (Comparison, error) {
	parallel := max(1, cmp.Or(opts.Concurrency, defaultParallel))
	p := &pair{candidate: newSender(dial, parallel, rules.Headers), rules: rules,
		timeout: cmp.Or(opts.Timeout, defaultTimeout), via: viaRehearsal}
	defer p.candidate.close()
	if opts.Stable != nil {
		p.stable = newSender(opts.Stable, parallel, rules.Headers)
		defer p.stable.close()
	}
	type outcome struct {
		found []Difference
		err   error
	}
	outcomes := make([]outcome, len(recs))
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(parallel, len(recs)) {
		workers.Go(func() {
			for i := range next {
				outcomes[i].found, outcomes[i].err = p.compare(ctx, &recs[i])
			}
		})
	}
	for i := range recs {
		next <- i // a worker takes it soon: once ctx has ended, none waits for an answer
	}
	close(next)
	workers.Wait()
	var all Comparison
	var failed error
	for i, o := range outcomes {
		if o.err != nil {
			failed = cmp.Or(failed, o.err)
			continue
		}
		all.note(&recs[i], o.found)
	}
	return all, failed
}

// pair asks a candidate and, if there is one, stable.
type pair struct {
	candidate *sender
	stable    *sender // nil: what is recorded stands
	rules     Rules
	timeout   time.Duration // of each request
	via       string
}

// compare sends rec to the candidate. The error says that there is nothing to be
// compared, for no fault of the candidate's.
func (p *pair) compare(ctx context.Context, rec *Recording) ([]Difference, error) {
	got, err := p.ask(ctx, p.candidate, rec)
	if ctx.Err() != nil || errors.Is(err, ErrHost) {
		return nil, fmt.Errorf("replay %s: %w", rec, cmp.Or(ctx.Err(), err))
	}
	want := rec.Answer
	if err != nil {
		return []Difference{{What: "answer", Stable: strconv.Itoa(want.Status), Candidate: p.words(err)}}, nil
	}
	found := p.judge(want, got, maxDifferences)
	if len(found) == 0 || p.stable == nil {
		return found, nil
	}
	again, err := p.ask(ctx, p.stable, rec)
	if err != nil {
		return found, nil // stable's word of before stands
	}
	noise := diff(want, again, p.rules, noiseLimit)
	found = slices.DeleteFunc(p.judge(again, got, noiseLimit), func(d Difference) bool {
		return slices.ContainsFunc(noise, func(n Difference) bool { return n.What == d.What })
	})
	return found[:min(len(found), maxDifferences)], nil
}

func (p *pair) ask(ctx context.Context, s *sender, rec *Recording) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	return s.send(ctx, rec, p.via)
}

// judge compares two answers; a candidate's 5xx is no answer.
func (p *pair) judge(want, got Answer, limit int) []Difference {
	if got.Status >= http.StatusInternalServerError && want.Status < http.StatusInternalServerError {
		return []Difference{{What: "answer", Stable: strconv.Itoa(want.Status), Candidate: strconv.Itoa(got.Status)}}
	}
	return diff(want, got, p.rules, limit)
}

// words say why there is no answer.
func (p *pair) words(err error) string {
	var timeout net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		return clip("none within " + p.timeout.String())
	}
	return clip("none: " + err.Error())
}
