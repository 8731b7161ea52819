package process_test

import (
	"os"
	"os/exec"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/segue-run/segue/bench/internal/process"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAProcessAndItsChildrenAreReadAndThoseThatHaveEndedUseNothing(t *testing.T) {
	child := exec.Command("cat")
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	self, pid := os.Getpid(), child.Process.Pid
	all, err := process.Family(self)
	if err != nil || all[0] != self || !slices.Contains(all, pid) {
		t.Errorf("the family of %d is %v, %v; its child is %d", self, all, err, pid)
	}
	own, err := process.Resident(self)
	both, err2 := process.Resident(self, pid)
	if err != nil || err2 != nil || own < 1<<20 || both <= own/2 {
		t.Errorf("%d bytes, and with the child %d: %v, %v", own, both, err, err2)
	}
	if n, err := process.Resident(pid); err != nil || n == 0 {
		t.Errorf("the child has %d bytes, %v", n, err)
	}
	in.Close()
	if err := child.Wait(); err != nil {
		t.Fatal(err)
	}
	if n, err := process.Resident(pid); err != nil || n != 0 {
		t.Errorf("one that has ended has %d bytes, %v", n, err)
	}
	if n, err := process.ProcessorTime(pid); err != nil || n != 0 {
		t.Errorf("one that has ended has used %s, %v", n, err)
	}
	if all, err := process.Family(pid); err != nil || len(all) != 1 {
		t.Errorf("the family of one that has ended is %v, %v", all, err)
	}
}
