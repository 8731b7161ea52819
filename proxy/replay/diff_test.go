package replay_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/segue-run/segue/proxy/replay"
)

const asJSON = "application/json"

func TestJSONBodiesAreComparedByTheirStructure(t *testing.T) {
	for name, c := range map[string]struct {
		want, got string
		ignore    []string
		differ    string // "what: stable, candidate", joined by "; "
	}{
		"the same bytes":                    {want: `{"a":1}`, got: `{"a":1}`},
		"another order and other spaces":    {want: `{"a":1,"b":[2]}`, got: "{ \"b\": [2],\n\"a\": 1}"},
		"a member's value":                  {want: `{"total":1}`, got: `{"total":2}`, differ: "$.total: 1, 2"},
		"a member that is missing":          {want: `{"a":1,"b":2}`, got: `{"a":1}`, differ: "$.b: 2, (none)"},
		"a member that is new":              {want: `{}`, got: `{"a":null}`, differ: "$.a: (none), null"},
		"elements by their place":           {want: `[1,2]`, got: `[2,1]`, differ: "$[0]: 1, 2; $[1]: 2, 1"},
		"an element more":                   {want: `{"l":[1]}`, got: `{"l":[1,{"x":[]}]}`, differ: `$.l[1]: (none), {"x":[]}`},
		"another type":                      {want: `{"a":"1"}`, got: `{"a":1}`, differ: `$.a: "1", 1`},
		"an object for an array":            {want: `[]`, got: `{}`, differ: `$: [], {}`},
		"a scalar for an object":            {want: `{"a":{}}`, got: `{"a":true}`, differ: `$.a: {}, true`},
		"numbers by their value":            {want: `[1,1.50,-0,100,0.001]`, got: `[1.0,15e-1,0,1E2,1e-3]`},
		"great numbers exactly":             {want: `9007199254740993`, got: `9007199254740992`, differ: "$: 9007199254740993, 9007199254740992"},
		"numbers too great to compute":      {want: `1e999999999`, got: `1e999999998`, differ: "$: 1e999999999, 1e999999998"},
		"exponents too great to read":       {want: `1e99999999999999999999`, got: `1e99999999999999999998`, differ: "$: 1e99999999999999999999, 1e99999999999999999998"},
		"a sign":                            {want: `1`, got: `-1`, differ: "$: 1, -1"},
		"a name that needs quotes":          {want: `{"a.b":1}`, got: `{"a.b":2}`, differ: `$["a.b"]: 1, 2`},
		"a text that needs quotes":          {want: `{"a":"x\u0000"}`, got: `{"a":"\u202ey"}`, differ: `$.a: "x\x00", "\u202ey"`},
		"an ignored member":                 {want: `{"time":1,"a":2}`, got: `{"time":5,"a":2}`, ignore: []string{"$.time"}},
		"an ignored member that is missing": {want: `{"time":1}`, got: `{}`, ignore: []string{"$.time"}},
		"all below an ignored member":       {want: `{"meta":{"x":[1]}}`, got: `{"meta":{"x":[2],"y":0}}`, ignore: []string{"$.meta"}},
		"an ignored member of each element": {want: `{"items":[{"id":1},{"id":2}]}`, got: `{"items":[{"id":3},{"id":4}]}`, ignore: []string{"$.items[*].id"}},
		"the others of each element":        {want: `{"items":[{"id":1,"n":1}]}`, got: `{"items":[{"id":3,"n":2}]}`, ignore: []string{"$.items[*].id"}, differ: "$.items[0].n: 1, 2"},
		"one ignored element":               {want: `[1,2]`, got: `[3,4]`, ignore: []string{"$[1]"}, differ: "$[0]: 1, 3"},
		"every ignored element":             {want: `[1,2]`, got: `[3]`, ignore: []string{"$[*]"}},
		"every ignored member":              {want: `{"a":{"b":1}}`, got: `{"a":{"c":2}}`, ignore: []string{"$.a.*"}},
		"an ignored name at any depth":      {want: `{"id":1,"a":[{"b":{"id":1}}]}`, got: `{"id":2,"a":[{"b":{"id":2}}]}`, ignore: []string{"$..id"}},
		"below a name at any depth":         {want: `{"a":{"m":{"x":1,"y":1}}}`, got: `{"a":{"m":{"x":2,"y":2}}}`, ignore: []string{"$..m.x"}, differ: "$.a.m.y: 1, 2"},
		"an ignored name in quotes":         {want: `{"a b":1}`, got: `{"a b":2}`, ignore: []string{`$["a b"]`}},
		"the whole document":                {want: `{"a":1}`, got: `not JSON`, ignore: []string{"$"}},
		"a name that speaks of secrets":     {want: `{"access_token":"abc"}`, got: `{"access_token":"def"}`, differ: "$.access_token: (hidden), (hidden)"},
		"what is below such a name":         {want: `{"session":{"id":"abc"}}`, got: `{"session":{}}`, differ: "$.session.id: (hidden), (none)"},
		"such a name below what is missing": {want: `{"u":{"n":1,"password":"abc"}}`, got: `{}`, differ: `$.u: {"n":1,"password":(hidden)}, (none)`},
		"JSON that is none": {want: `{"a":1}`, got: `{"a":1`,
			differ: "body: 7 bytes, sha256 " + sum(`{"a":1}`) + ", 6 bytes, sha256 " + sum(`{"a":1`)},
		"two documents for one": {want: `1`, got: `1 2`,
			differ: "body: 1 bytes, sha256 " + sum("1") + ", 3 bytes, sha256 " + sum("1 2")},
	} {
		t.Run(name, func(t *testing.T) {
			rules := parseRules(t, c.ignore, nil)
			want, got := answer(200, asJSON, c.want), answer(200, "application/problem+json", c.got)
			want.Header = got.Header // both are JSON by suffix
			if found := told(replay.Diff(want, got, rules)); found != c.differ {
				t.Errorf("got %q, want %q", found, c.differ)
			}
		})
	}
}

func sum(text string) string {
	full := sha256.Sum256([]byte(text))
	return hex.EncodeToString(full[:6]) + "…"
}

func told(found []replay.Difference) string {
	var all []string
	for _, d := range found {
		all = append(all, d.What+": "+d.Stable+", "+d.Candidate)
	}
	return strings.Join(all, "; ")
}

func parseRules(t testing.TB, ignore, headers []string) replay.Rules {
	t.Helper()
	rules, err := replay.ParseRules(ignore, headers)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func TestStatusAndTheHeadersThatMatterAreCompared(t *testing.T) {
	with := func(a replay.Answer, name, value string) replay.Answer {
		a.Header = a.Header.Clone()
		a.Header.Set(name, value)
		return a
	}
	html := answer(200, "text/html; charset=utf-8", "x")
	for name, c := range map[string]struct {
		want, got replay.Answer
		differ    string
	}{
		"another status, and nothing else is looked at": {html, answer(404, "text/plain", "y"), "status: 200, 404"},
		"another type":                     {html, answer(200, "text/plain", "x"), "header Content-Type: text/html; charset=utf-8, text/plain"},
		"no type":                          {html, answer(200, "", "x"), "header Content-Type: text/html; charset=utf-8, (none)"},
		"a type in another spelling":       {html, answer(200, "Text/HTML;charset=UTF-8", "x"), ""},
		"a type that is none":              {html, answer(200, ";;", "x"), "header Content-Type: text/html; charset=utf-8, ;;"},
		"the date, which never matters":    {with(html, "Date", "now"), with(html, "Date", "then"), ""},
		"a header that matters":            {with(html, "Location", "/a"), with(html, "Location", "/b"), "header Location: /a, /b"},
		"a header that matters, missing":   {with(html, "Location", "/a"), html, "header Location: /a, (none)"},
		"a query in a header is not shown": {with(html, "Location", "/a?token=x"), with(html, "Location", "/a?token=y"), "header Location: /a?…, /a?…"},
		"a header that does not matter":    {with(html, "X-Else", "/a"), with(html, "X-Else", "/b"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			if found := told(replay.Diff(c.want, c.got, parseRules(t, nil, []string{"location"}))); found != c.differ {
				t.Errorf("got %q, want %q", found, c.differ)
			}
		})
	}
}

func TestBodiesThatAreNotJSONCountByTheirBytes(t *testing.T) {
	if found := replay.Diff(answer(200, "text/html", "a"), answer(200, "text/html", "a"), replay.Rules{}); found != nil {
		t.Errorf("the same: %v", found)
	}
	found := told(replay.Diff(answer(200, "text/html", "my secret"), answer(200, "text/html", "b"), replay.Rules{}))
	if want := "body: 9 bytes, sha256 " + sum("my secret") + ", 1 bytes, sha256 " + sum("b"); found != want {
		t.Errorf("got %q, want %q", found, want)
	}
}

func TestABodyThatWasNotKeptWholeCountsByItsDigest(t *testing.T) {
	cut := func(sum byte) replay.Answer {
		a := answer(200, asJSON, `{"a":1`)
		a.Length, a.Sum = 100_000, [32]byte{sum}
		return a
	}
	if found := replay.Diff(cut(1), cut(1), replay.Rules{}); found != nil {
		t.Errorf("the same digest: %v", found)
	}
	if found := replay.Diff(cut(1), cut(2), replay.Rules{}); len(found) != 1 || found[0].What != "body" {
		t.Errorf("another digest: %v", found)
	}
}

func compressed(t testing.TB, contentType, body string, level int) replay.Answer {
	t.Helper()
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, level)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(body)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	a := answer(200, contentType, out.String())
	a.Header.Set("Content-Encoding", "gzip")
	return a
}

func TestACompressedBodyIsComparedByItsContent(t *testing.T) {
	text := `{"a":"` + strings.Repeat("ab", 1000) + `","b":1}`
	fast, best := compressed(t, asJSON, text, gzip.NoCompression), compressed(t, asJSON, text, gzip.BestCompression)
	if bytes.Equal(fast.Body, best.Body) {
		t.Fatal("both are compressed alike, which shows nothing")
	}
	if found := replay.Diff(fast, best, replay.Rules{}); found != nil {
		t.Errorf("other means, the same content: %v", found)
	}
	if found := replay.Diff(fast, answer(200, asJSON, text), replay.Rules{}); found != nil {
		t.Errorf("one not compressed: %v", found)
	}
	other := compressed(t, asJSON, strings.Replace(text, `"b":1`, `"b":2`, 1), gzip.BestCompression)
	if found := told(replay.Diff(fast, other, replay.Rules{})); found != "$.b: 1, 2" {
		t.Errorf("other content: %q", found)
	}
	broken := best
	broken.Body = append(bytes.Clone(best.Body[:len(best.Body)-9]), "xxxxxxxxx"...)
	broken.Sum = sha256.Sum256(broken.Body)
	if found := replay.Diff(best, broken, replay.Rules{}); len(found) != 1 || found[0].What != "body" {
		t.Errorf("broken: %v", found)
	}
}

func TestABombIsNotUnpacked(t *testing.T) {
	big := strings.Repeat(" ", 30<<20) + "1"
	bomb := compressed(t, asJSON, big, gzip.BestCompression)
	same := compressed(t, asJSON, big, gzip.BestSpeed)
	if len(bomb.Body) > 64<<10 || bytes.Equal(bomb.Body, same.Body) {
		t.Fatalf("%d bytes make no test", len(bomb.Body))
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	found := replay.Diff(bomb, same, replay.Rules{})
	runtime.ReadMemStats(&after)
	if len(found) != 1 || found[0].What != "body" {
		t.Errorf("got %v, want the digests to differ", found)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 8<<20 {
		t.Errorf("took %d bytes of memory", took)
	}
}

func TestADeepDocumentCountsByItsDigest(t *testing.T) {
	deep := func(inside string, depth int) replay.Answer {
		return answer(200, asJSON, strings.Repeat("[", depth)+inside+strings.Repeat("]", depth))
	}
	for name, c := range map[string]struct {
		depth int
		what  string
	}{
		"just not too deep":              {100, "$[0]"},
		"too deep":                       {101, "body"},
		"deeper than a decoder would go": {30_000, "body"},
	} {
		t.Run(name, func(t *testing.T) {
			found := replay.Diff(deep("1", c.depth), deep("2", c.depth), replay.Rules{})
			if len(found) != 1 || !strings.HasPrefix(found[0].What, c.what) {
				t.Errorf("got %v, want %s", found, c.what)
			}
		})
	}
}

func TestWhatIsShownIsShortPrintableAndLittle(t *testing.T) {
	long := strings.Repeat("é\x1b[31m", 1000)
	wide := "{" + strings.Repeat(`"a":1,`, 10) + `"b":{`
	for i := range 200 {
		wide += `"` + strings.Repeat("k", i+1) + `":1,`
	}
	wide += `"z":1}}`
	want := answer(200, asJSON, `{"`+strings.Repeat("n", 300)+`":1,"x":"y"}`)
	for name, got := range map[string]replay.Answer{
		"a long text":     answer(200, asJSON, `{"x":"`+strings.Repeat("é", 1000)+`"}`),
		"long names":      answer(200, asJSON, wide),
		"a long number":   answer(200, asJSON, `{"x":`+strings.Repeat("1", 1000)+`}`),
		"a long array":    answer(200, asJSON, `{"x":[`+strings.Repeat(`"aaaa",`, 1000)+`1]}`),
		"no JSON":         answer(200, long, long),
		"invalid letters": answer(200, asJSON, "{\"x\":\"\xff\xfe\u0085\u202e\"}"),
	} {
		t.Run(name, func(t *testing.T) {
			found := replay.Diff(want, got, replay.Rules{})
			if len(found) == 0 || len(found) > 10 {
				t.Errorf("%d differences", len(found))
			}
			for _, d := range found {
				checkShown(t, d)
			}
		})
	}
}

func TestOnlyTheFirstTenDifferencesAreTold(t *testing.T) {
	found := replay.Diff(answer(200, asJSON, "["+strings.Repeat("1,", 50)+"1]"), answer(200, asJSON, "[]"), replay.Rules{})
	if len(found) != 10 || found[9].What != "$[9]" {
		t.Errorf("got %v", found)
	}
}

func TestAnAnswerToHEADHasNoBodyToDecode(t *testing.T) {
	head := answer(200, "text/html", "")
	packed := head
	packed.Header = http.Header{"Content-Type": {"text/html"}, "Content-Encoding": {"gzip"}}
	if found := replay.Diff(head, packed, replay.Rules{}); found != nil {
		t.Errorf("got %v", found)
	}
}
