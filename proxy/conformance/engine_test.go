package conformance_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/segue-run/segue/proxy"
)

func TestAModuleGetsTheRequestAndTheClientTheAnswer(t *testing.T) {
	h, m := usual(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Answer", "yes")
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, "%s %s %s %s", r.Method, r.Host, r.RequestURI, body)
	})
	req, _ := http.NewRequest("PUT", h.url("/a/%2e/b%20c//?x=1&y=%2F;z"), strings.NewReader("hello"))
	req.Host = "Shop.Example:81"
	res, err := h.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := read(t, res), "PUT Shop.Example:81 /a/b%20c/?x=1&y=%2F;z hello"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if res.StatusCode != http.StatusCreated || res.Header.Get("X-Answer") != "yes" {
		t.Errorf("got %v %v", res.Status, res.Header)
	}
	o := m.outcome(t)
	if o.Class != proxy.ClassOK || o.Status != 201 || o.BytesIn != 5 || o.BytesOut != int64(len("PUT Shop.Example:81 /a/b%20c/?x=1&y=%2F;z hello")) || !o.Reached || o.Duration <= 0 {
		t.Errorf("outcome %+v", o)
	}
}

func TestEveryAnswerNamesItsReleaseOnce(t *testing.T) {
	m := newModule(t, "1.0.0", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Segue-Release", "forged@9")
		w.Header().Add("segue-release", "forged@8")
		w.Header().Add("Segue-Secret", "x")
	}))
	for _, c := range []struct {
		omit bool
		want []string
	}{{false, []string{"hello@1.0.0"}}, {true, nil}} {
		h := newHouse(t, proxy.Config{OmitRelease: c.omit}, stable(t, m.Release))
		res, _ := h.get("/")
		if got := res.Header["Segue-Release"]; !slices.Equal(got, c.want) {
			t.Errorf("omit %v: got %q", c.omit, got)
		}
		if res.Header.Get("Segue-Secret") != "" {
			t.Error("an internal header of the module got out")
		}
	}
}

func TestHeadKeepsTheLengthAndNothingIsGuessed(t *testing.T) {
	h, _ := usual(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Content-Type"] = nil
		w.Header().Set("Content-Length", "15")
		io.WriteString(w, "<html>123456789")
	})
	res, err := h.client.Head(h.url("/"))
	if err != nil || res.ContentLength != 15 || read(t, res) != "" {
		t.Errorf("got %v %v", res, err)
	}
	res, body := h.get("/")
	if _, ok := res.Header["Content-Type"]; ok || body != "<html>123456789" {
		t.Errorf("got %v %q", res.Header, body)
	}
}

func TestAClientThatLeavesIsNotTheModulesFault(t *testing.T) {
	began, ended := make(chan struct{}, 1), make(chan struct{}, 1)
	h, m := usual(t, func(w http.ResponseWriter, r *http.Request) {
		began <- struct{}{}
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		ended <- struct{}{}
	})
	for _, request := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
	} {
		conn, _ := h.raw()
		io.WriteString(conn, request)
		<-began
		conn.Close()
		if o := m.outcome(t); o.Class != proxy.ClassClientGone {
			t.Errorf("%q: outcome %+v", request, o)
		}
		<-ended
	}
}

func TestABrokenBodyIsTheClientsFault(t *testing.T) {
	h, m := usual(t, func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })
	res := h.exchange("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhalf\r\n")
	if res.StatusCode != http.StatusBadRequest {
		t.Errorf("got %v", res.Status)
	}
	if o := m.outcome(t); o.Class != proxy.ClassClientGone {
		t.Errorf("outcome %+v", o)
	}
}
