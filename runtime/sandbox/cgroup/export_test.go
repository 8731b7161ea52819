package cgroup

// Imitating is cfg on folders that only look like groups: mkdir and rmdir do what the
// kernel does to the files of a group.
func Imitating(cfg Config, mkdir, rmdir func(string) error) Config {
	cfg.kernel = kernel{mkdir: mkdir, rmdir: rmdir}
	return cfg
}

// Places are the own groups' folders, by version and controllers.
func Places(proc string) (map[string]string, error) {
	found, err := places(proc)
	all := map[string]string{}
	for _, p := range found {
		key := "2"
		for _, c := range p.controllers {
			key = "1 " + c
			all[key] = p.dir
		}
		all[key] = p.dir
	}
	return all, err
}
