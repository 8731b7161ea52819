package main

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// table prints rows with aligned columns.
type table struct {
	rows [][]string
	// indent stands before each row.
	indent string
	// width is where a row that is longer is cut, in columns; 0 for nowhere.
	width int
}

func (t *table) row(cells ...string) {
	for i, text := range cells {
		cells[i] = printable(text)
	}
	t.rows = append(t.rows, cells)
}

// optional is a row that is left out where it has no value.
func (t *table) optional(label, text string) {
	if text != "" {
		t.row(label, text)
	}
}

// print writes the table; with colour it paints words of state. Columns without
// anything in them are left out; headed says that the first row is no content.
func (t *table) print(w io.Writer, headed, colour bool) {
	widths := t.widths(headed)
	for _, cells := range t.rows {
		var line strings.Builder
		line.WriteString(t.indent)
		pad, used := 0, utf8.RuneCountInString(t.indent)
		for i, text := range cells {
			if widths[i] == 0 {
				continue
			}
			if text != "" {
				line.WriteString(strings.Repeat(" ", pad))
				used += pad
				text = t.cut(text, used)
				used += utf8.RuneCountInString(text)
				pad = 0
				line.WriteString(paint(text, colour))
			}
			pad += widths[i] - utf8.RuneCountInString(text) + 2
		}
		fmt.Fprintln(w, line.String())
	}
}

// cut shortens what would go over the width after so many columns.
func (t *table) cut(text string, used int) string {
	room := t.width - used
	if t.width == 0 || utf8.RuneCountInString(text) <= room {
		return text
	}
	return string([]rune(text)[:max(0, room-1)]) + "…"
}

func (t *table) widths(headed bool) []int {
	var widths []int
	for n, cells := range t.rows {
		for i, text := range cells {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			if text != "" && (n > 0 || !headed) {
				widths[i] = max(widths[i], utf8.RuneCountInString(text), len(head(t.rows, headed, i)))
			}
		}
	}
	return widths
}

func head(rows [][]string, headed bool, i int) string {
	if headed && i < len(rows[0]) {
		return rows[0][i]
	}
	return ""
}

const (
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	plain  = "\x1b[0m"
)

var colours = map[string]string{
	"active": green, "warm": green, "promoted": green, "pass": green, "accepted": green,
	"activating": yellow, "rolling-out": yellow, "starting": yellow, "warming": yellow, "shifting": yellow, "restarting": yellow, "draining": yellow,
	"pending": yellow, "checking": yellow, "inconclusive": yellow, "unproven": yellow, "superseded": yellow,
	"on": green, "partly": yellow, "off": red,
	"rolling-back": red, "failing": red, "failed": red, "quarantined": red, "rolled-back": red, "aborted": red, "fail": red, "refused": red,
}

func paint(text string, colour bool) string {
	if c := colours[text]; colour && c != "" {
		return c + text + plain
	}
	return text
}

// printable is text on one line without anything that a terminal obeys.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t', r == '\r':
			return ' '
		case !unicode.IsPrint(r) || r == utf8.RuneError:
			return '·'
		}
		return r
	}, text)
}
