package page

import (
	"strconv"
	"strings"
)

type format uint8

const (
	formatText format = iota
	formatJSON
	formatHTML
)

// preferred is the format that the Accept lines like best: the highest quality, of equals
// the one that is named before a range of many, then the first. Text where they name none.
func preferred(accept []string) format {
	var best format
	var bestQuality float64
	var bestNamed bool
	for _, line := range accept {
		for item := range strings.SplitSeq(line, ",") {
			media, params, _ := strings.Cut(item, ";")
			f, named, ok := formatOf(strings.ToLower(strings.Trim(media, " \t")))
			if !ok {
				continue
			}
			if q := quality(params); q > bestQuality || q == bestQuality && q > 0 && named && !bestNamed {
				best, bestQuality, bestNamed = f, q, named
			}
		}
	}
	return best
}

// formatOf is what we have for a media range; named, that it means that alone.
func formatOf(media string) (f format, named, ok bool) {
	switch media {
	case "*/*", "text/*":
		return formatText, false, true
	case "text/plain":
		return formatText, true, true
	case "text/html", "application/xhtml+xml":
		return formatHTML, true, true
	case "application/*":
		return formatJSON, false, true
	}
	kind, ok := strings.CutPrefix(media, "application/")
	return formatJSON, true, ok && (kind == "json" || strings.HasSuffix(kind, "+json"))
}

// quality is the parameter q, from 0 to 1; 1 where there is none, 0 where it is nonsense.
func quality(params string) float64 {
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.Trim(param, " \t"), "=")
		if strings.EqualFold(name, "q") {
			q, err := strconv.ParseFloat(value, 64)
			if err != nil || !(q >= 0 && q <= 1) {
				return 0
			}
			return q
		}
	}
	return 1
}
