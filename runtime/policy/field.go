package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// field is one thing of a policy that can be set: all that is known of it.
type field struct {
	name string
	// list is set where it takes any number of values.
	list bool
	// set reads the values: one, or for a list any number.
	set func(p *Policy, values []string) error
	// text gives what set reads; unset is false.
	text func(p *Policy) (values []string, set bool)
}

// fields are all of them, in the order in which they are documented.
var fields = slices.Concat(authorFields(), []field{
	one("on_new", func(p *Policy) *OnNew { return &p.OnNew }, word(Supersede, Queue), plain[OnNew]),
	one("slow_factor", func(p *Policy) *int { return &p.SlowFactor }, parseFactor, factorText),
	pointed("slow_floor", func(p *Policy) **manifest.Duration { return &p.SlowFloor }, atLeast(0), manifest.Duration.String),
	pointed("overdue", func(p *Policy) **manifest.Duration { return &p.Overdue }, atLeast(time.Millisecond), manifest.Duration.String),
	pointed("max_errors_alone", func(p *Policy) **manifest.Weight { return &p.MaxErrorsAlone }, manifest.ParseWeight, manifest.Weight.String),
	one("shield.enabled", func(p *Policy) *Switch { return &p.Shield.Enabled }, parseSwitch, plain[Switch]),
	list("shield.routes", func(p *Policy) *[]Match { return &p.Shield.Routes }, ParseMatch, Match.String),
	pointed("shield.budget", func(p *Policy) **manifest.Weight { return &p.Shield.Budget }, manifest.ParseWeight, manifest.Weight.String),
	one("sticky", func(p *Policy) *Sticky { return &p.Sticky }, ParseSticky, plain[Sticky]),
	one("preview_host", func(p *Policy) *string { return &p.PreviewHost }, parseHost, plain[string]),
	pointed("mirror.share", func(p *Policy) **manifest.Weight { return &p.Mirror.Share }, manifest.ParseWeight, manifest.Weight.String),
	list("mirror.matches", func(p *Policy) *[]Match { return &p.Mirror.Matches }, ParseMatch, Match.String),
	pointed("rehearsal.requests", func(p *Policy) **int { return &p.Rehearsal.Requests }, parseRequests, strconv.Itoa),
	list("rehearsal.ignore", func(p *Policy) *[]string { return &p.Rehearsal.Ignore }, parseJSONPath, plain[string]),
	list("rehearsal.headers", func(p *Policy) *[]string { return &p.Rehearsal.Headers }, parseHeader, plain[string]),
	list("rehearsal.keep", func(p *Policy) *[]string { return &p.Rehearsal.Keep }, parseHeader, plain[string]),
	pointed("max_differences", func(p *Policy) **manifest.Weight { return &p.MaxDifferences }, manifest.ParseWeight, manifest.Weight.String),
	list("checks", func(p *Policy) *[]Check { return &p.Checks }, ParseCheck, Check.String),
}, keyed("hooks.", Points, func(p *Policy) *map[Point]string { return &p.Hooks }, parseHook, hookText), []field{
	pointed("hook_timeout", func(p *Policy) **manifest.Duration { return &p.HookTimeout }, atLeast(time.Millisecond), manifest.Duration.String),
	list("approvals", func(p *Policy) *[]Point { return &p.Approvals }, word(gates...), plain[Point]),
	pointed("approval_timeout", func(p *Policy) **manifest.Duration { return &p.ApprovalTimeout }, atLeast(time.Second), manifest.Duration.String),
	list("freeze", func(p *Policy) *[]Window { return &p.Freeze }, ParseWindow, plain[Window]),
}, keyed("signs.", Signs, func(p *Policy) *map[Sign]manifest.Weight { return &p.Signs }, manifest.ParseWeight, manifest.Weight.String))

// authorFields are those of a manifest.Rollout, which has its own texts.
func authorFields() []field {
	var all []field
	for _, name := range module.RolloutFields {
		all = append(all, field{
			name: name, list: name == "steps",
			set: func(p *Policy, values []string) error {
				return module.SetRollout(&p.Rollout, name, strings.Join(values, ","))
			},
			text: func(p *Policy) ([]string, bool) {
				text, set := module.RolloutText(p.Rollout)[name]
				return []string{text}, set
			},
		})
	}
	return all
}

// one is a field that is unset where it is zero.
func one[T comparable](name string, at func(*Policy) *T, parse func(string) (T, error), text func(T) string) field {
	return field{
		name: name,
		set: func(p *Policy, values []string) error {
			value, err := parse(values[0])
			if err == nil {
				*at(p) = value
			}
			return err
		},
		text: func(p *Policy) ([]string, bool) {
			var zero T
			value := *at(p)
			return []string{text(value)}, value != zero
		},
	}
}

// pointed is a field whose zero is a value like any other.
func pointed[T any](name string, at func(*Policy) **T, parse func(string) (T, error), text func(T) string) field {
	return field{
		name: name,
		set: func(p *Policy, values []string) error {
			value, err := parse(values[0])
			if err == nil {
				*at(p) = &value
			}
			return err
		},
		text: func(p *Policy) ([]string, bool) {
			if value := *at(p); value != nil {
				return []string{text(*value)}, true
			}
			return nil, false
		},
	}
}

// list is a field of any number of values.
func list[T any](name string, at func(*Policy) *[]T, parse func(string) (T, error), text func(T) string) field {
	return field{
		name: name, list: true,
		set: func(p *Policy, values []string) error {
			all := make([]T, len(values))
			for i, one := range values {
				var err error
				if all[i], err = parse(one); err != nil {
					return err
				}
			}
			*at(p) = all
			return nil
		},
		text: func(p *Policy) ([]string, bool) {
			all := *at(p)
			texts := make([]string, len(all))
			for i, one := range all {
				texts[i] = text(one)
			}
			return texts, all != nil
		},
	}
}

// keyed are the fields of a map, one for each key.
func keyed[K ~string, T any](prefix string, keys []K, at func(*Policy) *map[K]T, parse func(string) (T, error), text func(T) string) []field {
	var all []field
	for _, key := range keys {
		all = append(all, field{
			name: prefix + string(key),
			set: func(p *Policy, values []string) error {
				value, err := parse(values[0])
				if err == nil {
					*at(p) = orMap(map[K]T{key: value}, *at(p))
				}
				return err
			},
			text: func(p *Policy) ([]string, bool) {
				value, set := (*at(p))[key]
				return []string{text(value)}, set
			},
		})
	}
	return all
}

func plain[T ~string](value T) string { return string(value) }

// word is one of some words.
func word[W ~string](words ...W) func(string) (W, error) {
	return func(text string) (W, error) {
		if !slices.Contains(words, W(text)) {
			return "", wrong(text, "is not one of the words for it", "write one of "+strings.Trim(fmt.Sprint(words), "[]"))
		}
		return W(text), nil
	}
}

// atLeast is a duration that is not shorter than that.
func atLeast(least time.Duration) func(string) (manifest.Duration, error) {
	return func(text string) (manifest.Duration, error) {
		d, err := manifest.ParseDuration(text)
		if err == nil && d.Std() < least {
			return 0, wrong(text, "is too short", "write "+least.String()+" or more")
		}
		return d, err
	}
}

// maxFactor is the most that SlowFactor may be, in hundredths.
const maxFactor = 100_00

// parseFactor reads "2x", "2" or "1.5" as hundredths.
func parseFactor(text string) (int, error) {
	share, err := strconv.ParseFloat(strings.TrimSuffix(text, "x"), 64)
	hundredths := int(min(share, maxFactor)*100 + 0.5)
	if err != nil || !(share >= 1) || hundredths > maxFactor {
		return 0, wrong(text, "is no factor", "write how many times slower than stable is slow, 1x to 100x, such as 2x or 1.5x")
	}
	return hundredths, nil
}

func factorText(hundredths int) string {
	return strconv.FormatFloat(float64(hundredths)/100, 'f', -1, 64) + "x"
}

func parseSwitch(text string) (Switch, error) {
	switch text {
	case "on", "true":
		return On, nil
	case "off", "false":
		return Off, nil
	}
	return "", wrong(text, "is neither on nor off", "write on or off")
}

func parseHost(text string) (string, error) {
	if text == "" {
		return "", wrong(text, "is no host name", "write one such as preview.example.com, or leave it out")
	}
	return text, manifest.CheckHost(text)
}

// maxRequests bounds a rehearsal.
const maxRequests = 10_000

func parseRequests(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > maxRequests {
		return 0, wrong(text, "is no number of requests", fmt.Sprintf("write 0 for no rehearsal, or up to %d", maxRequests))
	}
	return n, nil
}

func parseHeader(text string) (string, error) {
	if !isToken(text) {
		return "", wrong(text, "is no name of a header", "write it alone, such as X-Request-Kind")
	}
	return text, nil
}

func hookText(url string) string {
	if url == "" {
		return "none"
	}
	return url
}
