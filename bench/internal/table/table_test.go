package table_test

import (
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/bench/internal/table"
)

func TestQuantilesAreOfTheSortedDurations(t *testing.T) {
	var d table.Durations
	for i := 50; i >= 1; i-- {
		d = append(d, time.Duration(i)*time.Millisecond)
	}
	for _, c := range []struct {
		q    float64
		want time.Duration
	}{{0, 1}, {0.5, 25}, {0.95, 48}, {1, 50}} {
		if got := d.Quantile(c.q); got != c.want*time.Millisecond {
			t.Errorf("quantile %g is %s, want %d ms", c.q, got, c.want)
		}
	}
	if got := (table.Durations{}).Quantile(0.5); got != 0 {
		t.Errorf("quantile of nothing is %s", got)
	}
	if d[0] != 50*time.Millisecond {
		t.Error("the durations were put into another order")
	}
}

func TestATableIsMarkdown(t *testing.T) {
	var b strings.Builder
	if err := table.Write(&b, "Title", []string{"what", "p50"}, [][]string{{"start", "1.50"}}); err != nil {
		t.Fatal(err)
	}
	if want := "| what | p50 |\n| --- | ---: |\n| start | 1.50 |\n"; !strings.HasSuffix(b.String(), want) {
		t.Errorf("got %q, want it to end with %q", b.String(), want)
	}
}
