package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/segue-run/segue/bench/floor"
	"github.com/segue-run/segue/bench/internal/table"
	"github.com/segue-run/segue/runtime/launch"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/sandbox"
	"github.com/segue-run/segue/sdk/manifest"
)

// additions are what is put on in turn, each on top of those before it.
var additions = []struct {
	what   string
	layers []string
}{
	{"launcher: rlimits, no_new_privs, descriptors, session", nil},
	{"Landlock", []string{"landlock", "landlock-audit"}},
	{"seccomp", []string{"seccomp"}},
	{"notification", []string{"notify"}},
	{"user namespace", []string{"user-namespace"}},
	{"pid and ipc namespaces", []string{"pid-namespace", "ipc-namespace"}},
	{"network namespace", []string{"network-namespace"}},
	{"own user id", []string{"own-user"}},
	{"cgroups", []string{"cgroup-memory", "cgroup-cpu", "cgroup-pids"}},
}

// starter starts an empty program under some of the layers.
type starter struct {
	what    string
	machine *sandbox.Machine
	missing bool // this machine or this user does not have what was added
	took    table.Durations
}

// starts measures and prints the table. The launcher is the runtime's own executable, for
// what it costs grows with the program that it is a part of.
func starts(ctx context.Context, program, launcher string, runs int) (err error) {
	dir, err := os.MkdirTemp("", "segue-bs")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Chmod(dir, 0o711); err != nil {
		return err
	}
	binary, err := stored(program, dir)
	if err != nil {
		return err
	}
	defer binary.Close()
	all, err := starters(ctx, filepath.Join(dir, "state", "data"))
	defer func() {
		for _, s := range all {
			err = errors.Join(err, s.machine.Close())
		}
	}()
	if err != nil {
		return err
	}
	spawner := launch.NewSpawner()
	defer spawner.Close()
	busy := busy()
	var bare table.Durations
	for n := range runs {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		took, err := floor.Exec(ctx, binary.Name())
		if err != nil {
			return err
		}
		bare = append(bare, took)
		for _, s := range all {
			if s.missing {
				continue
			}
			took, err := s.start(spawner, launcher, binary, "bench-"+strconv.Itoa(n))
			if err != nil {
				return fmt.Errorf("start with %s: %w", s.what, err)
			}
			s.took = append(s.took, took)
		}
	}
	return report(bare, all, runs, busy)
}

// stored is a copy of the program that every user may execute, as the store has it.
func stored(program, dir string) (*os.File, error) {
	data, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	copied := filepath.Join(dir, "program")
	if err := os.WriteFile(copied, data, 0o555); err != nil {
		return nil, err
	}
	return os.Open(copied)
}

// starters look at the machine with more of the layers each.
func starters(ctx context.Context, data string) (all []*starter, err error) {
	if err := os.MkdirAll(data, 0o711); err != nil {
		return nil, err
	}
	var without []string
	for _, a := range additions {
		without = append(without, a.layers...)
	}
	for i, a := range additions {
		without = slices.DeleteFunc(slices.Clone(without), func(name string) bool { return slices.Contains(a.layers, name) })
		m, err := sandbox.Probe(ctx, sandbox.Config{Name: "bench" + strconv.Itoa(i), DataDir: data, Without: without})
		if err != nil {
			return all, fmt.Errorf("look at the machine with %s: %w", a.what, err)
		}
		all = append(all, &starter{what: a.what, machine: m, missing: len(a.layers) > 0 && !has(m, a.layers[0])})
	}
	return all, nil
}

func has(m *sandbox.Machine, name string) bool {
	return slices.ContainsFunc(m.Layers(), func(l module.Layer) bool { return l.Name == name && l.State != module.LayerOff })
}

// start prepares, starts and sees the end of the program. What is tidied up after it is
// not counted.
func (s *starter) start(spawner *launch.Spawner, launcher string, binary *os.File, instance string) (took time.Duration, err error) {
	const linkFD = 3
	link, err := pair()
	if err != nil {
		return 0, err
	}
	defer link[0].Close()
	defer link[1].Close()
	begin := time.Now()
	cell, err := s.machine.Prepare(sandbox.Request{
		Module: "bench", Instance: instance, Binary: binary, LinkFD: linkFD,
		Quotas: manifest.Quotas{Memory: 256 << 20, CPU: 1000, OpenFiles: 256, Processes: 64, FileSize: 1 << 20},
	})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, cell.Close()) }()
	cmd := launch.Command(launch.Spec{
		Binary: binary, Args: []string{"empty"}, Env: cell.Env(), Limits: cell.Limits(), Files: link[1:], Confine: cell.Confinement(),
	})
	cmd.Path = launcher
	if err := spawner.Start(cmd); err != nil {
		return 0, err
	}
	err = cmd.Wait()
	return time.Since(begin), err
}

// pair is a link whose other end nobody serves: an empty program asks for nothing.
func pair() (ends [2]*os.File, err error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return ends, fmt.Errorf("make a link: %w", err)
	}
	return [2]*os.File{os.NewFile(uintptr(fds[0]), "host"), os.NewFile(uintptr(fds[1]), "module")}, nil
}

func report(bare table.Durations, all []*starter, runs int, busy string) error {
	user := "root"
	if os.Geteuid() != 0 {
		user = "an ordinary user"
	}
	const lucky = 0.1 // of the starts, which others at work have held up least
	first, least := bare.Quantile(0.5), bare.Quantile(lucky)
	rows := [][]string{{"no launcher", table.Millis(first), "", "", ""}}
	before := first
	for _, s := range all {
		if s.missing {
			rows = append(rows, []string{"+ " + s.what, "not there", "", "", ""})
			continue
		}
		p50 := s.took.Quantile(0.5)
		rows = append(rows, []string{"+ " + s.what, table.Millis(p50), signed(p50 - before), signed(p50 - first), signed(s.took.Quantile(lucky) - least)})
		before = p50
	}
	title := fmt.Sprintf("Start: an empty program, from its sandbox's preparation to its end; %s, %d starts each, %s", user, runs, busy)
	return table.Write(os.Stdout, title, []string{"with", "p50 ms", "added ms", "over a bare start ms", "the same, p10"}, rows)
}

// busy says how much others had to do before it was measured.
func busy() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "load unknown"
	}
	load, _, _ := strings.Cut(string(text), " ")
	return "load average " + load
}

func signed(d time.Duration) string { return fmt.Sprintf("%+.2f", float64(d.Microseconds())/1000) }
