package policy

import "strings"

// parseJSONPath checks that text is "$" and then names and indexes: "$.time",
// "$.items[*].id", "$.items[0]", `$["a.b"]`.
func parseJSONPath(text string) (string, error) {
	bad := func() (string, error) {
		return "", wrong(text, "is no JSON path", "write it from the root, such as $.time or $.items[*].id")
	}
	rest, ok := strings.CutPrefix(text, "$")
	if !ok || rest == "" || len(text) > 500 {
		return bad()
	}
	for rest != "" {
		var end int
		switch {
		case rest[0] == '.':
			if end = strings.IndexAny(rest[1:], ".["); end < 0 {
				end = len(rest) - 1
			}
			if end == 0 {
				return bad()
			}
			rest = rest[1+end:]
		case strings.HasPrefix(rest, `["`):
			if end = strings.Index(rest, `"]`); end < len(`["`)+1 {
				return bad()
			}
			rest = rest[end+len(`"]`):]
		case rest[0] == '[':
			end = strings.IndexByte(rest, ']')
			if end < 2 || rest[1:end] != "*" && strings.Trim(rest[1:end], "0123456789") != "" {
				return bad()
			}
			rest = rest[end+1:]
		default:
			return bad()
		}
	}
	return text, nil
}
