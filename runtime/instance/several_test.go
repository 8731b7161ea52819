package instance_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/segue-run/segue/runtime/instance"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/sandbox"
)

// So many processes of one module have more threads together than its quota lets one have.
const several = 16

func TestSeveralProcessesOfAModuleRunSideBySideWhateverHoldsThemIn(t *testing.T) {
	for name, without := range map[string][]string{
		"all there is":        nil,
		"no namespaces":       {module.LayerUserNS, module.LayerPIDNS, module.LayerIPCNS, module.LayerNetworkNS},
		"no cgroups":          {module.LayerMemory, module.LayerCPU, module.LayerPIDs},
		"no user of its own":  {module.LayerOwnUser},
		"as little as may be": module.AvoidableLayers,
	} {
		t.Run(name, func(t *testing.T) {
			p := newPrison(t, sandbox.Config{Without: without}, nil)
			p.quotas.Processes = 64
			all := make([]*instance.Instance, several)
			var starts sync.WaitGroup
			for n := range all {
				spec := p.spec("")
				starts.Go(func() {
					var err error
					if all[n], err = p.starter.Start(t.Context(), spec); err != nil {
						t.Error(err)
					}
				})
			}
			starts.Wait()
			if slices.Contains(all, nil) {
				return
			}
			if got := does(t, all[0], "write", "shared", "1"); got != "<nil>" {
				t.Errorf("the first writes to the folder: %s", got)
			}
			user := all[0].Sandbox().User
			for n, i := range all {
				if err := i.Probe(t.Context()); err != nil {
					t.Errorf("probe %d: %v", n, err)
				}
				if got := does(t, i, "read", "shared", ""); got != "<nil>" {
					t.Errorf("process %d reads what the first wrote: %s", n, got)
				}
				if i.Sandbox().User != user || len(i.Denials()) > 0 {
					t.Errorf("process %d is user %d, the first %d; it was denied %+v", n, i.Sandbox().User, user, i.Denials())
				}
			}
			// What befalls one is not the others' matter.
			if asks(all[0], "/panic") {
				t.Error("it survived")
			}
			<-all[0].Done()
			for n, i := range all[1:] {
				if err := i.Probe(t.Context()); err != nil {
					t.Errorf("probe %d after the first died: %v", n+1, err)
				}
			}
			var stops sync.WaitGroup
			for _, i := range all {
				stops.Go(func() {
					if i.Stop(t.Context(), patience).Killed {
						t.Error("it had to be killed")
					}
				})
			}
			stops.Wait()
			p.empty()
		})
	}
}
