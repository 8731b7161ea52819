package replay_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/segue-run/segue/proxy/replay"
)

func TestAPathThatIsNoneIsRefusedWithWhatToWrite(t *testing.T) {
	for text, msg := range map[string]string{
		"":                           "begin with $",
		"time":                       "begin with $",
		"$time":                      `goes on with "t"`,
		"$.":                         "a dot without a name",
		"$..":                        "a dot without a name",
		"$...a":                      "a dot without a name",
		"$.a b":                      `goes on with " "`,
		"$[":                         "not closed",
		"$[]":                        `brackets around ""`,
		"$[-1]":                      `brackets around "-1"`,
		"$[01]":                      `brackets around "01"`,
		"$[1:2]":                     `brackets around "1:2"`,
		"$['a']":                     `brackets around "'a'"`,
		"$[99999999999]":             "brackets around",
		`$["a`:                       "quotes do not close",
		`$["a"`:                      "not closed",
		`$["\x"]`:                    "quotes do not close",
		"$" + rep(".a", 61):          "too many parts",
		"$." + rep("a", 600):         "too long",
		"$.a\x1b[31m":                "goes on with",
		"$.items[?(@.id)].id":        "brackets around",
		"$.a" + rep("[0]", 59) + "!": "goes on with",
	} {
		_, err := replay.ParsePath(text)
		refused, ok := errors.AsType[*replay.Error](err)
		if !ok || !strings.Contains(err.Error(), msg) {
			t.Errorf("%q: got %v, want a refusal with %q", text, err, msg)
			continue
		}
		if refused.Hint == "" || strings.Contains(refused.Value, "\x1b") {
			t.Errorf("%q: %#v", text, refused)
		}
	}
}

func rep(s string, n int) string { return strings.Repeat(s, n) }

func TestAPathIsKeptAsItWasWritten(t *testing.T) {
	for _, text := range []string{"$", "$.time", "$.items[*].id", "$..id", `$["a b"][3].*`, "$.a-b_c9", "$" + rep(".a", 60)} {
		path, err := replay.ParsePath(text)
		if err != nil || path.String() != text {
			t.Errorf("%q: got %q, %v", text, path, err)
		}
	}
}

func TestRulesRefuseWhatCannotBeCompared(t *testing.T) {
	for name, c := range map[string]struct {
		ignore, headers []string
		msg             string
	}{
		"a path":                {ignore: []string{"$.a", "b"}, msg: `"b" is no path`},
		"too many paths":        {ignore: strings.Split(rep("$.a ", 100)+"$.a", " "), msg: "too many"},
		"a cookie":              {headers: []string{"set-cookie"}, msg: "never kept"},
		"the date":              {headers: []string{"Date"}, msg: "never matters"},
		"no name":               {headers: []string{"X Y"}, msg: "no header name"},
		"the name that is \"\"": {headers: []string{""}, msg: "no header name"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := replay.ParseRules(c.ignore, c.headers); err == nil || !strings.Contains(err.Error(), c.msg) {
				t.Errorf("got %v, want %q", err, c.msg)
			}
		})
	}
}
