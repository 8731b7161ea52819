package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/segue-run/segue/runtime/module"
)

// showMembers lists the processes of each release that runs as several.
func showMembers(w io.Writer, m module.Status, colour bool) {
	for _, role := range roles(m) {
		r := current(m)[role]
		if len(r.Members) == 0 {
			continue
		}
		serve := len(slices.DeleteFunc(slices.Clone(r.Members), func(p module.Member) bool { return p.State != r.State }))
		fmt.Fprintf(w, "  %s %s: %d of %d processes are %s\n", role, printable(r.Version), serve, len(r.Members), r.State)
		t := table{indent: "    ", width: terminalWidth(w)}
		t.row("INSTANCE", "STATE", "PID", "AGE", "MEMORY", "NOTE")
		for _, p := range r.Members {
			t.row(memberRow(p)...)
		}
		t.print(w, true, colour)
		fmt.Fprintln(w)
	}
}

func memberRow(p module.Member) []string {
	pid, memory, note := "", "", ""
	if p.PID != 0 {
		pid, memory = strconv.Itoa(p.PID), mebibytes(p.Usage.Memory)
	}
	if p.Restarts > 0 {
		note = counted(uint64(p.Restarts), "restart")
	}
	if f := p.Fell; f != nil {
		if note != "" {
			note += ", "
		}
		note += because("fell "+ago(f.At), f.Reason)
	}
	if e := p.Ejected; e != nil {
		out := "out again with its next failure"
		if left := time.Until(e.Until); left > 0 {
			out = fmt.Sprintf("out for %s", max(left.Round(time.Second), time.Second))
		}
		note = strings.TrimPrefix(note+", "+because(out, e.Reason), ", ")
	}
	return []string{p.Instance, string(p.State), pid, age(p.Since), memory, note}
}

// running says how many of the processes run, and since when the one does that is in its
// state the longest.
func running(members []module.Member) (text string, since time.Time) {
	n := 0
	for _, p := range members {
		if p.PID == 0 {
			continue
		}
		n++
		if since.IsZero() || p.Since.Before(since) {
			since = p.Since
		}
	}
	if n == 1 {
		return "1 process", since
	}
	return strconv.Itoa(n) + " processes", since
}
