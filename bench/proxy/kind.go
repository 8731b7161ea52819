package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// kind is a kind of load: what a client sends, and how it reads the answer.
type kind struct {
	name  string
	what  string // in the table's heading
	open  string // sent and answered once for each connection; empty for nothing
	send  []byte
	bytes int // of the answer's body
}

func (k kind) title() string { return k.name }

const head = "HTTP/1.1\r\nHost: bench.example\r\nUser-Agent: bench\r\nAccept: */*\r\n"

// clientFrame is a WebSocket message of 128 bytes as a client sends it, masked by zeroes.
var clientFrame = append([]byte{0x82, 0x80 | 126, message >> 8, message & 255, 0, 0, 0, 0}, bytes.Repeat([]byte("w"), message)...)

var kinds = []kind{
	{name: "small", what: "GET, 512-byte answers", send: []byte("GET /small " + head + "\r\n"), bytes: smallAnswer},
	{name: "large", what: "GET, 1 MB answers", send: []byte("GET /large " + head + "\r\n"), bytes: largeAnswer},
	{name: "upload", what: "POST, 64 KB uploads", bytes: smallAnswer,
		send: []byte("POST /upload " + head + "Content-Length: " + strconv.Itoa(upload) + "\r\n\r\n" + strings.Repeat("u", upload))},
	{name: "websocket", what: "WebSocket, messages of 128 bytes and back", send: clientFrame,
		open: "GET /socket " + head + "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"},
}

func loadNames() []string {
	var list []string
	for _, k := range kinds {
		list = append(list, k.name)
	}
	return list
}

// client is one connection of the load.
type client struct {
	kind kind
	conn net.Conn
	in   *bufio.Reader
}

func (k kind) dial(address string) (*client, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	c := of(k, conn)
	if k.open == "" {
		return c, nil
	}
	if _, err := io.WriteString(conn, k.open); err != nil {
		return nil, err
	}
	if status, _, err := c.head(); err != nil || status != 101 {
		return nil, fmt.Errorf("the WebSocket was not opened: status %d, %w", status, err)
	}
	return c, nil
}

// ask sends one request, or message, and reads all of its answer.
func (c *client) ask() error {
	if _, err := c.conn.Write(c.kind.send); err != nil {
		return err
	}
	if c.kind.open != "" {
		_, err := c.in.Discard(4 + message)
		return err
	}
	status, length, err := c.head()
	if err != nil {
		return err
	}
	if status != 200 || length != -1 && length != c.kind.bytes {
		return fmt.Errorf("status %d with %d bytes", status, length)
	}
	if length == -1 {
		return c.chunks()
	}
	_, err = c.in.Discard(length)
	return err
}

// head reads a head; length is -1 where the body is chunked.
func (c *client) head() (status, length int, err error) {
	length = -1
	for first := true; ; first = false {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, 0, err
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
			return status, length, nil
		}
		if first {
			status, _ = strconv.Atoi(string(line[9:12]))
		} else if len(line) > 16 && (line[0]|0x20) == 'c' && bytes.EqualFold(line[:15], []byte("content-length:")) {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(line[15:])))
		}
	}
}

// chunks reads a chunked body.
func (c *client) chunks() error {
	for got := 0; ; {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(string(bytes.TrimRight(line, "\r\n")), 16, 32)
		if err != nil {
			return err
		}
		if _, err := c.in.Discard(int(n) + 2); err != nil {
			return err
		}
		if got += int(n); n == 0 {
			if got != c.kind.bytes {
				return fmt.Errorf("%d bytes", got)
			}
			return nil
		}
	}
}

// of is a client on a connection that is open.
func of(k kind, conn net.Conn) *client {
	return &client{kind: k, conn: conn, in: bufio.NewReaderSize(conn, 64<<10)}
}
