package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/http/pprof"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// be plays a role in a process of its own until it is told to end.
func be(role string, args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if role == "backend" {
		return serveHTTP(ctx, "unix", args[0], http.HandlerFunc(backend))
	}
	if at := os.Getenv("BENCH_PPROF"); at != "" {
		go func() { _ = http.ListenAndServe(at, http.HandlerFunc(pprof.Profile)) }()
	}
	switch role {
	case "reverseproxy":
		return serveHTTP(ctx, "tcp", args[0], bare(args[1]))
	case "segue":
		return serveSegue(ctx, args[0], args[1])
	}
	return fmt.Errorf("%s is no role", role)
}

func serveHTTP(ctx context.Context, network, address string, handler http.Handler) error {
	l, err := net.Listen(network, address)
	if err != nil {
		return err
	}
	if network == "unix" {
		if err := os.Chmod(address, 0o777); err != nil { // nginx's workers are another user
			return err
		}
	}
	server := &http.Server{Handler: handler}
	go func() { <-ctx.Done(); server.Close() }()
	if err := server.Serve(l); err != http.ErrServerClosed {
		return err
	}
	return nil
}

const (
	smallAnswer = 512
	largeAnswer = 1 << 20
	upload      = 64 << 10
	message     = 128
)

var (
	small = []byte(strings.Repeat("s", smallAnswer))
	large = []byte(strings.Repeat("l", largeAnswer))
)

// backend answers what the kinds of load ask.
func backend(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/large":
		_, _ = w.Write(large)
	case "/upload":
		if n, err := io.Copy(io.Discard, r.Body); n != upload || err != nil {
			http.Error(w, "broken upload", http.StatusBadRequest)
			return
		}
		_, _ = w.Write(small)
	case "/socket":
		echo(w)
	default:
		_, _ = w.Write(small)
	}
}

// echo agrees to a WebSocket and sends back each frame as it is, unmasked: it measures
// messages, and is no server for anything else.
func echo(w http.ResponseWriter) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
	_ = messages(buffered.Reader, func(payload []byte) error {
		_, err := conn.Write(append([]byte{0x82, 126, message >> 8, message & 255}, payload...))
		return err
	})
}

// messages reads masked frames of one message each.
func messages(r *bufio.Reader, got func(payload []byte) error) error {
	frame := make([]byte, len(clientFrame))
	for {
		if _, err := io.ReadFull(r, frame); err != nil {
			return err
		}
		if err := got(frame[len(frame)-message:]); err != nil {
			return err
		}
	}
}

// bare is a ReverseProxy with a pool that is large enough, and nothing else.
func bare(socket string) http.Handler {
	to := &url.URL{Scheme: "http", Host: "backend"}
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to); r.SetXForwarded() },
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "unix", socket)
			},
			MaxIdleConns: 1024, MaxIdleConnsPerHost: 1024, IdleConnTimeout: time.Minute, DisableCompression: true,
		},
		BufferPool: &pool{},
	}
}
