package instance

import "github.com/segue-run/segue/runtime/module"

// Sandbox is what holds the process in.
func (i *Instance) Sandbox() module.Sandbox { return module.Sandbox{} }

// Denials are what it has tried and may not, and the quotas it has reached.
func (i *Instance) Denials() []module.Denial { return nil }
