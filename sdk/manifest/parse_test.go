package manifest_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/sdk/manifest"
)

const whole = `--- # segue:module/v1
# what a module declares
name: hello
version: 1.2.3-rc.1+build.7
description: "Says hello: in one line"
routes:
  - path: /hello/
  - {host: api.example.com, path: /v1/hello}
health:
  path: /hello/health
  interval: 250ms
  timeout: 2s
  passes: 3
  failures: 5
  deadline: 1m30s
rollout:
  strategy: gradual
  steps: [1%, 12.5%, "50%", 100%]
  hold: 0s
  max_errors: 0.25%
  min_requests: 10
...
`

func TestAWholeManifestIsRead(t *testing.T) {
	hold, most := manifest.Duration(0), manifest.Weight(25)
	want := &manifest.Manifest{
		Name: "hello", Version: "1.2.3-rc.1+build.7", Description: "Says hello: in one line",
		Routes: []manifest.Route{{Path: "/hello"}, {Host: "api.example.com", Path: "/v1/hello"}},
		Health: manifest.Health{
			Path: "/hello/health", Interval: manifest.Duration(250 * time.Millisecond), Timeout: manifest.Duration(2 * time.Second),
			Passes: 3, Failures: 5, Deadline: manifest.Duration(90 * time.Second),
		},
		Rollout: manifest.Rollout{
			Strategy: manifest.Gradual, Steps: []manifest.Weight{100, 1250, 5000, manifest.Full},
			Hold: &hold, MaxErrors: &most, MinRequests: 10,
		},
	}
	bare := strings.TrimSuffix(strings.TrimPrefix(whole, "--- # segue:module/v1\n"), "...\n")
	for name, text := range map[string]string{
		"as it is embedded":               whole,
		"as it stands in a file":          bare,
		"without the last line break":     strings.TrimSuffix(whole, "\n"),
		"with the line breaks of Windows": strings.ReplaceAll(whole, "\n", "\r\n"),
	} {
		got, err := manifest.Parse([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, want)
		}
	}
}

const least = "name: hello\nversion: 1.0.0\nroutes:\n  - path: /hello\n"

func TestEachMistakeIsNamedWithFieldValueAndRemedy(t *testing.T) {
	with := func(old, new string) string { return strings.Replace(least, old, new, 1) }
	for name, c := range map[string]struct {
		text string
		want []string // one for each problem, in order
	}{
		"nothing":               {"", []string{"the manifest is empty; write at least name, version and routes"}},
		"only a comment":        {"# later\n", []string{"the manifest is empty; write at least name, version and routes"}},
		"a list":                {"- a\n- b\n", []string{"line 1: the manifest is no mapping; write `name: …` and the other fields, one a line"}},
		"a word":                {"hello", []string{"line 1: the manifest is no mapping; write `name: …` and the other fields, one a line"}},
		"all that is needed":    {"description: x", []string{"name: is missing; a name is", "version: is missing; write a semantic version", "routes: is missing; list at least one route"}},
		"a path for a name":     {with("hello", "../x"), []string{`line 1: name "../x": is a path, not a name; a name is 1 to 63 of a–z, 0–9 and '-', begins with a letter and does not end with '-'`}},
		"a capital in the name": {with("hello", "Hello"), []string{`line 1: name "Hello": is no module name; a name is`}},
		"a digit first":         {with("hello", "1st"), []string{`line 1: name "1st": is no module name`}},
		"a number for a name":   {with("hello", "17"), []string{`line 1: name "17": is no module name`}},
		"a dash last":           {with("hello", "hello-"), []string{`line 1: name "hello-": is no module name`}},
		"a long name":           {with("hello", strings.Repeat("a", 64)), []string{`line 1: name "` + strings.Repeat("a", 64) + `": is no module name`}},
		"a leading v":           {with("1.0.0", "v1.0.0"), []string{`line 2: version "v1.0.0": has a leading 'v'; write 1.0.0`}},
		"half a version":        {with("1.0.0", "1.0"), []string{`line 2: version "1.0": is no semantic version; write MAJOR.MINOR.PATCH`}},
		"a version with zeros":  {with("1.0.0", "1.01.0"), []string{`line 2: version "1.01.0": is no semantic version`}},
		"no route":              {with("\n  - path: /hello", " []"), []string{"line 3: routes: is missing; list at least one route, such as `- path: /hello`"}},
		"an empty route":        {with("path: /hello", ""), []string{"routes[0].path: is missing; write the path"}},
		"a relative path":       {with("/hello", "hello"), []string{`line 4: routes[0].path "hello": does not begin with '/'; write /hello`}},
		"a path upwards":        {with("/hello", "/a/../b"), []string{`line 4: routes[0].path "/a/../b": has the segment '..'; write the path that is meant`}},
		"a dot segment":         {with("/hello", "/a/."), []string{`line 4: routes[0].path "/a/.": has the segment '.'`}},
		"two slashes":           {with("/hello", "/a//b"), []string{`line 4: routes[0].path "/a//b": has an empty segment; write one '/' between segments`}},
		"two slashes at last":   {with("/hello", "/a//"), []string{`line 4: routes[0].path "/a//": has an empty segment`}},
		"a query":               {with("/hello", "/a?b=c"), []string{`line 4: routes[0].path "/a?b=c": has a query or a fragment`}},
		"a wildcard":            {with("/hello", "/a/*"), []string{`line 4: routes[0].path "/a/*": has a wildcard`}},
		"an escape":             {with("/hello", "/a%2fb"), []string{`line 4: routes[0].path "/a%2fb": has the character '%'`}},
		"a host with a port":    {with("path:", "host: a.b:80\n    path:"), []string{`line 4: routes[0].host "a.b:80": is more than a host name`}},
		"a host with capitals":  {with("path:", "host: A.b\n    path:"), []string{`line 4: routes[0].host "A.b": has capitals; write a.b`}},
		"a host of dots":        {with("path:", "host: a..b\n    path:"), []string{`line 4: routes[0].host "a..b": is no host name`}},
		"a route twice":         {least + "  - path: /hello/\n", []string{`line 5: routes[1] "/hello": is the same as routes[0]; leave one of them out`}},
		"an unknown field":      {least + "colour: red\n", []string{"line 5: colour: is no field of a manifest; is it misspelt"}},
		"an unknown field below": {with("path: /hello", "path: /hello\n    weight: 1"),
			[]string{"line 5: routes[0].weight: is no field of a manifest"}},
		"a key twice":            {least + "name: again\n", []string{"line 5: name: is written twice; leave one of them out"}},
		"a map for a text":       {with("hello", "{a: b}"), []string{"line 1: name"}},
		"a text for a list":      {"name: a\nversion: 1.0.0\nroutes: /hello\n", []string{"line 3: routes"}},
		"a text for a number":    {least + "health: {passes: many}\n", []string{`line 5: health.passes "many": has the wrong type`}},
		"a second document":      {least + "---\nname: b\n", []string{"line 6: a second document begins; a manifest is one YAML document"}},
		"text after the end":     {least + "...\nname: b\n", []string{"line 6: a second document begins"}},
		"a bad indent":           {"name: hello\n version: 1.0.0\n", []string{"line "}},
		"negative passes":        {least + "health: {passes: -1}\n", []string{`line 5: health.passes "-1": is out of bounds; write 1 to 100`}},
		"a huge interval":        {least + "health:\n  interval: 10000h\n", []string{`line 6: health.interval "10000h": is out of bounds`}},
		"a bare interval":        {least + "health:\n  interval: 10\n", []string{`line 6: health.interval "10": is no duration; write a number and a unit`}},
		"a list for a duration":  {least + "health:\n  interval: [1s]\n", []string{`line 6: health.interval: must be one value`}},
		"a relative health path": {least + "health:\n  path: up\n", []string{`line 6: health.path "up": does not begin with '/'`}},
		"an unknown strategy":    {least + "rollout: {strategy: yolo}\n", []string{`line 5: rollout.strategy "yolo": is no strategy; write gradual, instant or bluegreen`}},
		"bare steps":             {least + "rollout: {steps: [1, 100]}\n", []string{`line 5: rollout.steps[0] "1": is no percentage; write it with a percent sign`}},
		"falling steps":          {least + "rollout: {steps: [50%, 25%, 100%]}\n", []string{`line 5: rollout.steps[1] "25%": does not rise; write each step higher than the one before (50%)`}},
		"steps short of all":     {least + "rollout: {steps: [5%, 50%]}\n", []string{`line 5: rollout.steps[1] "50%": is not the whole; end the steps with 100%`}},
		"a step of nothing":      {least + "rollout: {steps: [0%, 100%]}\n", []string{`line 5: rollout.steps[0] "0%": does not rise`}},
		"a negative hold":        {least + "rollout: {hold: -1s}\n", []string{`line 5: rollout.hold "-1s": is negative`}},
		"too many errors":        {least + "rollout: {max_errors: 101%}\n", []string{`line 5: rollout.max_errors "101%": is more than the whole`}},
		"a control character":    {least + "description: \"a\x00b\"\n", []string{"line 5: the manifest has the control character 0x00; is the closing line `...` missing?"}},
		"no text":                {least + "\xff\xfe", []string{"the manifest is no UTF-8 text"}},
		"two lines for one":      {least + "description: |\n  a\n  b\n", []string{`line 5: description "a\nb\n": has a line break`}},
		"three at once": {"name: A\nversion: x\nroutes: [{path: y}]\n",
			[]string{`line 1: name "A"`, `line 2: version "x"`, `line 3: routes[0].path "y"`}},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := manifest.Parse([]byte(c.text))
			if err == nil {
				t.Fatalf("accepted: %+v", m)
			}
			problems := manifest.Problems(err)
			if len(problems) != len(c.want) {
				t.Fatalf("got %d problems, want %d:\n%v", len(problems), len(c.want), err)
			}
			for i, p := range problems {
				if !strings.HasPrefix(p.Error(), c.want[i]) {
					t.Errorf("got  %s\nwant %s", p, c.want[i])
				}
			}
		})
	}
}

func TestADocumentCannotBlowUp(t *testing.T) {
	fill := func(s string) string { return strings.Repeat(s, manifest.MaxSize/len(s)) }
	laughs := "a: &a [x, x, x, x, x, x, x, x, x]\n"
	for _, c := range "bcdefghij" {
		laughs += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+string(c-1)+", ", 8) + "*" + string(c-1) + "]\n"
	}
	for name, text := range map[string]string{
		"aliases of aliases": laughs,
		"one alias":          "name: &a hello\ndescription: *a\n" + strings.TrimPrefix(least, "name: hello\n"),
		"a merge":            "health: &h {passes: 1}\nrollout: {<<: {hold: 1s}}\n" + least,
		"a tag":              strings.Replace(least, "hello", "!!str hello", 1),
		"brackets":           fill("["),
		"braces":             fill("{a: "),
		"dashes":             fill("- "),
		"question marks":     fill("? "),
		"colons":             fill("a: "),
		"many keys":          fill("a: 1\n"),
		"closing brackets":   fill("]"),
		"blank lines":        "a: |\n " + fill("\n")[:manifest.MaxSize/2],
		"lines of spaces":    "a: >\n " + fill(" \n")[:manifest.MaxSize/2],
		"old line breaks":    "a: |\n " + fill("\r")[:manifest.MaxSize/2],
		"many blocks":        "a: |\n" + fill(" x" + strings.Repeat("\n", 50))[:manifest.MaxSize/2],
		"10 MB":              strings.Repeat("# a comment\n", 10<<20/12) + least,
	} {
		t.Run(name, func(t *testing.T) {
			m, err := manifest.Parse([]byte(text))
			if err == nil {
				t.Fatalf("accepted: %+v", m)
			}
			if len(err.Error()) > 1000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
			t.Log(err)
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{whole, least, asking, routed, least + "permissions: {read: [{data}], connect: [a:1, *]}\nquotas: {cpu: 0, memory: }", "", "a: [", "- ? - :\n", "name: {", "\"", "a: |\n b", "...", "---\n---", "name: hello\n\troutes: x", "routes: [{path: /}, {path: //}]", "{}", "rollout: {steps: [1%]}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := manifest.Parse(text)
		if err != nil {
			if len(manifest.Problems(err)) == 0 {
				t.Fatalf("an error that names no problem: %v", err)
			}
			return
		}
		if manifest.CheckName(m.Name) != nil || manifest.CheckVersion(m.Version) != nil || len(m.Routes) == 0 || m.Rollout.Validate() != nil || m.Permissions.Validate() != nil || m.Quotas.Validate() != nil {
			t.Fatalf("accepted %+v", m)
		}
	})
}
