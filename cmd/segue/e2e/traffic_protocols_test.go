package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestTrafficIsCarriedInEachProtocol(t *testing.T) {
	s, ca := speaks(t, atOnce+withTLS)
	for _, name := range tongues {
		t.Run(name, func(t *testing.T) {
			c, base := s.tongue(name, ca)
			body := strings.Repeat("0123456789", 100_000)
			for _, ask := range []struct{ method, path, body, want string }{
				{http.MethodGet, "/hello/version", "", `{"module":"hello","version":"3.0.0"}` + "\n"},
				{http.MethodHead, "/hello/version", "", ""},
				{http.MethodPost, "/hello/echo", body, body},
				{http.MethodPost, "/hello/echo", "", ""},
			} {
				req, err := http.NewRequestWithContext(t.Context(), ask.method, base+ask.path, strings.NewReader(ask.body))
				must(t, err)
				req.Header.Set("Expect", "100-continue")
				resp, err := c.Do(req)
				must(t, err)
				got, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil || resp.StatusCode != http.StatusOK || string(got) != ask.want || !strings.HasPrefix(name, resp.Proto[:6]) {
					t.Errorf("%s %s: %s %s, %d bytes, %v", ask.method, ask.path, resp.Proto, resp.Status, len(got), err)
				}
				if by := resp.Header.Get("Segue-Release"); by != "hello@3.0.0" || resp.Header.Get("X-Request-Id") == "" {
					t.Errorf("%s %s by %q: %v", ask.method, ask.path, by, resp.Header)
				}
			}
			trailers(t, c, base)
			hints(t, c, base)
			flushes(t, c, base)
		})
	}
}

// trailers go both ways.
func trailers(t *testing.T, c *http.Client, base string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/hello/trailers", io.MultiReader(strings.NewReader("a body")))
	must(t, err)
	req.Trailer = http.Header{"X-Mine": {"a client's"}}
	resp, err := c.Do(req)
	must(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || string(text) != "a body" || resp.Trailer.Get("X-Length") != "6" || resp.Trailer.Get("X-Mine") != "a client's" {
		t.Errorf("%q, trailers %v, %v", text, resp.Trailer, err)
	}
}

// hints come before the answer.
func hints(t *testing.T, c *http.Client, base string) {
	t.Helper()
	var early []string
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
		early = append(early, fmt.Sprint(code, " ", header.Get("Link")))
		return nil
	}})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/hello/hints", nil)
	must(t, err)
	resp, err := c.Do(req)
	must(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	want := []string{"103 </style.css>; rel=preload; as=style"}
	if resp.ProtoMajor == 2 {
		want = nil // they are not passed on there
	}
	if err != nil || string(text) != "a page\n" || !slices.Equal(early, want) {
		t.Errorf("%q after %q, %v", text, early, err)
	}
}

// flushes reads an event that nothing comes after.
func flushes(t *testing.T, c *http.Client, base string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/hello/events?once", nil)
	must(t, err)
	resp, err := c.Do(req)
	must(t, err)
	defer resp.Body.Close()
	event := make([]byte, len("id: 1\ndata: tick 1\n\n"))
	if _, err := io.ReadFull(resp.Body, event); err != nil || string(event) != "id: 1\ndata: tick 1\n\n" {
		t.Errorf("%q, %v", event, err)
	}
}

func TestTrafficInClearTextIsSentToTLS(t *testing.T) {
	s, ca := speaks(t, atOnce+"proxy: {"+strings.TrimSuffix(secured, "}")+", redirect: true}}\n")
	_, port, _ := strings.Cut(s.info.TLSAddr, ":")
	got := s.dial().say("GET /hello/version?a=b HTTP/1.1\r\nHost: " + siteName + "\r\n\r\n").answered()
	if want := "https://" + siteName + ":" + port + "/hello/version?a=b"; got.status != http.StatusPermanentRedirect && got.status != http.StatusMovedPermanently || got.header.Get("Location") != want {
		t.Errorf("%d to %s", got.status, got.header.Get("Location"))
	}
	c, base := s.tongue("HTTP/2 over TLS", ca)
	resp, err := c.Get(base + "/hello/version")
	must(t, err)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Error(resp.Status)
	}
}

func TestTrafficGoesOnWhileItsCertificateIsReplaced(t *testing.T) {
	s, ca := speaks(t, atOnce+withTLS)
	// serial is what a new handshake gets.
	serial := func() (int64, error) {
		conn, err := tls.Dial("tcp", s.info.TLSAddr, ca.config())
		if err != nil {
			return 0, err
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64(), nil
	}
	old, err := tls.Dial("tcp", s.info.TLSAddr, ca.config())
	must(t, err)
	kept := s.wire(old)
	if n, err := serial(); err != nil || n != 1 {
		t.Fatalf("%d, %v", n, err)
	}
	var handshakes atomic.Int64
	done := make(chan struct{})
	var working sync.WaitGroup
	for range 2 {
		working.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if _, err := serial(); err != nil {
					t.Errorf("a handshake failed: %v", err)
				}
				handshakes.Add(1)
			}
		})
	}
	for next := int64(2); next <= 3; next++ {
		ca.certify(s.dir, next)
		s.eventually("it is used", func() error {
			n, err := serial()
			if err == nil && n != next {
				err = fmt.Errorf("it is number %d", n)
			}
			return err
		})
	}
	must(t, os.WriteFile(s.dir+"/site.pem", []byte("nonsense"), 0o644))
	s.eventually("what is broken is told", func() error {
		if !strings.Contains(s.log.String(), "certificate") {
			return io.EOF
		}
		return nil
	})
	close(done)
	working.Wait()
	if n, err := serial(); err != nil || n != 3 || handshakes.Load() == 0 {
		t.Errorf("number %d after %d handshakes, %v", n, handshakes.Load(), err)
	}
	if got := kept.say("GET /hello/version HTTP/1.1\r\nHost: a\r\n\r\n").answered(); got.status != http.StatusOK {
		t.Errorf("the old connection got %d", got.status)
	}
}

// resident is how much memory the runtime has now, and had at most, in bytes.
func (s *site) resident() (now, most int64) {
	s.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.proc.Process.Pid))
	must(s.t, err)
	for in := bufio.NewScanner(bytes.NewReader(text)); in.Scan(); {
		fields := strings.Fields(in.Text())
		if len(fields) < 2 {
			continue
		}
		size, _ := strconv.ParseInt(fields[1], 10, 64)
		switch fields[0] {
		case "VmRSS:":
			now = size << 10
		case "VmHWM:":
			most = size << 10
		}
	}
	return now, most
}

// zeroes are as many bytes.
type zeroes struct{ left int64 }

func (z *zeroes) Read(p []byte) (int, error) {
	n := min(int64(len(p)), z.left)
	if n == 0 {
		return 0, io.EOF
	}
	z.left -= n
	return int(n), nil
}

func TestTrafficOfManyGigabytesTakesNoMemory(t *testing.T) {
	s, ca := speaks(t, atOnce+withTLS)
	for _, c := range []struct {
		tongue string
		size   int64
	}{{"HTTP/1.1", 2 << 30}, {"HTTP/2 in clear text", 256 << 20}, {"HTTP/2 over TLS", 64 << 20}} {
		client, base := s.tongue(c.tongue, ca)
		before, _ := s.resident()
		var moving sync.WaitGroup
		moving.Go(func() {
			req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, base+"/hello/sink", &zeroes{c.size})
			if err != nil {
				t.Error(err)
				return
			}
			resp, err := client.Do(req) // chunked, as far as there are chunks
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			if text, err := io.ReadAll(resp.Body); err != nil || string(text) != strconv.FormatInt(c.size, 10) {
				t.Errorf("%s: %d sent, %s: %q, %v", c.tongue, c.size, resp.Status, text, err)
			}
		})
		moving.Go(func() {
			resp, err := client.Get(fmt.Sprintf("%s/hello/source?bytes=%d", base, c.size))
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			if n, err := io.Copy(struct{ io.Writer }{io.Discard}, resp.Body); err != nil || n != c.size {
				t.Errorf("%s: %d of %d came, %v", c.tongue, n, c.size, err)
			}
		})
		moving.Wait()
		if _, most := s.resident(); most > before+48<<20 {
			t.Errorf("%s: it had %d MiB before, and up to %d MiB", c.tongue, before>>20, most>>20)
		}
	}
}
