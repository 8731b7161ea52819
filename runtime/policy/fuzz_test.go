package policy_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
)

// FuzzSet: whatever somebody writes is refused with its field, or is read and written
// as the same ever after.
func FuzzSet(f *testing.F) {
	for field, values := range texts {
		for _, value := range values {
			f.Add(field, value)
		}
	}
	f.Add("freeze", "Fri 16:00 - Mon 08:00 Europe/Berlin")
	f.Fuzz(func(t *testing.T, field, text string) {
		var p policy.Policy
		if err := policy.Set(&p, field, text); err != nil {
			if module.KindOf(err) != module.Invalid || !strings.HasPrefix(err.Error(), field) || !reflect.DeepEqual(p, policy.Policy{}) {
				t.Errorf("%s: got %v, left %+v", field, err, p)
			}
			return
		}
		if err := p.Validate(); err != nil {
			t.Errorf("%q was taken and is not valid: %v", text, err)
		}
		var again policy.Policy
		for name, values := range policy.Text(p) {
			if err := policy.Set(&again, name, values...); err != nil {
				t.Fatal(err)
			}
		}
		if !reflect.DeepEqual(again, p) {
			t.Errorf("%q is %+v and then %+v", text, p, again)
		}
	})
}
