package instance

// CountKillsIn makes the Starter read the kernel's count from another file.
func (s *Starter) CountKillsIn(path string) { s.kills.path = path }

// Kills is the kernel's count when the instance took it last.
func (i *Instance) Kills() uint64 { return i.kills.Load() }
