package watch_test

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/watch"
)

// again makes retries quick.
func again(c *watch.Config) { c.Retry = 50 * time.Millisecond }

func TestAnOfferThatCouldNotBeTakenComesAgainForEachRetry(t *testing.T) {
	t.Parallel()
	for name, afterClose := range map[string]bool{"before Close": false, "after Close": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, again)
			src := r.file("", 0)
			want := read(t, src)
			r.mv("hello", src)
			notices := r.bare()
			var last time.Time
			for n := range 4 {
				o := nextOffer(t, notices)
				if n > 0 && time.Since(last) < r.cfg.Retry<<(n-1) {
					t.Errorf("offered again after %s", time.Since(last))
				}
				if !o.AtStart {
					t.Error("the file that was there at the start is offered as a new one")
				}
				last = time.Now()
				if !afterClose {
					o.Retry()
				}
				if got := tell(t, o); !bytes.Equal(got.bytes, want) {
					t.Errorf("offered %d bytes", len(got.bytes))
				}
				if afterClose {
					o.Retry()
				}
			}
			// What is new is no retry.
			r.mv("hello", r.file("new", 0))
			for {
				o := nextOffer(t, notices)
				if !bytes.Equal(tell(t, o).bytes, want) {
					if o.AtStart {
						t.Error("a new version is offered as the one from the start")
					}
					return
				}
			}
		})
	}
}

func TestARetryOfAnOlderVersionOrOfARemovedFileIsNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, again).running()
	r.mv("hello", r.file("one", 0))
	one := r.want("offer hello").offer
	r.mv("hello", r.file("two", 0))
	two := r.want("offer hello").offer
	one.Retry()
	r.wantNothing()
	two.Retry()
	r.want("offer hello")
	if err := os.Remove(r.path("hello")); err != nil {
		t.Fatal(err)
	}
	two.Retry()
	r.want("removed hello")
	two.Retry()
	r.wantNothing()
	r.halt()
	two.Retry() // nobody is there to hear it
}
