package manifest_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/segue-run/segue/sdk/manifest"
)

const routed = `name: shop
version: 1.0.0
replicas: 3
routes:
  - {path: /shop/, methods: GET}
  - host: "*.example.com"
    path: /api
    methods: [POST, GET]
    headers: {X-Version: 2, x-beta: "*"}
    strip: true
    timeouts: {connect: 1s, answer: 30s, idle: 1m, total: 24h}
    max_body: 10MiB
    limits: {rate: 100/s, burst: 50, concurrent: 20}
  - {host: 127.0.0.1, path: /, headers: {x-a: a b}, limits: {rate: 3/m}}
`

func parsed(t *testing.T, text string) *manifest.Manifest {
	t.Helper()
	m, err := manifest.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestARouteSaysWhichRequestsItTakesAndWhatHoldsForThem(t *testing.T) {
	m := parsed(t, routed)
	want := []manifest.Route{
		{Path: "/shop", Methods: "GET"},
		{
			Host: "*.example.com", Path: "/api", Methods: "GET,POST", Headers: "x-beta: *\nx-version: 2", Strip: true,
			Timeouts: manifest.Timeouts{Connect: manifest.Duration(time.Second), Answer: manifest.Duration(30 * time.Second), Idle: manifest.Duration(time.Minute), Total: manifest.Duration(24 * time.Hour)},
			MaxBody:  10 << 20, Limits: manifest.Limits{Rate: manifest.Rate{Requests: 100, Per: time.Second}, Burst: 50, Concurrent: 20},
		},
		{Host: "127.0.0.1", Path: "/", Headers: "x-a: a b", Limits: manifest.Limits{Rate: manifest.Rate{Requests: 3, Per: time.Minute}}},
	}
	if !reflect.DeepEqual(m.Routes, want) || m.Replicas != 3 {
		t.Errorf("got\n%+v\nwant\n%+v", m.Routes, want)
	}
	for i, text := range []string{"GET /shop", "GET,POST *.example.com/api (x-beta, x-version: 2)", "127.0.0.1/ (x-a: a b)"} {
		if got := m.Routes[i].String(); got != text {
			t.Errorf("it is written %q, want %q", got, text)
		}
	}
	for burst, want := range map[int]int{0: 3, 7: 7} {
		if every, most := m.Routes[2].Limits.Rate.Pace(burst); every != 20*time.Second || most != want {
			t.Errorf("3/m with a burst of %d is one each %s, and %d at once", burst, every, most)
		}
	}
}

func TestARouteReadsTheSameAfterItIsWritten(t *testing.T) {
	m := parsed(t, routed)
	text, err := json.Marshal(m.Routes)
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"path":"/shop","methods":["GET"]},{"host":"*.example.com","path":"/api","methods":["GET","POST"],"headers":{"x-beta":"*","x-version":"2"},"strip":true,` +
		`"timeouts":{"connect":"1s","answer":"30s","idle":"1m0s","total":"24h0m0s"},"max_body":"10MiB","limits":{"rate":"100/s","burst":50,"concurrent":20}},` +
		`{"host":"127.0.0.1","path":"/","headers":{"x-a":"a b"},"limits":{"rate":"3/m"}}]`
	if string(text) != want {
		t.Errorf("JSON is\n%s\nwant\n%s", text, want)
	}
	var routes []manifest.Route
	if err := json.Unmarshal(text, &routes); err != nil || !reflect.DeepEqual(routes, m.Routes) {
		t.Errorf("from JSON %+v and %v", routes, err)
	}
	if text, err = yaml.Marshal(m); err != nil {
		t.Fatal(err)
	}
	if again := parsed(t, string(text)); !reflect.DeepEqual(again, m) {
		t.Errorf("from YAML\n%+v\nof\n%s", again, text)
	}
}

func TestARouteOfAnOlderRecordIsRead(t *testing.T) {
	var route manifest.Route
	if err := json.Unmarshal([]byte(`{"host":"a.b","path":"/x"}`), &route); err != nil || route != (manifest.Route{Host: "a.b", Path: "/x"}) {
		t.Errorf("got %+v and %v", route, err)
	}
	if text, err := json.Marshal(route); err != nil || string(text) != `{"host":"a.b","path":"/x"}` {
		t.Errorf("JSON is %s and %v", text, err)
	}
}

func TestEachMistakeInARouteIsNamedWithFieldValueAndRemedy(t *testing.T) {
	for line, want := range map[string]string{
		`host: "*"`:                            `routes[0].host "*": has a wildcard in the wrong place; write *.example.com`,
		`host: "*."`:                           `routes[0].host "*.": has a wildcard in the wrong place`,
		`host: "*.*.b"`:                        `routes[0].host "*.*.b": has a wildcard in the wrong place`,
		`host: "a.*.b"`:                        `routes[0].host "a.*.b": has a wildcard in the wrong place`,
		`host: "*a.b"`:                         `routes[0].host "*a.b": has a wildcard in the wrong place`,
		`host: "*.0.1"`:                        `routes[0].host "*.0.1": has a wildcard in the wrong place`,
		`host: "*.A.b"`:                        `routes[0].host "*.A.b": has capitals; write a.b`,
		`host: "*.a.b:80"`:                     `routes[0].host "*.a.b:80": is more than a host name`,
		`host: *.a.b`:                          `the manifest uses "*"; write plain values`,
		`methods: [get]`:                       `routes[0].methods[0] "get": has small letters; write GET`,
		`methods: [GET, "P T"]`:                `routes[0].methods[1] "P T": is no method; write one such as GET`,
		`methods: [GET, PUT, GET]`:             `routes[0].methods[2] "GET": stands there twice`,
		`methods: []`:                          `routes[0].methods "0": is no number of methods; write 1 to 16`,
		`methods: CONNECT`:                     `routes[0].methods "CONNECT": is for proxies`,
		`methods: {a: b}`:                      `routes[0].methods: must be one value`,
		`methods: [[GET]]`:                     `routes[0].methods[0]: must be one value`,
		`headers: x`:                           `routes[0].headers: is no mapping; write names and values`,
		`headers: {}`:                          `routes[0].headers "0": is no number of headers`,
		`headers: {xa: }`:                      `routes[0].headers.xa: has no value; write the value that it must have, or "*"`,
		`headers: {xa: ""}`:                    `routes[0].headers.xa: has no value`,
		`headers: {xa: " 1"}`:                  `routes[0].headers.xa " 1": is no value of a header`,
		`headers: {xa: ä}`:                     `routes[0].headers.xa "ä": is no value of a header`,
		`headers: {xa: [1]}`:                   `routes[0].headers.xa: must be one value`,
		`headers: {xa: 1, XA: 2}`:              `routes[0].headers.xa: stands there twice`,
		`headers: {xa: 1, xa: 2}`:              `routes[0].headers.xa: is written twice`,
		`headers: {"x a": 1}`:                  `routes[0].headers.x a "x a": is no name of a header`,
		`headers: {host: a}`:                   `routes[0].headers.host: is no condition; write the route's host`,
		`headers: {te: a}`:                     `routes[0].headers.te: is no header that a client decides`,
		`headers: {forwarded: a}`:              `routes[0].headers.forwarded: is no header that a client decides`,
		`headers: {X-Forwarded-For: a}`:        `routes[0].headers.X-Forwarded-For: is no header that a client decides`,
		`headers: {x_forwarded_for: a}`:        `routes[0].headers.x_forwarded_for: is no header that a client decides`,
		`headers: {Segue-Preview: a}`:          `routes[0].headers.Segue-Preview: is a header of the runtime's own`,
		`strip: maybe`:                         `routes[0].strip "maybe": has the wrong type; write true or false`,
		`timeouts: {answer: 30}`:               `routes[0].timeouts.answer "30": is no duration`,
		`timeouts: {answer: 25h}`:              `routes[0].timeouts.answer "25h": is out of bounds; write 1ms to 24h0m0s`,
		`timeouts: {total: -1s}`:               `routes[0].timeouts.total "-1s": is out of bounds`,
		`timeouts: {total: 0s}`:                `routes[0].timeouts.total "0s": is nothing; write what there may be at most`,
		`timeouts: {read: 1s}`:                 `routes[0].timeouts.read: is no field of a manifest`,
		`max_body: 10MB`:                       `routes[0].max_body "10MB": is no size`,
		`max_body: 0`:                          `routes[0].max_body "0": is nothing`,
		`max_body: 2000TiB`:                    `routes[0].max_body "2000TiB": is out of bounds; write at most 1024TiB`,
		`limits: {rate: 100}`:                  `routes[0].limits.rate "100": is no rate; write 1 to 1000000 and /s, /m or /h, such as 100/s`,
		`limits: {rate: 0/s}`:                  `routes[0].limits.rate "0/s": is no rate`,
		`limits: {rate: 1/d}`:                  `routes[0].limits.rate "1/d": is no rate`,
		`limits: {burst: 5}`:                   `routes[0].limits.burst "5": is of no use without a rate`,
		`limits: {rate: 1/s, burst: 0}`:        `routes[0].limits.burst "0": is nothing`,
		`limits: {concurrent: 0}`:              `routes[0].limits.concurrent "0": is nothing`,
		`limits: {concurrent: -1}`:             `routes[0].limits.concurrent "-1": is out of bounds; write 1 to 1000000`,
		`limits: {rate: 1/s, burst: 10000000}`: `routes[0].limits.burst "10000000": is out of bounds`,
	} {
		_, err := manifest.Parse([]byte("name: hello\nversion: 1.0.0\nroutes:\n  - path: /hello\n    " + line + "\n"))
		problems := manifest.Problems(err)
		if len(problems) != 1 || !strings.HasPrefix(problems[0].Error(), "line 5: "+want) {
			t.Errorf("%s: got\n%v\nwant\nline 5: %s", line, err, want)
		}
	}
	for text, want := range map[string]string{
		"replicas: 0":    `line 5: replicas "0": is nothing`,
		"replicas: 33":   `line 5: replicas "33": is out of bounds; write 1 to 32`,
		"replicas: many": `line 5: replicas "many": has the wrong type`,
	} {
		if _, err := manifest.Parse([]byte(least + text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

func TestRoutesThatTakeTheSameRequestsAreOne(t *testing.T) {
	for text, twice := range map[string]bool{
		"{path: /a, methods: [GET, PUT]}, {path: /a/, methods: [PUT, GET], strip: true}": true,
		"{path: /a, headers: {x-a: 1}}, {path: /a, headers: {X-A: 1}, max_body: 1}":      true,
		"{path: /a, methods: GET}, {path: /a, methods: [GET, PUT]}":                      false,
		"{path: /a, headers: {x-a: 1}}, {path: /a, headers: {x-b: 1}}":                   false,
		`{host: "*.a.b", path: /}, {host: a.b, path: /}`:                                 false,
	} {
		_, err := manifest.Parse([]byte("name: a\nversion: 1.0.0\nroutes: [" + text + "]\n"))
		if twice != (err != nil) || err != nil && !strings.Contains(err.Error(), "routes[1]") {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

func TestOfOneAddressThereAreSoManyRoutesAtMost(t *testing.T) {
	var b strings.Builder
	b.WriteString("name: a\nversion: 1.0.0\nroutes:\n")
	for i := range 33 {
		fmt.Fprintf(&b, "  - {path: /a, headers: {x-a: %d}}\n", i)
	}
	_, err := manifest.Parse([]byte(b.String()))
	if problems := manifest.Problems(err); len(problems) != 1 || problems[0].Field != "routes[32]" || !strings.Contains(err.Error(), "at most 32") {
		t.Errorf("got %v", err)
	}
}

func TestMethodsAndHeadersAreListed(t *testing.T) {
	methods, err := manifest.ParseMethods("PUT", "GET")
	if err != nil || !reflect.DeepEqual(methods.List(), []string{"GET", "PUT"}) || manifest.Methods("").List() != nil {
		t.Errorf("got %q and %v", methods.List(), err)
	}
	headers, err := manifest.ParseHeaders(map[string]string{"X-B": manifest.AnyValue, "x-a": "a: b"})
	if err != nil || headers.String() != "x-a: a: b, x-b" {
		t.Errorf("got %q and %v", headers, err)
	}
	var got []string
	for name, value := range headers.All() {
		got = append(got, name, value)
	}
	if !reflect.DeepEqual(got, []string{"x-a", "a: b", "x-b", "*"}) {
		t.Errorf("got %q", got)
	}
	for range manifest.Headers("").All() {
		t.Error("none has one")
	}
}
