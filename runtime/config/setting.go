package config

import (
	"fmt"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// setting is one thing that can be set: its reader takes the text that stands in
// the file, the environment or a flag.
type setting struct {
	field string // its name in the file
	// name is that of the flag, and with SEGUE_ before it that of the variable;
	// empty for what only the file sets.
	name string
	set  func(c *Config, text string) error
}

// wrong says what a text is not, and what to write.
func wrong(msg, hint string) error { return &module.Error{Kind: module.Invalid, Msg: msg, Hint: hint} }

// settings are all that are no module's.
var settings = slices.Concat([]setting{
	{"listen", "listen", func(c *Config, text string) error { return setAddress(&c.Listen, text) }},
	{"admin", "admin", func(c *Config, text string) error { return setAddress(&c.Admin, text) }},
	{"modules_dir", "modules", func(c *Config, text string) error { return setDir(&c.ModulesDir, text) }},
	{"state_dir", "state", func(c *Config, text string) error { return setDir(&c.StateDir, text) }},
	{"release_header", "release-header", func(c *Config, text string) error { return setBool(&c.ReleaseHeader, text) }},
	{"log.level", "log-level", func(c *Config, text string) error {
		return setWord(&c.Log.Level, text, "debug", "info", "warn", "error")
	}},
	{"log.format", "log-format", func(c *Config, text string) error {
		return setWord(&c.Log.Format, text, "console", "json")
	}},
	{"on_remove", "on-remove", func(c *Config, text string) error {
		return setWord(&c.OnRemove, text, Deactivate, Keep)
	}},
	{"rollback_window", "rollback-window", func(c *Config, text string) error {
		return setDuration(&c.RollbackWindow, text, 0)
	}},
	{"drain_timeout", "drain-timeout", func(c *Config, text string) error {
		return setDuration(&c.DrainTimeout, text, time.Millisecond)
	}},
	{"shutdown_grace", "shutdown-grace", func(c *Config, text string) error {
		return setDuration(&c.ShutdownGrace, text, time.Millisecond)
	}},
}, rolloutSettings())

func rolloutSettings() []setting {
	var all []setting
	for _, field := range module.RolloutFields {
		all = append(all, setting{"rollout." + field, "", func(c *Config, text string) error {
			return module.SetRollout(&c.Rollout, field, text)
		}})
	}
	return all
}

// moduleFields are what can be set for one module.
var moduleFields = slices.Concat([]string{"stop_grace", "limits.nofile", "limits.data", "limits.fsize", "limits.nproc"},
	prefixed("rollout.", module.RolloutFields))

func (m *Module) set(field, text string) error {
	switch field {
	case "stop_grace":
		return setDuration(&m.StopGrace, text, time.Millisecond)
	case "limits.nofile":
		return setCount(&m.Limits.NoFile, text)
	case "limits.nproc":
		return setCount(&m.Limits.NProc, text)
	case "limits.data":
		return setSize(&m.Limits.Data, text)
	case "limits.fsize":
		return setSize(&m.Limits.FSize, text)
	}
	return module.SetRollout(&m.Rollout, strings.TrimPrefix(field, "rollout."), text)
}

func setAddress(to *string, text string) error {
	_, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return wrong("is no address", "write host:port, such as 127.0.0.1:8080")
	}
	*to = text
	return nil
}

func setDir(to *string, text string) error {
	if text == "" || strings.ContainsRune(text, 0) {
		return wrong("is no directory", "write a path, such as ./modules")
	}
	*to = text
	return nil
}

func setBool(to *bool, text string) error {
	switch text {
	case "true", "false":
		*to = text == "true"
		return nil
	}
	return wrong("is neither true nor false", "write true or false")
}

func setWord[W ~string](to *W, text string, words ...W) error {
	if !slices.Contains(words, W(text)) {
		return wrong("is not one of the words for it", fmt.Sprintf("write one of %s", strings.Trim(fmt.Sprint(words), "[]")))
	}
	*to = W(text)
	return nil
}

func setDuration(to *time.Duration, text string, least time.Duration) error {
	parsed, err := manifest.ParseDuration(text)
	if err != nil {
		return wrong("is no duration", "write a number and a unit, such as 250ms, 10s or 5m")
	}
	if parsed.Std() < least {
		return wrong("is too short", fmt.Sprintf("write %s or more", least))
	}
	*to = parsed.Std()
	return nil
}

func setCount(to *uint64, text string) error {
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil || n == 0 {
		return wrong("is no count", "write a whole number of 1 or more")
	}
	*to = n
	return nil
}

// sizeUnits are powers of 1024, whatever the 'i' is thought to say.
var sizeUnits = []struct {
	suffix string
	bytes  uint64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}}

func setSize(to *uint64, text string) error {
	number, unit := text, uint64(1)
	for _, u := range sizeUnits {
		if cut, ok := strings.CutSuffix(text, u.suffix); ok {
			number, unit = strings.TrimSpace(cut), u.bytes
		}
	}
	n, err := strconv.ParseUint(number, 10, 63)
	if err != nil || n == 0 || n > math.MaxInt64/unit {
		return wrong("is no size", "write bytes, or a number and KiB, MiB, GiB or TiB, such as 512MiB")
	}
	*to = n * unit
	return nil
}

func prefixed(prefix string, fields []string) []string {
	all := make([]string, len(fields))
	for i, field := range fields {
		all[i] = prefix + field
	}
	return all
}
