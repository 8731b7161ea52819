package watchdog

import (
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/proc"
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
		if m.lives() {
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
		if m.lives() {
			_ = unix.PidfdSendSignal(fd, sig, nil, 0)
		}
		_ = unix.Close(fd)
	}
	return err
}

// lives reports whether the process still is who it was.
func (m member) lives() bool {
	s, err := proc.StatOf(m.pid)
	return err == nil && !s.Ended() && s.Start == m.start
}

// descend looks through all processes for those below leader.
func descend(leader int) []member {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	all := make(map[int]proc.Stat, len(entries))
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if s, err := proc.StatOf(pid); err == nil && !s.Ended() {
			all[pid] = s
		}
	}
	var found []member
	in := map[int]bool{leader: true}
	for again := true; again; {
		again = false
		for pid, s := range all {
			if !in[pid] && (in[s.Parent] || s.Session == leader) {
				in[pid], again = true, true
				found = append(found, member{pid: pid, start: s.Start})
			}
		}
	}
	slices.SortFunc(found, func(a, b member) int { return a.pid - b.pid })
	return found
}
