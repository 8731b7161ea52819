package conformance_test

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/segue-run/segue/proxy"
)

// exchangeCase is what is to hold of one connection, byte by byte. What is compared with
// what was sent is compared in lower case: engines spell names as they like.
type exchangeCase struct {
	name string
	rfc  string // the section that says so
	cfg  proxy.Config
	// trusted says that the client is a proxy of the operator's.
	trusted bool

	send    string // on one connection
	methods string // of the requests in it; GET where they are not named
	answer  string // of the module, as it stands; see rawModule
	status  string // of all answers that the client gets, as in "103 200"
	closes  bool   // the connection ends behind the last answer; else it takes another request
	unseen  bool   // no module gets to see anything of it

	saw    []string // parts of what the module got
	sawNot []string // no parts of it
	got    []string // parts of what the client got
	gotNot []string // no parts of it
	body   string   // of the last answer; not looked at where it is empty

	refused bool // by the engine itself; with what status is for net/http to say
	// ours says why it cannot hold of the engine on net/http.
	ours string
}

const (
	okAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	plainGet = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
)

// request is a GET with header lines.
func request(lines ...string) string {
	return "GET /a HTTP/1.1\r\nHost: x\r\n" + strings.Join(append(lines, "\r\n"), "\r\n")
}

// post is a POST with header lines and a body.
func post(body string, lines ...string) string {
	return "POST /a HTTP/1.1\r\nHost: x\r\n" + strings.Join(append(lines, "\r\n"), "\r\n") + body
}

func runCases(t *testing.T, cases []exchangeCase) {
	t.Helper()
	names := map[string]bool{}
	for _, c := range cases {
		if names[c.name] || c.rfc == "" {
			t.Errorf("%s: there twice, or without the section that says so", c.name)
		}
		names[c.name] = true
		if c.ours == "" || engine.name != "net/http" {
			t.Run(c.name, func(t *testing.T) { c.run(t) })
		}
	}
}

func (c *exchangeCase) run(t *testing.T) {
	if c.answer == "" {
		c.answer = okAnswer
	}
	m := newRawModule(t, c.answer)
	open := newHouse
	if c.trusted {
		open = newTrustingHouse
	}
	h := open(t, c.cfg, stable(t, m.target))
	client := h.dial(c.methods)
	go func() { _, _ = io.WriteString(client.conn, c.send) }()
	var last message
	var statuses []string
	for range strings.Fields(c.status) {
		var err error
		if last, err = client.read(); err != nil {
			t.Fatalf("%s: after %q: %v; the client got %q, the module %q", c.rfc, statuses, err, client.raw(), m.all())
		}
		statuses = append(statuses, fmt.Sprint(last.Status))
	}
	if got := strings.Join(statuses, " "); got != c.status && !(c.refused && engine.name == "net/http" && refuses(last.Status)) {
		t.Errorf("%s: answered %s, want %s: %q", c.rfc, got, c.status, client.raw())
	}
	client.ends(t, c.closes, c.rfc)
	if c.body != "" && last.body != c.body {
		t.Errorf("%s: the body is %q, want %q", c.rfc, last.body, c.body)
	}
	if c.unseen && m.all() != "" {
		t.Errorf("%s: the module got %q", c.rfc, m.all())
	}
	compare(t, c.rfc+": the module got", m.all(), c.saw, c.sawNot)
	compare(t, c.rfc+": the client got", client.raw(), c.got, c.gotNot)
}

// refuses reports whether the status is one for a request that is not understood.
func refuses(status int) bool { return 400 <= status && status < 500 || status == 501 || status == 505 }

func compare(t *testing.T, what, text string, has, lacks []string) {
	t.Helper()
	lower := strings.ToLower(text)
	holds := func(part string) bool { return strings.Contains(lower, strings.ToLower(part)) }
	for _, part := range slices.DeleteFunc(slices.Clone(has), holds) {
		t.Errorf("%s no %q: %q", what, part, text)
	}
	for _, part := range lacks {
		if holds(part) {
			t.Errorf("%s %q: %q", what, part, text)
		}
	}
}

// refusal is a request that no module gets to see. What stands behind it is no request.
type refusal struct {
	name, rfc, send string
	status          int
	ours            string
}

// behind is what a smuggler would put behind a request.
const behind = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"

func runRefusals(t *testing.T, refusals []refusal) {
	t.Helper()
	cases := make([]exchangeCase, 0, len(refusals))
	for _, r := range refusals {
		cases = append(cases, exchangeCase{name: r.name, rfc: r.rfc, send: r.send + behind, status: fmt.Sprint(r.status),
			refused: true, closes: true, unseen: true, ours: r.ours})
	}
	runCases(t, cases)
}
