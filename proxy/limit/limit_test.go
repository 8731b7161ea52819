package limit_test

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/segue-run/segue/proxy/limit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Now()

func after(d time.Duration) time.Time { return start.Add(d) }

func TestARateLetsABurstComeAndThenOneAtATime(t *testing.T) {
	r := limit.NewRate(limit.Pace{Every: 10 * time.Millisecond, Burst: 3})
	for _, c := range []struct{ at, wait time.Duration }{
		{0, 0}, {0, 0}, {0, 0}, {0, 10 * time.Millisecond}, {time.Millisecond, 9 * time.Millisecond},
		{10*time.Millisecond - 1, 1}, {10 * time.Millisecond, 0}, {10 * time.Millisecond, 10 * time.Millisecond},
		{35 * time.Millisecond, 0}, {35 * time.Millisecond, 0}, {35 * time.Millisecond, 5 * time.Millisecond},
		{time.Hour, 0}, {time.Hour, 0}, {time.Hour, 0}, {time.Hour, 10 * time.Millisecond},
	} {
		if wait := r.Take(after(c.at)); wait != c.wait {
			t.Errorf("after %s: wait %s, want %s", c.at, wait, c.wait)
		}
	}
}

func TestWhatWasRefusedMayComeAfterTheWaitAndNotBefore(t *testing.T) {
	pace := limit.Pace{Every: 7 * time.Millisecond, Burst: 5}
	r := limit.NewRate(pace)
	random := rand.New(rand.NewPCG(1, 2))
	var now time.Duration
	came := 0
	for range 10_000 {
		now += time.Duration(random.Int64N(int64(4 * time.Millisecond)))
		wait := r.Take(after(now))
		if wait == 0 {
			came++
		} else {
			if r.Take(after(now+wait-1)) != 1 {
				t.Fatal("it may come before the wait is over")
			}
			if now += wait; r.Take(after(now)) != 0 {
				t.Fatal("it may not come when the wait is over")
			}
			came++
		}
		if most := int(now/pace.Every) + pace.Burst; came > most {
			t.Fatalf("%d came in %s, at most %d may", came, now, most)
		}
	}
}

func TestWhatIsReturnedMayComeAgain(t *testing.T) {
	r := limit.NewRate(limit.Pace{Every: time.Second, Burst: 2})
	r.Take(start)
	r.Take(start)
	r.Return()
	if wait := r.Take(start); wait != 0 {
		t.Errorf("wait %s", wait)
	}
	if wait := r.Take(start); wait != time.Second {
		t.Errorf("wait %s", wait)
	}
	r.Return()
	for i, want := range []time.Duration{0, 0, time.Second} {
		if wait := r.Take(after(time.Minute)); wait != want {
			t.Errorf("%d after a minute: wait %s, want %s", i, wait, want)
		}
	}
}

func TestAPaceBeyondAllBoundsDoesNotOverflow(t *testing.T) {
	r := limit.NewRate(limit.Pace{Every: 24 * time.Hour, Burst: math.MaxInt32})
	for range 1000 {
		if wait := r.Take(start); wait != 0 {
			t.Fatalf("wait %s", wait)
		}
	}
}

func TestManyAtOnceGetWhatTheRateHasAndNoMore(t *testing.T) {
	r := limit.NewRate(limit.Pace{Every: time.Hour, Burst: 100})
	var came atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				if r.Take(start) == 0 {
					came.Add(1)
				}
			}
		})
	}
	all.Wait()
	if came.Load() != 100 {
		t.Errorf("%d came", came.Load())
	}
}

func TestNoMoreAreUnderWayThanMay(t *testing.T) {
	var c limit.Concurrency
	for n := range 3 {
		if entered := c.Enter(2); entered != (n < 2) {
			t.Errorf("of two the one after %d entered: %v", n, entered)
		}
	}
	if c.Now() != 2 {
		t.Errorf("%d under way", c.Now())
	}
	c.Leave()
	if !c.Enter(2) || c.Enter(2) || c.Enter(1) {
		t.Errorf("%d under way", c.Now())
	}
	c.Again()
	if c.Now() != 3 || c.Enter(3) {
		t.Errorf("%d under way", c.Now())
	}
	var most atomic.Int64
	var all sync.WaitGroup
	c = limit.Concurrency{}
	for range 8 {
		all.Go(func() {
			for range 1000 {
				if c.Enter(3) {
					if n := most.Add(1); n > 3 {
						t.Errorf("%d under way", n)
					}
					most.Add(-1)
					c.Leave()
				}
			}
		})
	}
	all.Wait()
	if c.Now() != 0 {
		t.Errorf("%d are left", c.Now())
	}
}

func TestEachClientHasItsOwnPace(t *testing.T) {
	c := limit.NewClients(limit.Pace{Every: time.Second, Burst: 1}, 0)
	for _, step := range []struct {
		client string
		at     time.Duration
		wait   time.Duration
	}{
		{"192.0.2.1", 0, 0}, {"192.0.2.1", 0, time.Second}, {"192.0.2.2", 0, 0}, {"::ffff:192.0.2.1", 0, time.Second},
		{"2001:db8::1", 0, 0}, {"2001:db8::2", 0, time.Second}, {"2001:db8:0:0:ffff::", 0, time.Second}, {"2001:db8:0:1::1", 0, 0},
		{"::1", 0, 0}, {"0.0.0.1", 0, 0}, {"192.0.2.1", time.Second, 0}, {"192.0.2.1", 1500 * time.Millisecond, 500 * time.Millisecond},
	} {
		if wait := c.Take(netip.MustParseAddr(step.client), after(step.at)); wait != step.wait {
			t.Errorf("%s after %s: wait %s, want %s", step.client, step.at, wait, step.wait)
		}
	}
	for range 3 {
		if wait := c.Take(netip.Addr{}, start); wait != 0 {
			t.Errorf("nobody: wait %s", wait)
		}
	}
	c.Return(netip.Addr{})
	c.Return(netip.MustParseAddr("192.0.2.9"))
	c.Return(netip.MustParseAddr("2001:db8::9"))
	if wait := c.Take(netip.MustParseAddr("2001:db8::1"), start); wait != 0 {
		t.Errorf("what was returned: wait %s", wait)
	}
}

func address(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
}

func TestAtMostSoManyClientsAreKnown(t *testing.T) {
	c := limit.NewClients(limit.Pace{Every: time.Second, Burst: 10}, 1024)
	for n := range 10_000 {
		if wait := c.Take(address(n), start); wait != 0 {
			t.Fatalf("client %d: wait %s", n, wait)
		}
	}
	if known := c.Known(); known > 1024 || known < 900 {
		t.Errorf("%d are known", known)
	}
}

func TestClientsWithTheirWholeBurstAreForgottenFirst(t *testing.T) {
	c := limit.NewClients(limit.Pace{Every: time.Minute, Burst: 3}, 4096)
	greedy := netip.MustParseAddr("192.0.2.1")
	for range 3 {
		c.Take(greedy, start)
	}
	for n := range 4000 { // whose buckets are full again in a minute
		c.Take(address(n), start)
	}
	for n := range 4000 {
		c.Take(address(n+100_000), after(time.Minute+time.Duration(n)))
	}
	if wait := c.Take(greedy, after(time.Minute+4*time.Microsecond)); wait != 0 {
		t.Errorf("a minute later one more may come: wait %s", wait)
	}
	if wait := c.Take(greedy, after(time.Minute+4*time.Microsecond)); wait <= 0 {
		t.Error("the greedy one was forgotten while others had their whole burst")
	}
}

func TestManyClientsAtOnce(t *testing.T) {
	c := limit.NewClients(limit.Pace{Every: time.Hour, Burst: 5}, 0)
	var came atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for n := range 1000 {
				if c.Take(address(n%100), start) == 0 {
					came.Add(1)
				}
			}
		})
	}
	all.Wait()
	if came.Load() != 500 {
		t.Errorf("%d came", came.Load())
	}
}

func TestNothingIsAllocatedForWhoIsKnown(t *testing.T) {
	r := limit.NewRate(limit.Pace{Every: 1, Burst: 1})
	clients := limit.NewClients(limit.Pace{Every: 1, Burst: 1}, 0)
	clients.Take(address(1), start)
	if n := testing.AllocsPerRun(100, func() { r.Take(start); clients.Take(address(1), start) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRate(b *testing.B) {
	r := limit.NewRate(limit.Pace{Every: 1, Burst: 1000})
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r.Take(time.Now())
		}
	})
}

func BenchmarkClients(b *testing.B) {
	c := limit.NewClients(limit.Pace{Every: time.Second, Burst: 1000}, 0)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		c.Take(address(n%100_000), time.Now())
	}
}
