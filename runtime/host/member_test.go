package host

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/rollout"
)

// mortal is an instance that ends when a test says so.
type mortal struct {
	deaf
	done chan struct{}
}

func (m mortal) Done() <-chan struct{}     { return m.done }
func (mortal) Exit() string                { return "ended" }
func (mortal) Cause() module.DeathCause    { return module.DiedOfCrash }
func (mortal) Denials() []module.Denial    { return nil }
func (mortal) Stop(context.Context) bool   { return false }
func (mortal) Drain(context.Context) error { return nil }

func TestNothingIsStartedForACrewThatHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var members []mortal
		var starts atomic.Int64
		for range 2 {
			members = append(members, mortal{done: make(chan struct{})})
		}
		c, err := startCrew(t.Context(), crewConfig{id: "a-1", replicas: len(members), emit: func(module.Event) {},
			start: func(context.Context, string) (rollout.Instance, error) {
				if n := int(starts.Add(1)); n <= len(members) {
					return members[n-1], nil
				}
				return nil, errors.New("no more")
			}})
		if err != nil {
			t.Fatal(err)
		}
		c.Settle()
		close(members[0].done)
		time.Sleep(time.Minute)
		synctest.Wait()
		tried := starts.Load()
		if tried <= int64(len(members)) {
			t.Fatal("no other is started while the crew lives")
		}
		close(members[1].done)
		<-c.Done()
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if n := starts.Load(); n != tried {
			t.Errorf("%d were started after the end of the crew", n-tried)
		}
		c.Stop(t.Context())
	})
}
