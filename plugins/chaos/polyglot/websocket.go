package main

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// mostFrame bounds what one frame may bring.
const mostFrame = 1 << 20

// talk upgrades to a WebSocket and gives each frame back as it came, fragment by fragment.
// With ?chat it says messages of three fragments as well, without end.
func talk(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Sec-WebSocket-Key") == "" {
		http.Error(w, "this is a WebSocket", http.StatusUpgradeRequired)
		return
	}
	conn, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer conn.Close()
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(sum[:]))
	if r.URL.Query().Has("chat") {
		go chat(conn)
	}
	for {
		first, payload, err := readFrame(buf.Reader)
		if err != nil || writeFrame(conn, first, payload) != nil || first&0xf == 8 {
			return
		}
	}
}

// chat ends when nobody can be reached any more.
func chat(conn io.Writer) {
	for {
		for _, first := range []byte{0x01, 0x00, 0x80} { // text, more of it, the last of it
			if writeFrame(conn, first, []byte("word ")) != nil {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// readFrame reads a masked frame; first is its first byte.
func readFrame(r *bufio.Reader) (first byte, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	length := uint64(head[1] & 0x7f)
	if length >= 126 {
		var long [8]byte
		size := 2 << ((length - 126) * 2) // 2 or 8
		if _, err := io.ReadFull(r, long[8-size:]); err != nil {
			return 0, nil, err
		}
		length = binary.BigEndian.Uint64(long[:])
	}
	if head[1]&0x80 == 0 || length > mostFrame {
		return 0, nil, errors.New("no frame of a client's")
	}
	mask := make([]byte, 4)
	payload = make([]byte, length)
	if _, err := io.ReadFull(r, mask); err != nil {
		return 0, nil, err
	}
	if _, err := io.ReadFull(r, payload); err != nil {
		return 0, nil, err
	}
	for i := range payload {
		payload[i] ^= mask[i%4]
	}
	return head[0], payload, nil
}

// writeFrame writes a frame at once.
func writeFrame(w io.Writer, first byte, payload []byte) error {
	frame := []byte{first, byte(len(payload))}
	switch {
	case len(payload) > 0xffff:
		frame = binary.BigEndian.AppendUint64([]byte{first, 127}, uint64(len(payload)))
	case len(payload) > 125:
		frame = binary.BigEndian.AppendUint16([]byte{first, 126}, uint16(len(payload)))
	}
	_, err := w.Write(append(frame, payload...))
	return err
}
