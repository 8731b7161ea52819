package manifest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Permissions are what a module asks for beyond answering its requests. Each list may
// be empty; a module that asks for nothing gets nothing. What the operator grants of
// them is written the same way.
type Permissions struct {
	// Read are files and folders, with all below them, that it may read: absolute
	// paths, or paths that begin with DataFolder or TempFolder.
	Read []string `yaml:"read,omitempty" json:"read,omitempty"`
	// Write are files and folders that it may read, write, create and remove in.
	Write []string `yaml:"write,omitempty" json:"write,omitempty"`
	// Connect are the TCP addresses that it may dial: HOST:PORT, where HOST is a name,
	// "*.example.com", an address or a network ("10.0.0.0/8"), and PORT a number or "*".
	Connect []string `yaml:"connect,omitempty" json:"connect,omitempty"`
	// Listen are the TCP addresses that it may listen on: ADDRESS:PORT; an empty
	// ADDRESS is every one of the machine's.
	Listen []string `yaml:"listen,omitempty" json:"listen,omitempty"`
	// Env are names of variables of the runtime's own environment that it may see.
	Env []string `yaml:"env,omitempty" json:"env,omitempty"`
	// Exec are the programs, by absolute path, that it may start.
	Exec []string `yaml:"exec,omitempty" json:"exec,omitempty"`
	// Capabilities of other modules that it may call: NAME@VERSION.
	Capabilities []string `yaml:"capabilities,omitempty" json:"capabilities,omitempty"`
	// Tenants whose data it may see, by their id; "*" is every one.
	Tenants []string `yaml:"tenants,omitempty" json:"tenants,omitempty"`
}

// The placeholders of a path: a module's own folders. They need no grant.
const (
	DataFolder = "{data}" // kept over releases and restarts
	TempFolder = "{tmp}"  // of one process, removed with it
)

// Uses reports whether p asks for one of a module's own folders, or for a part of it.
func (p Permissions) Uses(folder string) bool {
	in := func(path string) bool { return IsIn(path, folder) }
	return slices.ContainsFunc(p.Read, in) || slices.ContainsFunc(p.Write, in)
}

// PermissionKinds are the lists of Permissions by their names, in their order.
var PermissionKinds = []string{"read", "write", "connect", "listen", "env", "exec", "capabilities", "tenants"}

// Of is the list of a kind, to be read and set; nil for a kind that there is not.
func (p *Permissions) Of(kind string) *[]string {
	switch kind {
	case "read":
		return &p.Read
	case "write":
		return &p.Write
	case "connect":
		return &p.Connect
	case "listen":
		return &p.Listen
	case "env":
		return &p.Env
	case "exec":
		return &p.Exec
	case "capabilities":
		return &p.Capabilities
	case "tenants":
		return &p.Tenants
	}
	return nil
}

// What Permissions may hold. It is enough for any module that somebody reviews, and
// little enough for what is kept of each release.
const (
	maxEntries = 64  // of one kind
	maxEntry   = 256 // bytes
)

// Validate checks every entry; the zero Permissions are valid. Each entry has one
// spelling, so that equal entries are equal texts. Every Error that it gives names its
// field, "read[1]" for one.
func (p Permissions) Validate() error {
	var wrong []error
	for _, kind := range PermissionKinds {
		wrong = append(wrong, checkEntries(kind, *p.Of(kind))...)
	}
	return errors.Join(wrong...)
}

func checkEntries(kind string, entries []string) []error {
	if len(entries) > maxEntries {
		return []error{&Error{Field: kind, Value: fmt.Sprint(len(entries)), Msg: "are too many", Hint: fmt.Sprintf("list at most %d", maxEntries)}}
	}
	var wrong []error
	for i, entry := range entries {
		err := checkEntry(kind, entry)
		if first := slices.Index(entries, entry); err == nil && first < i {
			err = &Error{Value: entry, Msg: fmt.Sprintf("is the same as %s[%d]", kind, first), Hint: "leave one of them out"}
		}
		if err != nil {
			wrong = append(wrong, at(fmt.Sprintf("%s[%d]", kind, i), err))
		}
	}
	return wrong
}

// checkEntry checks one entry of a kind.
func checkEntry(kind, entry string) error {
	switch {
	case entry == "":
		return &Error{Msg: "is empty", Hint: "leave it out"}
	case len(entry) > maxEntry:
		return &Error{Value: entry, Msg: "is too long", Hint: fmt.Sprintf("write at most %d bytes", maxEntry)}
	case !utf8.ValidString(entry) || strings.ContainsFunc(entry, func(r rune) bool { return !unicode.IsPrint(r) }):
		// Whoever grants it sees what is granted.
		return &Error{Value: entry, Msg: "has a character that cannot be seen", Hint: "write it without control characters and marks"}
	}
	var err error
	switch kind {
	case "read", "write":
		err = checkFile(entry, kind == "write")
	case "connect":
		_, err = ParsePeers(entry)
	case "listen":
		_, err = ParseListen(entry)
	case "env":
		err = checkVariable(entry)
	case "exec":
		err = checkProgram(entry)
	case "capabilities":
		err = checkCapability(entry)
	case "tenants":
		err = checkTenant(entry)
	}
	return err
}
