package cgroup

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// place is this process's own group in one hierarchy.
type place struct {
	version     int      // 1 or 2
	controllers []string // of version 1, all that are mounted there; of version 2, none
	dir         string   // the group's folder
}

// places are this process's own groups, those that can be seen from here.
func places(proc string) ([]place, error) {
	groups, err := os.ReadFile(filepath.Join(proc, "cgroup"))
	if err != nil {
		return nil, fmt.Errorf("find the own group: %w", err)
	}
	info, err := os.ReadFile(filepath.Join(proc, "mountinfo"))
	if err != nil {
		return nil, fmt.Errorf("find where groups are mounted: %w", err)
	}
	mounts := parseMounts(info)
	var found []place
	for line := range bytes.Lines(groups) {
		// "4:memory:/a/b", or "0::/a/b" for version 2.
		fields := strings.SplitN(strings.TrimSuffix(string(line), "\n"), ":", 3)
		if len(fields) != 3 {
			continue
		}
		p := place{version: 1, controllers: strings.Split(fields[1], ",")}
		if fields[1] == "" {
			p = place{version: 2}
		}
		if dir, ok := locate(mounts, p, fields[2]); ok {
			p.dir = dir
			found = append(found, p)
		}
	}
	return found, nil
}

// mount is one line of mountinfo that shows groups.
type mount struct {
	version int
	root    string // the group that is seen at point
	point   string
	options []string // controllers among them
}

func parseMounts(info []byte) []mount {
	var all []mount
	for line := range bytes.Lines(info) {
		// 35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
		before, after, ok := strings.Cut(string(line), " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 5 || len(right) < 3 {
			continue
		}
		m := mount{root: unescape(left[3]), point: unescape(left[4]), options: strings.Split(right[2], ",")}
		switch right[0] {
		case "cgroup":
			m.version = 1
		case "cgroup2":
			m.version = 2
		default:
			continue
		}
		all = append(all, m)
	}
	return all
}

// locate is the folder in which the group at path is seen. A later mount hides an
// earlier one.
func locate(mounts []mount, p place, path string) (string, bool) {
	for _, m := range slices.Backward(mounts) {
		if m.version != p.version || m.version == 1 && !slices.Contains(m.options, p.controllers[0]) {
			continue
		}
		if m.root == "/" {
			return filepath.Join(m.point, path), true
		}
		if below, ok := strings.CutPrefix(path, m.root); ok && (below == "" || below[0] == '/') {
			return filepath.Join(m.point, below), true
		}
	}
	return "", false
}

// unescape undoes the octal escapes of mountinfo: \040 for a space.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var out []byte
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				out = append(out, byte(n))
				i += 3
				continue
			}
		}
		out = append(out, s[i])
	}
	return string(out)
}
