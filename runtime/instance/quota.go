package instance

import (
	"context"

	"go.uber.org/zap"

	"github.com/segue-run/segue/runtime/module"
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
	i.watched.begin(func(ctx context.Context) {
		if err := dog.Run(ctx); err != nil {
			i.log.Warn("a quota of the module's is not watched", zap.Error(err))
		}
	})
}

// ownFolders are those that the process can write to.
func (i *Instance) ownFolders() (folders []string) {
	for _, folder := range []string{i.dataDir, i.dir.temp} {
		if folder != "" {
			folders = append(folders, folder)
		}
	}
	return folders
}

// reached counts that a quota was reached.
func (i *Instance) reached(quota string) { i.Deny(module.Denial{By: module.ByQuota, What: quota}) }

// endedFor counts that the process died of a quota. Where it was killed for it that was
// counted then.
func (i *Instance) endedFor(quota string) {
	if i.proc.killedFor() == quota && i.denials.ends(quota) {
		return
	}
	i.Deny(module.Denial{By: module.ByQuota, What: quota, Fatal: true})
}
