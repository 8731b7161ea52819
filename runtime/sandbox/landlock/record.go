package landlock

import (
	"encoding/hex"
	"net"
	"strconv"
	"strings"
)

// AuditDenial is one thing that Landlock denied, as the kernel's audit records tell it.
type AuditDenial struct {
	// PID is of the process that was restricted, which its children are too; 0 where
	// the record of it was written before the watch began. Comm is its name then: the
	// launcher's.
	PID  int
	Comm string
	// Domain is the kernel's number of the restriction, in hexadecimal.
	Domain string
	// Blockers are what stood against it: "fs.read_file", "net.connect_tcp",
	// "scope.signal".
	Blockers []string
	// Path is the file or abstract socket, and empty for what is none.
	Path string
	// Dest is the port, with its address where there is one, or the name of the process
	// that a signal was for.
	Dest string
}

// fields are those of a record: key=value, separated by spaces; a value in quotation
// marks has no quotation mark in it.
func fields(text string) map[string]string {
	all := map[string]string{}
	for text = strings.TrimLeft(text, " "); text != ""; text = strings.TrimLeft(text, " ") {
		key, rest, ok := strings.Cut(text, "=")
		if !ok {
			break
		}
		end := strings.IndexByte(rest, ' ')
		if strings.HasPrefix(rest, `"`) {
			if end = strings.IndexByte(rest[1:], '"'); end >= 0 {
				end += 2
			}
		}
		if end < 0 {
			end = len(rest)
		}
		all[key], text = rest[:end], rest[end:]
	}
	return all
}

// untrusted is a value that a process may have chosen: in quotation marks, or where it has
// bytes that are not plain, in hexadecimal. A zero byte at its start is an abstract
// socket's, written as @.
func untrusted(value string) string {
	if quoted, ok := strings.CutPrefix(value, `"`); ok {
		return strings.TrimSuffix(quoted, `"`)
	}
	raw, err := hex.DecodeString(value)
	if err != nil {
		return value
	}
	if len(raw) > 0 && raw[0] == 0 {
		raw[0] = '@'
	}
	return strings.TrimRight(string(raw), "\x00")
}

// denialOf reads an access record.
func denialOf(f map[string]string) AuditDenial {
	d := AuditDenial{Domain: f["domain"], Path: untrusted(f["path"])}
	if f["blockers"] != "" {
		d.Blockers = strings.Split(f["blockers"], ",")
	}
	for _, ends := range [][2]string{{"daddr", "dest"}, {"saddr", "src"}} {
		if port := f[ends[1]]; port != "" {
			d.Dest = port
			if address := f[ends[0]]; address != "" {
				d.Dest = net.JoinHostPort(address, port)
			}
		}
	}
	if d.Dest == "" {
		d.Dest = untrusted(f["ocomm"])
	}
	return d
}

// body is a record's text without its stamp, "audit(seconds:serial): ".
func body(text string) string {
	if _, rest, ok := strings.Cut(text, "): "); ok && strings.HasPrefix(text, "audit(") {
		return rest
	}
	return text
}

func number(value string) int {
	n, err := strconv.Atoi(value)
	if err != nil {
		return 0
	}
	return n
}
