package access_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/segue-run/segue/runtime/access"
	"github.com/segue-run/segue/runtime/module"
)

func itoa(n uintptr) string { return strconv.FormatUint(uint64(n), 10) }

func TestOnlyTheRuntimesUserAndRootMayChangeThings(t *testing.T) {
	uid := func(n uint32) *uint32 { return &n }
	own := uint32(os.Geteuid())
	for name, c := range map[string]struct {
		actor module.Actor
		may   bool
	}{
		"the runtime itself":         {module.Self, true},
		"a file's dropper":           {module.Actor{Kind: "file", Name: "modules/hello"}, true},
		"the runtime's user":         {module.Actor{Kind: "user", Name: "me", UID: uid(own)}, true},
		"root":                       {module.Actor{Kind: "user", Name: "root", UID: uid(0)}, true},
		"another user":               {module.Actor{Kind: "user", Name: "eve", UID: uid(own + 1)}, false},
		"a user without a number":    {module.Actor{Kind: "user", Name: "root"}, false},
		"nobody":                     {module.Actor{}, false},
		"a kind that is not known":   {module.Actor{Kind: "token", UID: uid(own)}, false},
		"a name with another's kind": {module.Actor{Name: "segue"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			err := access.Authorize(c.actor, "deploy hello")
			if c.may {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if module.KindOf(err) != module.Denied || !strings.Contains(err.Error(), "may not deploy hello") {
				t.Errorf("got %v, want a denial that says what", err)
			}
		})
	}
}
