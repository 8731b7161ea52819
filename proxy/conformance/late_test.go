package conformance_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
	"github.com/segue-run/segue/proxy/route"
)

// tardy is a director that goes on telling requests to end when they are done.
type tardy struct {
	proxy.Director
	mu   sync.Mutex
	done []*proxy.Request
}

func (d *tardy) Direct(ctx context.Context, r *proxy.Request) (proxy.Exchange, error) {
	for _, earlier := range d.earlier() {
		meddle(earlier)
	}
	x, err := d.Director.Direct(ctx, r)
	return &tardyExchange{x, d, r}, err
}

func (d *tardy) earlier() []*proxy.Request {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.done)
}

func meddle(r *proxy.Request) {
	r.GoAway()
	r.Cancel(proxy.ErrDraining)
}

type tardyExchange struct {
	proxy.Exchange
	d *tardy
	r *proxy.Request
}

func (x *tardyExchange) Done(o proxy.Outcome) {
	x.Exchange.Done(o)
	meddle(x.r)
	x.d.mu.Lock()
	defer x.d.mu.Unlock()
	x.d.done = append(x.d.done, x.r)
}

func TestWhatIsDoneIsNotEndedAgain(t *testing.T) {
	m := newModule(t, "1.0.0", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.URL.Path)
	}))
	table, err := route.Build([]route.Entry{{Path: "/", Module: "hello"}})
	if err != nil {
		t.Fatal(err)
	}
	pool := new(balance.Pool)
	if err := pool.Set(table, stable(t, m.Release)); err != nil {
		t.Fatal(err)
	}
	h := newDirected(t, proxy.Config{Director: &tardy{Director: pool}})
	conn, r := h.raw()
	for i := range 20 {
		path := fmt.Sprint("/", i)
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
		res, err := http.ReadResponse(r, nil)
		if err != nil || read(t, res) != path {
			t.Fatalf("%s: got %v, %v", path, res, err)
		}
		if o := m.outcome(t); o.Class != proxy.ClassOK {
			t.Errorf("%s: outcome %+v", path, o)
		}
	}
}
