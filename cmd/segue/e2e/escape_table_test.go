package e2e_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/segue-run/segue/plugins/chaos/escape/attack"
	"github.com/segue-run/segue/runtime/module"
)

var writeTable = flag.Bool("escape.write", false, "write what is seen into the table of docs/sandbox.md")

// The table of attacks is between these lines of the document.
const (
	document   = "../../../docs/sandbox.md"
	tableBegin = "<!-- attacks: written by go test ./cmd/segue/e2e -run TestNoAttackGetsOut -escape.write -->"
	tableEnd   = "<!-- end of attacks -->"
	tableHead  = "| attack | what it tries | stopped by any of | seen as root | seen as an ordinary user |\n| --- | --- | --- | --- | --- |\n"
)

// row is a line of the table.
type row struct{ name, tries, by, root, ordinary string }

func (r row) String() string {
	return fmt.Sprintf("| %s | %s | %s | %s | %s |\n", r.name, r.tries, r.by, r.root, r.ordinary)
}

// unseen is in a cell where nobody has looked yet; elsewhere are the outcomes of attacks
// that are judged by a test of their own.
const unseen = "–"

func rowOf(a attack.Attack) row {
	by := strings.Join(a.By, ", ")
	if len(a.Ordinary) > 0 {
		by += "; for others than root " + strings.Join(a.Ordinary, ", ")
	}
	if len(a.By)+len(a.Ordinary) == 0 {
		by = "nothing"
	}
	r := row{a.Name, a.Tries, strings.TrimPrefix(by, "; "), unseen, unseen}
	if a.Module != "" {
		ends := []string{string(attack.Stopped)}
		if len(a.Ends) > 0 {
			ends = []string{string(a.Ends[len(a.Ends)-1])}
		}
		r.root, r.ordinary = ends[0], ends[0]
	}
	return r
}

// tableOf reads the document's table; around is what stands before it and after.
func tableOf(t *testing.T) (rows []row, around [2]string) {
	t.Helper()
	text, err := os.ReadFile(document)
	must(t, err)
	before, rest, begins := strings.Cut(string(text), tableBegin+"\n")
	table, after, ends := strings.Cut(rest, tableEnd)
	if !begins || !ends {
		t.Fatalf("%s has no table of attacks: it begins with %s and ends with %s", document, tableBegin, tableEnd)
	}
	around = [2]string{before + tableBegin + "\n", tableEnd + after}
	for line := range strings.Lines(strings.TrimPrefix(table, tableHead)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 5 {
			t.Fatalf("a line of the table is %q", line)
		}
		for i, c := range cells {
			cells[i] = strings.TrimSpace(c)
		}
		rows = append(rows, row{cells[0], cells[1], cells[2], cells[3], cells[4]})
	}
	return rows, around
}

// The module cannot import the runtime's names, and has its own.
func TestAttacksCallTheLayersWhatTheRuntimeCallsThem(t *testing.T) {
	want := []string{
		module.LayerRlimits, module.LayerNoNewPrivs, module.LayerEnvironment, module.LayerDescriptors, module.LayerSession, module.LayerParentDeath,
		module.LayerLandlock, module.LayerSeccomp, module.LayerNotify,
		module.LayerUserNS, module.LayerPIDNS, module.LayerIPCNS, module.LayerNetworkNS,
		module.LayerOwnUser, module.LayerMemory, module.LayerCPU, module.LayerPIDs,
		attack.Host, attack.Kernel,
	}
	if !slices.Equal(attack.Layers, want) {
		t.Errorf("they name %v, and there are %v", attack.Layers, want)
	}
}

func TestTheDocumentHasARowForEachAttack(t *testing.T) {
	if *writeTable {
		fill(t, func(attack.Attack, *row) {})
	}
	rows, _ := tableOf(t)
	for i, a := range attack.All {
		want := rowOf(a)
		if i >= len(rows) {
			t.Fatalf("%s lacks %s", document, want)
		}
		got := rows[i]
		got.root, got.ordinary = want.root, want.ordinary
		if got != want {
			t.Errorf("row %d is\n%swant\n%s", i+1, got, want)
		}
		for _, cell := range []string{rows[i].root, rows[i].ordinary} {
			outcome, _, _ := strings.Cut(cell, " ")
			if !slices.Contains(attack.Outcomes, attack.Outcome(outcome)) {
				t.Errorf("%s: nobody has seen it: %q", a.Name, cell)
			}
		}
	}
	if len(rows) > len(attack.All) {
		t.Errorf("%s has %d rows more", document, len(rows)-len(attack.All))
	}
}

// fill writes the table anew: what was seen before, and what change makes of it.
func fill(t *testing.T, change func(attack.Attack, *row)) {
	t.Helper()
	rows, around := tableOf(t)
	var table strings.Builder
	for _, a := range attack.All {
		r := rowOf(a)
		if i := slices.IndexFunc(rows, func(r row) bool { return r.name == a.Name }); i >= 0 && a.Module == "" {
			r.root, r.ordinary = rows[i].root, rows[i].ordinary
		}
		change(a, &r)
		table.WriteString(r.String())
	}
	must(t, os.WriteFile(document, []byte(around[0]+tableHead+table.String()+around[1]), 0o644))
}

// checkColumn compares what was seen with the column of this user, or writes it there.
// The columns are of the highest level that each has: root's is contained, an ordinary
// user's isolated.
func checkColumn(t *testing.T, level module.Level, seen map[string]attack.Outcome) {
	t.Helper()
	column, full := func(r *row) *string { return &r.ordinary }, module.LevelIsolated
	if os.Geteuid() == 0 {
		column, full = func(r *row) *string { return &r.root }, module.LevelContained
	}
	if level != full {
		t.Logf("the document says nothing of level %s", level)
		return
	}
	if *writeTable {
		fill(t, func(a attack.Attack, r *row) {
			if outcome, tried := seen[a.Name]; tried {
				*column(r) = string(outcome)
			}
		})
	}
	rows, _ := tableOf(t)
	for i := range rows {
		// Which of the layers is the first to stop a bomb is chance; that one does is not.
		said, outcome := *column(&rows[i]), seen[rows[i].name]
		if outcome != "" && (outcome == attack.Escaped) != (said == string(attack.Escaped)) {
			t.Errorf("%s: it has %s, and the document says %s", rows[i].name, outcome, said)
		}
	}
}

// The table of what gets out with fewer layers is between these lines.
const (
	fewerBegin = "<!-- fewer layers: checked by go test ./cmd/segue/e2e -run TestWithFewer -->"
	fewerEnd   = "<!-- end of fewer layers -->"
)

// checkFewer compares what has got out without some layers with the document's row for
// them, in the column of this user.
func checkFewer(t *testing.T, without string, out []string) {
	t.Helper()
	text, err := os.ReadFile(document)
	must(t, err)
	_, rest, _ := strings.Cut(string(text), fewerBegin)
	table, _, _ := strings.Cut(rest, fewerEnd)
	want := "nothing"
	if len(out) > 0 {
		want = strings.Join(out, ", ")
	}
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 3 || strings.TrimSpace(cells[0]) != without {
			continue
		}
		column := cells[2]
		if os.Geteuid() == 0 {
			column = cells[1]
		}
		if got := strings.TrimSpace(column); got != want {
			t.Errorf("without %s %s gets out, and the document says %s", without, want, got)
		}
		return
	}
	t.Errorf("%s has no row for what gets out without %s", document, without)
}
