package launch_test

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/launch"
)

// BenchmarkStart measures a start to the end of a program that does nothing, under one
// layer after the other. What a layer costs is its figure less that of "limits alone".
func BenchmarkStart(b *testing.B) {
	allow := program(unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_ALLOW})
	user := launch.Namespaces{User: true}
	all := launch.Namespaces{User: true, PID: true, IPC: true, Network: true}
	rules := ruleset(b, filepath.Dir(probe), "/proc")
	_, process := link(b)
	layers := []struct {
		name string
		c    launch.Confinement
	}{
		{"limits alone", launch.Confinement{}},
		{"processors", launch.Confinement{Processors: []int{0}}},
		{"executable moved", launch.Confinement{ExecFD: 4096}},
		{"landlock", launch.Confinement{Ruleset: rules}},
		{"seccomp", launch.Confinement{Filter: allow}},
		{"confined", launch.Confinement{ExecFD: 4096, Ruleset: rules, Filter: allow}},
		{"user namespace", launch.Confinement{Namespaces: user}},
		{"all namespaces", launch.Confinement{Namespaces: all}},
		{"isolated", launch.Confinement{ExecFD: 4096, Ruleset: rules, Filter: allow, Namespaces: all}},
	}
	if root() {
		shared(b)
		own := &launch.User{UID: someone, GID: someone}
		groups := cgroups(b, "tasks")
		layers = append(layers, []struct {
			name string
			c    launch.Confinement
		}{
			{"own user", launch.Confinement{User: own}},
			{"cgroups", launch.Confinement{Cgroups: groups}},
			{"contained", launch.Confinement{
				ExecFD: 4096, Ruleset: rules, Filter: allow, Namespaces: all, User: own, Cgroups: groups,
			}},
		}...)
	}
	for _, layer := range layers {
		b.Run(layer.name, func(b *testing.B) {
			s := spawner(b)
			binary := open(b, probe)
			for b.Loop() {
				cmd := launch.Command(launch.Spec{
					Binary: binary, Args: []string{"probe", "nothing"}, Files: []*os.File{process}, Confine: layer.c,
				})
				if err := s.Start(cmd); err != nil {
					b.Fatal(err)
				}
				if err := cmd.Wait(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
