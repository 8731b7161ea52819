package instance

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/proc"
)

// SweepOrphans kills what a host that died left running in runDir and removes the
// instances' directories. It is for the start of a host that holds the state
// directory alone, before it starts anything. The kernel has killed the modules
// themselves with their host; what may be left are processes that modules started.
// It knows them by the launch record and its mark in their environment, blocks
// until they are gone or a second has passed, and says how many it killed. Of very many
// files it removes a part, and says so in the error; the rest is in nobody's way, and
// the next sweep goes on with it. No run directory is nothing to do.
func SweepOrphans(runDir string) (killed int, err error) {
	entries, err := os.ReadDir(runDir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("sweep run directory: %w", err)
	}
	var left []record
	for _, entry := range entries {
		if r, err := readRecord(filepath.Join(runDir, entry.Name())); err == nil {
			left = append(left, r)
		}
	}
	var errs []error
	if len(left) > 0 {
		killed, err = killLeft(left)
		errs = append(errs, err)
	}
	most := mostSwept // of all together
	for _, entry := range entries {
		err := removeTree(filepath.Join(runDir, entry.Name()), &most)
		errs = append(errs, err)
		if errors.Is(err, errTooMuch) {
			break
		}
	}
	return killed, errors.Join(errs...)
}

// killLeft looks at each process there is and kills those of the records.
func killLeft(left []record) (killed int, err error) {
	boot, err := bootID()
	if err != nil {
		return 0, err
	}
	pids, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	var waiting []int // pidfds
	for _, entry := range pids {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		// The pidfd comes first: what is found out after it is of this process or
		// of none.
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue
		}
		if !belongs(pid, boot, left) || unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0) != nil {
			_ = unix.Close(fd)
			continue
		}
		killed++
		waiting = append(waiting, fd)
	}
	deadline := time.Now().Add(reapPatience)
	for _, fd := range waiting {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		for {
			left := max(0, int(time.Until(deadline).Milliseconds()))
			if _, err := unix.Poll(poll, left); err != unix.EINTR {
				break
			}
		}
		_ = unix.Close(fd)
	}
	return killed, nil
}

// belongs reports whether a process is what one of the records launched or descends
// from it: it has the launch's mark in its environment, or is in the session that
// the module led. A session keeps its number from being given to another process,
// so the number alone is wrong only if all of it ended and the number came round;
// what cannot gain privileges and began later is none of the system's daemons.
func belongs(pid int, boot string, left []record) bool {
	environ, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return false // another user's
	}
	env := strings.Split(string(environ), "\x00")
	stat, err := proc.StatOf(pid)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(left, func(r record) bool {
		switch {
		case r.Boot != boot || r.PID <= 1:
			return false
		case r.PID == pid:
			return r.Start == stat.Start
		case r.Launch != "" && slices.Contains(env, envLaunch+"="+r.Launch):
			return true
		}
		return stat.Session == r.PID && stat.Start >= r.Start && confined(pid)
	})
}

// confined reports whether a process has no_new_privs, as all that the launcher
// made and their descendants have.
func confined(pid int) bool {
	status, err := proc.Status(pid)
	return err == nil && proc.Field(status, "NoNewPrivs:") == "1"
}
