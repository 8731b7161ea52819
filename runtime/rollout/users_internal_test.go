package rollout

import "testing"

func TestAUserIsOneRequestInAStepAndOneFailureInARollout(t *testing.T) {
	k := &keys{}
	for i, c := range []struct {
		key                  uint64
		failed, slow         bool
		request, marks, late bool
		next                 bool // a step begins before it
	}{
		{key: 1, request: true},
		{key: 1},
		{key: 1, failed: true, marks: true},
		{key: 1, failed: true},
		{key: 2, failed: true, request: true, marks: true},
		{key: 2, slow: true, late: true},
		{key: 1, next: true}, // marked before: no success in this step either
		{key: 1, failed: true},
		{key: 1, slow: true, late: true, request: true},
		{key: 2, failed: true, slow: true},
		{key: 3, request: true},
		{key: 3, next: true, slow: true, request: true, late: true},
		{key: 0, failed: true, slow: true, request: true, marks: true, late: true}, // nobody is told apart
		{key: 0, request: true},
	} {
		if c.next {
			k.begin()
		}
		if request, bad, late := k.count(c.key, c.failed, c.slow); request != c.request || bad != c.marks || late != c.late {
			t.Errorf("request %d of user %d counts for a request %t, a failure %t, a slow one %t", i, c.key, request, bad, late)
		}
	}
}
