package cgroup

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Events are how often the kernel held the group to its limits.
type Events struct {
	// OOMKills is how often a process was killed in it because it was at its limit of
	// memory. Version 2 ends the whole group, and counts the first of it twice.
	OOMKills uint64
	PIDsMax  uint64 // forks refused because it was at its limit of processes
}

// Usage is what the group's processes take together.
type Usage struct {
	Memory int64         // bytes, without file cache that can be dropped at once
	Peak   int64         // the most of them that Usage has seen
	CPU    time.Duration // processor time since the group was made
}

// Events are the counts until now, or until Kill; zero where a controller is not there.
func (g *Group) Events() Events {
	g.mu.Lock()
	killed := g.killed
	g.mu.Unlock()
	if killed != nil {
		return *killed
	}
	var e Events
	for _, w := range g.twigs {
		if w.has(Memory) {
			e.OOMKills = w.field(pick(w, "memory.oom_control", "memory.events"), "oom_kill")
		}
		if w.has(PIDs) {
			e.PIDsMax = w.field("pids.events", "max")
		}
	}
	return e
}

// Usage is what is taken now; ok says that both memory and time are counted here.
func (g *Group) Usage() (usage Usage, ok bool) {
	var memory, cpu bool
	for _, w := range g.twigs {
		if w.has(Memory) {
			all, there := w.number(pick(w, "memory.usage_in_bytes", "memory.current"))
			cache := w.field("memory.stat", pick(w, "total_inactive_file", "inactive_file"))
			usage.Memory, memory = int64(all-min(all, cache)), there
		}
		switch {
		case w.has(accounting):
			var ns uint64
			ns, cpu = w.number("cpuacct.usage")
			usage.CPU = time.Duration(ns)
		case w.branch.version == 2:
			usage.CPU = time.Duration(w.field("cpu.stat", "usage_usec")) * time.Microsecond
			cpu = true
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.peak = max(g.peak, usage.Memory)
	usage.Peak = g.peak
	return usage, memory && cpu
}

// pick is the word that the twig's version has for it.
func pick(w twig, first, second string) string {
	if w.branch.version == 1 {
		return first
	}
	return second
}

// number is a file that holds one number.
func (w twig) number(file string) (uint64, bool) {
	raw, err := os.ReadFile(filepath.Join(w.dir, file))
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(raw)), 10, 64)
	return n, err == nil
}

// field is one number of a file of lines "name number"; 0 where it is not there.
func (w twig) field(file, name string) uint64 {
	raw, err := os.ReadFile(filepath.Join(w.dir, file))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(raw)) {
		if text, ok := strings.CutPrefix(line, name+" "); ok {
			n, _ := strconv.ParseUint(strings.TrimSpace(text), 10, 64)
			return n
		}
	}
	return 0
}
