package route

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/segue-run/segue/proxy"
)

// Entry gives a module the requests for Host (any, when empty) whose path is Path
// or lies below it on segment borders: "/a" takes "/a", "/a/" and "/a/b", not
// "/ab". A trailing slash of Path means nothing.
type Entry struct {
	Host   string
	Path   string
	Module string
}

// Table is an immutable set of entries. Its zero value matches nothing.
type Table struct {
	anyHost *node
	hosts   map[string]*node
	entries []Entry
}

// node is one path; its children are one segment longer.
type node struct {
	module   string // empty: no entry ends here
	children map[string]*node
}

// ConflictError is two or more modules that claim the same requests.
type ConflictError struct {
	Host    string   // empty: any
	Path    string   // as proxy.CleanPath gives it, without trailing slash
	Modules []string // sorted
}

// Error names all that claim it.
func (e *ConflictError) Error() string {
	where := e.Path
	if e.Host != "" {
		where = e.Host + e.Path
	}
	return fmt.Sprintf("route %s is claimed by modules %s", where, strings.Join(e.Modules, " and "))
}

// Build makes a table. It refuses an entry whose host or path has no clean
// spelling, and with a *ConflictError the same host and path for different
// modules; of several conflicts, the first by host and path. The same entry twice
// is one.
func Build(entries []Entry) (*Table, error) {
	clean := make([]Entry, 0, len(entries))
	for _, e := range entries {
		c, err := cleanEntry(e)
		if err != nil {
			return nil, fmt.Errorf("route %s%s of module %s: %w", e.Host, e.Path, e.Module, err)
		}
		clean = append(clean, c)
	}
	slices.SortFunc(clean, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Module, b.Module))
	})
	clean = slices.Compact(clean)
	if err := conflict(clean); err != nil {
		return nil, err
	}
	t := &Table{hosts: make(map[string]*node), entries: clean}
	for _, e := range clean {
		t.insert(e)
	}
	return t, nil
}

func cleanEntry(e Entry) (Entry, error) {
	if e.Module == "" {
		return Entry{}, fmt.Errorf("module: empty")
	}
	host, err := proxy.CleanHost(e.Host)
	if err != nil {
		return Entry{}, err
	}
	if hasPort(e.Host) {
		return Entry{}, fmt.Errorf("host: a route names no port")
	}
	path, err := proxy.CleanPath(e.Path)
	if err != nil {
		return Entry{}, err
	}
	if path != "/" {
		path = strings.TrimSuffix(path, "/")
	}
	return Entry{Host: host, Path: path, Module: e.Module}, nil
}

func hasPort(host string) bool {
	return strings.Contains(host[strings.IndexByte(host, ']')+1:], ":")
}

// conflict finds the first address in sorted entries that has several modules.
func conflict(sorted []Entry) error {
	for i := range sorted {
		first := sorted[i]
		var modules []string
		for _, e := range sorted[i:] {
			if e.Host != first.Host || e.Path != first.Path {
				break
			}
			modules = append(modules, e.Module)
		}
		if len(modules) > 1 {
			return &ConflictError{Host: first.Host, Path: first.Path, Modules: modules}
		}
	}
	return nil
}

func (t *Table) insert(e Entry) {
	n := t.anyHost
	if e.Host != "" {
		n = t.hosts[e.Host]
	}
	if n == nil {
		n = &node{}
		if e.Host == "" {
			t.anyHost = n
		} else {
			t.hosts[e.Host] = n
		}
	}
	if e.Path != "/" {
		for segment := range strings.SplitSeq(e.Path[1:], "/") {
			child := n.children[segment]
			if child == nil {
				child = &node{}
				if n.children == nil {
					n.children = make(map[string]*node)
				}
				n.children[segment] = child
			}
			n = child
		}
	}
	n.module = e.Module
}

// Match finds the module for a host and a path, both as proxy.CleanHost and
// proxy.CleanPath give them: the entry with the longest path among those for
// exactly this host; where none of these takes it, among those for any host.
func (t *Table) Match(host, path string) (module string, ok bool) {
	if host != "" {
		if module = t.hosts[host].longest(path); module != "" {
			return module, true
		}
	}
	module = t.anyHost.longest(path)
	return module, module != ""
}

// longest is the module of the deepest entry on the way down path, or "".
func (n *node) longest(path string) string {
	if n == nil || path == "" || path[0] != '/' {
		return ""
	}
	module := n.module
	for rest := path[1:]; rest != "" && n.children != nil; {
		segment := rest
		if end := strings.IndexByte(rest, '/'); end >= 0 {
			segment, rest = rest[:end], rest[end+1:]
		} else {
			rest = ""
		}
		if n = n.children[segment]; n == nil {
			break
		}
		if n.module != "" {
			module = n.module
		}
	}
	return module
}

// Entries are all entries in their clean spelling, by host, then path. The slice
// is the caller's.
func (t *Table) Entries() []Entry { return slices.Clone(t.entries) }
