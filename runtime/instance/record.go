package instance

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/proc"
)

// recordFile is the launch record's name in an instance's directory. It is not in
// the control directory, of which the module has a descriptor.
const recordFile = "launch"

// envLaunch is the environment's mark of one launch. It is random and no secret. A
// module's own children inherit it, and by it they are known after the host's
// death: the nonce would not do, which the SDK withdraws from the environment.
const envLaunch = "SEGUE_LAUNCH"

// record is what the next host needs to find what a killed host left behind. A pid
// alone would not do: with its start time and the boot it names one process.
type record struct {
	Instance string         `json:"instance"`
	Release  module.Release `json:"release"`
	PID      int            `json:"pid"`
	Start    uint64         `json:"start"` // clock ticks since boot
	Boot     string         `json:"boot"`
	Launch   string         `json:"launch"` // the mark in the environment
	Nonce    string         `json:"nonce"`
}

// writeRecord writes the launch record. It is not synced: after a crash of the machine
// there is no process to find.
func (i *Instance) writeRecord() error {
	pid := i.proc.id()
	stat, err := proc.StatOf(pid)
	if err != nil {
		return err
	}
	boot, err := bootID()
	if err != nil {
		return err
	}
	raw, err := json.Marshal(record{
		Instance: i.id, Release: i.release, PID: pid, Start: stat.Start, Boot: boot,
		Launch: i.mark, Nonce: i.control.nonce,
	})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(i.dir.path, recordFile), raw, 0o600); err != nil {
		return fmt.Errorf("write launch record: %w", err)
	}
	return nil
}

func readRecord(dir string) (record, error) {
	var r record
	raw, err := os.ReadFile(filepath.Join(dir, recordFile))
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(raw, &r)
}

func bootID() (string, error) {
	raw, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(raw)), err
}
