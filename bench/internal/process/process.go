package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the unit of /proc's processor times: USER_HZ is 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// Family is a process and its children, theirs too.
func Family(pid int) ([]int, error) {
	all := []int{pid}
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		text, err := read(file)
		if err != nil {
			return nil, err
		}
		for field := range strings.FieldsSeq(text) {
			child, err := strconv.Atoi(field)
			if err != nil {
				return nil, fmt.Errorf("read %s: %w", file, err)
			}
			below, err := Family(child)
			if err != nil {
				return nil, err
			}
			all = append(all, below...)
		}
	}
	return all, nil
}

// ProcessorTime is what the processes have used together.
func ProcessorTime(pids ...int) (total time.Duration, err error) {
	for _, pid := range pids {
		text, err := read(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, err
		}
		if text == "" {
			continue
		}
		// The name may hold spaces; what comes after it does not.
		fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
		for _, field := range fields[11:13] {
			n, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return 0, fmt.Errorf("read processor time of process %d: %w", pid, err)
			}
			total += time.Duration(n) * tick
		}
	}
	return total, nil
}

// Resident is the memory that the processes hold together, in bytes; what they share counts
// for each.
func Resident(pids ...int) (total int64, err error) {
	for _, pid := range pids {
		text, err := read(fmt.Sprintf("/proc/%d/statm", pid))
		if err != nil {
			return 0, err
		}
		if text == "" {
			continue
		}
		pages, err := strconv.ParseInt(strings.Fields(text)[1], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read memory of process %d: %w", pid, err)
		}
		total += pages * int64(os.Getpagesize())
	}
	return total, nil
}

// read is what a file of /proc holds; nothing where its process has ended.
func read(file string) (string, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return "", nil
	}
	return string(text), err
}
