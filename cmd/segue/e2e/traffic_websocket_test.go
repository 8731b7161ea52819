package e2e_test

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// The kinds of a WebSocket's frames, with the bit of a message's last one.
const (
	more       byte = 0x00
	text       byte = 0x01
	binaryData byte = 0x02
	closing    byte = 0x88
	ping       byte = 0x89
	last       byte = 0x80
)

// socket is a client's end of a WebSocket.
type socket struct{ *wire }

// websocket upgrades a connection; "?chat" has the module talk.
func (w *wire) websocket(query string) (socket, error) {
	key := base64.StdEncoding.EncodeToString([]byte("sixteen bytes !!"))
	w.say("GET /hello/ws" + query + " HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + "\r\n\r\n")
	resp, err := http.ReadResponse(w.r, nil)
	if err != nil {
		return socket{}, err
	}
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	if want := base64.StdEncoding.EncodeToString(sum[:]); resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Sec-WebSocket-Accept") != want {
		return socket{}, fmt.Errorf("%s: %v", resp.Status, resp.Header)
	}
	return socket{w}, nil
}

// send writes a masked frame; first is its first byte.
func (s socket) send(first byte, payload []byte) error {
	frame := []byte{first, 0x80 | byte(min(len(payload), 126))}
	switch {
	case len(payload) > 0xffff:
		frame[1] = 0x80 | 127
		frame = binary.BigEndian.AppendUint64(frame, uint64(len(payload)))
	case len(payload) > 125:
		frame = binary.BigEndian.AppendUint16(frame, uint16(len(payload)))
	}
	mask := []byte{1, 2, 3, 4}
	frame = append(frame, mask...)
	for i, b := range payload {
		frame = append(frame, b^mask[i%4])
	}
	_, err := s.Write(frame)
	return err
}

// receive reads a frame.
func (s socket) receive() (first byte, payload []byte, err error) { return receive(s.r) }

func receive(r *bufio.Reader) (first byte, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	length := uint64(head[1])
	var long [8]byte
	switch length {
	case 126:
		_, err = io.ReadFull(r, long[6:])
		length = binary.BigEndian.Uint64(long[:])
	case 127:
		_, err = io.ReadFull(r, long[:])
		length = binary.BigEndian.Uint64(long[:])
	}
	if err == nil && length > 1<<20 {
		err = errors.New("no frame of a server's: it is masked, or too long")
	}
	if err != nil {
		return 0, nil, err
	}
	payload = make([]byte, length)
	_, err = io.ReadFull(r, payload)
	return head[0], payload, err
}

// toldToGo reads until the close frame, answers it, and waits for the end. An error says
// that it was no proper end: a message was cut, the code another, or the connection reset.
func (s socket) toldToGo() error {
	whole := true
	for {
		first, payload, err := s.receive()
		switch {
		case err != nil:
			return fmt.Errorf("it ended without a word: %w", err)
		case first != closing:
			whole = first&last != 0
			continue
		case !whole:
			return errors.New("it ended within a message")
		case len(payload) < 2 || binary.BigEndian.Uint16(payload) != 1001:
			return fmt.Errorf("it ended with %q", payload)
		}
		if err := s.send(closing, payload[:2]); err != nil {
			return err
		}
		return s.ended()
	}
}

func TestTrafficOfWebSocketsIsUntouched(t *testing.T) {
	s, ca := speaks(t, atOnce+withTLS)
	for _, secure := range []bool{false, true} {
		w := s.dial()
		if secure {
			conn, err := tls.Dial("tcp", s.info.TLSAddr, ca.config())
			must(t, err)
			w = s.wire(conn)
		}
		ws, err := w.websocket("")
		must(t, err)
		for _, f := range []struct {
			first   byte
			payload string
		}{
			{text | last, "whole"}, {text, "a "}, {more, "message of "}, {ping, "between"}, {more | last, "fragments"}, {text | last, ""},
			{text | last, "\xff\xfe is no UTF-8"}, {binaryData | last, strings.Repeat("\x00\xff", 60)}, {binaryData | last, strings.Repeat("x", 300)},
			{binaryData | last, strings.Repeat("long", 50_000)}, {closing, "\x0f\xa0bye"}, // 4000
		} {
			must(t, ws.send(f.first, []byte(f.payload)))
			first, payload, err := ws.receive()
			if err != nil || first != f.first || !bytes.Equal(payload, []byte(f.payload)) {
				t.Errorf("%#x %.20q came back as %#x %.20q, %v", f.first, f.payload, first, payload, err)
			}
		}
		if err := ws.ended(); err != nil {
			t.Errorf("TLS %v: %v", secure, err)
		}
	}
	if _, err := s.dial().websocket("/../version"); err == nil {
		t.Error("what is no WebSocket was upgraded")
	}
}
