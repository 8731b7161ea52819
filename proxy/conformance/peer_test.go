package conformance_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
)

// peer is a proxy before a module of its own.
type peer struct {
	name   string
	module *rawModule
	dial   func() (net.Conn, error)
}

// slowness is how long each of the proxies waits for what does not come.
const slowness = 2 * time.Second

// ourselves is the engine that is tested, as a peer.
func ourselves(t *testing.T) *peer {
	m := newRawModule(t, okAnswer)
	h := newHouse(t, proxy.Config{HeadTimeout: slowness, IdleTimeout: slowness, BodyGrace: slowness, BodyRate: 1 << 20}, stable(t, m.target))
	return &peer{"we", m, func() (net.Conn, error) { return net.Dial("tcp", h.addr) }}
}

const nginxConf = `daemon off;
master_process off;
pid nginx.pid;
error_log stderr crit;
events { worker_connections 64; }
http {
	access_log off;
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi;
	scgi_temp_path scgi;
	client_header_timeout 2s;
	client_body_timeout 2s;
	keepalive_timeout 2s;
	proxy_http_version 1.1;
	server {
		listen unix:front;
		location / {
			proxy_pass http://unix:MODULE:;
			proxy_set_header Host $http_host;
			proxy_set_header Connection "";
		}
	}
}
`

const haproxyConf = `defaults
	mode http
	option http-server-close
	timeout connect 2s
	timeout client 2s
	timeout server 2s
	timeout http-request 2s
	timeout http-keep-alive 2s
frontend front
	bind unix@FRONT
	default_backend module
backend module
	server module unix@MODULE
`

func nginx(t *testing.T) *peer {
	return startPeer(t, "nginx", nginxConf, func(conf string) []string {
		return []string{"-e", "stderr", "-p", filepath.Dir(conf), "-c", conf}
	})
}

func haproxy(t *testing.T) *peer {
	return startPeer(t, "haproxy", haproxyConf, func(conf string) []string { return []string{"-db", "-q", "-f", conf} })
}

// startPeer starts one of Debian's packages in a folder of its own, and ends it with the
// test.
func startPeer(t *testing.T, name, conf string, args func(conf string) []string) *peer {
	t.Helper()
	program, err := exec.LookPath(name)
	if err != nil {
		program = "/usr/sbin/" + name // often not in an ordinary user's path
	}
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("%s is missing: run scripts/deps.sh", name)
	}
	// A socket's path has less than 108 bytes, and nginx gives it a prefix.
	dir, err := os.MkdirTemp("", name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	m := newRawModule(t, okAnswer)
	front, file := filepath.Join(dir, "front"), filepath.Join(dir, "conf")
	conf = strings.NewReplacer("unix:front", "unix:"+front, "FRONT", front, "MODULE", m.socket).Replace(conf)
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, args(file)...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	p := &peer{name, m, func() (net.Conn, error) { return net.Dial("unix", front) }}
	waitFor(t, name+" listens", func() bool {
		select {
		case <-ended:
			t.Fatalf("%s ended: %s", name, &said)
		default:
		}
		conn, err := p.dial()
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return p
}

// verdict is what a peer makes of a few bytes, the last of which end the connection:
// "refused", or how many requests it took them for; "closed" where it answers nothing.
func (p *peer) verdict(t *testing.T, send string) string {
	t.Helper()
	p.module.forget()
	conn, err := p.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	var sending sync.WaitGroup
	defer sending.Wait()
	sending.Go(func() { _, _ = io.WriteString(conn, send) })
	client := &rawClient{conn: conn}
	refused := ""
	for err == nil {
		var answer message
		answer, err = client.read()
		if err == nil && answer.Status >= 400 {
			refused = "refused"
		}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%s neither answers nor closes", p.name)
	}
	conn.Close()
	switch n := p.module.whole(); {
	case n > 0:
		return strings.TrimSpace(fmt.Sprintf("%d forwarded %s", n, refused))
	case refused != "":
		return refused
	}
	return "closed"
}
