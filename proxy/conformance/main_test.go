package conformance_test

import (
	"fmt"
	"io"
	"log"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/front"
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

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // net/http's transport speaks there
	failed := 0
	for _, engine = range engines {
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

// newFront is the engine that is tested, behind a front.
func newFront(cfg proxy.Config) *front.Front {
	return front.New(front.Config{H1: engine.make(cfg), H2: nethttp.New(cfg)})
}
