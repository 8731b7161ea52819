package main

import (
	"os"
	"strings"
	"testing"
)

func TestColourPaintsStatesAndMovesNothing(t *testing.T) {
	var tab table
	tab.row("MODULE", "STATE", "NOTE", "AGE")
	tab.row("hello", "active", "", "3m")
	tab.row("a-longer-name", "failing", "", "")
	var plainText, painted strings.Builder
	tab.print(&plainText, true, false)
	tab.print(&painted, true, true)
	want := "MODULE         STATE    AGE\nhello          active   3m\na-longer-name  failing\n"
	if plainText.String() != want {
		t.Errorf("got\n%swant\n%s", plainText.String(), want)
	}
	for _, part := range []string{green + "active" + plain, red + "failing" + plain} {
		if !strings.Contains(painted.String(), part) {
			t.Errorf("%q is not in %q", part, painted.String())
		}
	}
	if got := strings.NewReplacer(green, "", red, "", plain, "").Replace(painted.String()); got != want {
		t.Errorf("without its colours it is\n%s", got)
	}
}

func TestARowIsCutAtTheWidth(t *testing.T) {
	tab := table{width: 24}
	tab.row("MODULE", "STATE", "NOTE")
	tab.row("hello", "active", "fits: ünï")
	tab.row("hello", "active", "much too long for it")
	var out strings.Builder
	tab.print(&out, true, false)
	if want := "MODULE  STATE   NOTE\nhello   active  fits: ü…\nhello   active  much to…\n"; out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestColourIsForTerminalsAlone(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if wantsColour(file) || wantsColour(new(strings.Builder)) {
		t.Error("a file gets colours")
	}
}

func TestNothingPrintedObeysAModule(t *testing.T) {
	for text, want := range map[string]string{
		"plain → text, ünïcode": "plain → text, ünïcode",
		"two\nlines\tand\r":     "two lines and ",
		"\x1b[2J\x00\x07\u009b": "·[2J···",
		"right\u202eleft\u200b": "right·left·",
		"broken \xff":           "broken ·",
	} {
		if got := printable(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
