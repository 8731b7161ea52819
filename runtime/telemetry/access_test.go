package telemetry_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/runtime/telemetry"
)

func openAccess(t testing.TB, cfg telemetry.AccessLogConfig) *telemetry.AccessLog {
	t.Helper()
	if cfg.Path == "" {
		cfg.Path = filepath.Join(t.TempDir(), "access.log")
	}
	a, err := telemetry.OpenAccessLog(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func accessLines(t testing.TB, path string) []map[string]any {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var lines []map[string]any
	for in := bufio.NewScanner(f); in.Scan(); {
		var line map[string]any
		if err := json.Unmarshal(in.Bytes(), &line); err != nil {
			t.Fatalf("%v in %s", err, in.Bytes())
		}
		lines = append(lines, line)
	}
	return lines
}

// until waits for what comes without our doing.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}

// answered is an ordinary request.
func answered() *proxy.Entry {
	return &proxy.Entry{
		Request: &proxy.Request{Method: "GET", Host: "shop.example", Path: "/a/b", Query: "token=secret", ID: "8f0e",
			Remote: netip.MustParseAddrPort("10.0.0.1:4000"), Client: netip.MustParseAddr("2001:db8::7"),
			Header: http.Header{"Traceparent": {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}}},
		Protocol: "HTTP/1.1", Route: &proxy.Route{Module: "hello", Pattern: "shop.example/a"},
		Labels:  proxy.Labels{Module: "hello", Version: "1.0.0", Instance: "i1"},
		Outcome: proxy.Outcome{Class: proxy.ClassOK, Status: 200, Duration: 3 * time.Millisecond, Wait: 1500 * time.Microsecond, BytesIn: 5, BytesOut: 512},
		Status:  200, Began: time.Date(2026, 1, 2, 3, 4, 5, 67000, time.UTC), Duration: 3250 * time.Microsecond,
	}
}

func TestARequestIsALineWithAllThatIsKnownOfIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	a := openAccess(t, telemetry.AccessLogConfig{Path: path})
	a.Log(answered())
	replayed := answered()
	replayed.Retried, replayed.Replayed = true, true
	replayed.Request.Client, replayed.Request.Header = netip.Addr{}, nil
	a.Log(replayed)
	a.Log(&proxy.Entry{Status: 404, Refused: "no-route", Protocol: "HTTP/2.0", Request: &proxy.Request{Method: "GET", Path: "/", ID: "1"}, Began: time.Unix(0, 0)})
	a.Log(&proxy.Entry{Status: 400, Refused: "bad-request", Began: time.Unix(0, 0), Duration: time.Minute})
	a.Close()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		`{"time":"2026-01-02T03:04:05.000067Z","id":"8f0e","client":"2001:db8::7","peer":"10.0.0.1","method":"GET","host":"shop.example","path":"/a/b","protocol":"HTTP/1.1","route":"shop.example/a","module":"hello","release":"hello@1.0.0","instance":"i1","status":200,"class":"ok","bytes_in":5,"bytes_out":512,"duration_ms":3.250,"wait_ms":1.500,"trace":"4bf92f3577b34da6a3ce929d0e0e4736"}`,
		`{"time":"2026-01-02T03:04:05.000067Z","id":"8f0e","client":"10.0.0.1","method":"GET","host":"shop.example","path":"/a/b","protocol":"HTTP/1.1","route":"shop.example/a","module":"hello","release":"hello@1.0.0","instance":"i1","status":200,"class":"ok","bytes_in":5,"bytes_out":512,"duration_ms":3.250,"wait_ms":1.500,"retried":true,"replayed":true}`,
		`{"time":"1970-01-01T00:00:00.000000Z","id":"1","method":"GET","path":"/","protocol":"HTTP/2.0","status":404,"refused":"no-route","duration_ms":0.000}`,
		`{"time":"1970-01-01T00:00:00.000000Z","status":400,"refused":"bad-request","duration_ms":60000.000}`, "",
	}, "\n")
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if s := a.Stats(); s.Written != 4 || s != (telemetry.AccessStats{Written: 4}) {
		t.Errorf("%+v", s)
	}
}

func TestAQueryIsLoggedOnlyWhereThatIsWanted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	a := openAccess(t, telemetry.AccessLogConfig{Path: path, Query: true})
	a.Log(answered())
	a.Close()
	if lines := accessLines(t, path); lines[0]["query"] != "token=secret" {
		t.Errorf("%v", lines)
	}
}

func TestNothingThatAClientSendsBreaksALine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	a := openAccess(t, telemetry.AccessLogConfig{Path: path, Query: true})
	texts := []string{evil, `","status":1,"x":"`, `\`, "\xff\xfe\xc0", strings.Repeat("ü", 5000), "\U0001f600", "\ufffd"}
	for _, text := range texts {
		e := answered()
		e.Request.Host, e.Request.Path, e.Request.Query, e.Request.ID, e.Request.Method = text, text, text, text, text
		e.Labels.Module, e.Labels.Version, e.Route.Pattern = text, text, text
		a.Log(e)
	}
	a.Close()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(string(raw), "\x1b\r\t\x7f\u0085\u009b\u202e\u2028\u2029\ufeff\U000e0001") {
		t.Errorf("a terminal obeys %q", raw)
	}
	lines := accessLines(t, path)
	if len(lines) != len(texts) {
		t.Fatalf("%d lines of %d", len(lines), len(texts))
	}
	for i, text := range texts {
		want := strings.ToValidUTF8(text, "\ufffd")
		if text == "\xff\xfe\xc0" {
			want = "\ufffd\ufffd\ufffd" // byte by byte
		} else if text == evil {
			want = strings.ReplaceAll(text, "\x9bd", "\ufffdd")
		} else if len(text) > 2048 {
			want = strings.Repeat("ü", 1024) + "…"
		}
		if got := lines[i]["path"]; got != want || lines[i]["status"] != 200.0 || lines[i]["release"] == nil {
			t.Errorf("%q came back as %q", text, got)
		}
	}
}

func TestOrdinaryRequestsAreSampledAndAllOthersAreNot(t *testing.T) {
	always, ordinary := map[string]*proxy.Entry{}, map[string]*proxy.Entry{"ordinary": answered()}
	add := func(to map[string]*proxy.Entry, name string, change func(*proxy.Entry)) {
		to[name] = answered()
		change(to[name])
	}
	add(always, "a 5xx", func(e *proxy.Entry) { e.Status, e.Outcome.Status, e.Outcome.Class = 500, 500, proxy.ClassServerError })
	add(always, "a failure that was made good", func(e *proxy.Entry) { e.Outcome.Class = proxy.ClassTransport })
	add(always, "a refusal", func(e *proxy.Entry) { e.Status, e.Refused, e.Labels = 429, "too-many-requests", proxy.Labels{} })
	add(always, "no answer", func(e *proxy.Entry) { e.Status, e.Outcome.Class = 0, proxy.ClassClientGone })
	add(always, "a slow module", func(e *proxy.Entry) { e.Outcome.Wait = 2 * time.Second })
	add(always, "a long time in a queue", func(e *proxy.Entry) { e.Duration = 2 * time.Second })
	add(ordinary, "a 4xx of the module's", func(e *proxy.Entry) { e.Status, e.Outcome.Status, e.Outcome.Class = 404, 404, proxy.ClassClientError })
	add(ordinary, "a long download", func(e *proxy.Entry) { e.Duration, e.Outcome.Duration = time.Hour, time.Hour })
	logged := func(sample int, e *proxy.Entry, n int) telemetry.AccessStats {
		a := openAccess(t, telemetry.AccessLogConfig{Sample: sample, PerSecond: math.MaxInt32})
		for range n {
			a.Log(e)
			for a.Stats().Written+a.Stats().Sampled == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		a.Close()
		return a.Stats()
	}
	for name, e := range always {
		if s := logged(-1, e, 3); s.Written != 3 || s.Sampled != 0 {
			t.Errorf("%s: %+v", name, s)
		}
	}
	for name, e := range ordinary {
		if s := logged(-1, e, 3); s.Written != 0 || s.Sampled != 3 {
			t.Errorf("%s: %+v", name, s)
		}
	}
	// 20,000 draws of one in ten: 2,000, and hardly ever 300 beside it.
	if s := logged(10, answered(), 20000); s.Sampled < 17700 || s.Sampled > 18300 || s.Written+s.Crowded+s.Sampled != 20000 {
		t.Errorf("one in ten: %+v", s)
	}
}

func TestAFloodOfRefusalsFillsNoDiskAndHidesNoOrdinaryRequest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	a := openAccess(t, telemetry.AccessLogConfig{Path: path, PerSecond: 5})
	e := answered()
	e.Status, e.Refused = 429, "too-many-requests"
	began := time.Now().Unix()
	for range 10000 {
		a.Log(e)
	}
	a.Log(answered())
	seconds := uint64(time.Now().Unix() - began + 1)
	a.Close()
	s := a.Stats()
	if s.Written < 6 || s.Written > 5*seconds+1 || s.Flooded != 10001-s.Written {
		t.Errorf("in %d seconds: %+v", seconds, s)
	}
	lines := accessLines(t, path)
	if last := lines[len(lines)-1]; last["status"] != 200.0 || uint64(len(lines)) != s.Written {
		t.Errorf("%d lines, the last is %v", len(lines), last)
	}
}

func TestAFileThatWasMovedIsFollowedByANewOne(t *testing.T) {
	for name, reopen := range map[string]bool{"told": true, "seen": false} {
		path := filepath.Join(t.TempDir(), "access.log")
		a := openAccess(t, telemetry.AccessLogConfig{Path: path})
		a.Log(answered())
		until(t, "the first line", func() bool { return a.Stats().Written == 1 })
		if err := os.Rename(path, path+".1"); err != nil {
			t.Fatal(err)
		}
		if reopen {
			a.Reopen()
			a.Log(answered())
		} else {
			until(t, "a new file", func() bool {
				a.Log(answered())
				_, err := os.Stat(path)
				return !errors.Is(err, fs.ErrNotExist)
			})
		}
		a.Close()
		old, now := len(accessLines(t, path+".1")), len(accessLines(t, path))
		if uint64(old+now) != a.Stats().Written || reopen && (old != 1 || now != 1) {
			t.Errorf("%s: %d lines in the old file, %d in the new one, %+v", name, old, now, a.Stats())
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o007 != 0 {
			t.Errorf("%s: %v, everybody may read it: %v", name, err, info.Mode())
		}
	}
}

func TestAFileInPlaceIsAddedTo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	for range 2 {
		a := openAccess(t, telemetry.AccessLogConfig{Path: path})
		a.Log(answered())
		a.Close()
	}
	if n := len(accessLines(t, path)); n != 2 {
		t.Errorf("%d lines", n)
	}
}

func TestAFileThatCannotBeOpenedIsAnErrorAtTheStart(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(t.TempDir(), "none", "access.log"), t.TempDir(), pipe} {
		if _, err := telemetry.OpenAccessLog(telemetry.AccessLogConfig{Path: path}); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestLinesThatCannotBeWrittenAreCountedAndToldOfOnce(t *testing.T) {
	logs, seen := observer.New(zap.InfoLevel)
	dir := filepath.Join(t.TempDir(), "logs")
	path := filepath.Join(dir, "access.log")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	a := openAccess(t, telemetry.AccessLogConfig{Path: path, Logger: zap.New(logs)})
	if err := os.Rename(dir, dir+".gone"); err != nil {
		t.Fatal(err)
	}
	for n := range uint64(3) {
		a.Reopen()
		a.Log(answered())
		until(t, "a line that is lost", func() bool { return a.Stats().Failed == n+1 })
	}
	if err := os.Rename(dir+".gone", dir); err != nil {
		t.Fatal(err)
	}
	until(t, "a line again", func() bool { a.Log(answered()); return a.Stats().Written > 0 })
	a.Close()
	if n := seen.FilterMessage("the access log cannot be written").Len(); n != 1 {
		t.Errorf("told %d times: %v", n, seen.All())
	}
	if seen.FilterMessage("the access log is written again").Len() != 1 {
		t.Errorf("%v", seen.All())
	}
	if uint64(len(accessLines(t, path))) != a.Stats().Written {
		t.Errorf("%+v", a.Stats())
	}
}

func TestAReaderThatIsStuckHoldsNobodyUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // and never reads
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	a := openAccess(t, telemetry.AccessLogConfig{Path: path, PerSecond: math.MaxInt32})
	e := answered()
	e.Request.Path = strings.Repeat("x", 1000)
	until(t, "more than there is room for", func() bool { a.Log(e); return a.Stats().Crowded > 0 })
}

func TestManyWriteAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	a := openAccess(t, telemetry.AccessLogConfig{Path: path, PerSecond: math.MaxInt32})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 400 {
				e := answered()
				e.Request.ID = fmt.Sprint(i, "-", j)
				a.Log(e)
			}
		})
	}
	all.Wait()
	a.Close()
	a.Close()
	a.Log(answered())
	ids := map[any]bool{}
	for _, line := range accessLines(t, path) {
		ids[line["id"]] = true
	}
	if s := a.Stats(); uint64(len(ids)) != s.Written || s.Written+s.Crowded != 3200 {
		t.Errorf("%d lines, %+v", len(ids), s)
	}
}

func TestWhatIsNotLoggedAllocatesNothing(t *testing.T) {
	e := answered()
	sampled := openAccess(t, telemetry.AccessLogConfig{Sample: -1})
	flooded := openAccess(t, telemetry.AccessLogConfig{PerSecond: -1})
	for name, a := range map[string]*telemetry.AccessLog{"sampled": sampled, "flooded": flooded} {
		if n := testing.AllocsPerRun(1000, func() { a.Log(e) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	if sampled.Stats().Sampled == 0 || flooded.Stats().Flooded == 0 {
		t.Error("they were logged")
	}
}

func BenchmarkAccessLog(b *testing.B) {
	for name, sample := range map[string]int{"logged": 1, "sampled": -1} {
		b.Run(name, func(b *testing.B) {
			a := openAccess(b, telemetry.AccessLogConfig{Path: os.DevNull, Sample: sample, PerSecond: math.MaxInt32})
			e := answered()
			b.ReportAllocs()
			for b.Loop() {
				a.Log(e)
			}
			b.ReportMetric(float64(a.Stats().Crowded), "crowded")
		})
	}
}

func TestClosingDoesNotWaitForAStandardOutputThatNobodyReads(t *testing.T) {
	var ends [2]int
	if err := syscall.Pipe2(ends[:], syscall.O_CLOEXEC); err != nil { // blocking, as a shell makes it
		t.Fatal(err)
	}
	reader := os.NewFile(uintptr(ends[0]), "reader")
	stdout := os.Stdout
	os.Stdout = os.NewFile(uintptr(ends[1]), "stdout")
	defer func() {
		os.Stdout.Close()
		os.Stdout = stdout
	}()
	logs, seen := observer.New(zapcore.ErrorLevel)
	a, err := telemetry.OpenAccessLog(telemetry.AccessLogConfig{Path: "-", PerSecond: 1e6, Logger: zap.New(logs)})
	if err != nil {
		t.Fatal(err)
	}
	until(t, "nothing more can be written", func() bool {
		a.Log(answered())
		return a.Stats().Crowded > 0
	})
	for range 2 {
		a.Close()
	}
	if n := seen.FilterMessage("the access log is stuck: its last lines may be lost").Len(); n != 2 {
		t.Errorf("that it is stuck is told %d times", n)
	}
	reader.Close() // which ends the write
	until(t, "the goroutine ends", func() bool { return a.Stats().Failed > 0 })
}
