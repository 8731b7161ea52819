package replay

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	maxShown = 80 // bytes of anything that is shown
	hidden   = "(hidden)"
	none     = "(none)"
)

// clip makes s printable and at most maxShown bytes long.
func clip(s string) string {
	const more = "…"
	var out strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if !strconv.IsPrint(r) {
			r = utf8.RuneError
		}
		if out.Len()+utf8.RuneLen(r) > maxShown {
			return trimTo(out.String(), maxShown-len(more)) + more
		}
		out.WriteRune(r)
		s = s[size:]
	}
	return out.String()
}

// trimTo cuts s to at most n bytes, between runes.
func trimTo(s string, n int) string {
	for len(s) > n {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}

// absent stands for a member or an element that is not there.
type absent struct{}

// render shows a JSON value, without the values of members that speak of secrets.
func render(v any) string { return clip(string(appendValue(nil, v))) }

// appendValue goes on until there is more than can be shown.
func appendValue(to []byte, v any) []byte {
	if len(to) > maxShown {
		return to
	}
	switch v := v.(type) {
	case absent:
		return append(to, none...)
	case nil:
		return append(to, "null"...)
	case bool:
		return strconv.AppendBool(to, v)
	case json.Number:
		return append(to, v[:min(len(v), maxShown+1)]...)
	case string:
		return strconv.AppendQuote(to, v[:min(len(v), maxShown+1)])
	case []any:
		to = append(to, '[')
		for i, e := range v {
			if i > 0 {
				to = append(to, ',')
			}
			if to = appendValue(to, e); len(to) > maxShown {
				return to
			}
		}
		return append(to, ']')
	case map[string]any:
		return appendObject(to, v)
	}
	return to
}

func appendObject(to []byte, object map[string]any) []byte {
	to = append(to, '{')
	for i, name := range slices.Sorted(maps.Keys(object)) {
		if i > 0 {
			to = append(to, ',')
		}
		to = append(strconv.AppendQuote(to, name[:min(len(name), maxShown+1)]), ':')
		if secret(name) {
			to = append(to, hidden...)
		} else {
			to = appendValue(to, object[name])
		}
		if len(to) > maxShown {
			return to
		}
	}
	return append(to, '}')
}

// showHeader shows a header's value without what may be a query.
func showHeader(values []string) string {
	if len(values) == 0 {
		return none
	}
	value := strings.Join(values, ", ")
	if before, _, cut := strings.Cut(value, "?"); cut {
		value = before + "?…"
	}
	return clip(value)
}
