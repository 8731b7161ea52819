package table

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Machine is one line about where a measurement was made.
func Machine() string {
	var name unix.Utsname
	kernel := "unknown kernel"
	if err := unix.Uname(&name); err == nil {
		kernel = unix.ByteSliceToString(name.Release[:])
	}
	return fmt.Sprintf("%d cores, Linux %s, %s, %s", runtime.NumCPU(), kernel, runtime.GOARCH, runtime.Version())
}

// Write prints a table with a title; each row has a cell for each column.
func Write(w io.Writer, title string, columns []string, rows [][]string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n**%s** (%s)\n\n", title, Machine())
	line := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	line(columns)
	rule := make([]string, len(columns))
	for i := range rule {
		rule[i] = "---:"
	}
	rule[0] = "---"
	line(rule)
	for _, row := range rows {
		line(row)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Durations are the times that one thing took.
type Durations []time.Duration

// Quantile is the smallest duration that a share q of all, 0 to 1, does not
// exceed; 0 where there is none.
func (d Durations) Quantile(q float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(d))
	rank := int(q*float64(len(sorted))+0.9999999) - 1
	return sorted[min(max(rank, 0), len(sorted)-1)]
}

// Millis writes a duration as milliseconds with one decimal, or two where it is
// below ten.
func Millis(d time.Duration) string {
	ms := float64(d.Microseconds()) / 1000
	if ms < 10 {
		return fmt.Sprintf("%.2f", ms)
	}
	return fmt.Sprintf("%.1f", ms)
}
