package goaway

// What RFC 6455, section 5.2, says of frames.
const (
	bitFin        = 0x80
	bitCompressed = 0x40 // RSV1, of permessage-deflate
	bitsReserved  = 0x30
	bitMask       = 0x80

	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xa

	maxControl = 125 // bytes of a control frame's payload
)

// farewell is a close frame's payload: 1001, and why.
const farewell = "\x03\xe9going away"

// frames follows one direction of a WebSocket.
type frames struct {
	masks bool    // the side that is followed masks what it sends, as clients do
	key   [4]byte // of the farewell, where it masks

	stage  stage
	left   uint64 // bytes that are left of the stage
	length uint64 // of the payload
	least  uint64 // that is told in so many bytes
	fin    bool
	opcode byte

	open   bool // a message has begun whose last frame has not
	closed bool // a close frame has ended
	lost   bool // what comes is no WebSocket's
}

// stage is a part of a frame.
type stage uint8

const (
	stageFirst stage = iota // FIN and the opcode
	stageSecond
	stageLength // that does not fit into the second byte
	stageKey
	stagePayload
)

// Follow goes from frame to frame.
func (f *frames) Follow(part []byte) (border int) {
	for at := 0; at < len(part) && !f.lost; {
		if f.stage == stagePayload {
			n := min(f.left, uint64(len(part)-at))
			f.left -= n
			at += int(n)
		} else {
			f.header(part[at])
			at++
		}
		if f.stage == stagePayload && f.left == 0 && !f.lost {
			f.ended()
			if f.AtBorder() {
				border = at
			}
		}
	}
	return border
}

// header takes a byte that is not the payload's.
func (f *frames) header(b byte) {
	switch f.stage {
	case stageFirst:
		f.fin, f.opcode = b&bitFin != 0, b&0x0f
		f.stage = stageSecond
		f.lost = f.closed || b&bitsReserved != 0 || !f.mayBegin(b&bitCompressed != 0)
	case stageSecond:
		f.length = uint64(b &^ bitMask)
		f.lost = (b&bitMask != 0) != f.masks || f.opcode >= opClose && f.length > maxControl
		switch f.length {
		case 126:
			f.stage, f.left, f.length, f.least = stageLength, 2, 0, 126
		case 127:
			f.stage, f.left, f.length, f.least = stageLength, 8, 0, 1<<16
		default:
			f.measured()
		}
	case stageLength:
		f.length = f.length<<8 | uint64(b)
		if f.left--; f.left == 0 {
			f.measured()
		}
	case stageKey:
		if f.left--; f.left == 0 {
			f.stage, f.left = stagePayload, f.length
		}
	}
}

// mayBegin reports whether such a frame may stand here.
func (f *frames) mayBegin(compressed bool) bool {
	switch f.opcode {
	case opContinuation:
		return f.open
	case opText, opBinary:
		return !f.open
	case opClose, opPing, opPong:
		return f.fin && !compressed
	}
	return false
}

// measured goes on behind the length.
func (f *frames) measured() {
	if f.stage == stageLength {
		f.lost = f.length < f.least || f.length>>63 != 0
	}
	if f.masks {
		f.stage, f.left = stageKey, 4
		return
	}
	f.stage, f.left = stagePayload, f.length
}

// ended is behind the last byte of a frame.
func (f *frames) ended() {
	f.stage = stageFirst
	switch {
	case f.opcode == opClose:
		f.closed = true
	case f.opcode < opClose:
		f.open = !f.fin
	}
}

// AtBorder says that no frame and no message is under way.
func (f *frames) AtBorder() bool { return f.stage == stageFirst && !f.open && !f.lost }

// Closed says that a whole close frame has passed.
func (f *frames) Closed() bool { return f.closed }

// Farewell is a close frame: going away.
func (f *frames) Farewell() []byte {
	if f.closed {
		return nil
	}
	frame := make([]byte, 0, 2+len(f.key)+len(farewell))
	if !f.masks {
		frame = append(frame, bitFin|opClose, byte(len(farewell)))
		return append(frame, farewell...)
	}
	frame = append(frame, bitFin|opClose, bitMask|byte(len(farewell)))
	frame = append(frame, f.key[:]...)
	for i := range len(farewell) {
		frame = append(frame, farewell[i]^f.key[i%len(f.key)])
	}
	return frame
}
