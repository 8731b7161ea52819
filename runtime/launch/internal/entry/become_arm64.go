package entry

const (
	sysExecveat = 281
	sysSeccomp  = 277
)
