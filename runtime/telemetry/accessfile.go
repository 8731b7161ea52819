package telemetry

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

// accessFile is where the lines of the access log go. One goroutine has it.
type accessFile struct {
	path    string
	f       *os.File  // nil while it cannot be opened
	looked  time.Time // when it was last looked whether the file is in its place
	torn    bool      // the last line in it has no end
	failing bool      // the last lines could not be written
}

func openAccessFile(path string) (*accessFile, error) {
	a := &accessFile{path: path}
	if err := a.open(); err != nil {
		return nil, err
	}
	return a, nil
}

// open opens the file by its path. A pipe that nobody reads is an error, and not waited
// for.
func (a *accessFile) open() error {
	a.looked = time.Now()
	if a.path == "-" {
		a.f = os.Stdout
		return nil
	}
	f, err := os.OpenFile(a.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_NONBLOCK, 0o640)
	if err != nil {
		return fmt.Errorf("open access log: %w", err) // it names the path
	}
	a.f, a.torn = f, false
	return nil
}

// write adds whole lines, to a new file where the path has none any more, another one,
// or where that is asked for.
func (a *accessFile) write(lines []byte, reopen bool) error {
	if reopen || a.f == nil || time.Since(a.looked) >= accessPause && a.moved() {
		if a.f == nil && time.Since(a.looked) < accessPause && !reopen {
			return os.ErrClosed
		}
		a.close()
		if err := a.open(); err != nil {
			return err
		}
	}
	// A named pipe whose reader is stuck must not keep us. Other files know no deadline, nor
	// does standard output, which we share with others and leave as blocking as it is.
	_ = a.f.SetWriteDeadline(time.Now().Add(accessPause))
	if a.torn {
		if _, err := a.f.Write([]byte{'\n'}); err != nil {
			return err
		}
		a.torn = false
	}
	n, err := a.f.Write(lines)
	a.torn = n > 0 && n < len(lines)
	return err
}

// moved reports whether the path leads to another file than the one that is open, or to
// none.
func (a *accessFile) moved() bool {
	a.looked = time.Now()
	if a.path == "-" {
		return false
	}
	there, err := os.Stat(a.path)
	if err != nil {
		return true
	}
	ours, err := a.f.Stat()
	return err != nil || !os.SameFile(there, ours)
}

func (a *accessFile) close() {
	if a.f != nil && a.path != "-" {
		_ = a.f.Close() // every line was written, or told to be lost
	}
	a.f = nil
}
