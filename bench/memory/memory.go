package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// memory is what a process holds, in KiB.
type memory struct{ rss, pss int }

func (m memory) row(what string) []string {
	mb := func(kib int) string { return fmt.Sprintf("%.1f", float64(kib)*1024/1e6) }
	return []string{what, mb(m.rss), mb(m.pss)}
}

// read asks the kernel about a process.
func read(pid int) (memory, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return memory{}, err
	}
	defer f.Close()
	var m memory
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 {
			continue
		}
		kib, err := strconv.Atoi(fields[1])
		if err != nil {
			continue // the first line is an address range
		}
		switch fields[0] {
		case "Rss:":
			m.rss = kib
		case "Pss:":
			m.pss = kib
		}
	}
	if err := lines.Err(); err != nil {
		return memory{}, err
	}
	if m.rss == 0 || m.pss == 0 {
		return memory{}, fmt.Errorf("read memory of process %d: no figures", pid)
	}
	return m, nil
}
