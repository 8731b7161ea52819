package watchdog

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A list of the processes is made anew at most so often, and so seldom that making it
// takes a twentieth of a processor at most.
const (
	listEvery = 250 * time.Millisecond
	costShare = 20
)

// member is one process: with its start time a pid names no other.
type member struct {
	pid   int
	start uint64 // clock ticks since boot
}

// crew is a process and, where it may start others, those that descend from it or are in
// its session.
type crew struct {
	process func(f func(pid int) error) error
	spawns  bool

	mu   sync.Mutex
	list []member // beside the process itself
	next time.Time
}

// leader is the process's pid; an error where it is gone.
func (c *crew) leader() (pid int, err error) {
	err = c.process(func(p int) error {
		pid = p
		return nil
	})
	return pid, err
}

// others are the processes beside the leader, as of a moment ago.
func (c *crew) others() []member {
	if !c.spawns {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	begin := time.Now()
	if begin.Before(c.next) {
		return c.list
	}
	leader, err := c.leader()
	if err != nil {
		return nil
	}
	c.list = descend(leader)
	end := time.Now()
	c.next = end.Add(max(listEvery, costShare*end.Sub(begin)))
	return c.list
}

// fresh makes the next list a new one.
func (c *crew) fresh() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next = time.Time{}
}

// each calls f with the leader and then with each of the others that still is who it
// was. What f says of the leader is the result, that it is gone included; what it says
// of the others is theirs alone.
func (c *crew) each(f func(pid int) error) error {
	err := c.process(f)
	for _, m := range c.others() {
		if s, there := readStat(m.pid); there && s.start == m.start {
			_ = f(m.pid)
		}
	}
	return err
}

// signal sends a signal to the leader's process group and to the others, wherever those
// have put themselves.
func (c *crew) signal(sig unix.Signal) error {
	err := c.process(func(pid int) error { return unix.Kill(-pid, sig) })
	for _, m := range c.others() {
		fd, failed := unix.PidfdOpen(m.pid, 0)
		if failed != nil {
			continue
		}
		// The pidfd came first: what is found out now is of its process or of none.
		if s, there := readStat(m.pid); there && s.start == m.start {
			_ = unix.PidfdSendSignal(fd, sig, nil, 0)
		}
		_ = unix.Close(fd)
	}
	return err
}

// descend looks through all processes for those below leader.
func descend(leader int) []member {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	all := make(map[int]stat, len(entries))
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if s, there := readStat(pid); there {
			all[pid] = s
		}
	}
	var found []member
	in := map[int]bool{leader: true}
	for again := true; again; {
		again = false
		for pid, s := range all {
			if !in[pid] && (in[s.parent] || s.session == leader) {
				in[pid], again = true, true
				found = append(found, member{pid: pid, start: s.start})
			}
		}
	}
	slices.SortFunc(found, func(a, b member) int { return a.pid - b.pid })
	return found
}

// stat is the part of /proc/PID/stat that tells who descends from whom.
type stat struct {
	parent, session int
	start           uint64
}

// readStat reads it; there is false where the process is gone, or as good as.
func readStat(pid int) (s stat, there bool) {
	var buf [1024]byte
	raw := read(pid, "stat", buf[:])
	// The command's name, in parentheses, may hold anything.
	fields := bytes.Fields(raw[bytes.LastIndexByte(raw, ')')+1:])
	if len(fields) < 20 || fields[0][0] == 'Z' || fields[0][0] == 'X' {
		return s, false
	}
	var failed error
	if s.parent, failed = strconv.Atoi(string(fields[1])); failed != nil {
		return s, false
	}
	if s.session, failed = strconv.Atoi(string(fields[3])); failed != nil {
		return s, false
	}
	s.start, failed = strconv.ParseUint(string(fields[19]), 10, 64)
	return s, failed == nil
}

// read is the beginning of a file of /proc/PID, as much as buf holds; nothing where it
// cannot be read.
func read(pid int, name string, buf []byte) []byte {
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/"+name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	n, err := unix.Read(fd, buf)
	if err != nil {
		return nil
	}
	return buf[:n]
}
