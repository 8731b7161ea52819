package conformance_test

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net/netip"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/front"
	"github.com/segue-run/segue/proxy/guard"
	"github.com/segue-run/segue/proxy/h1"
	"github.com/segue-run/segue/proxy/nethttp"
)

// engines are what all tests run on, one after the other.
var engines = []struct {
	name string
	make func(proxy.Config) proxy.Engine
}{
	{"net/http", func(cfg proxy.Config) proxy.Engine { return nethttp.New(cfg) }},
	{"h1", func(cfg proxy.Config) proxy.Engine { return h1.New(cfg) }},
}

// engine is the one that tests run on now.
var engine = engines[0]

var only = flag.String("engine", "", "run on that engine alone")

func TestMain(m *testing.M) {
	flag.Parse()
	log.SetOutput(io.Discard) // net/http's transport speaks there
	failed := 0
	for _, engine = range engines {
		if *only != "" && *only != engine.name {
			continue
		}
		fmt.Println("on the engine", engine.name)
		failed |= m.Run()
	}
	if failed == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Println(err)
			failed = 1
		}
	}
	os.Exit(failed)
}

// newFront is the engine that is tested, behind a front that trusts some.
func newFront(cfg proxy.Config, trusted ...netip.Prefix) *front.Front {
	return front.New(front.Config{H1: engine.make(cfg), H2: nethttp.New(cfg), HeadTimeout: cfg.HeadTimeout, Trust: guard.NewTrust(trusted...)})
}
