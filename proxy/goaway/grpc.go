package goaway

import (
	"encoding/binary"
	"strings"
)

// messages follows gRPC's messages: a byte of flags, four of length, the message.
type messages struct {
	web    bool // gRPC-Web: its trailers are a message, which the end of the body needs
	head   int  // bytes of the head that were seen
	last   bool // the message under way is the trailers
	left   uint32
	closed bool
	lost   bool
}

const (
	messageHead = 5
	// bitCompressedMessage and bitTrailers are the flags that there are.
	bitCompressedMessage = 0x01
	bitTrailers          = 0x80
)

// webFarewell are the trailers that gRPC-Web's body ends with.
const webFarewell = "grpc-status: 14\r\ngrpc-message: going away\r\n"

// forGRPC gives none for the kind that is base64 throughout.
func forGRPC(media string) Follower {
	media = strings.ToLower(media)
	switch {
	case strings.HasPrefix(media, grpc+"-web-text"):
		return nil
	case strings.HasPrefix(media, grpc+"-web"):
		return &messages{web: true}
	}
	return &messages{}
}

// Follow goes from message to message.
func (m *messages) Follow(part []byte) (border int) {
	for at := 0; at < len(part) && !m.lost; {
		if m.head == messageHead {
			n := min(int64(m.left), int64(len(part)-at))
			m.left -= uint32(n)
			at += int(n)
		} else {
			m.header(part[at])
			at++
		}
		if m.head == messageHead && m.left == 0 && !m.lost {
			m.head, m.closed = 0, m.last
			border = at
		}
	}
	return border
}

func (m *messages) header(b byte) {
	if m.head == 0 {
		m.last = b&bitTrailers != 0
		m.lost = m.closed || b&^(bitCompressedMessage|bitTrailers) != 0 || m.last && !m.web
		m.left = 0
	} else {
		m.left = m.left<<8 | uint32(b)
	}
	m.head++
}

// AtBorder says that no message is under way.
func (m *messages) AtBorder() bool { return m.head == 0 && !m.lost }

// Closed says that gRPC-Web's trailers have passed.
func (m *messages) Closed() bool { return m.closed }

// Farewell is empty, but for gRPC-Web: its trailers, which say unavailable.
func (m *messages) Farewell() []byte {
	if !m.web || m.closed {
		return nil
	}
	frame := make([]byte, 0, messageHead+len(webFarewell))
	frame = append(frame, bitTrailers)
	frame = binary.BigEndian.AppendUint32(frame, uint32(len(webFarewell)))
	return append(frame, webFarewell...)
}
