package wire

import "bytes"

// Field is one header line: the name as it was sent, the value without the spaces around.
type Field struct{ Name, Value string }

// appendFields appends the lines that begin at b[at], up to the empty one, which is there;
// s is b as a string, which the fields are cut out of.
func appendFields(fields []Field, b []byte, s string, at int) ([]Field, error) {
	for {
		line := b[at : at+bytes.IndexByte(b[at:], '\n')-1]
		if len(line) == 0 {
			return fields, nil
		}
		colon := tokenLen(line)
		if colon == 0 || colon == len(line) || line[colon] != ':' {
			return fields, badName(line, colon)
		}
		from, to := colon+1, len(line)
		for from < to && (line[from] == ' ' || line[from] == '\t') {
			from++
		}
		for from < to && (line[to-1] == ' ' || line[to-1] == '\t') {
			to--
		}
		if !cleanValue(line[from:to]) {
			return fields, errValue
		}
		fields = append(fields, Field{s[at : at+colon], s[at+from : at+to]})
		at += len(line) + 2
	}
}

// badName says what is wrong with a line whose name ends at end without a colon.
func badName(line []byte, end int) error {
	blank := end < len(line) && (line[end] == ' ' || line[end] == '\t')
	switch {
	case blank && end == 0:
		return errFold
	case blank && len(bytes.TrimLeft(line[end:], " \t")) > 0 && bytes.TrimLeft(line[end:], " \t")[0] == ':':
		return errSpace
	}
	return errName
}
