package host

import (
	"context"
	"sync"
	"time"

	"github.com/segue-run/segue/runtime/audit"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/rollout"
	"github.com/segue-run/segue/runtime/telemetry"
	"github.com/segue-run/segue/sdk/manifest"
	"go.uber.org/zap"
)

// journal is where rollouts tell what happens: events, and audit records.
type journal struct {
	events *telemetry.Events
	audit  *audit.Log
	log    *zap.Logger

	notes   chan module.AuditRecord
	closing chan struct{}
	writer  sync.WaitGroup
}

var _ rollout.Log = (*journal)(nil)

// noteRetry is the pause between two tries to write a note.
const noteRetry = time.Second

// newJournal starts the goroutine that writes notes; close joins it.
func newJournal(events *telemetry.Events, log *audit.Log, logger *zap.Logger) *journal {
	j := &journal{events: events, audit: log, log: logger.Named("journal"), notes: make(chan module.AuditRecord, 1024), closing: make(chan struct{})}
	j.writer.Go(func() {
		for rec := range j.notes {
			j.write(rec)
		}
	})
	return j
}

func (j *journal) Emit(ev module.Event) { j.events.Emit(ev) }

func (j *journal) Audit(ctx context.Context, rec module.AuditRecord) error {
	_, err := j.audit.Record(ctx, rec)
	return err
}

// Note queues a record of what the runtime did by itself. Where the queue is full,
// which takes a disk that stands still, the record goes to the log instead.
func (j *journal) Note(rec module.AuditRecord) {
	select {
	case j.notes <- rec:
	default:
		j.log.Error("audit record was dropped: the audit log does not keep up", zap.String("action", rec.Action), zap.String("target", rec.Target), zap.String("reason", rec.Reason))
	}
}

// write writes a note, and tries again until it is written or the journal closes: what
// the runtime did while the disk was full must not be missing when it has space again.
func (j *journal) write(rec module.AuditRecord) {
	for {
		err := j.Audit(context.Background(), rec)
		if err == nil {
			return
		}
		j.log.Error("audit record could not be written", zap.String("action", rec.Action), zap.String("target", rec.Target), zap.Error(err))
		select {
		case <-j.closing:
			return
		case <-time.After(noteRetry):
		}
	}
}

// denied tells what a module tried and may not, or which quota it has reached. Who did
// it is the module.
func (j *journal) denied(rel module.Release, id string, quotas manifest.Quotas, d module.Denial) {
	message, reason := told(rel, quotas, d)
	j.Emit(module.Event{Type: module.ModuleDenied, Module: rel.Module, Version: rel.Version, Digest: rel.Digest, Instance: id, Reason: reason, Message: message})
	j.Note(module.AuditRecord{Actor: module.Actor{Kind: "module", Name: rel.Module}, Action: d.What, Target: rel.String(), Digest: rel.Digest, Outcome: "denied", Reason: reason})
}

// close writes what is queued, as far as it can be; no Note may follow.
func (j *journal) close() {
	close(j.closing)
	close(j.notes)
	j.writer.Wait()
}
