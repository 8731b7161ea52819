package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// addresses is how many loopback addresses the crowd comes from: none has more
// connections than an address may.
const addresses = 32

const dialLimit = 10 * time.Second

func dial(ctx context.Context, addr string, i int) (net.Conn, error) {
	d := net.Dialer{Timeout: dialLimit, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i%addresses))}}
	return d.DialContext(ctx, "tcp", addr)
}

// ask sends a request over a connection, and reads its answer.
func ask(conn net.Conn) error {
	_ = conn.SetDeadline(time.Now().Add(dialLimit))
	defer conn.SetDeadline(time.Time{})
	if _, err := io.WriteString(conn, "GET /hello/version HTTP/1.1\r\nHost: bench\r\n\r\n"); err != nil {
		return err
	}
	resp, err := http.ReadResponse(bufio.NewReaderSize(conn, 512), nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %s", resp.Status)
	}
	return nil
}

// idlers are connections that wait.
type idlers struct {
	silent, answered []net.Conn
}

// open opens n of them; of each two, one has had an answer.
func (c *idlers) open(ctx context.Context, addr string, n int) error {
	for i := range n {
		conn, err := dial(ctx, addr, i)
		if err != nil {
			return fmt.Errorf("open idle connection %d: %w", i, err)
		}
		if i%2 == 0 {
			c.silent = append(c.silent, conn)
			continue
		}
		c.answered = append(c.answered, conn)
		if err := ask(conn); err != nil {
			return fmt.Errorf("ask over idle connection %d: %w", i, err)
		}
	}
	return nil
}

// served is how many of those that have had an answer get another.
func (c *idlers) served() (n int) {
	for _, conn := range c.answered {
		if ask(conn) == nil {
			n++
		}
	}
	return n
}

func (c *idlers) close() {
	for _, conn := range append(c.silent, c.answered...) {
		conn.Close()
	}
}

// dribblers are clients that send a byte at a time.
type dribblers struct {
	every   time.Duration // between two bytes
	shutOut atomic.Int64  // how often one was
	lost    atomic.Int64  // how often one could not come
	wg      sync.WaitGroup
}

func (c *dribblers) start(ctx context.Context, addr string, n int) {
	for i := range n {
		c.wg.Go(func() {
			for ctx.Err() == nil {
				conn, err := dial(ctx, addr, i)
				if err != nil {
					c.lost.Add(1)
					sleep(ctx, time.Second)
					continue
				}
				c.dribble(ctx, conn, i%2 == 0)
				conn.Close()
			}
		})
	}
}

// dribble sends a head, or a body behind a whole head, until it is shut out.
func (c *dribblers) dribble(ctx context.Context, conn net.Conn, head bool) {
	start := "POST /hello/echo HTTP/1.1\r\nHost: bench\r\nContent-Length: 100000\r\n\r\n"
	if head {
		start = "GET /hello/version HTTP/1.1\r\nX-Slow: "
	}
	gone := make(chan struct{})
	c.wg.Go(func() {
		defer close(gone)
		_, _ = io.Copy(io.Discard, conn) // until either side closes it
	})
	defer func() { conn.Close(); <-gone }()
	if _, err := io.WriteString(conn, start); err != nil {
		c.shutOut.Add(1)
		return
	}
	for sleep(ctx, c.every) {
		select {
		case <-gone:
			c.shutOut.Add(1)
			return
		default:
		}
		if _, err := conn.Write([]byte("x")); err != nil {
			c.shutOut.Add(1)
			return
		}
	}
}

// sleep reports whether ctx lasted that long.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
