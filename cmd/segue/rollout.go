package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// maxExamples is how many answers that differ are shown of each comparison.
const maxExamples = 3

// showRollout shows a module's rollout; stable is what serves now, nil for nothing.
func showRollout(w io.Writer, r *module.RolloutStatus, stable *module.ReleaseStatus, colour bool) {
	title := "rollout"
	if r.Over() {
		title = "last rollout"
	}
	fmt.Fprintf(w, "%s  %s%s, %s\n", title, printable(fromOf(r)), "to "+printable(r.To), printable(way(r)))
	t := table{indent: "  "} // no line is cut: what helps may stand at its end
	if !r.Over() {
		t.optional("id", r.ID)
	}
	t.optional("watched", watched(r, stable))
	rolloutRows(&t, r)
	t.print(w, false, colour)
}

func fromOf(r *module.RolloutStatus) string {
	if r.From == "" {
		return ""
	}
	return "from " + r.From + " "
}

// rolloutRows say of a rollout what there is to say, and nothing of what there is not.
func rolloutRows(t *table, r *module.RolloutStatus) {
	t.row("phase", r.Phase)
	t.row("", outcome(r))
	if text := waitsFor(r); text != "" {
		t.row("waits", text)
		t.row("", waitsSince(r.Waiting))
		askRows(t, r.Waiting)
	}
	trial := r.Over() && r.Verdict == module.Pending
	if r.From != "" || trial || r.Verdict == module.Unproven { // else a first release is compared with nobody
		t.row("verdict", string(r.Verdict))
		if trial {
			t.row("", "it serves, and is judged until its trial ends")
		}
		if r.Verdict == module.Unproven {
			t.row("", "it went on without proof: there was too little traffic to tell")
		}
		t.row("seen", "candidate "+sampled(r.CandidateSample)+"; stable "+sampled(r.StableSample))
		if r.Phase == "shifting" && !r.Over() && r.CandidateSample.Requests == 0 {
			t.row("", "send it traffic: without requests nothing can be shown of it")
		}
	}
	evidenceRows(t, r)
	t.optional("shield", shielded(r))
	previewRows(t, r.Preview)
	comparisonRows(t, "rehearsal", r.Rehearsal)
	comparisonRows(t, "mirror", r.Mirror)
	if u := r.Usage; u != (module.Usage{}) {
		t.row("used", usage(u))
	}
	began := ago(r.Started) + " by " + r.Actor
	if r.Over() {
		began += ", took " + took(r)
	}
	t.row("began", began)
}

// shielded says what became of the candidate's failures: how many stable has made
// good, and how many the clients got; empty where there were none.
func shielded(r *module.RolloutStatus) string {
	var failed uint64
	for _, step := range r.Samples {
		if step.Weight < manifest.Full { // else there is no stable beside it
			failed += step.Candidate.Errors
		}
	}
	// One user's failures are one of those counted, but each is made good.
	if failed > r.Rescued {
		return fmt.Sprintf("%d of its %s reached clients: POST and the like are not replayed, unless shield.routes says so", failed-r.Rescued, counted(failed, "failure"))
	}
	if r.Rescued > 0 {
		return counted(r.Rescued, "failure") + " of it made good by stable"
	}
	return ""
}

// previewRows say how the candidate is seen by those who test it.
func previewRows(t *table, p *module.Preview) {
	label := "preview"
	if p != nil && p.Host != "" {
		t.row(label, "http://"+p.Host)
		label = ""
	}
	if p != nil && p.Header != "" {
		t.row(label, "with the header "+p.Header)
	}
}

// evidenceRows say what speaks against a candidate.
func evidenceRows(t *table, r *module.RolloutStatus) {
	if e := r.Evidence; e.Errors > 0 || e.Slow > 0 {
		t.row("against", "errors "+perCent(e.Errors)+", slow "+perCent(e.Slow)+" of the evidence needed to take it back")
	}
	for _, s := range r.Evidence.Signs {
		t.row("sign", because(s.Kind+" "+s.Weight.String(), s.Message)+", "+ago(s.At))
	}
}

func comparisonRows(t *table, what string, c *module.Comparison) {
	if c == nil {
		return
	}
	text := counted(c.Requests, "request") + ", every answer as stable's"
	switch {
	case c.Message != "":
		text = c.Message
	case c.Different > 0:
		text = fmt.Sprintf("%s, %d answered otherwise than by stable", counted(c.Requests, "request"), c.Different)
	}
	t.row(what, text)
	if c.Different > 0 {
		t.row("", tolerated(c))
	}
	for _, d := range c.Examples[:min(len(c.Examples), maxExamples)] {
		t.row("", fmt.Sprintf("%s: %s is %s, stable's %s", d.Request, d.What, orNothing(d.Candidate), orNothing(d.Stable)))
	}
}

// tolerated says whether answers that differ speak against the candidate.
func tolerated(c *module.Comparison) string {
	const expected = "; what may differ goes into rehearsal.ignore"
	if c.MaxDifferences == nil || *c.MaxDifferences >= manifest.Full {
		return "shown only: max_differences is 100%" + expected
	}
	return "more than " + c.MaxDifferences.String() + " (max_differences) speak against it" + expected
}

func orNothing(text string) string {
	if strings.TrimSpace(text) == "" {
		return "nothing"
	}
	return text
}

// perCent is a share from 0 to 1, "12%".
func perCent(share float64) string {
	return strconv.Itoa(int(min(max(share, 0), 1)*100)) + "%"
}

// usage is "48 MiB of memory (at most 52 MiB), 1.2s of processor time".
func usage(u module.Usage) string {
	text := mebibytes(u.Memory) + " of memory"
	if u.Peak > u.Memory {
		text += " (at most " + mebibytes(u.Peak) + ")"
	}
	return text + ", " + u.CPU.Round(10*time.Millisecond).String() + " of processor time"
}

func mebibytes(n int64) string { return strconv.FormatInt((n+1<<19)>>20, 10) + " MiB" }

// took is how long a rollout that is over took, or has taken until now.
func took(r *module.RolloutStatus) string {
	if !r.Over() {
		return age(r.Started)
	}
	d := r.Ended.Sub(r.Started)
	if d >= time.Minute {
		return d.Round(time.Second).String()
	}
	return d.Round(time.Millisecond).String()
}
