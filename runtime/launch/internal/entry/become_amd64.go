package entry

const (
	sysExecveat = 322
	sysSeccomp  = 317
)
