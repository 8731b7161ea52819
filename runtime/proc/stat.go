package proc

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// Stat is the part of a process's stat that tells who it is.
type Stat struct {
	State   byte   // 'Z' for a zombie, 'X' for one that is gone
	Parent  int    // its pid
	Session int    // the pid of the session's leader
	Start   uint64 // in clock ticks since boot
}

// Ended reports whether it is only waited for.
func (s Stat) Ended() bool { return s.State == 'Z' || s.State == 'X' }

// StatOf reads a process's stat.
func StatOf(pid int) (Stat, error) {
	var buf [1024]byte
	raw, err := read(pid, "stat", buf[:])
	if err != nil {
		return Stat{}, err
	}
	s, err := parseStat(raw)
	if err != nil {
		return Stat{}, fmt.Errorf("read %s: %w", path(pid, "stat"), err)
	}
	return s, nil
}

// parseStat counts fields from behind the command's name, which stands in parentheses and
// may hold anything.
func parseStat(raw []byte) (s Stat, err error) {
	fields := bytes.Fields(raw[bytes.LastIndexByte(raw, ')')+1:])
	if len(fields) < 20 {
		return s, fmt.Errorf("%d fields", len(fields))
	}
	s.State = fields[0][0]
	var parent, session, start error
	s.Parent, parent = strconv.Atoi(string(fields[1]))
	s.Session, session = strconv.Atoi(string(fields[3]))
	s.Start, start = strconv.ParseUint(string(fields[19]), 10, 64)
	return s, errors.Join(parent, session, start)
}
