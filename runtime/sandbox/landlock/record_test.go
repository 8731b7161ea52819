package landlock_test

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/sandbox/landlock"
)

// record is a message as the kernel sends it.
func record(kind uint16, text string) []byte {
	message := binary.NativeEndian.AppendUint32(nil, uint32(len(text)))
	message = binary.NativeEndian.AppendUint16(message, kind)
	message = append(message, make([]byte, 10)...)
	return append(message, text...)
}

const access, domain = unix.AUDIT_LANDLOCK_ACCESS, unix.AUDIT_LANDLOCK_DOMAIN

func TestRecordsAreReadAsTheKernelWritesThem(t *testing.T) {
	var told []landlock.AuditDenial
	w := landlock.NewWatch(func(d landlock.AuditDenial) { told = append(told, d) })
	for _, message := range [][]byte{
		record(access, `audit(1795338719.409:84): domain=a1 blockers=fs.read_file path="/etc/a file" dev="vda" ino=12`),
		record(domain, `audit(1795338719.409:84): domain=a1 status=allocated mode=enforcing pid=77 uid=0 exe="/x" comm="one"`),
		record(1300, `audit(1795338719.409:84): arch=c000003e syscall=42 pid=13839 comm="other"`),
		record(access, `audit(1795338719.410:85): domain=a1 blockers=fs.write_file,fs.truncate path=2F746D702F612022 dev="vda"`),
		record(access, `audit(1795338719.411:86): domain=a1 blockers=net.connect_tcp daddr=::1 dest=443`),
		record(access, `audit(1795338719.411:87): domain=a1 blockers=net.bind_tcp src=80`),
		record(access, `audit(1795338719.411:88): domain=a1 blockers=scope.signal opid=1 ocomm="init"`),
		record(access, `audit(1795338719.411:89): domain=a1 blockers=scope.abstract_unix_socket path=00612062`),
		record(domain, `audit(1795338719.412:90): domain=a1 status=deallocated denials=6`),
	} {
		w.Take(message)
	}
	mine := func(d landlock.AuditDenial) landlock.AuditDenial {
		d.PID, d.Comm, d.Domain = 77, "one", "a1"
		return d
	}
	want := []landlock.AuditDenial{
		mine(landlock.AuditDenial{Blockers: []string{"fs.read_file"}, Path: "/etc/a file"}),
		mine(landlock.AuditDenial{Blockers: []string{"fs.write_file", "fs.truncate"}, Path: `/tmp/a "`}),
		mine(landlock.AuditDenial{Blockers: []string{"net.connect_tcp"}, Dest: "[::1]:443"}),
		mine(landlock.AuditDenial{Blockers: []string{"net.bind_tcp"}, Dest: "80"}),
		mine(landlock.AuditDenial{Blockers: []string{"scope.signal"}, Dest: "init"}),
		mine(landlock.AuditDenial{Blockers: []string{"scope.abstract_unix_socket"}, Path: "@a b"}),
	}
	if !reflect.DeepEqual(told, want) {
		t.Errorf("told of\n%+v, want\n%+v", told, want)
	}
	if w.Domains() != 0 {
		t.Errorf("%d restrictions are remembered that are gone", w.Domains())
	}
}

func TestADenialWaitsForWhoseItIsAndIsToldWithoutInTheEnd(t *testing.T) {
	var told []landlock.AuditDenial
	w := landlock.NewWatch(func(d landlock.AuditDenial) { told = append(told, d) })
	w.Take(record(access, `audit(1.0:1): domain=b blockers=fs.execute path="/bin/sh"`))
	if len(told) != 0 {
		t.Fatalf("told of %+v before it is known whose it is", told)
	}
	w.Flush()
	if len(told) != 1 || told[0].PID != 0 || told[0].Path != "/bin/sh" {
		t.Errorf("told of %+v", told)
	}
}

func TestAFloodOfRecordsIsHeldInBounds(t *testing.T) {
	told := 0
	w := landlock.NewWatch(func(landlock.AuditDenial) { told++ })
	for n := range 10_000 {
		w.Take(record(access, fmt.Sprintf(`audit(1.0:1): domain=c%x blockers=fs.execute path="/bin/sh"`, n)))
		w.Take(record(domain, fmt.Sprintf(`audit(1.0:1): domain=d%x status=allocated pid=%d comm="x"`, n, n)))
	}
	if w.Pending() > 64 || w.Domains() > 8192 {
		t.Errorf("%d wait, %d are remembered", w.Pending(), w.Domains())
	}
	w.Flush()
	if told != 10_000 {
		t.Errorf("told of %d", told)
	}
}

func FuzzARecordOfAnyFormIsTaken(f *testing.F) {
	f.Add(uint16(access), `audit(1.0:1): domain=b blockers=fs.execute path="/bin/sh"`)
	f.Add(uint16(domain), `audit(1.0:1): domain=b status=allocated pid=1 comm="x`)
	f.Add(uint16(access), `audit( = path=" path=0 ==`)
	f.Add(uint16(access), ``)
	f.Fuzz(func(t *testing.T, kind uint16, text string) {
		told := 0
		w := landlock.NewWatch(func(landlock.AuditDenial) { told++ })
		message := record(kind, text)
		for n := range min(len(message), 20) {
			w.Take(message[:n])
		}
		told = 0
		w.Flush()
		told = 0
		w.Take(message)
		w.Flush()
		if want := kind == access; want != (told == 1) {
			t.Errorf("a record of kind %d is told of %d times", kind, told)
		}
	})
}
