package rollout

import (
	"testing"
	"testing/synctest"
	"time"
)

func lensesForTest() (candidate, stable *lens) {
	shared := &frame{keys: &keys{}, slowAbove: time.Second}
	shared.begun.Store(new(time.Now()))
	return &lens{frame: shared, eager: true}, &lens{frame: shared}
}

func TestNothingIsCountedOnEitherSideOnceTheUsersAreTooMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		candidate, stable := lensesForTest()
		for key := range uint64(maxKeys) {
			stable.add(Observation{Failed: key%2 == 0, Wait: time.Duration(key%2) * 2 * time.Second, Key: key + 1})
			if key == 0 {
				time.Sleep(time.Minute)
			}
		}
		stable.add(Observation{Failed: true, Wait: 2 * time.Second, Key: 1}) // known, of another kind
		was := stable.sample()
		if was.Errors != maxKeys/2 || was.Slow != maxKeys/2+1 || candidate.keys.full.Load() {
			t.Fatalf("%+v, full %t", was, candidate.keys.full.Load())
		}
		candidate.add(Observation{Failed: true, Key: maxKeys + 1}) // one too many
		first := candidate.sample()
		for key := range uint64(10) {
			candidate.add(Observation{Failed: true, Key: key})
			stable.add(Observation{Failed: true, Key: key})
			candidate.add(Observation{Key: key})
			stable.add(Observation{Key: key})
		}
		if candidate.sample() != first || first.Errors != 0 || stable.sample() != was {
			t.Errorf("candidate %+v, stable %+v", candidate.sample(), stable.sample())
		}
	})
}

func TestOnlyWhatSpeaksAgainstTheCandidateIsLookedAtAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		candidate, stable := lensesForTest()
		looks := func(l *lens, o Observation) (n int) {
			for range 100 {
				if l.add(o) {
					n++
				}
			}
			return n
		}
		if n := looks(stable, Observation{Failed: true}); n != 1 {
			t.Errorf("%d looks at stable's failures", n)
		}
		if n := looks(candidate, Observation{}); n != 1 {
			t.Errorf("%d looks at what is well", n)
		}
		if n := looks(candidate, Observation{Failed: true}); n != 100 {
			t.Errorf("%d looks at the candidate's failures", n)
		}
		time.Sleep(nudgeEvery)
		if n := looks(stable, Observation{Failed: true}); n != 1 {
			t.Errorf("%d looks at stable's failures after a while", n)
		}
	})
}

func TestWhatWasDealtBeforeTheStepOrBeforeItWasToldIsNotSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := &frame{keys: &keys{}}
		l := &lens{frame: shared}
		l.add(Observation{Failed: true})
		time.Sleep(time.Second)
		shared.begun.Store(new(time.Now()))
		l.add(Observation{Failed: true, Took: time.Millisecond})
		l.add(Observation{Failed: true, Wait: time.Millisecond})
		if s := l.sample(); s.Requests != 0 {
			t.Errorf("seen %+v", s)
		}
		time.Sleep(time.Millisecond)
		l.add(Observation{Failed: true, Took: time.Millisecond})
		if s := l.sample(); s.Requests != 1 || s.Errors != 1 {
			t.Errorf("seen %+v", s)
		}
	})
}
