package balance_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
)

func TestThePreviewIsForThoseWhoAskRightly(t *testing.T) {
	a, b := newTarget("1"), newTarget("2")
	token := secret(t).Token("m", "r")
	preview := balance.Preview{Release: b, Token: token, Host: "preview.example"}
	shares := []balance.Share{all(a), {Release: b}}
	for _, c := range []struct {
		name    string
		preview balance.Preview
		host    string
		header  []string
		want    string // a version, or "" for none
	}{
		{"an ordinary request", preview, "example", nil, "1"},
		{"the token", preview, "example", []string{token}, "2"},
		{"the host", preview, "preview.example", nil, "2"},
		{"the host with a wrong token", preview, "preview.example", []string{"x"}, "2"},
		{"a wrong token", preview, "example", []string{token[:21] + "!"}, "1"},
		{"a part of the token", preview, "example", []string{token[:21]}, "1"},
		{"an empty token", preview, "example", []string{""}, "1"},
		{"two headers, the first wrong", preview, "example", []string{"x", token}, "1"},
		{"two tokens in one header", preview, "example", []string{token + ", " + token}, "1"},
		{"the token of another rollout", preview, "example", []string{secret(t).Token("m", "q")}, "1"},
		{"no token is set and none given", balance.Preview{Release: b}, "", []string{""}, "1"},
		{"nothing to see, by token", balance.Preview{Token: token}, "example", []string{token}, "1"},
		{"nothing to see, by host", balance.Preview{Host: "preview.example"}, "preview.example", nil, ""},
	} {
		g := balance.NewGroup(balance.GroupConfig{Module: "m"})
		split(t, g, balance.Split{Rollout: "r", Shares: shares, Preview: c.preview, Shield: &balance.Shield{}, Users: secret(t).ByCookie()})
		l, err := g.Pick(t.Context(), &proxy.Request{Method: "GET", Host: c.host, Header: http.Header{balance.PreviewHeader: c.header}, Cancel: func(error) {}})
		if c.want == "" {
			if none, ok := errors.AsType[*proxy.NoTargetError](err); !ok || !none.Preview || !errors.Is(err, proxy.ErrNoTarget) {
				t.Errorf("%s: got %v", c.name, err)
			}
			continue
		}
		if err != nil || version(l) != c.want {
			t.Errorf("%s: got %v, %v", c.name, l, err)
			continue
		}
		if c.want == "2" {
			header := http.Header{}
			l.Answered(proxy.Answer{Header: header})
			if header.Get("Set-Cookie") != "" || header.Get("Vary") != balance.PreviewHeader || l.Keep() != 0 || l.Replay(failed) != nil {
				t.Errorf("%s: %v, or it is shielded", c.name, header)
			}
		}
		l.Done(ok)
	}
}

func TestAPreviewThatIsDownIsNotStables(t *testing.T) {
	a, b := newTarget("1"), newTarget("2")
	g := balance.NewGroup(balance.GroupConfig{Module: "m"})
	split(t, g, balance.Split{Shares: []balance.Share{all(a)}, Preview: balance.Preview{Release: b, Token: "t"}})
	ask := func(unreached proxy.Target) error {
		_, err := g.Pick(t.Context(), &proxy.Request{Header: http.Header{balance.PreviewHeader: {"t"}}, Failed: unreached, Cancel: func(error) {}})
		return err
	}
	if err := ask(only(b)); !errors.Is(err, proxy.ErrNoTarget) {
		t.Errorf("not reached: %v", err)
	}
	b.Down()
	if err := ask(nil); !errors.Is(err, proxy.ErrNoTarget) {
		t.Errorf("down: %v", err)
	}
	if s := g.Stats(); s.Previewed != 2 || s.Refused != 2 {
		t.Errorf("%+v", s)
	}
}
