package route

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/segue-run/segue/proxy"
)

// Table is an immutable set of entries. Its zero value matches nothing.
type Table struct {
	anyHost   *node
	exact     map[string]*node
	wildcards map[string]*node // by what stands behind "*."
	rules     []*rule          // in the order of Entries
}

// node is one path; its children are one segment longer.
type node struct {
	parent   *node
	children map[string]*node
	rules    []*rule // that end here, in the order in which they are asked
}

// rule is an entry in a table.
type rule struct {
	Entry
	headers []condition
	way     *proxy.Route
}

type condition struct {
	name, value string
}

// Build makes a table. It refuses an entry that Clean refuses, and with a *ConflictError
// two of different modules that conflict; of several conflicts, the first by host and
// path. Of entries of one module that differ in nothing but what holds for their requests,
// the first counts.
func Build(entries []Entry) (*Table, error) {
	clean := make([]Entry, 0, len(entries))
	for _, e := range entries {
		c, err := Clean(e)
		if err != nil {
			return nil, err
		}
		clean = append(clean, c)
	}
	slices.SortStableFunc(clean, compare)
	clean = compact(clean)
	if err := conflict(clean); err != nil {
		return nil, err
	}
	t := &Table{exact: map[string]*node{}, wildcards: map[string]*node{}}
	for i := range clean {
		t.insert(&clean[i])
	}
	return t, nil
}

// compare puts exact hosts before wildcards, the longer of these before the shorter, and
// any host last; then it goes by path, rank and module.
func compare(a, b Entry) int {
	return cmp.Or(cmp.Compare(breadth(a.Host), breadth(b.Host)), cmp.Compare(a.Host, b.Host), cmp.Compare(a.Path, b.Path),
		rank(&a, &b), cmp.Compare(a.Module, b.Module))
}

// breadth is greater for a host that says less.
func breadth(host string) int {
	switch {
	case host == "":
		return 1
	case strings.HasPrefix(host, "*."):
		return -len(host)
	}
	return -1 << 16
}

// compact leaves out what is the same as another entry of one module before it.
func compact(sorted []Entry) []Entry {
	kept := sorted[:0]
	first := 0 // of the same host, path, rank and module
	for _, e := range sorted {
		if len(kept) > first && compare(kept[first], e) != 0 {
			first = len(kept)
		}
		if !slices.ContainsFunc(kept[first:], func(k Entry) bool { return k.equal(&e) }) {
			kept = append(kept, e)
		}
	}
	return kept
}

// conflict finds the first two of sorted entries that conflict.
func conflict(sorted []Entry) error {
	for i, a := range sorted {
		for _, b := range sorted[i+1:] {
			if a.Host != b.Host || a.Path != b.Path || rank(&a, &b) != 0 {
				break
			}
			if a.Module != b.Module && Conflict(a, b) {
				return &ConflictError{A: a, B: b}
			}
		}
	}
	return nil
}

func (t *Table) insert(e *Entry) {
	r := &rule{Entry: *e, way: &proxy.Route{Module: e.Module, Pattern: e.String(), Strip: e.Strip, Timeouts: e.Timeouts, MaxBody: e.MaxBody}}
	if e.Path != "/" {
		r.way.Prefix = e.Path
	}
	for _, name := range slices.Sorted(maps.Keys(e.Headers)) {
		r.headers = append(r.headers, condition{name, e.Headers[name]})
	}
	n := t.root(e.Host)
	for segment := range strings.SplitSeq(r.way.Prefix, "/") {
		if segment != "" {
			n = n.child(segment)
		}
	}
	n.rules = append(n.rules, r)
	t.rules = append(t.rules, r)
}

// root is where the paths of a host begin.
func (t *Table) root(host string) *node {
	if host == "" {
		if t.anyHost == nil {
			t.anyHost = &node{}
		}
		return t.anyHost
	}
	at := t.exact
	if name, wild := strings.CutPrefix(host, "*."); wild {
		at, host = t.wildcards, name
	}
	if at[host] == nil {
		at[host] = &node{}
	}
	return at[host]
}

func (n *node) child(segment string) *node {
	if n.children == nil {
		n.children = map[string]*node{}
	}
	child := n.children[segment]
	if child == nil {
		child = &node{parent: n}
		n.children[segment] = child
	}
	return child
}

// Match finds the way of a request, whose host and path are as proxy.CleanHost and
// proxy.CleanPath give them; nil where nobody takes it.
func (t *Table) Match(r *proxy.Request) *proxy.Route {
	if r.Path == "" || r.Path[0] != '/' {
		return nil
	}
	if r.Host != "" {
		if way := t.exact[r.Host].match(r); way != nil {
			return way
		}
		if len(t.wildcards) > 0 {
			if way := t.matchWildcards(r); way != nil {
				return way
			}
		}
	}
	return t.anyHost.match(r)
}

func (t *Table) matchWildcards(r *proxy.Request) *proxy.Route {
	for rest := r.Host; ; {
		dot := strings.IndexByte(rest, '.')
		if dot < 0 {
			return nil
		}
		rest = rest[dot+1:]
		if way := t.wildcards[rest].match(r); way != nil {
			return way
		}
	}
}

// match goes down as far as the path leads, and asks the rules on the way back.
func (n *node) match(r *proxy.Request) *proxy.Route {
	if n == nil {
		return nil
	}
	for rest := r.Path[1:]; rest != "" && n.children != nil; {
		segment := rest
		if end := strings.IndexByte(rest, '/'); end >= 0 {
			segment, rest = rest[:end], rest[end+1:]
		} else {
			rest = ""
		}
		child := n.children[segment]
		if child == nil {
			break
		}
		n = child
	}
	for ; n != nil; n = n.parent {
		for _, rule := range n.rules {
			if rule.covers(r) {
				return rule.way
			}
		}
	}
	return nil
}

// covers reports whether the rule takes a request for its host and path.
func (u *rule) covers(r *proxy.Request) bool {
	if len(u.Methods) > 0 && !u.takes(r.Method) || len(u.headers) > 0 && r.Header == nil {
		return false
	}
	for _, c := range u.headers {
		if value := r.Header.Get(c.name); value == "" || c.value != "" && c.value != value {
			return false
		}
	}
	return true
}

// All gives each entry, clean, with its way: by host (exact ones, then wildcards, the
// longer first, then any), path, and the order in which they are asked.
func (t *Table) All() iter.Seq2[*proxy.Route, Entry] {
	return func(yield func(*proxy.Route, Entry) bool) {
		for _, r := range t.rules {
			if !yield(r.way, r.Entry) {
				return
			}
		}
	}
}

// Entries are all entries as All gives them. The slice is the caller's.
func (t *Table) Entries() []Entry {
	entries := make([]Entry, len(t.rules))
	for i, r := range t.rules {
		entries[i] = r.Entry
	}
	return entries
}
