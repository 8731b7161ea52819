package rollout

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"go.uber.org/zap"
)

// answer decides an actor's request and leaves an audit record either way.
func (o *owner) answer(ctx context.Context, m request) error {
	if err := o.meant(m.rollout); err != nil {
		o.auditRefusal(ctx, m.audit, err)
		return err
	}
	if ev, ok := m.event.(back); ok && o.rec.Previous != nil {
		ev.Warm = o.running[o.rec.Previous.Key] != nil
		m.event = ev
	}
	if ev, ok := m.event.(approve); ok {
		ev.Configured = o.configured()
		m.event = ev
	}
	if _, ok := m.event.(promote); ok && o.rec.Rollout.Active() && o.rec.Rollout.Phase != Pending && !o.fit() {
		err := &module.Error{Kind: module.Unavailable, Msg: fmt.Sprintf("%s is not up and well, and cannot take traffic yet", o.rec.Rollout.Candidate.Release), Hint: "try again when its probes have passed"}
		o.auditRefusal(ctx, m.audit, err)
		return err
	}
	if ev, ok := m.event.(offered); ok {
		if err := o.cfg.Claims.Claim(ev.Plan.Release, ev.Plan.Routes); err != nil {
			o.auditRefusal(ctx, m.audit, err)
			return err
		}
		defer o.keepClaims()
	}
	granting := o.rec.grantWords(m.event, time.Now())
	if len(granting) > 0 {
		m.audit.Reason = granting[0]
	}
	err := o.decide(ctx, m.event, &m.audit)
	if err == nil || errors.Is(err, errUnsaved) {
		o.auditRest(ctx, m.audit, granting)
	}
	if err != nil && !errors.Is(err, ErrUnchanged) && !errors.Is(err, errUnsaved) {
		o.auditRefusal(ctx, m.audit, err)
	}
	return err
}

// auditRest tells in records of their own what is granted beyond the first reason, which
// has one.
func (o *owner) auditRest(ctx context.Context, rec module.AuditRecord, reasons []string) {
	for _, reason := range reasons[min(1, len(reasons)):] {
		rec.Reason = reason
		o.audit(ctx, rec)
	}
}

func (o *owner) auditRefusal(ctx context.Context, rec module.AuditRecord, refusal error) {
	rec.Outcome, rec.Reason = "refused", refusal.Error()
	o.audit(ctx, rec)
}

// decide is the one way a record changes: narrow, save, widen, tell. An error means that
// nothing has changed, unless it is errUnsaved: what narrows is done all the same.
func (o *owner) decide(ctx context.Context, ev any, audit *module.AuditRecord) (unsaved error) {
	now := time.Now()
	o.observe()
	rec, err := next(o.rec, ev, now)
	if err != nil {
		return err
	}
	old, between, want := o.rec, narrowed(o.rec, rec, now), desired(rec, now)
	widens := rec.approvedSince(old) || !maps.Equal(between.shares, want.shares) || len(between.plans) < len(want.plans) || want.preview != "" && want.preview != between.preview
	if audit != nil {
		audit.Outcome = "accepted"
		if widens {
			if err := o.cfg.Log.Audit(ctx, *audit); err != nil {
				return &module.Error{Kind: module.Unavailable, Msg: "the change could not be audited, so it was not made", Err: err, Hint: "see that the state directory is writable and has space"}
			}
			audit = nil
		}
	}
	o.follow(ctx, between, rec)
	if durable(ev) {
		saving := time.Now()
		if err := o.save(ctx, rec); err != nil && widens {
			return o.unsaveable(ctx, ev, err)
		} else if err != nil {
			unsaved = &module.Error{Kind: module.Unavailable, Msg: "it is done, but could not be saved yet", Err: errors.Join(errUnsaved, err), Hint: "it is tried again every second; until then a crash of the runtime would undo it"}
		}
		if rec.Rollout != nil {
			rec.Rollout.saved(time.Since(saving))
		}
	}
	o.rec = rec
	o.follow(ctx, want, o.rec)
	o.aim()
	o.keepClaims()
	o.logLost(old, rec, ev)
	if audit != nil {
		o.audit(ctx, *audit)
	}
	o.tellChange(old, rec)
	if rec.Rollout != nil && !rec.Rollout.Active() && (old.Rollout.Active() || rec.Count > old.Count) {
		o.publish() // so that what is finished is seen to be
		o.workers.Go(func() { o.finished(rec) })
	}
	return unsaved
}

// finished does what can wait until a rollout is over: the flush of a promoted
// artifact, tens of milliseconds for a big one, would hold up every save that comes
// behind it in the file system's journal. A power cut before it costs no more than
// the way back: a damaged artifact is found by its digest, and the previous release,
// which is kept until then, is on the disk since long.
func (o *owner) finished(rec Record) {
	if rec.Rollout.Phase == Promoted {
		if err := o.cfg.Instances.Secure(context.Background(), rec.Rollout.Candidate.Digest); err != nil {
			o.log.Error("artifact is not safe against a power cut", zap.Stringer("release", rec.Rollout.Candidate.Release), zap.Error(err))
		}
	}
	if o.cfg.Finished != nil {
		o.cfg.Finished()
	}
}

// unsaveable gives up what could not be saved before it was acted on. What an actor
// asked for is refused. A rollout that cannot go on is taken back, which needs no disk,
// and without blame.
func (o *owner) unsaveable(ctx context.Context, ev any, cause error) error {
	err := &module.Error{Kind: module.Unavailable, Msg: "the decision could not be saved, so it was not acted on", Err: cause, Hint: "see that the state directory is writable and has space"}
	switch ev.(type) {
	case warmed, opened, elapsed:
		_ = o.decide(ctx, spoiled{Reason: err.Error(), Blameless: true}, nil)
	default:
		if ro := o.rec.Rollout; ro.Active() && ro.Phase == Checking && o.running[ro.Candidate.Key] == nil {
			o.rec.Rollout = ro.clone() // its process is gone with what it has passed
			o.rec.Rollout.Passed = slices.DeleteFunc(o.rec.Rollout.Passed, ofProcess)
		}
		o.follow(ctx, desired(o.rec, time.Now()), o.rec)
	}
	return err
}

func durable(ev any) bool {
	switch ev.(type) {
	case started, cooled, filed:
		return false
	}
	return true
}

// save writes the record; when that fails the record is tried again until it is
// saved, so that a decision that was acted on is not lost.
func (o *owner) save(ctx context.Context, rec Record) error {
	rev, err := o.cfg.Records.Save(context.WithoutCancel(ctx), rec, o.rev)
	if err != nil {
		o.log.Error("record could not be saved", zap.Error(err))
		o.unsaved = true
		o.resave.Reset(time.Second)
		return err
	}
	o.rev, o.unsaved = rev, false
	return nil
}

// keepClaims gives up the routes of releases that are neither running nor the way
// back.
func (o *owner) keepClaims() {
	o.cfg.Claims.Keep(o.name, o.rec.needed()...)
}

// errUnsaved marks what was acted on and is not saved.
var errUnsaved = errors.New("unsaved")
