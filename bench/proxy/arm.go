package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
	"time"
)

// arm is a proxy that is measured.
type arm struct {
	name string
	// self is the role of this very program that it is; empty for another program.
	self string
	// command starts it with the file that config fills in.
	command []string
	config  string
	file    string // the config's name
}

func (a arm) title() string { return a.name }

// segue is what all others are compared with.
const segue = "segue"

var arms = []arm{
	{name: segue, self: "segue"},
	{name: "reverseproxy", self: "reverseproxy"},
	{name: "nginx", command: []string{"nginx", "-e", "stderr", "-c"}, file: "nginx.conf", config: `
daemon off; worker_processes 2; pid {{.Dir}}/nginx.pid; error_log stderr error; master_process on;
events { worker_connections 4096; }
http {
	access_log off; client_max_body_size 0; client_body_temp_path {{.Dir}}/body; proxy_temp_path {{.Dir}}/temp;
	fastcgi_temp_path {{.Dir}}/f; uwsgi_temp_path {{.Dir}}/u; scgi_temp_path {{.Dir}}/s; keepalive_requests 1000000000;
	proxy_request_buffering off; proxy_max_temp_file_size 0; proxy_buffer_size 32k; proxy_buffers 16 32k;
	upstream backend { server unix:{{.Backend}}; keepalive 256; keepalive_requests 1000000000; }
	map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
	server {
		listen 127.0.0.1:{{.Port}};
		location / {
			proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Host $host;
			proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme;
			proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
		}
	}
}
`},
	{name: "haproxy", command: []string{"haproxy", "-db", "-f"}, file: "haproxy.cfg", config: `
global
	maxconn 4096
	nbthread 2
defaults
	mode http
	timeout connect 5s
	timeout client 60s
	timeout server 60s
	timeout tunnel 60s
	http-reuse always
	option forwardfor
frontend f
	bind 127.0.0.1:{{.Port}}
	default_backend b
backend b
	server s unix@{{.Backend}}
`},
	{name: "caddy", command: []string{"caddy", "run", "--adapter", "caddyfile", "--config"}, file: "Caddyfile", config: `
{
	admin off
	auto_https off
	log {
		level ERROR
	}
}
http://:{{.Port}} {
	bind 127.0.0.1
	reverse_proxy unix/{{.Backend}} {
		transport http {
			keepalive_idle_conns_per_host 256
		}
	}
}
`},
}

func names(all []arm) []string {
	var list []string
	for _, a := range all {
		list = append(list, a.name)
	}
	return list
}

// running is an arm, or the backend, while it runs.
type running struct {
	name string
	addr string // where it listens
	cmd  *exec.Cmd
	said bytes.Buffer
	done chan struct{}
}

// start starts a program that keeps its own things in dir, and waits until address takes
// connections.
func start(ctx context.Context, dir, name, network, address string, argv ...string) (*running, error) {
	r := &running{name: name, addr: address, cmd: exec.Command(argv[0], argv[1:]...), done: make(chan struct{})}
	r.cmd.Stdout, r.cmd.Stderr = &r.said, &r.said
	r.cmd.Env = append(os.Environ(), "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	if err := r.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w; type: make deps", name, err)
	}
	go func() { defer close(r.done); _ = r.cmd.Wait() }()
	patience := time.After(10 * time.Second)
	for {
		conn, err := net.Dial(network, address)
		if err == nil {
			conn.Close()
			return r, nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-r.done:
			return nil, fmt.Errorf("%s ended: %s", name, r.said.String())
		case <-patience:
			r.stop()
			return nil, fmt.Errorf("%s does not listen on %s", name, address)
		case <-ctx.Done():
			r.stop()
			return nil, ctx.Err()
		}
	}
}

// stop ends it, and waits for its end.
func (r *running) stop() {
	_ = r.cmd.Process.Signal(os.Interrupt)
	select {
	case <-r.done:
	case <-time.After(5 * time.Second):
		_ = r.cmd.Process.Kill()
		<-r.done
	}
}

// start starts the arm before the backend on a free port.
func (a arm) start(ctx context.Context, dir, backend string) (*running, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	address := net.JoinHostPort("127.0.0.1", port)
	argv := a.command
	if a.self != "" {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		argv = []string{self, "as", a.self, address, backend}
	} else {
		own := filepath.Join(dir, a.name)
		if err := os.Mkdir(own, 0o777); err != nil {
			return nil, err
		}
		var text strings.Builder
		made := template.Must(template.New(a.name).Parse(a.config))
		if err := made.Execute(&text, map[string]string{"Dir": own, "Port": port, "Backend": backend}); err != nil {
			return nil, err
		}
		file := filepath.Join(own, a.file)
		if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
			return nil, err
		}
		argv = append(append([]string(nil), argv...), file)
	}
	return start(ctx, dir, a.name, "tcp", address, argv...)
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}
