package replay

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"fmt"
	"io"
	"mime"
	"slices"
	"strconv"
	"strings"
)

const (
	// maxDifferences of one answer are told.
	maxDifferences = 10
	// maxDecoded is the length of a compressed body from which on only its digest is
	// compared.
	maxDecoded = 256 << 10
)

// Difference is one thing in which two answers differ. Its texts are printable and at
// most 80 bytes long; "(none)" is what is not there, "(hidden)" what may be a secret.
type Difference struct {
	What      string // "answer", "status", "header Content-Type", "body", "$.total"
	Stable    string
	Candidate string
}

// Diff compares an answer with the one that is wanted, and gives the first ten
// differences.
//
// Where the status differs, nothing else is looked at. Of the header, Content-Type
// and rules.Headers matter. Bodies are the same if their bytes are; if both are JSON
// they are compared by structure: numbers by value, members in any order, elements by
// their place, and nothing that a path of rules.Ignore selects. A body that was not
// kept whole, or that is compressed by other means than gzip, or expands to more than
// 256 KiB, counts by its digest.
func Diff(want, got Answer, rules Rules) []Difference {
	return diff(want, got, rules, maxDifferences)
}

func diff(want, got Answer, rules Rules, limit int) []Difference {
	if want.Status != got.Status {
		return []Difference{{What: "status", Stable: strconv.Itoa(want.Status), Candidate: strconv.Itoa(got.Status)}}
	}
	var found []Difference
	for _, name := range slices.Concat([]string{"Content-Type"}, rules.Headers) {
		a, b := want.Header[name], got.Header[name]
		if slices.Equal(a, b) || name == "Content-Type" && sameType(a, b) {
			continue
		}
		found = append(found, Difference{What: clip("header " + name), Stable: showHeader(a), Candidate: showHeader(b)})
	}
	found = append(found, diffBodies(&want, &got, rules, limit)...)
	return found[:min(len(found), limit)]
}

// sameType compares media types by their meaning.
func sameType(a, b []string) bool {
	if len(a) != 1 || len(b) != 1 {
		return false
	}
	return plainType(a[0]) == plainType(b[0])
}

func plainType(value string) string {
	media, params, err := mime.ParseMediaType(value)
	if err != nil {
		return value
	}
	if charset, ok := params["charset"]; ok {
		params["charset"] = strings.ToLower(charset)
	}
	return cmp.Or(mime.FormatMediaType(media, params), value)
}

func diffBodies(want, got *Answer, rules Rules, limit int) []Difference {
	whole := func(p Path) bool { return p.selects(1) }
	if slices.ContainsFunc(rules.Ignore, whole) {
		return nil
	}
	same := want.Length == got.Length && want.Sum == got.Sum
	if same && encoding(want) == encoding(got) {
		return nil
	}
	a, okA := content(want)
	b, okB := content(got)
	if okA && okB {
		if bytes.Equal(a, b) {
			return nil
		}
		if isJSON(want) && isJSON(got) {
			if found, ok := diffJSON(a, b, rules.Ignore, limit); ok {
				return found
			}
		}
	}
	return []Difference{{What: "body", Stable: digest(want), Candidate: digest(got)}}
}

// digest is what is shown of a body.
func digest(a *Answer) string {
	if enc := encoding(a); enc != "" {
		return clip(fmt.Sprintf("%d bytes, sha256 %x…, %s", a.Length, a.Sum[:6], enc))
	}
	return fmt.Sprintf("%d bytes, sha256 %x…", a.Length, a.Sum[:6])
}

// encoding is how the body is compressed; "" if it is not.
func encoding(a *Answer) string {
	enc := strings.ToLower(strings.Join(a.Header["Content-Encoding"], ", "))
	if enc == "identity" {
		return ""
	}
	return enc
}

// content is the body as it was meant, if all of it is here and not too long.
func content(a *Answer) ([]byte, bool) {
	if a.Length != int64(len(a.Body)) {
		return nil, false
	}
	switch encoding(a) {
	case "":
		return a.Body, true
	case "gzip", "x-gzip":
		if len(a.Body) == 0 {
			return nil, true // an answer to HEAD
		}
		r, err := gzip.NewReader(bytes.NewReader(a.Body))
		if err != nil {
			return nil, false
		}
		text, err := io.ReadAll(io.LimitReader(r, maxDecoded+1))
		return text, err == nil && len(text) <= maxDecoded
	}
	return nil, false
}

func isJSON(a *Answer) bool {
	values := a.Header["Content-Type"]
	if len(values) != 1 {
		return false
	}
	media, _, err := mime.ParseMediaType(values[0])
	return err == nil && (media == "application/json" || strings.HasSuffix(media, "+json"))
}
