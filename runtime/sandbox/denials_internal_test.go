package sandbox

import (
	"strings"
	"testing"

	"github.com/segue-run/segue/runtime/sandbox/landlock"
)

func TestADenialSaysWhatWasTriedAndWhichPermissionWouldAllowIt(t *testing.T) {
	m := &Machine{paths: paths{protected: []string{"/state", "/proc"}}}
	for _, c := range []struct {
		blockers, path, dest string
		what, permission     string
	}{
		{"fs.read_file", "/etc/passwd", "", "read /etc/passwd", "permissions.read"},
		{"fs.read_dir", "/etc", "", "read /etc", "permissions.read"},
		{"fs.read_file", "/state/token", "", "read /state/token", ""},
		{"fs.read_file", "/proc/1/environ", "", "read /proc/1/environ", ""},
		{"fs.write_file,fs.read_file", "/srv/a", "", "write /srv/a", "permissions.write"},
		{"fs.truncate", "/srv/a", "", "write /srv/a", "permissions.write"},
		{"fs.make_reg", "/srv", "", "write /srv", "permissions.write"},
		{"fs.remove_file,fs.refer", "/srv", "", "write /srv", "permissions.write"},
		{"fs.execute", "/usr/bin/dash", "", "execute /usr/bin/dash", "permissions.exec"},
		{"fs.execute,fs.read_file", "/usr/bin/dash", "", "execute /usr/bin/dash", "permissions.exec"},
		{"net.connect_tcp", "", "4444", "connect to port 4444", "permissions.connect"},
		{"net.connect_tcp", "", "[::1]:443", "connect to [::1]:443", "permissions.connect"},
		{"net.bind_tcp", "", "80", "listen on port 80", "permissions.listen"},
		{"scope.signal", "", "init", "signal", ""},
		{"scope.abstract_unix_socket", "@name", "", "connect to the socket @name", ""},
		{"fs.change_topology", "/srv", "", "fs.change_topology /srv", ""},
		{"fs.ioctl_dev", "/dev/null", "", "fs.ioctl_dev /dev/null", ""},
		{"another.thing", "", "", "another.thing", ""},
	} {
		got := m.denialOf(landlock.AuditDenial{PID: 7, Blockers: strings.Split(c.blockers, ","), Path: c.path, Dest: c.dest})
		if got.By != "landlock" || got.What != c.what || got.Count != 1 || (got.Hint == "") != (c.permission == "") || !strings.Contains(got.Hint, c.permission) {
			t.Errorf("%s of %q and %q: %+v", c.blockers, c.path, c.dest, got)
		}
	}
}

func TestWhatEveryStartTriesIsNotTold(t *testing.T) {
	for path, want := range map[string]bool{
		"/sys/kernel/mm/transparent_hugepage/hpage_pmd_size": true, "/proc/sys/net/core/somaxconn": true,
		"/proc/7/cgroup": true, "/proc/7/mountinfo": true,
		"/proc/8/cgroup": false, "/proc/7/environ": false, "/etc/passwd": false,
	} {
		if got := everyday(landlock.AuditDenial{PID: 7, Blockers: []string{"fs.read_file"}, Path: path}); got != want {
			t.Errorf("%s: %t", path, got)
		}
		if everyday(landlock.AuditDenial{PID: 7, Blockers: []string{"fs.write_file"}, Path: path}) {
			t.Errorf("to write %s is nothing", path)
		}
	}
}

func TestWithoutItsLayerNothingIsWatched(t *testing.T) {
	if err := (&Machine{}).WatchDenials(t.Context(), nil); err != nil {
		t.Error(err)
	}
}
