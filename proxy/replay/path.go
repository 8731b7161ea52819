package replay

import (
	"encoding/json"
	"strconv"
	"strings"
)

const (
	maxPath     = 512 // bytes of a path
	maxSegments = 60  // and its parts: a place in a path is a bit of a uint64
)

// Path selects parts of a JSON document, each with all that is below it.
type Path struct {
	text     string
	segments []segment
}

// segment is one part of a path.
type segment struct {
	name  string
	index int
	kind  kind
}

type kind uint8

const (
	member      kind = iota // .name or ["name"]
	element                 // [3]
	anyMember               // .*
	anyElement              // [*]
	atAnyDepth              // ..name
	wantElement = "write a number or * between the brackets, or a name in double quotes"
)

// String is the path as it was written.
func (p Path) String() string { return p.text }

// ParsePath reads a path, a small part of JSONPath:
//
//	$            the document
//	.name        a member; letters, digits, "_" and "-"
//	["any name"] a member; the name is a JSON string
//	.*           every member of an object
//	[3]          an element of an array, from 0
//	[*]          every element
//	..name       members of that name, here and at any depth below
//
// "$.items[*].id" is the member id of each element of the member items. It refuses
// everything else with an *Error.
func ParsePath(text string) (Path, error) {
	refuse := func(msg, hint string) (Path, error) {
		return Path{}, &Error{Value: clip(text), Msg: msg, Hint: hint}
	}
	if len(text) > maxPath {
		return refuse("is too long for a path", "write at most "+strconv.Itoa(maxPath)+" bytes")
	}
	rest, ok := strings.CutPrefix(text, "$")
	if !ok {
		return refuse("is no path", "begin with $, as in $.items[*].id")
	}
	p := Path{text: text}
	for rest != "" {
		var s segment
		var msg, hint string
		if rest[0] == '.' {
			s, rest, msg, hint = parseMember(rest)
		} else {
			s, rest, msg, hint = parseBracket(rest)
		}
		if msg != "" {
			return refuse(msg, hint)
		}
		if p.segments = append(p.segments, s); len(p.segments) > maxSegments {
			return refuse("has too many parts", "write at most "+strconv.Itoa(maxSegments))
		}
	}
	return p, nil
}

// parseMember reads ".name", ".*" or "..name".
func parseMember(text string) (s segment, rest, msg, hint string) {
	rest = text[1:]
	if deep, ok := strings.CutPrefix(rest, "."); ok {
		s.kind, rest = atAnyDepth, deep
	} else if after, ok := strings.CutPrefix(rest, "*"); ok {
		s.kind = anyMember
		return s, after, "", ""
	}
	end := 0
	for end < len(rest) && bare(rest[end]) {
		end++
	}
	if end == 0 {
		return s, rest, "has a dot without a name", `write a name after it, or ["any name"] in its place`
	}
	s.name = rest[:end]
	return s, rest[end:], "", ""
}

// bare reports whether c may stand in a name without quotes.
func bare(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

// parseBracket reads "[3]", "[*]" or `["name"]`.
func parseBracket(text string) (s segment, rest, msg, hint string) {
	inside, ok := strings.CutPrefix(text, "[")
	if !ok {
		return s, text, "goes on with " + strconv.Quote(text[:1]), "write a dot and a name, or brackets"
	}
	if strings.HasPrefix(inside, `"`) {
		return parseQuoted(inside)
	}
	inside, rest, ok = strings.Cut(inside, "]")
	if !ok {
		return s, text, "has a bracket that is not closed", wantElement
	}
	if inside == "*" {
		s.kind = anyElement
		return s, rest, "", ""
	}
	index, err := strconv.ParseUint(inside, 10, 31)
	if err != nil || inside != strconv.FormatUint(index, 10) {
		return s, text, "has brackets around " + strconv.Quote(inside), wantElement
	}
	s.kind, s.index = element, int(index)
	return s, rest, "", ""
}

// parseQuoted reads `"name"]`.
func parseQuoted(text string) (s segment, rest, msg, hint string) {
	d := json.NewDecoder(strings.NewReader(text))
	if err := d.Decode(&s.name); err != nil {
		return s, text, "has a name whose quotes do not close", `write it as ["any name"]`
	}
	rest, ok := strings.CutPrefix(text[d.InputOffset():], "]")
	if !ok {
		return s, text, "has a bracket that is not closed", `write the name as ["any name"]`
	}
	return s, rest, "", ""
}

// places are the parts of a path that may come next at some place of a document, a
// bit each. The bit after the last one says that the path selects the place.
type places uint64

// selects reports whether the path selects the place.
func (p Path) selects(at places) bool { return at>>len(p.segments)&1 == 1 }

// member is where the path may be in a member of an object.
func (p Path) member(at places, name string) (next places) {
	for i, s := range p.segments {
		if at>>i&1 == 0 {
			continue
		}
		if s.kind == atAnyDepth {
			next |= 1 << i
		}
		if s.kind == anyMember || s.named() && s.name == name {
			next |= 1 << (i + 1)
		}
	}
	return next
}

// element is where the path may be in an element of an array.
func (p Path) element(at places, index int) (next places) {
	for i, s := range p.segments {
		if at>>i&1 == 0 {
			continue
		}
		if s.kind == atAnyDepth {
			next |= 1 << i
		}
		if s.kind == anyElement || s.kind == element && s.index == index {
			next |= 1 << (i + 1)
		}
	}
	return next
}

// named reports whether the segment has a name.
func (s segment) named() bool { return s.kind == member || s.kind == atAnyDepth }
