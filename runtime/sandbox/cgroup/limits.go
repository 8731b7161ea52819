package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// Limits are those of one group. A zero one is no limit.
type Limits struct {
	Memory   uint64 // bytes, with the file cache, without swap
	CPUQuota int    // thousandths of one processor; below 10 it is 10
	PIDs     int    // processes and threads
}

// The kernel's period of a quota of processor time, in microseconds, and the least that
// it takes for a quota.
const (
	cpuPeriod = 100_000
	cpuLeast  = 1_000
)

// limit writes what the controllers of one twig are to hold.
func (w twig) limit(l Limits) error {
	set := w.limitV2
	if w.branch.version == 1 {
		set = w.limitV1
	}
	for _, c := range w.branch.controllers {
		if err := set(c, l); err != nil {
			return fmt.Errorf("limit %s: %w", c, err)
		}
	}
	return nil
}

func (w twig) has(controller string) bool { return slices.Contains(w.branch.controllers, controller) }

func (w twig) limitV1(controller string, l Limits) error {
	switch {
	case controller == Memory && l.Memory > 0:
		bytes := strconv.FormatUint(l.Memory, 10)
		if err := w.write("memory.limit_in_bytes", bytes); err != nil {
			return err
		}
		err := w.write("memory.memsw.limit_in_bytes", bytes)
		if errors.Is(err, os.ErrNotExist) { // swap is not counted: then none is used
			return w.write("memory.swappiness", "0")
		}
		return err
	case controller == CPU && l.CPUQuota > 0:
		if err := w.write("cpu.cfs_period_us", strconv.Itoa(cpuPeriod)); err != nil {
			return err
		}
		return w.write("cpu.cfs_quota_us", strconv.Itoa(l.quota()))
	case controller == PIDs && l.PIDs > 0:
		return w.write("pids.max", strconv.Itoa(l.PIDs))
	}
	return nil
}

func (w twig) limitV2(controller string, l Limits) error {
	switch {
	case controller == Memory && l.Memory > 0:
		if err := w.write("memory.max", strconv.FormatUint(l.Memory, 10)); err != nil {
			return err
		}
		for file, value := range map[string]string{
			"memory.swap.max":  "0", // absent on a machine without swap
			"memory.oom.group": "1", // its processes die together
		} {
			if err := w.write(file, value); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	case controller == CPU && l.CPUQuota > 0:
		return w.write("cpu.max", fmt.Sprintf("%d %d", l.quota(), cpuPeriod))
	case controller == PIDs && l.PIDs > 0:
		return w.write("pids.max", strconv.Itoa(l.PIDs))
	}
	return nil
}

// quota is the processor time per period, in microseconds.
func (l Limits) quota() int { return max(cpuLeast, l.CPUQuota*(cpuPeriod/1000)) }

func (w twig) write(file, text string) error { return write(filepath.Join(w.dir, file), text) }
