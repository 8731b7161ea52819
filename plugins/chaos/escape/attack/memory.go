package attack

var memory = []Attack{
	{Name: "heap-bomb", Tries: "take up to 512 MiB of heap, of 128", By: []string{Rlimits, CgroupMemory, Host}, Ends: []Outcome{Killed}, Explained: "memory", Spoils: true},
	{Name: "mmap-bomb", Tries: "take up to 512 MiB of shared anonymous memory", By: []string{Seccomp, CgroupMemory, Host}, Ends: []Outcome{Stopped, Killed}, Denial: "mmap", Spoils: true},
	{Name: "memfd-bomb", Tries: "take up to 512 MiB of files in memory", By: []string{Seccomp, CgroupMemory}, Ends: []Outcome{Stopped, Killed}, Denial: "memfd_create", Spoils: true},
	{Name: "sysv-memory", Tries: "take up to 512 MiB of System V shared memory", By: []string{Seccomp, CgroupMemory}, Ends: []Outcome{Stopped, Killed}, Denial: "shmget", Spoils: true},
	{Name: "page-cache-bomb", Tries: "fill the file cache by writing 256 MiB into few files", By: []string{CgroupMemory, Host}, Ends: held, Spoils: true},
	{Name: "pipe-bomb", Tries: "take kernel memory by filling as many pipes as there are", By: []string{Rlimits}, Ends: []Outcome{Stopped, Contained}},
	{Name: "descriptor-flood", Tries: "open descriptors until there are no more", By: []string{Rlimits}},
	{Name: "log-flood", Tries: "write 20,000 lines to the log", By: []string{Host}, Ends: []Outcome{Contained}},
	{Name: "endless-answer", Tries: "answer without an end", By: []string{Host}, Ends: []Outcome{Contained}},
	{Name: "header-bomb", Tries: "answer with 16 MiB of header", By: []string{Host}, Ends: []Outcome{Contained}},
	{Name: "link-flood", Tries: "send the host 20,000 messages that make no sense", By: []string{Host}, Ends: held, Spoils: true},
}
