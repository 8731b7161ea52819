package replay

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// maxDepth is how deep a document is compared; a deeper one has only a digest.
const maxDepth = 100

// differ compares two JSON documents, at most limit differences of them.
type differ struct {
	ignore []Path
	limit  int

	trail []step     // to the place that is being looked at
	at    [][]places // for each place of the trail, where each ignored path may be
	found []Difference
	deep  bool // something lies too deep
}

// step leads to a member or, where it has no name, to an element.
type step struct {
	name    string
	index   int
	isIndex bool
}

// diffJSON compares two documents. It says no if one of them is none, or lies too
// deep to be compared.
func diffJSON(want, got []byte, ignore []Path, limit int) (found []Difference, ok bool) {
	a, okA := decodeJSON(want)
	b, okB := decodeJSON(got)
	if !okA || !okB {
		return nil, false
	}
	start := make([]places, len(ignore))
	for i := range start {
		start[i] = 1
	}
	d := &differ{ignore: ignore, limit: limit, at: [][]places{start}}
	d.value(a, b)
	return d.found, !d.deep || len(d.found) > 0
}

func decodeJSON(text []byte) (v any, ok bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, false
	}
	_, err := d.Token()
	return v, err == io.EOF
}

// value compares what is at the end of the trail.
func (d *differ) value(want, got any) {
	if len(d.found) >= d.limit || d.ignored() {
		return
	}
	if len(d.trail) > maxDepth {
		d.deep = true
		return
	}
	switch a := want.(type) {
	case map[string]any:
		if b, ok := got.(map[string]any); ok {
			d.object(a, b)
			return
		}
	case []any:
		if b, ok := got.([]any); ok {
			d.array(a, b)
			return
		}
	case json.Number:
		if b, ok := got.(json.Number); ok && sameNumber(a, b) {
			return
		}
	default:
		if want == got {
			return
		}
	}
	d.note(want, got)
}

func (d *differ) object(want, got map[string]any) {
	names := slices.AppendSeq(slices.Collect(maps.Keys(want)), maps.Keys(got))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		next := d.enter(step{name: name})
		for i, path := range d.ignore {
			next[i] = path.member(d.before()[i], name)
		}
		d.value(memberOf(want, name), memberOf(got, name))
		d.leave()
	}
}

func memberOf(object map[string]any, name string) any {
	if v, ok := object[name]; ok {
		return v
	}
	return absent{}
}

func (d *differ) array(want, got []any) {
	for n := range max(len(want), len(got)) {
		if len(d.found) >= d.limit {
			return
		}
		next := d.enter(step{index: n, isIndex: true})
		for i, path := range d.ignore {
			next[i] = path.element(d.before()[i], n)
		}
		d.value(elementOf(want, n), elementOf(got, n))
		d.leave()
	}
}

func elementOf(array []any, n int) any {
	if n < len(array) {
		return array[n]
	}
	return absent{}
}

// enter goes one step further and gives where to write the places of the paths.
func (d *differ) enter(s step) []places {
	d.trail = append(d.trail, s)
	if len(d.at) == len(d.trail) {
		d.at = append(d.at, make([]places, len(d.ignore)))
	}
	return d.at[len(d.trail)]
}

// before are the places of the paths one step earlier.
func (d *differ) before() []places { return d.at[len(d.trail)-1] }

func (d *differ) leave() { d.trail = d.trail[:len(d.trail)-1] }

func (d *differ) ignored() bool {
	for i, path := range d.ignore {
		if path.selects(d.at[len(d.trail)][i]) {
			return true
		}
	}
	return false
}

func (d *differ) note(want, got any) {
	found := Difference{What: d.where(), Stable: render(want), Candidate: render(got)}
	if slices.ContainsFunc(d.trail, func(s step) bool { return secret(s.name) }) {
		found.Stable, found.Candidate = hide(want), hide(got)
	}
	d.found = append(d.found, found)
}

// hide says no more of a value than whether it is there.
func hide(v any) string {
	if _, ok := v.(absent); ok {
		return none
	}
	return hidden
}

// where is the trail, written as a path.
func (d *differ) where() string {
	var out strings.Builder
	out.WriteByte('$')
	for _, s := range d.trail {
		if out.Len() > maxShown {
			break
		}
		switch {
		case s.isIndex:
			out.WriteString("[" + strconv.Itoa(s.index) + "]")
		case isBare(s.name):
			out.WriteString("." + s.name)
		default:
			quoted, _ := json.Marshal(s.name[:min(len(s.name), maxShown)]) // a string always has a spelling
			out.WriteString("[" + string(quoted) + "]")
		}
	}
	return clip(out.String())
}

func isBare(name string) bool {
	for i := range len(name) {
		if !bare(name[i]) {
			return false
		}
	}
	return name != ""
}
