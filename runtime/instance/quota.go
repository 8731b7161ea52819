package instance

import (
	"context"
	"path/filepath"

	"go.uber.org/zap"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/sandbox"
	"github.com/segue-run/segue/runtime/sandbox/watchdog"
)

// watch begins to hold the process, which was started, to the quotas that no layer of
// its sandbox holds it to.
func (i *Instance) watch() {
	cfg := watchdog.Config{
		Process: i.proc.whileAlive, Spawns: len(i.sandbox.Permissions.Exec) > 0,
		Quotas: i.sandbox.Quotas, Folders: i.ownFolders(),
		Serving: i.serving, Reached: i.reached, Kill: i.proc.killFor,
	}
	if i.cell != nil {
		cfg.Counted, cfg.Hits = i.cell.Counts(), i.cell.Hits
	}
	dog := watchdog.New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	i.watched.Go(func() {
		<-i.proc.gone
		cancel()
	})
	i.watched.Go(func() {
		if err := dog.Run(ctx); err != nil {
			i.log.Warn("a quota of the module's is not watched", zap.Error(err))
		}
	})
}

// ownFolders are those that the process can write to: the control folder always.
func (i *Instance) ownFolders() []string {
	folders := []string{filepath.Join(i.dir.path, controlDir)}
	for _, folder := range []string{i.dataDir, i.dir.temp} {
		if folder != "" {
			folders = append(folders, folder)
		}
	}
	return folders
}

// reached counts that a quota was reached.
func (i *Instance) reached(quota string) {
	i.denials.add(module.Denial{By: module.ByQuota, What: quota, Hint: "raise quotas." + quota + " of the module, if it needs that much"})
}

// hits is how often the kernel held the process to a quota.
func (i *Instance) hits() sandbox.Hits {
	if i.cell == nil {
		return sandbox.Hits{}
	}
	return i.cell.Hits()
}

// leaveCell gives up the sandbox of a process that is gone.
func (i *Instance) leaveCell() {
	if i.cell == nil {
		return
	}
	if err := i.cell.Close(); err != nil {
		i.log.Warn("the sandbox of an instance could not be removed", zap.Error(err))
	}
}
