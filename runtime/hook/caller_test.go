package hook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/segue-run/segue/runtime/hook"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/sdk/manifest"
)

var status = module.RolloutStatus{
	ID: "hello-17", Module: "hello", From: "1.0.0", To: "1.1.0", Digest: "d1",
	Strategy: manifest.Gradual, Phase: "shifting", Step: 2, Steps: []manifest.Weight{500, 2500, 10000},
}

// patience is the deadline of calls that must not need it.
const patience = 30 * time.Second

// enoughForSome is the deadline of calls that need it all. It ends in the pause between
// two tries, even where each takes its time.
const enoughForSome = 1100 * time.Millisecond

// serve is a hook that answers as handler says, and counts its calls. It has read the
// body before: only then does a server see that its client is gone.
func serve(t *testing.T, handler http.HandlerFunc) (address string, calls *atomic.Int64) {
	t.Helper()
	calls = &atomic.Int64{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		handler(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, calls
}

func answers(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// call calls the hook with a deadline.
func call(t *testing.T, address string, within time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	return hook.New(hook.Config{}).Call(ctx, address, policy.EachStep, status)
}

func TestAHookIsAskedWithThePayloadTheKeyAndItsCredentials(t *testing.T) {
	var got *http.Request
	var body []byte
	address, calls := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusNoContent)
	})
	address = strings.Replace(address, "http://", "http://ops:hunter2@", 1) + "/gates/step?env=prod#top"
	if err := hook.New(hook.Config{UserAgent: "segue/1.2"}).Call(t.Context(), address, policy.EachStep, status); err != nil {
		t.Fatal(err)
	}
	if calls.Load() != 1 {
		t.Errorf("called %d times", calls.Load())
	}
	user, password, _ := got.BasicAuth()
	for what, pair := range map[string][2]string{
		"method":       {got.Method, "POST"},
		"path":         {got.RequestURI, "/gates/step?env=prod"},
		"content type": {got.Header.Get("Content-Type"), "application/json"},
		"user agent":   {got.UserAgent(), "segue/1.2"},
		"key":          {got.Header.Get(hook.Header), "hello-17/each_step/2"},
		"credentials":  {user + ":" + password, "ops:hunter2"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %q, want %q", what, pair[0], pair[1])
		}
	}
	var told hook.Payload
	if err := json.Unmarshal(body, &told); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	if told.Version != 1 || told.Module != "hello" || told.Weight != 2500 || told.Next != 10000 {
		t.Errorf("told %s", body)
	}
}

func TestAny2xxIsConsentWhateverFollows(t *testing.T) {
	for _, code := range []int{200, 201, 202, 204, 299} {
		address, _ := serve(t, answers(code, ""))
		if err := call(t, address, patience); err != nil {
			t.Errorf("%d: %v", code, err)
		}
	}
	endless, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	if err := call(t, endless, patience); err != nil {
		t.Errorf("with a body that never ends: %v", err)
	}
}

func TestARefusalIsToldInTheHooksOwnWords(t *testing.T) {
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"a conflict": {answers(409, "the database is not migrated\nask Alice"), "answered 409 Conflict: the database is not migrated"},
		"no words":   {answers(412, ""), "answered 412 Precondition Failed"},
		"its own words": {
			answers(422, "\n\n  { \n\"error\": \"closed\"\n}"), `answered 422 Unprocessable Entity: "error": "closed"`,
		},
		"what drives a terminal": {answers(403, "no \x1b[31mway\x00\u202e\xff"), "answered 403 Forbidden: no [31mway �"},
	} {
		t.Run(name, func(t *testing.T) {
			address, calls := serve(t, c.handler)
			err := call(t, address+"/gate", patience)
			if err == nil || module.KindOf(err) != module.Invalid {
				t.Fatalf("%v, want a refusal", err)
			}
			if want := `hooks.each_step "` + address + `": ` + c.want; err.Error() != want {
				t.Errorf("%v\nwant %s", err, want)
			}
			if calls.Load() != 1 {
				t.Errorf("called %d times", calls.Load())
			}
		})
	}
}

// A hook that is not set up as it should says nothing of the release.
func TestAHookThatIsMisconfiguredIsNobodysRefusalAndAskedOnce(t *testing.T) {
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"a bad request":    {answers(400, "no such field"), "answered 400 Bad Request: no such field; see to it that the address is a hook's, and what it asks for"},
		"no credentials":   {answers(401, "who are you"), "answered 401 Unauthorized: who are you; see to it"},
		"a wrong method":   {answers(405, ""), "answered 405 Method Not Allowed; see to it"},
		"no known status":  {answers(499, ""), "answered 499; see to it"},
		"an address moved": {answers(301, ""), "answered 301 Moved Permanently, and a hook's redirects are not followed; write the address that it leads to"},
		"a redirect elsewhere": {
			func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "https://user:pw@evil.example/x?token=s3cret", http.StatusTemporaryRedirect)
			},
			"answered 307 Temporary Redirect, and a hook's redirects are not followed; write the address that it leads to, on https://evil.example",
		},
	} {
		t.Run(name, func(t *testing.T) {
			address, calls := serve(t, c.handler)
			err := call(t, address+"/gate", patience)
			if module.KindOf(err) != module.Unavailable || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v (%s), want %s", err, module.KindOf(err), c.want)
			}
			if calls.Load() != 1 {
				t.Errorf("called %d times", calls.Load())
			}
		})
	}
}

func TestARefusalsWordsAreBounded(t *testing.T) {
	address, _ := serve(t, answers(409, strings.Repeat("ä", 1<<20)))
	err := call(t, address, patience)
	told, _ := errors.AsType[*module.Error](err)
	_, words, _ := strings.Cut(told.Msg, ": ")
	if len(words) > 200 || !strings.HasPrefix(words, "ää") || !strings.HasSuffix(words, "…") || strings.ContainsFunc(words, unicode.IsControl) {
		t.Errorf("%d bytes: %s", len(words), words)
	}
}

func TestARefusalIsNotHeldUpByWordsThatNeverEnd(t *testing.T) {
	t.Parallel()
	address, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "not on a Friday")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	// Without a bound of their own the words would last as long as the context.
	err := hook.New(hook.Config{Timeout: time.Hour}).Call(t.Context(), address, policy.EachStep, status)
	if module.KindOf(err) != module.Invalid || !strings.Contains(err.Error(), "not on a Friday") {
		t.Errorf("%v", err)
	}
}

func TestAHookThatCannotAnswerIsCalledAgainWithTheSameKey(t *testing.T) {
	t.Parallel()
	for _, code := range []int{500, 502, 503, 504, 404, 407, 408, 425, 429} {
		var mu sync.Mutex
		keys := map[string]int{}
		address, calls := serve(t, func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			keys[r.Header.Get(hook.Header)]++
			n := keys[r.Header.Get(hook.Header)]
			mu.Unlock()
			if n < 3 {
				w.WriteHeader(code)
			}
		})
		if err := call(t, address, patience); err != nil {
			t.Errorf("%d: %v", code, err)
		}
		if calls.Load() != 3 || keys["hello-17/each_step/2"] != 3 {
			t.Errorf("%d: called %d times, with %v", code, calls.Load(), keys)
		}
	}
}

func TestAHookThatComesUpLateIsReached(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close() // nobody listens
	core, logs := observer.New(zapcore.DebugLevel)
	done := make(chan error)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		done <- hook.New(hook.Config{Logger: zap.New(core)}).Call(ctx, "http://"+address+"/?token=s3cret", policy.EachStep, status)
	}()
	for deadline := time.Now().Add(patience); logs.Len() == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the first try was not told")
		}
	}
	if l, err = net.Listen("tcp", address); err != nil {
		t.Fatal(err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: answers(200, "")}}
	s.Start()
	defer s.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	line := logs.All()[0]
	if fields := line.ContextMap(); fields["address"] != "http://"+address || fields["module"] != "hello" || !strings.Contains(fields["reason"].(string), "connection refused") {
		t.Errorf("logged %v", fields)
	}
}

func TestAHookThatIsNotReachedInTimeIsNobodysFault(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + l.Addr().String()
	l.Close()
	overloaded, _ := serve(t, answers(503, "warming up"))
	wishes, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	silent, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
	})
	cuts, _ := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	for name, c := range map[string]struct {
		address string
		kind    module.Kind
		want    string
	}{
		"nobody listens":          {nobody, module.Unavailable, "connection refused"},
		"it is overloaded":        {overloaded, module.Unavailable, "the last: answered 503 Service Unavailable: warming up"},
		"it cuts the connection":  {cuts, module.Unavailable, "EOF"},
		"it never answers":        {silent, module.Timeout, "no answer within"},
		"it wants to be let be":   {wishes, module.Unavailable, "and 1 try; the last: answered 429"},
		"it is no address":        {"https://[::1", module.Unavailable, "is no address"},
		"it is no web address":    {"ftp://ops:hunter2@ftp.example/", module.Unavailable, "is no address of a web server"},
		"its host is not written": {"https:///path", module.Unavailable, "is no address of a web server"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := call(t, c.address, enoughForSome)
			if err == nil || module.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v (%s), want %s", err, module.KindOf(err), c.want)
			}
		})
	}
}

func TestACallThatIsCancelledEndsWithTheCause(t *testing.T) {
	superseded := errors.New("superseded")
	ctx, cancel := context.WithCancelCause(t.Context())
	address, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel(superseded)
		<-r.Context().Done()
	})
	err := hook.New(hook.Config{}).Call(ctx, address, policy.EachStep, status)
	if !errors.Is(err, superseded) || module.KindOf(err) != module.Unavailable {
		t.Errorf("%v", err)
	}
}

func TestACallWithoutADeadlineEndsByTheCallersOwn(t *testing.T) {
	address, _ := serve(t, answers(503, ""))
	err := hook.New(hook.Config{Timeout: 50 * time.Millisecond}).Call(t.Context(), address, policy.EachStep, status)
	if kind := module.KindOf(err); kind != module.Unavailable && kind != module.Timeout {
		t.Errorf("%v", err)
	}
}

// What the address holds beside its host must be in no error and no log line, even where
// the hook's answer repeats it.
func TestTheSecretsOfAnAddressAreToldNowhere(t *testing.T) {
	t.Parallel()
	echo := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			user, password, _ := r.BasicAuth()
			w.WriteHeader(code)
			_, _ = io.WriteString(w, "cannot POST "+r.URL.Path+" of "+user+" "+password+" "+r.RequestURI+" "+r.URL.Query().Get("token")+
				" "+strings.TrimPrefix(r.URL.RawQuery, "token=")+" "+r.Header.Get("Authorization")+" "+path.Base(r.URL.Path))
		}
	}
	refuses, _ := serve(t, echo(409))
	busy, _ := serve(t, echo(503))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + l.Addr().String()
	l.Close()
	garbage := garbled(t, "nonsense of /T0K3N/path?token=s3cret%20value by operator\r\n\r\n")
	for name, address := range map[string]string{
		"a refusal": refuses, "a failure": busy, "a dead host": nobody, "garbage": garbage,
		"a bad address": "http://bad host", "a bad escape": "http://host/%zz",
	} {
		t.Run(name, func(t *testing.T) {
			core, logs := observer.New(zapcore.DebugLevel)
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), enoughForSome)
			defer cancel()
			secret := strings.Replace(address, "http://", "http://operator:hunter2@", 1) + "/T0K3N/path/B7fKq0ZtPw3x?token=s3cret%20value"
			err := hook.New(hook.Config{Logger: zap.New(core)}).Call(ctx, secret, policy.EachStep, status)
			if err == nil {
				t.Fatal("it consents")
			}
			told := []string{err.Error()}
			for _, line := range logs.All() {
				raw, _ := json.Marshal(line.ContextMap())
				told = append(told, line.Message, string(raw))
			}
			for _, text := range told {
				for _, part := range []string{"operator", "hunter2", "T0K3N", "s3cret", "B7fKq0ZtPw3x", "b3BlcmF0b3I6aHVudGVyMg"} {
					if strings.Contains(text, part) {
						t.Errorf("%q is told: %s", part, text)
					}
				}
			}
		})
	}
}

// garbled is a server that answers with text, whatever it is asked.
func garbled(t *testing.T, text string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 64<<10))
			_, _ = io.WriteString(conn, text)
			conn.Close()
		}
	})
	return "http://" + l.Addr().String()
}

func TestAHookMaySpeakTLS(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(answers(200, ""))
	s.Config.ErrorLog = zap.NewStdLog(zap.NewNop())
	defer s.Close()
	if err := hook.New(hook.Config{Transport: s.Client().Transport}).Call(t.Context(), s.URL, policy.EachStep, status); err != nil {
		t.Error(err)
	}
	// Without its authority nobody knows who answers there.
	if err := call(t, s.URL, enoughForSome); module.KindOf(err) != module.Unavailable || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("%v", err)
	}
}
