package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/segue-run/segue/plugins/chaos/escape/attack"
)

// target is what the attack is told of the machine.
type target struct{ url.Values }

// pid is a parameter that is a process; -1 where it is none, which no call takes for one.
func (t target) pid(name string) int {
	pid, err := strconv.Atoi(t.Get(name))
	if err != nil || pid <= 0 {
		return 1 << 30
	}
	return pid
}

// proc is the path of something in the /proc of a process.
func (t target) proc(name, file string) string {
	return filepath.Join("/proc", strconv.Itoa(t.pid(name)), file)
}

// verdict is how an attack ended, and what shows it.
type verdict struct {
	outcome attack.Outcome
	detail  string
}

func stopped(format string, args ...any) verdict {
	return verdict{attack.Stopped, fmt.Sprintf(format, args...)}
}

func contained(format string, args ...any) verdict {
	return verdict{attack.Contained, fmt.Sprintf(format, args...)}
}

func escaped(format string, args ...any) verdict {
	return verdict{attack.Escaped, fmt.Sprintf(format, args...)}
}

// failed is for a call that an attack needs to fail: without an error it has got out.
func failed(what string, err error) verdict {
	if err == nil {
		return escaped("%s worked", what)
	}
	return stopped("%s: %v", what, err)
}

// step is one way among several to the same end.
type step struct {
	what string
	do   func() error
}

// each tries every way; one that works is an escape.
func each(steps ...step) verdict {
	var said []string
	out := attack.Stopped
	for _, s := range steps {
		v := failed(s.what, s.do())
		if v.outcome == attack.Escaped {
			out = attack.Escaped
		}
		said = append(said, v.detail)
	}
	return verdict{out, strings.Join(said, "; ")}
}

// errNothing is the failure of a way that found nothing to take.
var errNothing = errors.New("nothing to be had")

// own is a path in the module's data folder.
func own(name string) string { return filepath.Join(os.Getenv("SEGUE_DATA"), name) }

// scratch is a path in the temporary folder of this process.
func scratch(name string) string { return filepath.Join(os.TempDir(), name) }
