package manifest

import (
	"slices"
	"strings"
)

// What no module is given of the runtime's environment, by the beginning of the name or
// by all of it: what is the runtime's own, secrets among it (SEGUE_); what a process is
// told of its descriptors, its supervisor and its plug (LISTEN_, NOTIFY_, WATCHDOG_,
// PLUGIN_); what changes a process before its first instruction, as its loader (LD_,
// DYLD_, GLIBC_, MALLOC_, GCONV_PATH) and the Go runtime read it (GODEBUG and the
// others), and with that what the sandbox holds; where programs and their parts are
// found; and the folders, which a module has of its own.
var (
	keptPrefixes  = []string{"SEGUE_", "LISTEN_", "NOTIFY_", "WATCHDOG_", "PLUGIN_", "LD_", "DYLD_", "GLIBC_", "MALLOC_"}
	keptVariables = []string{
		"GODEBUG", "GOGC", "GOMEMLIMIT", "GOMAXPROCS", "GOTRACEBACK", "GOCOVERDIR", "GORACE",
		"GCONV_PATH", "LOCPATH", "NLSPATH", "HOSTALIASES", "LOCALDOMAIN", "RES_OPTIONS",
		"PATH", "IFS", "ENV", "BASH_ENV", "SHELLOPTS", "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP",
		"PERL5LIB", "PERL5OPT", "RUBYLIB", "RUBYOPT", "NODE_OPTIONS", "NODE_PATH", "CLASSPATH", "JAVA_TOOL_OPTIONS",
		"HOME", "TMPDIR", "PWD",
	}
)

// checkVariable checks an entry of Permissions.Env.
func checkVariable(name string) error {
	for i := range len(name) {
		c := name[i]
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return &Error{Value: name, Msg: "is no name of a variable", Hint: "write letters, digits and '_', such as BILLING_REGION; '=' and values do not belong to it"}
		}
	}
	reserved := func(prefix string) bool { return strings.HasPrefix(name, prefix) }
	if slices.ContainsFunc(keptPrefixes, reserved) || slices.Contains(keptVariables, name) {
		return &Error{Value: name, Msg: "is for the runtime, or steers the process beneath the module", Hint: "give the value under another name"}
	}
	return nil
}

// checkCapability checks an entry of Permissions.Capabilities: a name, which may have
// parts with dots between them, and one to three numbers.
func checkCapability(s string) error {
	name, version, _ := strings.Cut(s, "@")
	ok := name != "" && name[0] >= 'a' && len(name) <= maxLabel
	for label := range strings.SplitSeq(name, ".") {
		ok = ok && isLabel(label)
	}
	numbers := strings.Split(version, ".")
	ok = ok && len(numbers) <= 3
	for _, n := range numbers {
		ok = ok && isNumber(n)
	}
	if !ok {
		return &Error{Value: s, Msg: "is no capability", Hint: "write NAME@VERSION, such as payments@1.2"}
	}
	return nil
}

// isNumber reports whether s is a whole number below a milliard without leading zeros.
func isNumber(s string) bool {
	return s != "" && len(s) <= 9 && strings.Trim(s, "0123456789") == "" && (s == "0" || s[0] != '0')
}

// maxTenant is how long a tenant's id may be, in bytes.
const maxTenant = 64

// checkTenant checks an entry of Permissions.Tenants.
func checkTenant(id string) error {
	if id == "*" {
		return nil
	}
	ok := len(id) <= maxTenant
	for i := range len(id) {
		c := id[i]
		ok = ok && (isAlphanumeric(c) || c >= 'A' && c <= 'Z' || i > 0 && strings.IndexByte("-_.", c) >= 0)
	}
	if !ok {
		return &Error{Value: id, Msg: "is no tenant's id", Hint: "write 1 to 64 letters, digits, '-', '_' and '.', beginning with a letter or a digit, or * for all tenants"}
	}
	return nil
}
