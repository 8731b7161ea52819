package h1

import (
	"errors"
	"sync"

	"github.com/segue-run/segue/proxy/carry"
)

// errUnkept ends a reading whose beginning was not kept.
var errUnkept = errors.New("the body was not kept")

// keeper keeps a body while it is read from the client, so that it can be read again
// from its beginning. One goroutine at a time reads.
type keeper struct {
	body  *incoming
	limit int64

	mu      sync.Mutex // never held while anything is read; transit.mu comes before it
	current *reading
	size    int64 // read from the client
	lost    bool  // not all of that is kept
	last    bool  // the current reading is the last one
	held    bool  // another reading may begin at any moment: lose nothing
	pieces  carry.Pieces
}

// reading is one module's reading of a body.
type reading struct {
	keeper *keeper
	at     int64 // how far it has come
}

// newKeeper keeps as many bytes as limit says.
func newKeeper(body *incoming, memory *carry.Memory, limit int64) *keeper {
	k := &keeper{body: body, pieces: carry.NewPieces(memory), limit: limit}
	k.current = &reading{keeper: k}
	return k
}

// next gives what is kept, and then reads on from the client as incoming.next does.
func (r *reading) next(p []byte, wait bool) (int, error) {
	k := r.keeper
	if n, err := r.again(p); n > 0 || err != nil {
		return n, err
	}
	n, err := k.body.next(p, wait)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keepLocked(p[:n])
	r.at += int64(n)
	return n, err
}

// again reads what is kept; nothing where all of that has been read.
func (r *reading) again(p []byte) (int, error) {
	k := r.keeper
	k.mu.Lock()
	defer k.mu.Unlock()
	at := r.at
	switch {
	case at == k.size:
		return 0, nil
	case k.lost:
		return 0, errUnkept
	}
	n := k.pieces.Copy(p, at)
	r.at += int64(n)
	return n, nil
}

// keepLocked keeps what was just read.
func (k *keeper) keepLocked(p []byte) {
	k.size += int64(len(p))
	if k.lost || len(p) == 0 {
		return
	}
	if !k.held && (k.last || k.size > k.limit) {
		k.loseLocked()
		return
	}
	if !k.pieces.Add(p, k.held) {
		k.loseLocked()
	}
}

// loseLocked gives the memory back.
func (k *keeper) loseLocked() {
	k.lost = true
	k.pieces.Drop()
}

// hold reports whether all that was read is kept, and sees to it that this stays so
// until restart or settle.
func (k *keeper) hold() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.held = !k.lost
	return k.held
}

// restart begins another reading in place of the current one, after hold.
func (k *keeper) restart() *reading {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.current, k.held, k.last = &reading{keeper: k}, false, true
	return k.current
}

// settle says that there will be no other reading than the first, where that is the
// current one: it has read all there is.
func (k *keeper) settle() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.last && !k.lost {
		k.loseLocked()
	}
	k.last, k.held = true, false
}

// end gives all memory back.
func (k *keeper) end() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.lost {
		k.loseLocked()
	}
}
