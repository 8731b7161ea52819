package front

import (
	"context"
	"crypto/tls"
	"net"
	"strconv"
	"time"

	"go.uber.org/zap"
)

// handshakeRecord is the first byte that a client sends of TLS.
const handshakeRecord = 0x16

// secure waits for a TLS handshake, and does it; no engine where the connection is to be
// closed.
func (a *arrival) secure() (net.Conn, carrier) {
	if len(a.early) == 0 {
		if err := a.more(); err != nil {
			a.f.counters.silent.Add(1)
			return nil, nil
		}
	}
	if a.early[0] == handshakeRecord {
		return a.shakeHands()
	}
	a.f.counters.noHandshake.Add(1)
	if looksLikeHTTP(a.early) {
		a.correct()
	}
	return nil, nil
}

// shakeHands is apart, so that who waits does it on a small stack.
func (a *arrival) shakeHands() (net.Conn, carrier) {
	conn := tls.Server(&prefixed{Conn: a.conn, early: a.early}, a.door.secured)
	a.early = nil
	// For who is asked for a certificate, and may have to wait for it.
	ctx, cancel := context.WithDeadline(a.f.closing, a.until)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		a.f.counters.noHandshake.Add(1)
		a.f.cfg.Logger.Debug("TLS handshake failed", zap.Stringer("address", a.peer.Addr), zap.Error(err))
		return nil, nil
	}
	state := conn.ConnectionState()
	a.peer.Secure, a.peer.ServerName = true, state.ServerName
	switch state.NegotiatedProtocol {
	case "h2":
		return conn, a.begun(conn)
	case "http/1.1", "":
		return conn, a.door.first(a.f.cfg.H1)
	}
	conn.Close() // it was here for the handshake alone, as a validation of ACME's is
	return nil, nil
}

// begun is the engine for what has chosen HTTP/2 in its handshake: it is taken at its first
// bytes, not at its word. nil where too few came.
func (a *arrival) begun(conn *tls.Conn) carrier {
	for {
		n := min(len(a.early), len(preface))
		switch {
		case string(a.early[:n]) != preface[:n]:
			return a.f.cfg.H1
		case n == len(preface):
			return a.f.cfg.H2
		}
		if err := a.moreOf(conn.Read); err != nil {
			a.f.counters.silent.Add(1)
			return nil
		}
	}
}

// correction is for a client that speaks HTTP to a port of TLS.
const correction = "this port speaks HTTPS: use an address that begins with https://\n"

var correctionAnswer = []byte("HTTP/1.1 400 Bad Request\r\n" +
	"Content-Type: text/plain; charset=utf-8\r\n" +
	"Content-Length: " + strconv.Itoa(len(correction)) + "\r\n" +
	"Connection: close\r\n\r\n" + correction)

// correct says so, and waits a moment for the client to read it: bytes that are left
// unread would tear down the answer.
func (a *arrival) correct() {
	if _, err := a.conn.Write(correctionAnswer); err != nil {
		return
	}
	if half, ok := a.conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = a.conn.SetReadDeadline(time.Now().Add(min(a.f.cfg.HeadTimeout, time.Second)))
	for read := 0; read < 64<<10; {
		before := len(a.early)
		if a.more() != nil {
			return
		}
		read += len(a.early) - before
		a.early = a.early[:0]
	}
}
