package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
)

// at is a moment, "2026-03-27T16:00:00+01:00".
func at(t *testing.T, text string) time.Time {
	t.Helper()
	moment, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return moment
}

func TestAWindowFreezesFromItsBeginningUntilItsEnd(t *testing.T) {
	const weekend, holidays = "Fri 16:00 - Mon 08:00 Europe/Berlin", "2026-12-24 - 2027-01-02 Europe/Berlin"
	for _, c := range []struct {
		window policy.Window
		now    string
		until  string // empty where it is not frozen
	}{
		{weekend, "2026-06-05T15:59:59+02:00", ""},
		{weekend, "2026-06-05T16:00:00+02:00", "2026-06-08T08:00:00+02:00"},
		{weekend, "2026-06-07T23:00:00Z", "2026-06-08T08:00:00+02:00"},
		{weekend, "2026-06-08T07:59:59+02:00", "2026-06-08T08:00:00+02:00"},
		{weekend, "2026-06-08T08:00:00+02:00", ""},
		{weekend, "2026-06-10T12:00:00+02:00", ""},
		// Over the nights in which clocks change it is an hour shorter, and longer.
		{weekend, "2026-03-27T16:00:00+01:00", "2026-03-30T08:00:00+02:00"},
		{weekend, "2026-10-23T16:00:00+02:00", "2026-10-26T08:00:00+01:00"},
		// 02:30 is not there in one night and there twice in another.
		{"Sun 02:30 - Sun 12:00 Europe/Berlin", "2026-03-29T01:30:00+01:00", "2026-03-29T12:00:00+02:00"},
		{"Sat 12:00 - Sun 02:30 Europe/Berlin", "2026-03-29T03:15:00+02:00", "2026-03-29T03:30:00+02:00"},
		{"Sun 02:30 - Sun 12:00 Europe/Berlin", "2026-10-25T02:30:00+02:00", "2026-10-25T12:00:00+01:00"},
		{"Sat 12:00 - Sun 02:30 Europe/Berlin", "2026-10-25T02:29:00+01:00", "2026-10-25T02:30:00+01:00"},
		// Within a day, and around a week.
		{"Wed 09:00 - Wed 17:00 UTC", "2026-06-10T12:00:00Z", "2026-06-10T17:00:00Z"},
		{"Wed 09:00 - Wed 17:00 UTC", "2026-06-10T17:00:00Z", ""},
		{"Wed 17:00 - Wed 09:00 UTC", "2026-06-10T12:00:00Z", ""},
		{"Wed 17:00 - Wed 09:00 UTC", "2026-06-10T08:00:00Z", "2026-06-10T09:00:00Z"},
		{"Wed 17:00 - Wed 09:00 UTC", "2026-06-10T18:00:00Z", "2026-06-17T09:00:00Z"},
		{"sat 00:00 – SUN 24:00 UTC", "2026-06-07T23:59:59Z", "2026-06-08T00:00:00Z"},
		// A zone far from the moment's own: there it is Friday already.
		{"Fri 00:00 - Fri 01:00 Pacific/Kiritimati", "2026-06-04T10:30:00Z", "2026-06-04T11:00:00Z"},
		{"Fri 00:00 - Fri 01:00 Pacific/Pago_Pago", "2026-06-05T11:30:00Z", "2026-06-05T12:00:00Z"},
		// Dates are whole days, the last one too.
		{holidays, "2026-12-23T23:59:59+01:00", ""},
		{holidays, "2026-12-24T00:00:00+01:00", "2027-01-03T00:00:00+01:00"},
		{holidays, "2027-01-02T23:59:59+01:00", "2027-01-03T00:00:00+01:00"},
		{holidays, "2027-01-03T00:00:00+01:00", ""},
		{"2026-12-24 12:00 - 2026-12-26 08:30 UTC", "2026-12-24T11:59:59Z", ""},
		{"2026-12-24 12:00 - 2026-12-26 08:30 UTC", "2026-12-24T12:00:00Z", "2026-12-26T08:30:00Z"},
		{"2026-12-24 12:00 - 2026-12-24 UTC", "2026-12-24T12:00:00Z", "2026-12-25T00:00:00Z"},
		{"2026-12-24 - 2026-12-24 UTC", "2026-12-24T12:00:00Z", "2026-12-25T00:00:00Z"},
	} {
		until, frozen := c.window.Frozen(at(t, c.now))
		if frozen != (c.until != "") {
			t.Errorf("%s at %s: frozen %v", c.window, c.now, frozen)
		} else if frozen && !until.Equal(at(t, c.until)) {
			t.Errorf("%s at %s: until %v, want %s", c.window, c.now, until, c.until)
		}
	}
}

func TestAWindowWithoutAZoneIsOfTheMachines(t *testing.T) {
	was := time.Local
	t.Cleanup(func() { time.Local = was })
	time.Local = time.FixedZone("here", 5*3600)
	if until, frozen := policy.Window("Fri 16:00 - Mon 08:00").Frozen(at(t, "2026-06-05T11:30:00Z")); !frozen || !until.Equal(at(t, "2026-06-08T03:00:00Z")) {
		t.Errorf("frozen %v until %v", frozen, until)
	}
}

func TestAWindowThatIsNoneIsRefused(t *testing.T) {
	for _, text := range []policy.Window{
		"", "weekends", "Fri 16:00", "Fri 16:00 -", "- Mon 08:00", "Fri - Mon", "Fri 16:00 - Mon", "Fri 25:00 - Mon 08:00",
		"Fri 16:00 - Mon 08:60", "Fri 24:00 - Mon 08:00", "Fri 16:00 - Fri 16:00", "Fry 16:00 - Mon 08:00",
		"2026-12-24 - Mon 08:00", "2026-02-30 - 2026-03-01", "2027-01-02 - 2026-12-24", "2026-12-24 12:00 - 2026-12-24 12:00",
		"Fri 16:00 - Mon 08:00 Mars/Olympus", "Fri 16:00 - Mon 08:00 ../../etc/passwd", "Fri 16:00 - Mon 08:00 Local",
		"Fri 16:00 - Mon 08:00 Europe/Berlin now", "2026-12-24 - 2027-01-02 12:00 13:00", "2026-12-24 - Mars/Olympus",
	} {
		err := text.Validate()
		if module.KindOf(err) != module.Invalid {
			t.Errorf("%q: got %v", text, err)
		}
		if until, frozen := text.Frozen(time.Now()); !frozen || !until.IsZero() {
			t.Errorf("%q freezes %v until %v, want always", text, frozen, until)
		}
	}
}

func TestAWindowThatCannotBeReadFreezesAndSaysWhy(t *testing.T) {
	p := policy.Policy{Freeze: []policy.Window{"2026-12-24 - 2027-01-02 UTC", "Fri 16:00 - Mon 08:00 Mars/Olympus"}}
	for _, now := range []string{"2026-06-02T12:00:00Z", "2026-12-25T12:00:00Z"} {
		if until, frozen := p.Frozen(at(t, now)); !frozen || !until.IsZero() {
			t.Errorf("%s: frozen %v until %v", now, frozen, until)
		}
	}
	if err := p.Unreadable(); err == nil || !strings.Contains(err.Error(), "Mars/Olympus is no time zone") {
		t.Errorf("the reason is %v", err)
	}
	p.Freeze = p.Freeze[:1]
	if _, frozen := p.Frozen(at(t, "2026-06-02T12:00:00Z")); frozen || p.Unreadable() != nil {
		t.Error("a window that can be read is taken for one that cannot")
	}
}

// What a rollout asks of its freeze on each turn must cost no look at the disk.
func TestAWindowIsReadOnce(t *testing.T) {
	p := policy.Policy{Freeze: []policy.Window{"Fri 16:00 - Mon 08:00 Asia/Kathmandu"}}
	now := at(t, "2026-06-06T12:00:00Z")
	if _, frozen := p.Frozen(now); !frozen {
		t.Fatal("it does not freeze")
	}
	if n := testing.AllocsPerRun(100, func() { p.Frozen(now) }); n > 4 {
		t.Errorf("%v allocations for one look", n)
	}
}

func BenchmarkFrozen(b *testing.B) {
	p := policy.Policy{Freeze: []policy.Window{"Fri 16:00 - Mon 08:00 Asia/Kathmandu"}}
	now := time.Now()
	for b.Loop() {
		p.Frozen(now)
	}
}

func TestWindowsThatTouchAreOne(t *testing.T) {
	p := policy.Policy{Freeze: []policy.Window{
		"2026-12-28 - 2026-12-29 UTC", "Fri 16:00 - Mon 00:00 UTC", "2026-12-24 12:00 - 2026-12-26 08:00 UTC",
	}}
	for now, want := range map[string]string{
		"2026-12-24T13:00:00Z": "2026-12-30T00:00:00Z", // a Thursday: all three, one after the other
		"2026-12-28T00:00:00Z": "2026-12-30T00:00:00Z",
		"2026-12-30T00:00:00Z": "",
		"2026-12-24T11:00:00Z": "",
	} {
		until, frozen := p.Frozen(at(t, now))
		if frozen != (want != "") || frozen && !until.Equal(at(t, want)) {
			t.Errorf("%s: frozen %v until %v, want %s", now, frozen, until, want)
		}
	}
	always := policy.Policy{Freeze: []policy.Window{"Mon 00:00 - Thu 00:00 UTC", "Thu 00:00 - Mon 00:00 UTC"}}
	now := at(t, "2026-06-01T00:00:00Z")
	if until, frozen := always.Frozen(now); !frozen || until.Before(now.AddDate(1, 0, 0)) {
		t.Errorf("what is always frozen is frozen %v until %v", frozen, until)
	}
	if until, frozen := (policy.Policy{}).Frozen(now); frozen || !until.IsZero() {
		t.Errorf("without windows: %v %v", frozen, until)
	}
}

// TestAWeeklyWindowIsWhatTheClockOnTheWallSays holds Frozen against the plain reading of
// a window, over a year, but for the hours around a change of clocks.
func TestAWeeklyWindowIsWhatTheClockOnTheWallSays(t *testing.T) {
	const day = 24 * 60
	days := []string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}
	for _, name := range []string{"UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range [][4]int{{5, 16 * 60, 1, 8 * 60}, {3, 9 * 60, 3, 17 * 60}, {3, 17 * 60, 3, 9 * 60}, {6, 0, 0, day - 1}} {
			text := fmt.Sprintf("%s %02d:%02d - %s %02d:%02d %s", days[w[0]], w[1]/60, w[1]%60, days[w[2]], w[3]/60, w[3]%60, name)
			begin, end := w[0]*day+w[1], w[2]*day+w[3]
			for now := at(t, "2026-01-01T00:17:00Z"); now.Year() == 2026; now = now.Add(5 * time.Hour) {
				if offset(now.Add(-3*time.Hour), zone) != offset(now.Add(3*time.Hour), zone) {
					continue
				}
				wall := now.In(zone)
				minute := int(wall.Weekday())*day + wall.Hour()*60 + wall.Minute()
				want := minute >= begin && minute < end
				if end <= begin {
					want = minute >= begin || minute < end
				}
				until, frozen := policy.Window(text).Frozen(now)
				if frozen != want || frozen && !until.After(now) {
					t.Fatalf("%s at %s: frozen %v until %v", text, wall, frozen, until)
				}
			}
		}
	}
}

func offset(at time.Time, zone *time.Location) int {
	_, seconds := at.In(zone).Zone()
	return seconds
}
