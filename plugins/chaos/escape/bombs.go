package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Bombs take in pieces until somebody stops them, at most bombSize: four times the quota.
const (
	bombSize = 512 << 20
	piece    = 8 << 20
)

// take calls grow, which takes a piece more each time, until it fails.
func take(what string, grow func() error) verdict {
	for got := 0; got < bombSize; got += piece {
		if err := grow(); err != nil {
			if got == 0 {
				return stopped("%s: %v", what, err)
			}
			return stopped("%d MiB, then %s: %v", got>>20, what, err)
		}
	}
	// A watcher from outside may come a moment later.
	time.Sleep(2 * time.Second)
	return escaped("%d MiB", bombSize>>20)
}

func touch(b []byte) {
	for n := 0; n < len(b); n += 4096 {
		b[n] = 1
	}
}

func heapBomb(target) verdict {
	var kept [][]byte
	v := take("make", func() error {
		b := make([]byte, piece)
		touch(b)
		kept = append(kept, b)
		return nil
	})
	return verdict{v.outcome, fmt.Sprintf("%s in %d pieces", v.detail, len(kept))}
}

func mmapBomb(target) verdict {
	var kept [][]byte
	defer func() {
		for _, b := range kept {
			_ = unix.Munmap(b)
		}
	}()
	return take("mmap", func() error {
		b, err := unix.Mmap(-1, 0, piece, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
		if err != nil {
			return err
		}
		kept = append(kept, b)
		touch(b)
		return nil
	})
}

func memfdBomb(target) verdict {
	var kept []*os.File
	defer func() {
		for _, f := range kept {
			_ = f.Close()
		}
	}()
	zeros := make([]byte, piece/2) // as big as one file may become
	half := func() error {
		fd, err := unix.MemfdCreate("bomb", unix.MFD_CLOEXEC)
		if err != nil {
			return err
		}
		f := os.NewFile(uintptr(fd), "bomb")
		kept = append(kept, f)
		_, err = f.Write(zeros)
		return err
	}
	return take("memfd_create", func() error {
		if err := half(); err != nil {
			return err
		}
		return half()
	})
}

func sysvMemory(target) verdict {
	var kept []int
	defer func() {
		for _, id := range kept {
			_, _ = unix.SysvShmCtl(id, unix.IPC_RMID, nil)
		}
	}()
	return take("shmget", func() error {
		id, err := unix.SysvShmGet(unix.IPC_PRIVATE, piece, unix.IPC_CREAT|0o600)
		if err != nil {
			return err
		}
		kept = append(kept, id)
		b, err := unix.SysvShmAttach(id, 0, 0)
		if err != nil {
			return err
		}
		touch(b)
		return unix.SysvShmDetach(b)
	})
}

// pageCacheBomb writes again and again into files that stay under the quotas of one file
// and of all of them.
func pageCacheBomb(target) verdict {
	block := make([]byte, 1<<20)
	written := 0
	for n := range 64 {
		path := own(fmt.Sprintf("cache-%d", n%3))
		for part := range 4 {
			f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
			if err != nil {
				return stopped("%d MiB written, then %v", written, err)
			}
			_, err = f.WriteAt(block, int64(part)<<20)
			if err == nil {
				_, err = f.ReadAt(block, int64(part)<<20)
			}
			if err := f.Close(); err != nil {
				return stopped("%d MiB written, then %v", written, err)
			}
			if err != nil {
				return stopped("%d MiB written, then %v", written, err)
			}
			written++
		}
	}
	for n := range 3 {
		_ = os.Remove(own(fmt.Sprintf("cache-%d", n)))
	}
	return contained("%d MiB written into 12", written)
}

func pipeBomb(target) verdict {
	var kept []int
	defer func() {
		for _, fd := range kept {
			_ = unix.Close(fd)
		}
	}()
	zeros := make([]byte, 1<<20)
	got := 0
	for range 2000 {
		var fds [2]int
		if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
			return contained("%d KiB in %d pipes, then %v", got>>10, len(kept)/2, err)
		}
		kept = append(kept, fds[0], fds[1])
		_, _ = unix.FcntlInt(uintptr(fds[1]), unix.F_SETPIPE_SZ, 1<<20)
		n, err := unix.Write(fds[1], zeros)
		if err == nil {
			got += n
		}
	}
	return escaped("%d MiB in %d pipes", got>>20, len(kept)/2)
}

func floodDescriptors(target) verdict {
	var kept []int
	defer func() {
		for _, fd := range kept {
			_ = unix.Close(fd)
		}
	}()
	for range 100_000 {
		fd, err := unix.FcntlInt(2, unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return stopped("%d descriptors, then %v", len(kept), err)
		}
		kept = append(kept, fd)
	}
	return escaped("%d descriptors", len(kept))
}

// flooded is in each line of the flood.
const flooded = "a line of the flood"

func floodLog(target) verdict {
	begin := time.Now()
	for n := range 10_000 {
		fmt.Fprintln(os.Stderr, flooded, n)
		fmt.Println(flooded, n, strings.Repeat("x", 200))
	}
	return contained("20,000 lines in %.1f s", time.Since(begin).Seconds())
}

// answerForever ends where its reader goes away.
func answerForever(w http.ResponseWriter) {
	block := make([]byte, 64<<10)
	for {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

func answerHeader(w http.ResponseWriter) {
	for n := range 256 {
		w.Header().Set(fmt.Sprintf("Escape-%d", n), strings.Repeat("x", 64<<10))
	}
	w.WriteHeader(http.StatusOK)
}
