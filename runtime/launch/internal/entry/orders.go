package entry

// The keys of the orders. They stand before "--" as key=value, each at most once.
// What is left out is not done; descriptors are the numbers that they have in the
// launcher.
const (
	KeyExec     = "exec"   // the module's descriptor; it and all above are closed at the exec
	KeyExecFD   = "execfd" // the number under which the module is executed
	KeyListener = "listen" // the name under which descriptor 3 is announced as a listener
	KeyDir      = "dir"    // the working directory
	KeyTry      = "try"    // 1: end with 0 where the module would be executed

	KeyCore   = "core"   // RLIMIT_CORE, bytes
	KeyNoFile = "nofile" // RLIMIT_NOFILE, descriptors
	KeyData   = "data"   // RLIMIT_DATA, bytes
	KeyFSize  = "fsize"  // RLIMIT_FSIZE, bytes
	KeyNProc  = "nproc"  // RLIMIT_NPROC, threads of the user
	KeyCPU    = "cpu"    // RLIMIT_CPU, seconds
	KeySignal = "signal" // RLIMIT_SIGPENDING, queued signals and timers of the user

	KeyCgroups      = "cgroups"      // descriptors of tasks or cgroup.procs files: 7,8
	KeyProcessors   = "processors"   // those that it may run on: 0,1
	KeyRuleset      = "ruleset"      // the descriptor of a Landlock ruleset
	KeyRulesetFlags = "rulesetflags" // how it is restricted by that
	KeyFilter       = "filter"       // bytes of the seccomp filter in the host's word
	KeyNotify       = "notify"       // the descriptor of the socket for the filter's listener
)

// EnvMark stands before each variable of the module's in the launcher's environment.
// What is without it is for the launcher.
const EnvMark = "module."

// WordEnd is the last byte of the host's word on standard input: the filter, then this.
const WordEnd = '.'

// limit is one resource limit; soft and hard are the same.
type limit struct {
	key      string
	resource int
	value    uint64
	given    bool
}

// orders are what the host wants of the launcher.
type orders struct {
	exec, execFD uint64
	listener     string
	dir          string
	try          uint64
	limits       [7]limit
	cgroups      []uint64
	processors   []uint64
	ruleset      uint64
	rulesetFlags uint64
	filter       uint64
	notify       uint64
	argv         []string
}

// parse reads "key=value … -- argv0 args…". It is strict: an unknown key, a key
// that comes twice, a missing exec or an empty command is an error.
func parse(args []string) (*orders, error) {
	o := &orders{limits: [7]limit{
		{key: KeyCore, resource: rlimitCore},
		{key: KeyCPU, resource: rlimitCPU},
		{key: KeySignal, resource: rlimitSignal},
		{key: KeyFSize, resource: rlimitFSize},
		{key: KeyNoFile, resource: rlimitNoFile},
		{key: KeyNProc, resource: rlimitNProc},
		{key: KeyData, resource: rlimitData}, // last: little can be allocated after it
	}}
	for i, arg := range args {
		if arg == "--" {
			o.argv = args[i+1:]
			break
		}
		key, value, ok := cut(arg)
		if !ok {
			return nil, failure("argument " + arg + ": not key=value")
		}
		for _, before := range args[:i] {
			if earlier, _, _ := cut(before); earlier == key {
				return nil, failure("argument " + arg + ": given twice")
			}
		}
		if err := o.set(key, value); err != nil {
			return nil, err
		}
	}
	return o, o.check()
}

// check refuses orders that would leave out something that they name.
func (o *orders) check() error {
	switch {
	case o.exec < 3:
		return failure("argument exec: which descriptor is the module?")
	case len(o.argv) == 0:
		return failure("no command after --")
	case o.execFD != 0 && o.execFD < o.openFiles():
		return failure("argument execfd=" + text(o.execFD) + ": below the limit of open files, so the module could have it again")
	case o.rulesetFlags != 0 && o.ruleset == 0:
		return failure("argument rulesetflags: there is no ruleset")
	case o.notify != 0 && o.filter == 0:
		return failure("argument notify: there is no filter to listen to")
	case o.notify != 0 && (o.notify < 3 || o.notify >= o.exec):
		return failure("argument notify=" + text(o.notify) + ": not one of the module's descriptors")
	}
	return nil
}

func (o *orders) openFiles() uint64 {
	for i := range o.limits {
		if o.limits[i].key == KeyNoFile && o.limits[i].given {
			return o.limits[i].value
		}
	}
	return 1<<64 - 1
}

func (o *orders) set(key, value string) error {
	switch key {
	case KeyListener:
		o.listener = value
		return nil
	case KeyDir:
		o.dir = value
		return nil
	case KeyCgroups:
		return list(&o.cgroups, key, value)
	case KeyProcessors:
		return list(&o.processors, key, value)
	}
	n, ok := number(value)
	if !ok {
		return failure("argument " + key + "=" + value + ": not a number")
	}
	for _, field := range []struct {
		key string
		to  *uint64
	}{
		{KeyExec, &o.exec}, {KeyExecFD, &o.execFD}, {KeyTry, &o.try},
		{KeyRuleset, &o.ruleset}, {KeyRulesetFlags, &o.rulesetFlags},
		{KeyFilter, &o.filter}, {KeyNotify, &o.notify},
	} {
		if field.key == key {
			if n == 0 {
				return failure("argument " + key + "=0: it can only be left out")
			}
			*field.to = n
			return nil
		}
	}
	for i := range o.limits {
		if o.limits[i].key == key {
			o.limits[i].value, o.limits[i].given = n, true
			return nil
		}
	}
	return failure("argument " + key + "=" + value + ": unknown")
}

// list reads numbers with commas between them.
func list(to *[]uint64, key, value string) error {
	for start, i := 0, 0; i <= len(value); i++ {
		if i < len(value) && value[i] != ',' {
			continue
		}
		n, ok := number(value[start:i])
		if !ok {
			return failure("argument " + key + "=" + value + ": not a list of numbers")
		}
		*to = append(*to, n)
		start = i + 1
	}
	return nil
}

func cut(arg string) (key, value string, ok bool) {
	for i := range len(arg) {
		if arg[i] == '=' {
			return arg[:i], arg[i+1:], i > 0
		}
	}
	return arg, "", false
}

func number(s string) (n uint64, ok bool) {
	for i := range len(s) {
		digit := uint64(s[i] - '0')
		if digit > 9 || n > (1<<64-1-digit)/10 {
			return 0, false
		}
		n = n*10 + digit
	}
	return n, s != ""
}

// text is n in decimal.
func text(n uint64) string {
	var buf [20]byte
	i := len(buf)
	for {
		i--
		buf[i] = byte('0' + n%10)
		if n /= 10; n == 0 {
			return string(buf[i:])
		}
	}
}
