package client_test

import (
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/api/apitest"
	"github.com/segue-run/segue/runtime/api/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// socketPath is where a runtime may listen; it has a short path.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return filepath.Join(dir, "run", "admin.sock")
}

func serve(t *testing.T, rt *apitest.Runtime, socket string, cfg api.Config) *apitest.Served {
	t.Helper()
	srv, err := apitest.Serve(rt, socket, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Stop)
	return srv
}

func newClient(t *testing.T, cfg client.Config) *client.Client {
	t.Helper()
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// connected is a client of a served runtime.
func connected(t *testing.T, rt *apitest.Runtime) *client.Client {
	t.Helper()
	socket := socketPath(t)
	serve(t, rt, socket, api.Config{})
	return newClient(t, client.Config{Socket: socket})
}
