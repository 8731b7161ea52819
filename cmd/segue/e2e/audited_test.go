package e2e_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/plugins/chaos/escape/attack"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/sandbox/landlock"
)

// setAuditing turns the kernel's auditing on or off.
func setAuditing(t *testing.T, on bool) {
	t.Helper()
	status := make([]byte, 40)
	binary.NativeEndian.PutUint32(status, 1) // what is set is whether it is on
	if on {
		binary.NativeEndian.PutUint32(status[4:], 1)
	}
	message := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(status)))
	message = binary.NativeEndian.AppendUint16(message, unix.AUDIT_SET)
	message = binary.NativeEndian.AppendUint16(message, unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	message = append(append(message, make([]byte, 8)...), status...)

	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_AUDIT)
	must(t, err)
	defer unix.Close(fd)
	must(t, unix.Sendto(fd, message, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}))
	answer := make([]byte, 4096)
	n, err := unix.Read(fd, answer)
	must(t, err)
	if n < unix.SizeofNlMsghdr+4 {
		t.Fatalf("the kernel answers with %d bytes", n)
	}
	if errno := -int32(binary.NativeEndian.Uint32(answer[unix.SizeofNlMsghdr:])); errno != 0 {
		t.Fatalf("set auditing: %v", unix.Errno(errno))
	}
}

// withAuditing has auditing on for the length of the test.
func withAuditing(t *testing.T) {
	t.Helper()
	if landlock.AuditReadable() == nil {
		return
	}
	setAuditing(t, true)
	t.Cleanup(func() { setAuditing(t, false) })
}

func TestFilesThatAreDeniedAreToldWhereTheKernelsRecordsMayBeRead(t *testing.T) {
	root := os.Geteuid() == 0
	if root && landlock.ABI() >= 7 {
		withAuditing(t)
	}
	p := newPrison(t, "")
	i := slices.IndexFunc(p.sandbox.Layers, func(l module.Layer) bool { return l.Name == "landlock-audit" })
	if i < 0 {
		t.Fatalf("the layers are %+v", p.sandbox.Layers)
	}
	layer := p.sandbox.Layers[i]
	if on := layer.State == module.LayerOn; on != (root && landlock.ABI() >= 7) || on != (layer.Why == "") {
		t.Fatalf("root %t, Landlock %d: %+v", root, landlock.ABI(), layer)
	}
	files := func() (told []module.Denial) {
		st, err := p.status("escape")
		must(t, err)
		for _, d := range st.Stable.Denials {
			if d.By == attack.Landlock {
				told = append(told, d)
			}
		}
		return told
	}
	if told := files(); len(told) > 0 {
		t.Errorf("it has done nothing, and was denied %+v", told)
	}
	for _, name := range []string{"read-outside", "write-outside", "exec-absolute", "kill-host"} {
		a, _ := attack.ByName(name)
		p.judge(a, p.try(a))
	}
	if layer.State != module.LayerOn {
		if told := files(); len(told) > 0 {
			t.Errorf("without auditing it is told of %+v", told)
		}
		return
	}
	outside := p.targets.Get(attack.Outside)
	want := map[string]string{"read /etc/passwd": "permissions.read", "write " + outside: "permissions.write"}
	p.eventually("the files that were denied are shown", func() error {
		told := files()
		for what, hint := range want {
			if !slices.ContainsFunc(told, func(d module.Denial) bool {
				return d.What == what && d.Count > 0 && strings.Contains(d.Hint, hint)
			}) {
				return fmt.Errorf("%q is not among %+v", what, told)
			}
		}
		return nil
	})
	var records []module.AuditRecord
	must(t, json.Unmarshal([]byte(p.segue("audit", "--limit", "1000", "-o", "json")), &records))
	if !slices.ContainsFunc(records, func(r module.AuditRecord) bool {
		return r.Actor.Kind == "module" && r.Actor.Name == "escape" && r.Action == "read /etc/passwd" && r.Outcome == "denied" && strings.Contains(r.Reason, "permissions.read")
	}) {
		t.Errorf("no audit record says that escape has read /etc/passwd: %+v", records)
	}
}
