package load

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"time"
)

// kind is a way to ask.
type kind struct {
	name  string
	post  bool
	fresh bool
}

var kinds = []kind{
	{name: "GET, keep-alive"},
	{name: "POST, keep-alive", post: true},
	{name: "GET, fresh", fresh: true},
	{name: "POST, fresh", post: true, fresh: true},
}

// reads are those of kinds that a runtime may ask another release without being told.
var reads = []kind{kinds[0], kinds[2]}

const (
	versionPath = "/hello/version" // answers {"module":…,"version":…}
	echoPath    = "/hello/echo"    // answers with the body it was sent
	header      = "Segue-Release"
	maxAnswer   = 1 << 20
)

// answer is what came of one request.
type answer struct {
	kind    string
	release string
	failure string // why it counts as failed; empty where it was served
	took    time.Duration
}

// send asks once and checks what comes back.
func send(ctx context.Context, rt http.RoundTripper, url string, k kind, turn int) answer {
	a := answer{kind: k.name}
	conns := 0
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { conns++ },
	})
	var sent []byte
	method, path := http.MethodGet, versionPath
	if k.post {
		method, path, sent = http.MethodPost, echoPath, payload(turn)
	}
	req, err := http.NewRequestWithContext(ctx, method, url+path, bytes.NewReader(sent))
	if err != nil {
		a.failure = err.Error()
		return a
	}
	begin := time.Now()
	resp, err := rt.RoundTrip(req)
	if err != nil {
		a.failure = "no answer: " + cause(err)
		return a
	}
	got, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	resp.Body.Close()
	a.took = time.Since(begin)
	a.release = resp.Header.Get(header)
	switch {
	case err != nil:
		a.failure = "half an answer: " + cause(err)
	case resp.StatusCode != http.StatusOK:
		a.failure = fmt.Sprintf("%d from %s", resp.StatusCode, orNobody(a.release))
	case a.release == "":
		a.failure = "an answer without " + header
	case conns > 1:
		a.failure = "the connection was lost and the client tried again"
	case k.post && !bytes.Equal(got, sent):
		a.failure = "a wrong body from " + a.release
	case !k.post:
		a.failure = checkVersion(got, a.release)
	}
	return a
}

// payload is a body for a POST, of 1 byte to 16 KiB, different from its
// neighbours'.
func payload(turn int) []byte {
	size := 1 + turn*977%(16<<10)
	body := fmt.Appendf(nil, "turn %d ", turn)
	for len(body) < size {
		body = append(body, body...)
	}
	return body[:size]
}

// checkVersion says what is wrong with the answer of versionPath; nothing where
// it names the release.
func checkVersion(body []byte, release string) string {
	var v struct{ Module, Version string }
	if err := json.Unmarshal(body, &v); err != nil {
		return "a wrong body from " + release
	}
	if v.Module+"@"+v.Version != release {
		return fmt.Sprintf("the header says %s, the body %s@%s", release, v.Module, v.Version)
	}
	return ""
}

// cause is err without addresses, so that equal failures count as one.
func cause(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Op + ": " + op.Err.Error()
	}
	return err.Error()
}

func orNobody(release string) string {
	if release == "" {
		return "no release"
	}
	return release
}
