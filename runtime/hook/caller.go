package hook

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
)

// Header carries the key of a decision.
const Header = "Segue-Hook"

const (
	// firstPause is before the second try; each one after is twice as long, up to
	// longestPause. A hook that names a time is not asked before, up to longestWish.
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
	longestWish  = 30 * time.Second
	// forWords is how long a refusal's words are waited for.
	forWords = 2 * time.Second
)

// Config says how hooks are called.
type Config struct {
	// Timeout bounds a Call whose context has no deadline; default 30 s.
	Timeout time.Duration
	// Transport carries the requests, and follows no redirect; nil is one that respects
	// the environment's proxies, waits at most 5 s for a connection, and keeps none.
	Transport http.RoundTripper
	// Logger gets the tries that failed; nil discards them.
	Logger *zap.Logger
	// UserAgent is who asks; default "segue".
	UserAgent string
}

// Caller calls hooks. It is safe for concurrent use, and needs no end.
type Caller struct {
	cfg Config
	log *zap.Logger
}

// New makes a Caller.
func New(cfg Config) *Caller {
	if cfg.Timeout <= 0 {
		cfg.Timeout = 30 * time.Second
	}
	if cfg.Transport == nil {
		cfg.Transport = &http.Transport{
			Proxy:                  proxy,
			DialContext:            (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			TLSHandshakeTimeout:    5 * time.Second,
			DisableKeepAlives:      true, // calls are rare
			DisableCompression:     true,
			MaxResponseHeaderBytes: maxHeader,
		}
	}
	cfg.UserAgent = cmp.Or(cfg.UserAgent, "segue")
	log := cfg.Logger
	if log == nil {
		log = zap.NewNop()
	}
	return &Caller{cfg: cfg, log: log.Named("hook")}
}

// proxy is the environment's. The standard library's own error would tell its password.
func proxy(req *http.Request) (*url.URL, error) {
	u, err := http.ProxyFromEnvironment(req)
	if err != nil {
		return nil, errors.New("the environment's proxy cannot be read")
	}
	return u, nil
}

// Call tells the hook at the address that a rollout has come to a point, and blocks
// until it consents, which is nil, or refuses, or shows that it is not set up to be
// asked, or ctx ends. A refusal is a module.Error of kind Invalid. Otherwise it is one of
// kind Timeout, where ctx's deadline passed while the hook was to answer, or Unavailable;
// where ctx was cancelled, the cause is in the chain.
func (c *Caller) Call(ctx context.Context, to string, point policy.Point, status module.RolloutStatus) error {
	field := "hooks." + string(point)
	at, err := parse(to)
	if err != nil {
		return &module.Error{Kind: module.Unavailable, Field: field, Msg: err.Error(), Hint: "write it as https://HOST/PATH"}
	}
	body, err := json.Marshal(NewPayload(point, status))
	if err != nil {
		return fmt.Errorf("write payload: %w", err)
	}
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.cfg.Timeout)
		defer cancel()
	}
	begin := time.Now()
	var last string // what the last try came to
	for n, pause := 1, firstPause; ; n, pause = n+1, min(2*pause, longestPause) {
		out := c.try(ctx, at, key(point, status), body)
		if out.consent {
			return nil
		}
		if out.refused != "" {
			return &module.Error{Kind: module.Invalid, Field: field, Value: at.shown, Msg: out.refused}
		}
		if out.hint != "" {
			return &module.Error{Kind: module.Unavailable, Field: field, Value: at.shown, Msg: out.failed, Hint: out.hint}
		}
		kind := module.Timeout
		if ctx.Err() == nil {
			kind, last = module.Unavailable, out.failed
			if n == 1 {
				c.log.Warn("a hook gives no answer; it is called again", zap.String("module", status.Module), zap.String("rollout", status.ID),
					zap.String("point", string(point)), zap.String("address", at.shown), zap.String("reason", last))
			}
			wait(ctx, max(pause, out.wish))
		}
		if ctx.Err() != nil {
			return gaveUp(ctx, &module.Error{Kind: kind, Field: field, Value: at.shown}, time.Since(begin), n, last)
		}
	}
}

// gaveUp completes the error of a call that ctx's end has cut off.
func gaveUp(ctx context.Context, e *module.Error, took time.Duration, tries int, last string) error {
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		e.Kind, e.Msg, e.Err = module.Unavailable, "the call was given up", context.Cause(ctx)
		return e
	}
	e.Msg = "no answer within " + took.Round(time.Millisecond).String()
	if last != "" {
		e.Msg = fmt.Sprintf("no consent within %s and %s; the last: %s", took.Round(time.Millisecond), count(tries), last)
	}
	e.Hint = "see to it that the hook is up, or give it longer in hook_timeout"
	return e
}

func count(tries int) string {
	if tries == 1 {
		return "1 try"
	}
	return strconv.Itoa(tries) + " tries"
}

func wait(ctx context.Context, pause time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
}

// outcome is what one try came to: consent, a refusal, or neither.
type outcome struct {
	consent bool
	refused string        // in words
	failed  string        // in words
	wish    time.Duration // not to be asked again before
	hint    string        // what helps where asking again does not
}

// try sends the request once.
func (c *Caller) try(ctx context.Context, to address, key string, body []byte) outcome {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.url.String(), bytes.NewReader(body))
	if err != nil {
		return outcome{failed: "the request cannot be made"}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", c.cfg.UserAgent)
	req.Header.Set(Header, key)
	if to.user != nil {
		password, _ := to.user.Password()
		req.SetBasicAuth(to.user.Username(), password)
	}
	resp, err := c.cfg.Transport.RoundTrip(req)
	if err != nil {
		return outcome{failed: told(to.secret.Replace(err.Error()))}
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 == 2 {
		return outcome{consent: true}
	}
	if resp.StatusCode/100 == 3 {
		return redirected(resp)
	}
	late := time.AfterFunc(forWords, cancel)
	defer late.Stop()
	words := with(answered(resp), told(to.secret.Replace(firstLine(resp.Body))))
	switch {
	case refusals[resp.StatusCode]:
		return outcome{refused: words}
	case resp.StatusCode/100 == 5 || passing[resp.StatusCode]:
		return outcome{failed: words, wish: wish(resp)}
	}
	return outcome{failed: words, hint: "see to it that the address is a hook's, and what it asks for"}
}

// refusals are the answers by which a hook says no: it has looked at the rollout. With
// any other it, or what stands before it, says something of itself.
var refusals = map[int]bool{
	http.StatusForbidden:           true,
	http.StatusConflict:            true,
	http.StatusPreconditionFailed:  true,
	http.StatusUnprocessableEntity: true,
}

// passing are the answers, beside those of 500 and above, that may be others soon.
var passing = map[int]bool{
	http.StatusNotFound:          true, // it is being deployed itself
	http.StatusProxyAuthRequired: true,
	http.StatusRequestTimeout:    true,
	http.StatusTooEarly:          true,
	http.StatusTooManyRequests:   true,
}

// answered is an answer's status in words. The server's own are not told: they may be
// anything.
func answered(resp *http.Response) string {
	text := "answered " + strconv.Itoa(resp.StatusCode)
	if known := http.StatusText(resp.StatusCode); known != "" {
		text += " " + known
	}
	return text
}

// redirected follows no answer that leads elsewhere.
func redirected(resp *http.Response) outcome {
	out := outcome{failed: answered(resp) + ", and a hook's redirects are not followed", hint: "write the address that it leads to"}
	if to, err := resp.Location(); err == nil {
		out.hint += ", on " + told(origin(to))
	}
	return out
}

// wish is how long a hook wants to be left alone.
func wish(resp *http.Response) time.Duration {
	seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return min(time.Duration(min(seconds, 3600))*time.Second, longestWish)
}
