package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/segue-run/segue/runtime/module"
)

// Sandbox is what holds modules in.
type Sandbox struct {
	// Require is the level below which no module is started.
	Require module.Level
	// UIDs are the user ids that root gives to modules, one each.
	UIDs UIDs
	// Without are layers, by their names, that are taken not to be there.
	Without []string
}

// UIDs are user ids from First to Last, both included.
type UIDs struct{ First, Last uint32 }

// String is "700000-765535".
func (u UIDs) String() string { return fmt.Sprintf("%d-%d", u.First, u.Last) }

var defaultUIDs = UIDs{First: module.DefaultFirstUID, Last: module.DefaultLastUID}

var sandboxSettings = []setting{
	scalar("sandbox.require", "sandbox-require", func(c *Config, text string) error {
		return setWord(&c.Sandbox.Require, text, module.Levels...)
	}),
	scalar("sandbox.uids", "", func(c *Config, text string) error { return setUIDs(&c.Sandbox.UIDs, text) }),
	{"sandbox.without", "", func(c *Config, values []string) error { return setWithout(&c.Sandbox.Without, values) }},
}

// The user ids that modules may have: none of people's, of services' or of "nobody", and
// none that somebody takes for a negative number.
const (
	leastUID = 1 << 16
	mostUID  = 1<<31 - 1
)

func setUIDs(to *UIDs, text string) error {
	example := "write FIRST-LAST, such as " + defaultUIDs.String()
	first, last, ok := strings.Cut(text, "-")
	least, err := strconv.ParseUint(first, 10, 32)
	most, wrongLast := strconv.ParseUint(last, 10, 32)
	switch {
	case !ok || err != nil || wrongLast != nil:
		return wrong("is no range of user ids", example)
	case least < leastUID || most > mostUID:
		return wrong("has user ids that can be another's", fmt.Sprintf("write ids from %d to %d, of which nobody has one", leastUID, mostUID))
	case least > most:
		return wrong("ends before it begins", example)
	}
	*to = UIDs{First: uint32(least), Last: uint32(most)}
	return nil
}

func setWithout(to *[]string, values []string) error {
	for i, name := range values {
		if !slices.Contains(module.AvoidableLayers, name) {
			return &module.Error{Kind: module.Invalid, Value: name, Msg: "is no layer that can be left out", Hint: "there are " + strings.Join(module.AvoidableLayers, ", ")}
		}
		if slices.Contains(values[:i], name) {
			return &module.Error{Kind: module.Invalid, Value: name, Msg: "stands there twice", Hint: "leave one of them out"}
		}
	}
	*to = values
	return nil
}
