package manifest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/segue-run/segue/sdk/manifest"
)

func TestASizeIsWrittenWithItsUnit(t *testing.T) {
	for text, want := range map[string]manifest.Size{
		"0": 0, "1": 1, "1023": 1023, "1024": 1 << 10, "1KiB": 1 << 10, "64MiB": 64 << 20, "1536MiB": 1536 << 20,
		"2 GiB": 2 << 30, "1024TiB": 1 << 50, "007KiB": 7 << 10, "9223372036854775807": 1<<63 - 1,
	} {
		got, err := manifest.ParseSize(text)
		if err != nil || got != want {
			t.Errorf("%q: got %d and %v, want %d", text, got, err, want)
		}
		if again, err := manifest.ParseSize(got.String()); err != nil || again != got {
			t.Errorf("%d: String is %q, which reads as %d and %v", got, got, again, err)
		}
	}
	for size, want := range map[manifest.Size]string{1 << 20: "1MiB", 1536 << 20: "1536MiB", 1<<20 + 1: "1048577", 0: "0", 1 << 40: "1TiB"} {
		if size.String() != want {
			t.Errorf("%d is written %q, want %q", uint64(size), size, want)
		}
	}
	for _, text := range []string{"", "MiB", "5MB", "5M", "5mib", "-1", "+1", "1.5GiB", "1_000", "0x10", "1e3", " 1", "1 ", "1MiBKiB", "9223372036854775808", "8388608TiB", "many"} {
		if got, err := manifest.ParseSize(text); err == nil {
			t.Errorf("%q: accepted as %d", text, got)
		} else if problems := manifest.Problems(err); len(problems) != 1 || problems[0].Value != text || problems[0].Hint == "" {
			t.Errorf("%q: no value or remedy in %v", text, err)
		}
	}
}

func TestProcessorsAreWrittenAsANumber(t *testing.T) {
	for text, want := range map[string]manifest.Processors{"0": 0, "2": 2000, "0.5": 500, "0.25": 250, "1.005": 1005, "10": 10000, "64.000": 64000} {
		got, err := manifest.ParseProcessors(text)
		if err != nil || got != want {
			t.Errorf("%q: got %d and %v, want %d", text, got, err, want)
		}
		if again, err := manifest.ParseProcessors(got.String()); err != nil || again != got {
			t.Errorf("%d: String is %q, which reads as %d and %v", got, got, again, err)
		}
	}
	for _, text := range []string{"", ".", ".5", "5.", "-1", "+1", "1.0005", "1e1", "0x1", "50%", "1,5", "1_0", "99999999999", "two"} {
		if got, err := manifest.ParseProcessors(text); err == nil {
			t.Errorf("%q: accepted as %d", text, got)
		} else if problems := manifest.Problems(err); len(problems) != 1 || problems[0].Hint == "" {
			t.Errorf("%q: no remedy in %v", text, err)
		}
	}
}

func TestEveryQuotaIsSetFromItsTextWithinItsBounds(t *testing.T) {
	for field, texts := range map[string]struct{ good, low, high, bad string }{
		"memory":     {"256MiB", "31MiB", "1025TiB", "lots"},
		"cpu":        {"0.5", "0.009", "1025", "half"},
		"cpu_time":   {"1h0m0s", "999ms", "10001h", "10"},
		"open_files": {"4096", "63", "1048577", "4k"},
		"processes":  {"512", "63", "1048577", "1.5"},
		"file_size":  {"1GiB", "1023KiB", "1025TiB", "1G"},
		"storage":    {"1536MiB", "1", "1025TiB", "-1"},
		"log_lines":  {"1000", "0", "100001", "-1"},
		"requests":   {"10000", "0", "1000001", "99999999999999999999"},
	} {
		if !slices.Contains(manifest.QuotaFields(), field) {
			t.Errorf("%s is no field", field)
		}
		var q manifest.Quotas
		if err := q.Set(field, texts.good); err != nil || q.Text(field) != texts.good || q.Amount(field) == 0 || q.Validate() != nil {
			t.Errorf("%s %q: %v, and it is %q", field, texts.good, err, q.Text(field))
		}
		set := q
		for _, text := range []string{texts.low, texts.high, texts.bad, "0", ""} {
			problems := manifest.Problems(q.Set(field, text))
			if len(problems) != 1 || problems[0].Field != field || problems[0].Hint == "" || q != set {
				t.Errorf("%s %q: %v, and it is %q", field, text, problems, q.Text(field))
			}
		}
		q.SetAmount(field, 1<<62)
		if problems := manifest.Problems(q.Validate()); len(problems) != 1 || problems[0].Field != field {
			t.Errorf("%s beyond all bounds: %v", field, problems)
		}
		q.SetAmount(field, 0)
		if q != (manifest.Quotas{}) || q.Text(field) != "" || q.Validate() != nil {
			t.Errorf("%s unset is %+v", field, q)
		}
	}
	if n := len(manifest.QuotaFields()); n != 9 {
		t.Errorf("there are %d quotas, and 9 were tried", n)
	}
}

func TestThereIsNoQuotaOfAnotherName(t *testing.T) {
	var q manifest.Quotas
	problems := manifest.Problems(q.Set("mood", "1"))
	if len(problems) != 1 || problems[0].Field != "mood" || !strings.Contains(problems[0].Hint, "memory, cpu, cpu_time") {
		t.Errorf("got %v", problems)
	}
	q.SetAmount("mood", 1)
	if q != (manifest.Quotas{}) || q.Amount("mood") != 0 || q.Text("mood") != "" {
		t.Errorf("mood is %+v", q)
	}
}
