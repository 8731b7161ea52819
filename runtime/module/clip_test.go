package module_test

import (
	"testing"

	"github.com/segue-run/segue/runtime/module"
)

func TestATextIsClippedAtACharacter(t *testing.T) {
	for _, c := range []struct {
		text string
		n    int
		want string
	}{
		{"", 0, ""},
		{"abc", 3, "abc"},
		{"abcd", 3, "abc…"},
		{"aé", 2, "a…"},
		{"😀😀", 7, "😀…"},
		{"😀", 3, "…"},
		{"\x80\x80\x80", 2, "…"},
	} {
		if got := module.Clip(c.text, c.n); got != c.want {
			t.Errorf("Clip(%q, %d) is %q, want %q", c.text, c.n, got, c.want)
		}
	}
}
