package manifest

import (
	"path"
	"slices"
	"strings"
)

// checkFile checks an entry of Permissions.Read or Write.
func checkFile(file string, write bool) error {
	wrong := func(msg, hint string) error { return &Error{Value: file, Msg: msg, Hint: hint} }
	own, rest := cutFolder(file)
	if strings.ContainsAny(rest, "{}") || own != "" && rest != "" && rest[0] != '/' {
		return wrong("has a placeholder that there is not", "the placeholders are "+DataFolder+" and "+TempFolder+", first in the path and followed by nothing or '/'")
	}
	if own != "" {
		if rest == "" {
			return nil
		}
		if rest == "/" {
			return wrong("is not clean", "write "+own)
		}
		return checkAbsolute(file, own, rest)
	}
	if err := checkAbsolute(file, "", rest); err != nil {
		return err
	}
	if hint := inProcess(file); hint != "" {
		return wrong("is another thing for each process", hint)
	}
	switch {
	case write && file == "/":
		return wrong("is everything", "name the folders that are written")
	case write && (IsIn(file, "/proc") || IsIn(file, "/sys")):
		return wrong("belongs to the kernel", "leave it out; no module changes the machine's settings")
	}
	return nil
}

// checkProgram checks an entry of Permissions.Exec.
func checkProgram(file string) error {
	if strings.ContainsAny(file, "{}") {
		return &Error{Value: file, Msg: "has a placeholder", Hint: "name a program outside the module's own folders; what a module can write it must not start"}
	}
	if err := checkAbsolute(file, "", file); err != nil {
		return err
	}
	if hint := inProcess(file); hint != "" || file == "/" {
		return &Error{Value: file, Msg: "is no program", Hint: "write the absolute path of one, such as /usr/bin/convert"}
	}
	return nil
}

// checkAbsolute checks the part of file that comes after its placeholder, if any.
func checkAbsolute(file, own, rest string) error {
	wrong := func(msg, hint string) error { return &Error{Value: file, Msg: msg, Hint: hint} }
	switch {
	case rest[0] != '/':
		return wrong("is not absolute", "begin it with '/', or with "+DataFolder+" or "+TempFolder+" for a file of the module's own")
	case slices.Contains(strings.Split(rest, "/"), ".."):
		return wrong("has the segment '..'", "write the path that is meant")
	case path.Clean(rest) != rest:
		return wrong("is not clean", "write "+own+clip(path.Clean(rest)))
	}
	return nil
}

// cutFolder splits the placeholder, if any, from what comes after it.
func cutFolder(file string) (own, rest string) {
	for _, own := range []string{DataFolder, TempFolder} {
		if rest, ok := strings.CutPrefix(file, own); ok {
			return own, rest
		}
	}
	return "", file
}

// inProcess says what to write instead of a path that leads to another place for each
// process that opens it, the runtime for one; it is empty for every other path.
func inProcess(file string) string {
	if file == "/proc" {
		return "name the files below it that are read, such as /proc/meminfo"
	}
	if slices.Contains([]string{"/dev/fd", "/dev/stdin", "/dev/stdout", "/dev/stderr"}, file) || IsIn(file, "/dev/fd") {
		return "leave it out; a process has its own descriptors"
	}
	rest, ok := strings.CutPrefix(file, "/proc/")
	first, _, _ := strings.Cut(rest, "/")
	switch {
	case !ok:
		return ""
	case slices.Contains([]string{"self", "thread-self", "net", "mounts"}, first), strings.Trim(first, "0123456789") == "":
		return "name a file that is the same for all, such as /proc/meminfo"
	}
	return ""
}

// IsIn reports whether path is folder, or lies in it. Both are as a manifest writes them:
// clean, and absolute or beginning with an own folder. It looks at no file.
func IsIn(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, strings.TrimSuffix(folder, "/")+"/")
}
