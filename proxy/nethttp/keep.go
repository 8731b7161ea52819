package nethttp

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/segue-run/segue/proxy/carry"
)

// errOutdated ends the reading of a body for a module whose answer does not matter any
// more.
var errOutdated = errors.New("the request goes to another module by now")

// keeper keeps a body while it is read from the client, so that it can be read again
// from its beginning. A reading that is given up for another one may be in the midst of
// waiting for the client: what it gets then is kept for the other.
type keeper struct {
	body  *clientBody
	limit int64

	client sync.Mutex // held while the client is read; before mu

	mu      sync.Mutex // never held while anything is read
	current *reading   // nil when the request is over
	size    int64      // read from the client
	lost    bool       // not all of that is kept
	last    bool       // the current reading is the last one
	held    bool       // another reading may begin at any moment: lose nothing
	pieces  carry.Pieces
}

// reading is one module's reading of a body.
type reading struct {
	keeper *keeper
	at     atomic.Int64 // how far it has come
}

// newKeeper keeps as many bytes as limit says.
func newKeeper(body *clientBody, memory *carry.Memory, limit int64) *keeper {
	k := &keeper{body: body, pieces: carry.NewPieces(memory), limit: limit}
	k.current = &reading{keeper: k}
	return k
}

// Read gives what is kept, and then reads on from the client.
func (r *reading) Read(p []byte) (int, error) {
	if n, err := r.again(p); n > 0 || err != nil {
		return n, err
	}
	k := r.keeper
	k.client.Lock()
	defer k.client.Unlock()
	if n, err := r.again(p); n > 0 || err != nil { // another reading has just read on
		return n, err
	}
	n, err := k.body.next(p)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keepLocked(p[:n], k.held || k.current != r)
	r.at.Add(int64(n))
	return n, err
}

// again reads what is kept; nothing where all of that has been read.
func (r *reading) again(p []byte) (int, error) {
	k := r.keeper
	k.mu.Lock()
	defer k.mu.Unlock()
	at := r.at.Load()
	switch {
	case k.current != r:
		return 0, errOutdated
	case at == k.size:
		return 0, nil
	case k.lost:
		return 0, errOutdated
	}
	n := k.pieces.Copy(p, at)
	r.at.Add(int64(n))
	return n, nil
}

// keepLocked keeps what was just read; must, whatever the limits say.
func (k *keeper) keepLocked(p []byte, must bool) {
	k.size += int64(len(p))
	if k.lost || len(p) == 0 {
		return
	}
	if k.current == nil || !must && (k.last || k.size > k.limit) {
		k.loseLocked()
		return
	}
	if !k.pieces.Add(p, must) {
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

// end gives all memory back and ends every reading.
func (k *keeper) end() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.current = nil
	if !k.lost {
		k.loseLocked()
	}
}
