package host

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/rollout"
	"github.com/segue-run/segue/runtime/state"
	"github.com/segue-run/segue/sdk/manifest"
	"go.uber.org/zap"
)

// toldOf keeps what is told of doors; it refuses audit records with an error that is set.
type toldOf struct {
	mu      sync.Mutex
	refuses error
	lines   []string
}

func (o *toldOf) add(line string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lines = append(o.lines, line)
}

func (o *toldOf) Emit(ev module.Event) {
	o.add(fmt.Sprintln("event", ev.Type, ev.Module, ev.Actor, ev.Reason))
}

func (o *toldOf) Note(rec module.AuditRecord) {
	o.add(fmt.Sprintln("note", rec.Actor, rec.Action, rec.Target, rec.Outcome))
}

func (o *toldOf) Audit(_ context.Context, rec module.AuditRecord) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.refuses != nil {
		return o.refuses
	}
	o.lines = append(o.lines, fmt.Sprintln("audit", rec.Actor, rec.Action, rec.Target, rec.Outcome))
	return nil
}

func (o *toldOf) all() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.lines, "")
}

func openStore(t *testing.T, dir string) (store *state.Store, bucket *state.Bucket) {
	t.Helper()
	store, err := state.Open(state.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	if bucket, err = store.Bucket(t.Context(), "doors", state.BucketConfig{}); err != nil {
		t.Fatal(err)
	}
	return store, bucket
}

// openDoors are the doors before a site; the module a is known alone.
func openDoors(t *testing.T, f *site, bucket shelf, to rollout.Log) *doors {
	t.Helper()
	d := &doors{bucket: bucket, put: f.setDoor, to: to, log: zap.NewNop(), known: func(name string) error {
		if name == "a" {
			return nil
		}
		return &module.Error{Kind: module.NotFound, Field: "module", Value: name}
	}}
	if err := d.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.close)
	return d
}

func doorOrder(change func(*api.DoorOrder)) api.DoorOrder {
	o := api.DoorOrder{Actor: module.Actor{Kind: "user", Name: "ann"}, Module: "a", State: module.DoorMaintenance}
	if change != nil {
		change(&o)
	}
	return o
}

// serve brings module a up.
func (f *site) serve() {
	f.t.Helper()
	stable, _ := f.add("1.0.0", serving(f.t, answers(200, "hello")))
	f.split(rollout.Split{Shares: []rollout.Share{{Target: stable, Weight: manifest.Full, Stable: true}}})
}

func TestMaintenanceStaysOverARestartAndOverReleasesUntilItIsOpened(t *testing.T) {
	dir, told := t.TempDir(), &toldOf{}
	store, bucket := openStore(t, dir)
	f := newSite(t)
	f.serve()
	d := openDoors(t, f, bucket, told)
	if err := d.set(t.Context(), doorOrder(func(o *api.DoorOrder) { o.Message, o.RetryAfter = "Back at noon.", 5*time.Minute })); err != nil {
		t.Fatal(err)
	}
	status, body, header := f.ask("GET", "/a", nil)
	if status != 503 || !strings.Contains(body, "Back at noon.") || header.Get("Retry-After") != "300" {
		t.Errorf("%d %q, Retry-After %q", status, body, header.Get("Retry-After"))
	}
	f.serve() // another release
	if status, _, _ := f.ask("GET", "/a", nil); status != 503 {
		t.Errorf("a new release answers %d", status)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}

	_, bucket = openStore(t, dir)
	f = newSite(t)
	d = openDoors(t, f, bucket, told)
	f.serve() // it comes into the routes after its door
	if status, body, _ := f.ask("GET", "/a", nil); status != 503 || !strings.Contains(body, "Back at noon.") {
		t.Errorf("after a restart: %d %q", status, body)
	}
	door := d.of("a")
	if door == nil || door.State != module.DoorMaintenance || door.Actor != "user:ann" || door.RetryAfter != manifest.Duration(5*time.Minute) || door.Since.IsZero() || !door.Until.IsZero() {
		t.Errorf("%+v", door)
	}
	if err := d.set(t.Context(), doorOrder(func(o *api.DoorOrder) { o.State = module.DoorOpen })); err != nil {
		t.Fatal(err)
	}
	if status, body, _ := f.ask("GET", "/a", nil); status != 200 || body != "hello" || d.of("a") != nil {
		t.Errorf("open: %d %q", status, body)
	}
	if keys, err := bucket.Keys(t.Context()); err != nil || len(keys) != 0 {
		t.Errorf("kept %v, %v", keys, err)
	}
	want := "audit user:ann maintenance a accepted\nevent module.maintenance a user:ann Back at noon.\naudit user:ann open a accepted\nevent module.opened a user:ann \n"
	if got := told.all(); got != want {
		t.Errorf("told\n%swant\n%s", got, want)
	}
}

func TestMaintenanceWithoutWordsHasOurs(t *testing.T) {
	_, bucket := openStore(t, t.TempDir())
	f := newSite(t)
	f.serve()
	d := openDoors(t, f, bucket, &toldOf{})
	for _, c := range []struct{ during, retry time.Duration }{{0, time.Minute}, {time.Hour, time.Hour}} {
		if err := d.set(t.Context(), doorOrder(func(o *api.DoorOrder) { o.For = c.during })); err != nil {
			t.Fatal(err)
		}
		status, body, header := f.ask("GET", "/a", nil)
		got, err := time.ParseDuration(header.Get("Retry-After") + "s")
		if status != 503 || !strings.Contains(body, "module a is closed for maintenance") || err != nil || got > c.retry || got < c.retry-time.Minute/2 {
			t.Errorf("%d %q, Retry-After %v", status, body, got)
		}
	}
}

func TestAHeldModuleOpensByItselfAndLetsInWhoWaits(t *testing.T) {
	_, bucket := openStore(t, t.TempDir())
	f, told := newSite(t), &toldOf{}
	f.serve()
	d := openDoors(t, f, bucket, told)
	if err := d.set(t.Context(), doorOrder(func(o *api.DoorOrder) { o.State, o.For = module.DoorHeld, time.Second })); err != nil {
		t.Fatal(err)
	}
	until := d.of("a").Until
	if status, body, _ := f.ask("GET", "/a", nil); status != 200 || body != "hello" {
		t.Errorf("%d %q", status, body)
	}
	if early := time.Until(until); early > 0 {
		t.Errorf("it was let in %v before the end", early)
	}
	eventually(t, "a word that it is open", func() bool { return strings.Contains(told.all(), "event module.opened a segue") })
	if !strings.Contains(told.all(), "note segue open a accepted\n") {
		t.Error(told.all())
	}
	if d.of("a") != nil {
		t.Error("it is still closed")
	}
	if keys, err := bucket.Keys(t.Context()); err != nil || len(keys) != 0 {
		t.Errorf("kept %v, %v", keys, err)
	}
}

func TestAHoldIsEndedByAnOperator(t *testing.T) {
	_, bucket := openStore(t, t.TempDir())
	f := newSite(t)
	f.serve()
	d := openDoors(t, f, bucket, &toldOf{})
	if err := d.set(t.Context(), doorOrder(func(o *api.DoorOrder) { o.State = module.DoorHeld })); err != nil {
		t.Fatal(err)
	}
	if left := time.Until(d.of("a").Until); left > defaultHold || left < 0 {
		t.Errorf("it opens in %v", left)
	}
	var asking sync.WaitGroup
	for range 3 {
		asking.Go(func() {
			if status, _, _ := f.ask("GET", "/a", nil); status != 200 {
				t.Errorf("status %d", status)
			}
		})
	}
	eventually(t, "three that wait", func() bool { return f.Groups()[0].Held == 3 })
	if err := d.set(t.Context(), doorOrder(func(o *api.DoorOrder) { o.State = module.DoorOpen })); err != nil {
		t.Fatal(err)
	}
	asking.Wait()
}

func TestADoorWhoseTimeIsOverAtTheStartIsOpened(t *testing.T) {
	dir := t.TempDir()
	_, bucket := openStore(t, dir)
	if _, err := bucket.Put(t.Context(), "a", []byte(`{"state":"held","since":"2026-01-02T03:04:05Z","until":"2026-01-02T03:04:35Z","actor":"user:ann"}`)); err != nil {
		t.Fatal(err)
	}
	f := newSite(t)
	f.serve()
	d := openDoors(t, f, bucket, &toldOf{})
	eventually(t, "an open door", func() bool { return d.of("a") == nil })
	if status, _, _ := f.ask("GET", "/a", nil); status != 200 {
		t.Errorf("status %d", status)
	}
}

func TestWhatCannotBeDoneWithADoorIsRefusedAndAudited(t *testing.T) {
	_, bucket := openStore(t, t.TempDir())
	f, told := newSite(t), &toldOf{}
	d := openDoors(t, f, bucket, told)
	if err := d.set(t.Context(), doorOrder(func(o *api.DoorOrder) { o.State = module.DoorOpen })); module.KindOf(err) != module.Conflict {
		t.Errorf("open what is open: %v", err)
	}
	if err := d.set(t.Context(), doorOrder(func(o *api.DoorOrder) { o.Module = "b" })); module.KindOf(err) != module.NotFound {
		t.Errorf("nobody's door: %v", err)
	}
	if got, want := told.all(), "audit user:ann open a refused\naudit user:ann maintenance b refused\n"; got != want {
		t.Errorf("told\n%swant\n%s", got, want)
	}
}

func TestAHoldDoesNotEndAMaintenance(t *testing.T) {
	_, bucket := openStore(t, t.TempDir())
	f, told := newSite(t), &toldOf{}
	f.serve()
	d := openDoors(t, f, bucket, told)
	if err := d.set(t.Context(), doorOrder(nil)); err != nil {
		t.Fatal(err)
	}
	hold := doorOrder(func(o *api.DoorOrder) { o.State = module.DoorHeld })
	err := d.set(t.Context(), hold)
	if module.KindOf(err) != module.Conflict || err.Error() != "a is in maintenance; segue open a first" {
		t.Errorf("got %v", err)
	}
	if door := d.of("a"); door == nil || door.State != module.DoorMaintenance || !door.Until.IsZero() {
		t.Errorf("the door is now %+v", door)
	}
	if !strings.HasSuffix(told.all(), "audit user:ann hold a refused\n") {
		t.Errorf("told\n%s", told.all())
	}
	if err := d.set(t.Context(), doorOrder(func(o *api.DoorOrder) { o.State = module.DoorOpen })); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a hold may be made longer
		if err := d.set(t.Context(), hold); err != nil {
			t.Error(err)
		}
	}
}

func TestADiskThatIsFullKeepsNobodyFromClosingAndLetsNothingInUnseen(t *testing.T) {
	store, bucket := openStore(t, t.TempDir())
	f, told := newSite(t), &toldOf{}
	f.serve()
	d := openDoors(t, f, bucket, told)
	if err := d.set(t.Context(), doorOrder(nil)); err != nil {
		t.Fatal(err)
	}
	told.refuses = errors.New("no space left on device")
	if err := d.set(t.Context(), doorOrder(func(o *api.DoorOrder) { o.State = module.DoorOpen })); module.KindOf(err) != module.Unavailable || d.of("a") == nil {
		t.Errorf("it was opened without a record: %v", err)
	}
	if status, _, _ := f.ask("GET", "/a", nil); status != 503 {
		t.Errorf("status %d", status)
	}
	told.refuses = nil
	if err := d.set(t.Context(), doorOrder(func(o *api.DoorOrder) { o.State = module.DoorOpen })); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	err := d.set(t.Context(), doorOrder(nil))
	if module.KindOf(err) != module.Unavailable || !strings.Contains(err.Error(), "done") {
		t.Errorf("%v", err)
	}
	if status, _, _ := f.ask("GET", "/a", nil); status != 503 || d.of("a") == nil {
		t.Errorf("it is not closed: %d", status)
	}
}

// jammed is a shelf that never gets to delete anything.
type jammed struct {
	shelf
	begun chan struct{}
}

func (j jammed) Delete(ctx context.Context, _ string) error {
	j.begun <- struct{}{}
	<-ctx.Done()
	return ctx.Err()
}

func TestADiskThatStandsStillKeepsNobodyFromADoor(t *testing.T) {
	_, bucket := openStore(t, t.TempDir())
	jam := jammed{bucket, make(chan struct{}, 1)}
	f := newSite(t)
	f.serve()
	d := openDoors(t, f, jam, &toldOf{})
	soon := func(what string, f func()) {
		t.Helper()
		done := make(chan struct{})
		go func() { defer close(done); f() }()
		select {
		case <-done:
		case <-time.After(patience):
			t.Fatal(what + " waits for the disk")
		}
	}
	brief := doorOrder(func(o *api.DoorOrder) { o.For = time.Millisecond })
	if err := d.set(t.Context(), brief); err != nil {
		t.Fatal(err)
	}
	<-jam.begun // its time has come
	soon("an operator", func() {
		if err := d.set(t.Context(), brief); err != nil {
			t.Error(err)
		}
	})
	<-jam.begun
	soon("the end", func() { d.stop(); d.opener.Wait() })
}
