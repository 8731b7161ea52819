package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// ErrUnreachable is in the chain of every error that says that no runtime answers.
var ErrUnreachable = errors.New("no runtime answers")

// maxAnswer bounds what is read of one answer.
const maxAnswer = 64 << 20

// Config says which runtime to talk to: Socket or Server must be set.
type Config struct {
	// Socket is the path of a runtime's local socket; over it changes are taken.
	Socket string
	// Server is the URL of a runtime's admin address, "http://127.0.0.1:8081"; it
	// answers reads alone.
	Server string
	// Name is how errors call the runtime; default Socket or Server.
	Name string
	// Dial connects in place of a plain dial; nil for that.
	Dial func(ctx context.Context) (net.Conn, error)
	// ResumeFor is how long Follow tries to reach a runtime again that was there
	// before; default 30s.
	ResumeFor time.Duration
	// OnLink is told by Follow when the runtime whose events it follows is gone,
	// and when it is back; nil for nobody. It is called by the goroutine that
	// iterates.
	OnLink func(up bool)
}

// Client talks to one runtime.
type Client struct {
	cfg  Config
	base string
	http *http.Client
}

// New makes a client; it connects to nothing yet.
func New(cfg Config) (*Client, error) {
	if (cfg.Socket == "") == (cfg.Server == "") {
		return nil, errors.New("client: either Socket or Server must be set")
	}
	if cfg.Name == "" {
		cfg.Name = cfg.Socket + cfg.Server
	}
	if cfg.ResumeFor == 0 {
		cfg.ResumeFor = 30 * time.Second
	}
	c := &Client{cfg: cfg, base: strings.TrimSuffix(cfg.Server, "/")}
	network, address := "tcp", ""
	if cfg.Socket != "" {
		c.base, network, address = "http://segue", "unix", cfg.Socket
	}
	var dialer net.Dialer
	transport := &http.Transport{DialContext: func(ctx context.Context, _, hostport string) (conn net.Conn, err error) {
		if cfg.Dial != nil {
			conn, err = cfg.Dial(ctx)
		} else {
			conn, err = dialer.DialContext(ctx, network, cmp.Or(address, hostport))
		}
		if err != nil {
			return nil, &dialError{err}
		}
		return conn, nil
	}}
	c.http = &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Modules are all modules that are known, sorted by name.
func (c *Client) Modules(ctx context.Context) ([]module.Status, error) {
	list, err := get[api.ModuleList](ctx, c, "/v1/modules", nil)
	return list.Modules, err
}

// Module is one module; module.NotFound if there is none of that name.
func (c *Client) Module(ctx context.Context, name string) (module.Status, error) {
	path, err := modulePath(name)
	if err != nil {
		return module.Status{}, err
	}
	return get[module.Status](ctx, c, path, nil)
}

// Routes are all routes that are served, in the order in which they are asked.
func (c *Client) Routes(ctx context.Context) ([]module.RouteStatus, error) {
	list, err := get[api.RouteList](ctx, c, "/v1/routes", nil)
	return list.Routes, err
}

// Promote finishes the module's rollout now.
func (c *Client) Promote(ctx context.Context, o api.Order) error {
	return c.change(ctx, http.MethodPost, o, "/promote")
}

// Abort takes the module's candidate back.
func (c *Client) Abort(ctx context.Context, o api.Order) error {
	return c.change(ctx, http.MethodPost, o, "/abort")
}

// Pause holds the module's rollout where it is.
func (c *Client) Pause(ctx context.Context, o api.Order) error {
	return c.change(ctx, http.MethodPost, o, "/pause")
}

// Resume lets the module's paused rollout go on.
func (c *Client) Resume(ctx context.Context, o api.Order) error {
	return c.change(ctx, http.MethodPost, o, "/resume")
}

// Approve gives the approval that the module's rollout waits for.
func (c *Client) Approve(ctx context.Context, o api.Order) error {
	return c.change(ctx, http.MethodPost, o, "/approve")
}

// Revoke takes back the permissions that operators have approved for the module.
func (c *Client) Revoke(ctx context.Context, o api.Order) error {
	return c.change(ctx, http.MethodPost, o, "/revoke")
}

// Rollback goes back to the module's previous release.
func (c *Client) Rollback(ctx context.Context, o api.Order) error {
	return c.change(ctx, http.MethodPost, o, "/rollback")
}

// Remove drains and stops the module.
func (c *Client) Remove(ctx context.Context, o api.Order) error {
	return c.change(ctx, http.MethodDelete, o, "")
}

// SetDoor holds the module's requests, refuses them for maintenance, or lets them in again.
func (c *Client) SetDoor(ctx context.Context, o api.DoorOrder) error {
	path, err := modulePath(o.Module)
	if err != nil {
		return err
	}
	verb := map[module.DoorState]string{module.DoorHeld: "/hold", module.DoorMaintenance: "/maintenance", module.DoorOpen: "/open"}[o.State]
	query := url.Values{}
	for name, d := range map[string]time.Duration{"for": o.For, "retry_after": o.RetryAfter} {
		if d != 0 {
			query.Set(name, d.String())
		}
	}
	if o.Message != "" {
		query.Set("message", o.Message)
	}
	req, err := c.request(ctx, http.MethodPost, path+verb, query, nil)
	if err != nil {
		return err
	}
	return c.do(req, nil)
}

// Rollouts are the module's newest limit rollouts that are kept, newest first; 0 for
// all of them.
func (c *Client) Rollouts(ctx context.Context, name string, limit int) ([]module.RolloutStatus, error) {
	path, err := modulePath(name)
	if err != nil {
		return nil, err
	}
	list, err := get[api.RolloutList](ctx, c, path+"/rollouts", limited(limit))
	return list.Rollouts, err
}

// Rollout is one of the module's rollouts; module.NotFound where it is not kept.
func (c *Client) Rollout(ctx context.Context, name, id string) (module.RolloutStatus, error) {
	path, err := modulePath(name)
	if err != nil {
		return module.RolloutStatus{}, err
	}
	if id == "" || id == "." || id == ".." {
		return module.RolloutStatus{}, &module.Error{Kind: module.NotFound, Field: "rollout", Value: id, Msg: "no such rollout is kept", Hint: "segue history " + name + " lists those that are"}
	}
	return get[module.RolloutStatus](ctx, c, path+"/rollouts/"+url.PathEscape(id), nil)
}

// Audit are the newest limit records, oldest first; 0 for the runtime's default. With a
// name they are those of that module and its releases.
func (c *Client) Audit(ctx context.Context, name string, limit int) ([]module.AuditRecord, error) {
	query := url.Values{}
	maps.Copy(query, limited(limit))
	if name != "" {
		query.Set("module", name)
	}
	list, err := get[api.AuditList](ctx, c, "/v1/audit", query)
	return list.Records, err
}

// limited is a query for so many; 0 for the default.
func limited(limit int) url.Values {
	if limit == 0 {
		return nil
	}
	return url.Values{"limit": {strconv.Itoa(limit)}}
}

// Info says which runtime answers.
func (c *Client) Info(ctx context.Context) (api.Info, error) {
	return get[api.Info](ctx, c, "/v1/info", nil)
}

// Ready is nil when the runtime carries traffic for all it is meant to.
func (c *Client) Ready(ctx context.Context) error {
	_, err := get[api.Health](ctx, c, "/readyz", nil)
	return err
}

// modulePath is a module's path; what cannot be a name is nobody's.
func modulePath(name string) (string, error) {
	if manifest.CheckName(name) != nil {
		return "", &module.Error{Kind: module.NotFound, Field: "module", Value: name, Msg: "no such module", Hint: "segue ls shows which there are"}
	}
	return "/v1/modules/" + name, nil
}

func get[T any](ctx context.Context, c *Client, path string, query url.Values) (answer T, err error) {
	req, err := c.request(ctx, http.MethodGet, path, query, nil)
	if err != nil {
		return answer, err
	}
	err = c.do(req, &answer)
	return answer, err
}

// change asks for a change of a module; verb stands after its path. Who asks is the
// runtime's to know.
func (c *Client) change(ctx context.Context, method string, o api.Order, verb string) error {
	path, err := modulePath(o.Module)
	if err != nil {
		return err
	}
	query := url.Values{}
	for name, value := range map[string]string{"rollout": o.Rollout, "reason": o.Reason, "point": o.Point} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if o.Stepped {
		query.Set("stepped", "true")
	}
	req, err := c.request(ctx, method, path+verb, query, nil)
	if err != nil {
		return err
	}
	return c.do(req, nil)
}

func (c *Client) request(ctx context.Context, method, path string, query url.Values, body io.Reader) (*http.Request, error) {
	target := c.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	return http.NewRequestWithContext(ctx, method, target, body)
}

// do sends req and reads its answer into the value that answer points to; nil for
// none.
func (c *Client) do(req *http.Request, answer any) error {
	resp, err := c.send(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return c.broken(req.Context(), err)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return c.notSegue(fmt.Errorf("read answer of %s: %w", req.URL.Path, err))
	}
	return nil
}

// send gives the answer to req if it is one of success; its body is the caller's
// to close.
func (c *Client) send(req *http.Request) (*http.Response, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unanswered(req.Context(), err)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, c.broken(req.Context(), err)
	}
	var problem api.Problem
	if json.NewDecoder(bytes.NewReader(body)).Decode(&problem) != nil || problem.Kind == "" {
		return nil, c.notSegue(fmt.Errorf("%s answered %s", req.URL.Path, resp.Status))
	}
	return nil, problem.Err()
}

// unanswered says why a request got no answer.
func (c *Client) unanswered(ctx context.Context, err error) error {
	if cause := ctxError(ctx); cause != nil {
		return cause
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return &module.Error{
			Kind: module.Denied, Msg: "the runtime at " + c.cfg.Name + " does not let you in", Err: err,
			Hint: "ask as the user who runs it",
		}
	case isDialError(err):
		return c.unreachable(err)
	}
	return c.broken(ctx, err)
}

func (c *Client) unreachable(err error) error {
	msg := fmt.Sprintf("%s at %s (%s)", ErrUnreachable, c.cfg.Name, rootCause(err))
	hint := "is it another folder's? name it with --state DIR or SEGUE_STATE; else start one with `segue run`"
	switch {
	case c.cfg.Server != "":
		hint = "check the address, and that the runtime runs"
	case errors.Is(err, syscall.ECONNREFUSED):
		// The socket outlived who listened on it.
		msg = fmt.Sprintf("%s at %s: a runtime was here and is gone", ErrUnreachable, c.cfg.Name)
		hint = "its log says why; start it again with `segue run`"
	}
	return &module.Error{Kind: module.Unavailable, Msg: msg, Hint: hint, Err: unreachable{err}}
}

// broken says that the runtime went away in the middle.
func (c *Client) broken(ctx context.Context, err error) error {
	if cause := ctxError(ctx); cause != nil {
		return cause
	}
	return &module.Error{
		Kind: module.Unavailable, Msg: "the runtime at " + c.cfg.Name + " broke off its answer", Err: err,
		Hint: "look at its log; what was asked may have been done or not",
	}
}

func (c *Client) notSegue(err error) error {
	return &module.Error{
		Kind: module.Internal, Msg: "what answers at " + c.cfg.Name + " does not speak as a runtime does", Err: err,
		Hint: "check the address, and that both are of one version",
	}
}

// ctxError is why ctx ended, as an error with a kind; nil while it has not.
func ctxError(ctx context.Context) error {
	switch {
	case ctx.Err() == nil:
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &module.Error{Kind: module.Timeout, Msg: "no answer in time", Err: ctx.Err()}
	}
	return ctx.Err()
}
