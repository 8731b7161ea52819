package main

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/config"
)

func TestAHangupReopensTheAccessLogAndEndsNothing(t *testing.T) {
	dir := t.TempDir()
	cfg := config.Default()
	cfg.ModulesDir, cfg.StateDir = filepath.Join(dir, "modules"), filepath.Join(dir, "state")
	cfg.Listen, cfg.Admin, cfg.Log.Level = freeAddress(t), "127.0.0.1:0", "error"
	cfg.Proxy.AccessLog.Path = filepath.Join(dir, "access.log")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, cfg) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	asks := func() bool {
		res, err := client.Get("http://" + cfg.Listen + "/nowhere")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusNotFound
	}
	holds := func() bool {
		info, err := os.Stat(cfg.Proxy.AccessLog.Path)
		return err == nil && info.Size() > 0
	}
	come := func(what string, ok func() bool) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
			select {
			case err := <-ended:
				ended <- err
				t.Fatalf("it has ended before %s: %v", what, err)
			default:
			}
			if time.Now().After(deadline) {
				t.Fatalf("not in 30 s: %s", what)
			}
		}
	}
	come("an answer", asks)
	come("its line", holds)
	if err := os.Rename(cfg.Proxy.AccessLog.Path, cfg.Proxy.AccessLog.Path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	come("a line in the new file", func() bool { return asks() && holds() })
}

// freeAddress is a loopback address at which nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
