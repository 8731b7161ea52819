package audit_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap/zaptest"

	"github.com/segue-run/segue/runtime/audit"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/state"
)

func store(t *testing.T, dir string) (*state.Store, *state.Stream) {
	t.Helper()
	s, err := state.Open(state.Config{Dir: dir, Logger: zaptest.NewLogger(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	st, err := s.Stream(t.Context(), "audit", state.StreamConfig{})
	if err != nil {
		t.Fatal(err)
	}
	return s, st
}

func newLog(t *testing.T, st audit.Stream) *audit.Log {
	t.Helper()
	l, err := audit.New(audit.Config{Stream: st})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func deploy(target string) module.AuditRecord {
	uid := uint32(0)
	return module.AuditRecord{Actor: module.Actor{Kind: "user", Name: "root", UID: &uid},
		Action: "deploy", Target: target, Outcome: "accepted"}
}

func TestRecordsAreChainedAcrossRestarts(t *testing.T) {
	dir := t.TempDir()
	var prev module.AuditRecord
	for round := range 2 {
		s, st := store(t, dir)
		l := newLog(t, st)
		for i := range 3 {
			r, err := l.Record(t.Context(), deploy(fmt.Sprintf("hello@%d.%d.0", round, i)))
			if err != nil {
				t.Fatal(err)
			}
			if r.Seq != prev.Seq+1 || r.Prev != prev.Hash || r.Hash == "" || r.Time.IsZero() {
				t.Errorf("record %+v does not follow %+v", r, prev)
			}
			prev = r
		}
		if err := l.Verify(t.Context()); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, st := store(t, dir)
	list, err := newLog(t, st).List(t.Context(), "", 4)
	if err != nil || len(list) != 4 || list[0].Seq != 3 || list[3].Hash != prev.Hash {
		t.Errorf("list %+v, %v", list, err)
	}
}

func TestTheRecordsOfAModuleAreThoseOfItsReleasesAndNoOthers(t *testing.T) {
	_, st := store(t, t.TempDir())
	l := newLog(t, st)
	for i := range 300 {
		for _, target := range []string{fmt.Sprintf("hello@1.%d.0", i), "hello-world@1.0.0", ""} {
			if i%100 != 99 && target != "" {
				continue
			}
			if _, err := l.Record(t.Context(), deploy(target)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := l.Record(t.Context(), deploy("hello")); err != nil {
		t.Fatal(err)
	}
	for limit, want := range map[int]string{0: "hello@1.99.0 hello@1.199.0 hello@1.299.0 hello", 2: "hello@1.299.0 hello"} {
		var got []string
		list, err := l.List(t.Context(), "hello", limit)
		for _, r := range list {
			got = append(got, r.Target)
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("limit %d: %q, %v", limit, got, err)
		}
	}
}

func TestTheHashIsThatOfTheDocumentedForm(t *testing.T) {
	_, st := store(t, t.TempDir())
	r, err := newLog(t, st).Record(t.Context(), deploy("hello@1.0.0"))
	if err != nil {
		t.Fatal(err)
	}
	form := fmt.Sprintf(`{"seq":1,"time":%q,"actor":{"kind":"user","name":"root","uid":0},"action":"deploy",`+
		`"target":"hello@1.0.0","outcome":"accepted","prev":"","hash":""}`, r.Time.Format("2006-01-02T15:04:05.999999999Z07:00"))
	sum := sha256.Sum256([]byte(form))
	if got := hex.EncodeToString(sum[:]); got != r.Hash {
		t.Errorf("hash is %s, that of %s is %s", r.Hash, form, got)
	}
}

func TestConcurrentRecordsMakeOneChain(t *testing.T) {
	_, st := store(t, t.TempDir())
	l := newLog(t, st)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if _, err := l.Record(t.Context(), deploy(fmt.Sprint(i))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := l.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	if list, err := l.List(t.Context(), "", 0); err != nil || len(list) != 20 {
		t.Errorf("%d records, %v", len(list), err)
	}
}

func TestNamesThatAreNoUTF8DoNotBreakTheChain(t *testing.T) {
	_, st := store(t, t.TempDir())
	l := newLog(t, st)
	r := deploy("hello")
	r.Actor.Name = "modules/\xff\xfe<&>"
	r.Reason = strings.Repeat("\xf0\x9f\x98\x80", 3000)
	for range 2 {
		got, err := l.Record(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.Repeat("\xf0\x9f\x98\x80", 256) + "…"; got.Reason != want {
			t.Errorf("the reason has %d bytes, want 1 KiB and an ellipsis", len(got.Reason))
		}
	}
	if err := l.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestARecordWithoutActorActionOrOutcomeIsRefused(t *testing.T) {
	_, st := store(t, t.TempDir())
	l := newLog(t, st)
	for _, change := range []func(*module.AuditRecord){
		func(r *module.AuditRecord) { r.Actor = module.Actor{} },
		func(r *module.AuditRecord) { r.Action = "" },
		func(r *module.AuditRecord) { r.Outcome = "" },
	} {
		r := deploy("hello")
		change(&r)
		if _, err := l.Record(t.Context(), r); module.KindOf(err) != module.Invalid {
			t.Errorf("%+v: %v, want Invalid", r, err)
		}
	}
}

// tampered is a stream that somebody changed on its way back.
type tampered struct {
	*state.Stream
	change func([]module.Entry) []module.Entry
}

func (s tampered) Read(ctx context.Context, subject string, from uint64, limit int) ([]module.Entry, error) {
	entries, err := s.Stream.Read(ctx, subject, from, limit)
	if from > 1 {
		return nil, err
	}
	return s.change(entries), err
}

func TestVerifyNamesTheFirstRecordThatWasTamperedWith(t *testing.T) {
	_, st := store(t, t.TempDir())
	l := newLog(t, st)
	for i := range 5 {
		if _, err := l.Record(t.Context(), deploy(fmt.Sprintf("hello@1.%d.0", i))); err != nil {
			t.Fatal(err)
		}
	}
	rewrite := func(e *module.Entry, change func(*module.AuditRecord), rehash bool) {
		var r module.AuditRecord
		if err := json.Unmarshal(e.Data, &r); err != nil {
			t.Fatal(err)
		}
		change(&r)
		if rehash {
			r.Hash = ""
			data, _ := json.Marshal(r)
			sum := sha256.Sum256(data)
			r.Hash = hex.EncodeToString(sum[:])
		}
		e.Data, _ = json.Marshal(r)
	}
	refuse := func(r *module.AuditRecord) { r.Outcome = "refused" }
	for name, c := range map[string]struct {
		change func([]module.Entry) []module.Entry
		first  int
	}{
		"a field changed":      {func(e []module.Entry) []module.Entry { rewrite(&e[2], refuse, false); return e }, 3},
		"changed and rehashed": {func(e []module.Entry) []module.Entry { rewrite(&e[2], refuse, true); return e }, 4},
		"taken out":            {func(e []module.Entry) []module.Entry { return append(e[:1:1], e[2:]...) }, 2},
		"the first taken out":  {func(e []module.Entry) []module.Entry { return e[1:] }, 1},
		"two exchanged": {func(e []module.Entry) []module.Entry {
			e[1].Data, e[2].Data = e[2].Data, e[1].Data
			return e
		}, 2},
		"a field put in": {func(e []module.Entry) []module.Entry {
			e[3].Data = append([]byte(`{"approved":true,`), e[3].Data[1:]...)
			return e
		}, 4},
		"garbage": {func(e []module.Entry) []module.Entry { e[4].Data = []byte("\x00"); return e }, 5},
	} {
		t.Run(name, func(t *testing.T) {
			err := newLog(t, tampered{st, c.change}).Verify(t.Context())
			if !errors.Is(err, audit.ErrBroken) || !strings.Contains(err.Error(), fmt.Sprintf("record %q", fmt.Sprint(c.first))) {
				t.Errorf("got %v, want record %d named", err, c.first)
			}
		})
	}
	if err := l.Verify(t.Context()); err != nil {
		t.Errorf("untouched: %v", err)
	}
}

// failing is a stream that gives errors, after or instead of doing what it is asked.
type failing struct {
	*state.Stream
	before, after error
}

func (s *failing) AppendAfter(ctx context.Context, subject string, data []byte, prev uint64) (uint64, error) {
	if s.before != nil {
		return 0, s.before
	}
	seq, err := s.Stream.AppendAfter(ctx, subject, data, prev)
	return seq, errors.Join(err, s.after)
}

func TestTheChainHoldsAfterAnAppendOfUnknownOutcome(t *testing.T) {
	for name, fault := range map[string]failing{
		"nothing was written": {before: state.ErrFull},
		"it was written":      {after: state.ErrFull},
	} {
		t.Run(name, func(t *testing.T) {
			_, st := store(t, t.TempDir())
			fault.Stream = st
			l := newLog(t, &fault)
			if _, err := l.Record(t.Context(), deploy("one")); !errors.Is(err, state.ErrFull) {
				t.Fatalf("the stream's error is lost: %v", err)
			}
			fault.before, fault.after = nil, nil
			if _, err := l.Record(t.Context(), deploy("two")); err != nil {
				t.Fatal(err)
			}
			if err := l.Verify(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
