package policy

import (
	"strings"
	"sync"
	"time"
)

// ParseWindow checks that text is a window: two days of the week with a time each, or
// two dates with or without one, and a time zone after them where it is not the local
// one.
func ParseWindow(text string) (Window, error) {
	if _, err := Window(text).parse(); err != nil {
		return "", err
	}
	return Window(text), nil
}

// Validate says what is wrong with the window, if anything is.
func (w Window) Validate() error {
	_, err := w.parse()
	return err
}

// Frozen reports whether now lies in the window, and until when that lasts. Where
// clocks change a window begins with the first moment that bears its time, and ends
// with the last. A window that cannot be read here (its zone is not known on this
// machine, for one) freezes always, without an end.
func (w Window) Frozen(now time.Time) (until time.Time, frozen bool) {
	parsed, err := w.read()
	if err != nil {
		return time.Time{}, true
	}
	return parsed.frozen(now)
}

// reading is what came of reading a window.
type reading struct {
	window window
	err    error
}

// readings are the windows that were asked whether they freeze, by text: to read one
// may take a look at the machine's files. There are as many as operators ever wrote.
var readings sync.Map

// read is parse, once in the process's life for each text.
func (w Window) read() (window, error) {
	if known, ok := readings.Load(w); ok {
		r := known.(reading)
		return r.window, r.err
	}
	parsed, err := w.parse()
	readings.Store(w, reading{parsed, err})
	return parsed, err
}

// horizon is how far ahead the end of a freeze is looked for.
const horizon = 366 * 24 * time.Hour

// Frozen reports whether nothing may widen by itself now, and until when that lasts;
// windows that touch or overlap are one. What is frozen for good says a year. Where a
// window cannot be read it is frozen without an end, and Unreadable says why.
func (p Policy) Frozen(now time.Time) (until time.Time, frozen bool) {
	if p.Unreadable() != nil {
		return time.Time{}, true
	}
	until = now
	for grown := true; grown && until.Sub(now) < horizon; {
		grown = false
		for _, w := range p.Freeze {
			if end, in := w.Frozen(until); in && end.After(until) {
				until, grown, frozen = end, true, true
			}
		}
	}
	if !frozen {
		return time.Time{}, false
	}
	return until, true
}

// Unreadable is what is wrong with the first window that cannot be read here; nil where
// all can.
func (p Policy) Unreadable() error {
	for _, w := range p.Freeze {
		if _, err := w.read(); err != nil {
			return err
		}
	}
	return nil
}

// edge is one end of a window: a date or a day of the week, and a time of day.
type edge struct {
	date   time.Time // its year, month and day; zero where weekly
	day    time.Weekday
	minute int // of the day, 0 to 1440
}

// window is a Window that was read.
type window struct {
	weekly     bool
	begin, end edge
	zone       *time.Location // nil is the machine's own
}

func (w window) frozen(now time.Time) (until time.Time, frozen bool) {
	if w.zone == nil {
		w.zone = time.Local
	}
	if !w.weekly {
		begin, end := moment(w.begin.date, w.begin.minute, w.zone, false), moment(w.end.date, w.end.minute, w.zone, true)
		return end, !now.Before(begin) && now.Before(end)
	}
	length := (int(w.end.day) - int(w.begin.day) + 7) % 7
	if length == 0 && w.end.minute < w.begin.minute {
		length = 7
	}
	today := now.In(w.zone)
	// It may have begun a week ago, or yesterday by a clock that has since changed.
	for back := -1; back <= 7; back++ {
		first := time.Date(today.Year(), today.Month(), today.Day()-back, 0, 0, 0, 0, time.UTC)
		if first.Weekday() != w.begin.day {
			continue
		}
		begin, end := moment(first, w.begin.minute, w.zone, false), moment(first.AddDate(0, 0, length), w.end.minute, w.zone, true)
		if !now.Before(begin) && now.Before(end) {
			return end, true
		}
	}
	return time.Time{}, false
}

// moment is when clocks in the zone show that minute of the day: of two moments that
// do, the last or the first; of none, the one around the gap that is later or earlier.
func moment(date time.Time, minute int, zone *time.Location, last bool) time.Time {
	shown := time.Date(date.Year(), date.Month(), date.Day(), 0, minute, 0, 0, time.UTC)
	var best, near time.Time
	for _, around := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		_, offset := shown.Add(around).In(zone).Zone()
		at := shown.Add(-time.Duration(offset) * time.Second)
		_, actual := at.In(zone).Zone()
		if actual == offset && (best.IsZero() || at.After(best) == last) {
			best = at
		}
		if near.IsZero() || at.After(near) == last {
			near = at
		}
	}
	if best.IsZero() {
		best = near
	}
	return best.In(zone)
}

const windowHint = "write two days of the week with their times, `Fri 16:00 - Mon 08:00`, or two dates, `2026-12-24 - 2027-01-02`, and a zone such as Europe/Berlin after them where it is not the local one"

func (w Window) parse() (window, error) {
	text := string(w)
	bad := func(msg string) (window, error) { return window{}, wrong(text, msg, windowHint) }
	words := strings.Fields(text)
	dash := -1
	for i, word := range words {
		if word == "-" || word == "–" {
			dash = i
			break
		}
	}
	if dash < 1 || dash == len(words)-1 {
		return bad("is no window of time")
	}
	from, to := words[:dash], words[dash+1:]
	var zone *time.Location
	if name := to[len(to)-1]; len(to) > 1 && !isTime(name) {
		var err error
		if zone, err = time.LoadLocation(name); err != nil || name == "Local" {
			return bad(name + " is no time zone that is known here")
		}
		to = to[:len(to)-1]
	}
	parsed := window{zone: zone}
	begin, ok1 := parseEdge(from, false)
	end, ok2 := parseEdge(to, true)
	switch {
	case !ok1:
		return bad(strings.Join(from, " ") + " is no day with a time")
	case !ok2:
		return bad(strings.Join(to, " ") + " is no day with a time")
	case begin.date.IsZero() != end.date.IsZero():
		return bad("goes from a day of the week to a date")
	}
	parsed.begin, parsed.end, parsed.weekly = begin, end, begin.date.IsZero()
	switch {
	case parsed.weekly && begin == end:
		return bad("begins when it ends")
	case !parsed.weekly && !end.date.Add(time.Duration(end.minute)*time.Minute).After(begin.date.Add(time.Duration(begin.minute)*time.Minute)):
		return bad("ends before it begins")
	}
	return parsed, nil
}

// parseEdge reads a day with a time, or a date that may be without one: then it is the
// whole day, as a beginning from its first minute and as an end to its last.
func parseEdge(words []string, end bool) (edge, bool) {
	var e edge
	if len(words) == 0 || len(words) > 2 {
		return e, false
	}
	date, err := time.Parse(time.DateOnly, words[0])
	day, weekday := weekdays[strings.ToLower(words[0])]
	switch {
	case err == nil:
		e.date = date
	case weekday && len(words) == 2:
		e.day = day
	default:
		return e, false
	}
	if len(words) == 1 {
		if end {
			e.minute = 24 * 60
		}
		return e, true
	}
	if end && words[1] == "24:00" {
		e.minute = 24 * 60
		return e, true
	}
	at, err := time.Parse("15:04", words[1])
	e.minute = at.Hour()*60 + at.Minute()
	return e, err == nil
}

// isTime reports whether a word is a time of day rather than a zone.
func isTime(word string) bool { return strings.ContainsRune(word, ':') }

var weekdays = map[string]time.Weekday{
	"mon": time.Monday, "tue": time.Tuesday, "wed": time.Wednesday, "thu": time.Thursday,
	"fri": time.Friday, "sat": time.Saturday, "sun": time.Sunday,
}
