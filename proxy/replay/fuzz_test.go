package replay_test

import (
	"strconv"
	"testing"
	"unicode/utf8"

	"github.com/segue-run/segue/proxy/replay"
)

// FuzzDiff: whatever two modules answer, nothing breaks, an answer is as itself, what
// differs one way differs the other way, and what is shown is short and printable.
func FuzzDiff(f *testing.F) {
	f.Add(`{"a":[1,{"b":null}],"token":"x"}`, `{"a":[1.0,{"c":"\u0000"}]}`, "application/json", "$..b", "")
	f.Add("[[[1e9]]]", "[[[1000000000]]]", "text/x+json", "$[0][*]", "gzip")
	f.Add("\x1f\x8b", "", ";", "$", "gzip")
	f.Fuzz(func(t *testing.T, a, b, contentType, path, encoding string) {
		var rules replay.Rules
		if p, err := replay.ParsePath(path); err == nil {
			rules.Ignore = []replay.Path{p}
		}
		one, two := answer(200, contentType, a), answer(200, contentType, b)
		if encoding != "" {
			one.Header.Set("Content-Encoding", encoding)
		}
		if same := replay.Diff(one, one, rules); same != nil {
			t.Errorf("not as itself: %v", same)
		}
		found, back := replay.Diff(one, two, rules), replay.Diff(two, one, rules)
		if len(found) != len(back) {
			t.Errorf("%d differences one way, %d the other", len(found), len(back))
		}
		for _, d := range found {
			checkShown(t, d)
		}
	})
}

// FuzzParsePath: what is taken can be used, and a refusal can be shown.
func FuzzParsePath(f *testing.F) {
	for _, seed := range []string{"$", "$.a", "$..a[*]", `$["x\u0000"]`, "$[0", "$..", "x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		path, err := replay.ParsePath(text)
		if err != nil {
			checkPrintable(t, err.Error())
			return
		}
		if path.String() != text {
			t.Errorf("%q became %q", text, path)
		}
		rules := replay.Rules{Ignore: []replay.Path{path}}
		replay.Diff(answer(200, asJSON, `{"a":[{"a":{"b":[1,2]}}]}`), answer(200, asJSON, `{"a":[{"a":{"b":[3]}},4]}`), rules)
	})
}

func checkShown(t *testing.T, d replay.Difference) {
	t.Helper()
	for _, text := range []string{d.What, d.Stable, d.Candidate} {
		if len(text) > 80 || text == "" {
			t.Errorf("shows %d bytes: %q", len(text), text)
		}
		checkPrintable(t, text)
	}
}

func checkPrintable(t *testing.T, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Errorf("not UTF-8: %q", text)
	}
	for _, r := range text {
		if !strconv.IsPrint(r) && r != utf8.RuneError {
			t.Errorf("shows %q in %q", r, text)
		}
	}
}
