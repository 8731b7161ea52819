package entry

// The keys of the orders. They stand before "--" as key=value, each at most once.
const (
	KeyParent   = "ppid"   // the host's pid; the launcher ends when it is not its child
	KeyExec     = "exec"   // the module's descriptor; it and all above are closed at the exec
	KeyListener = "listen" // the name under which descriptor 3 is announced as a listener
	KeyDir      = "dir"    // the working directory
	KeyCore     = "core"   // RLIMIT_CORE, bytes
	KeyNoFile   = "nofile" // RLIMIT_NOFILE, descriptors
	KeyData     = "data"   // RLIMIT_DATA, bytes
	KeyFSize    = "fsize"  // RLIMIT_FSIZE, bytes
	KeyNProc    = "nproc"  // RLIMIT_NPROC, threads of the user
)

// limit is one resource limit; soft and hard are the same.
type limit struct {
	key      string
	resource int
	value    uint64
	given    bool
}

// orders are what the host wants of the launcher.
type orders struct {
	parent   uint64
	exec     uint64
	listener string
	dir      string
	limits   [5]limit
	argv     []string
}

// parse reads "key=value … -- argv0 args…". It is strict: an unknown key, a key
// that comes twice, a missing exec or an empty command is an error.
func parse(args []string) (*orders, error) {
	o := &orders{limits: [5]limit{
		{key: KeyCore, resource: rlimitCore},
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
	if o.exec < 3 {
		return nil, failure("argument exec: which descriptor is the module?")
	}
	if len(o.argv) == 0 {
		return nil, failure("no command after --")
	}
	return o, nil
}

func (o *orders) set(key, value string) error {
	switch key {
	case KeyListener:
		o.listener = value
		return nil
	case KeyDir:
		o.dir = value
		return nil
	}
	n, ok := number(value)
	if !ok {
		return failure("argument " + key + "=" + value + ": not a number")
	}
	switch key {
	case KeyParent:
		o.parent = n
		return nil
	case KeyExec:
		o.exec = n
		return nil
	}
	for i := range o.limits {
		if o.limits[i].key == key {
			o.limits[i].value, o.limits[i].given = n, true
			return nil
		}
	}
	return failure("argument " + key + "=" + value + ": unknown")
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
