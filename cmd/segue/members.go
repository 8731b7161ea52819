package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"

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
	return []string{p.Instance, string(p.State), pid, age(p.Since), memory, note}
}
