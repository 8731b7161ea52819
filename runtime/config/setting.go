package config

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/sdk/manifest"
)

// setting is one thing that can be set: its reader takes what stands in the file, the
// environment or a flag.
type setting struct {
	field string // its name in the file
	// name is that of the flag, and with SEGUE_ before it that of the variable;
	// empty for what only the file sets.
	name string
	set  func(c *Config, values []string) error
}

// scalar is a setting of one value.
func scalar(field, name string, set func(c *Config, text string) error) setting {
	return setting{field, name, func(c *Config, values []string) error {
		text, err := single(values)
		if err != nil {
			return err
		}
		return set(c, text)
	}}
}

// single is the value of what is no list.
func single(values []string) (string, error) {
	if len(values) != 1 {
		return "", wrong("is a list", "write one value")
	}
	return values[0], nil
}

// wrong says what a text is not, and what to write.
func wrong(msg, hint string) error { return &module.Error{Kind: module.Invalid, Msg: msg, Hint: hint} }

// settings are all that are no module's.
var settings = slices.Concat([]setting{
	scalar("listen", "listen", func(c *Config, text string) error { return setAddress(&c.Listen, text) }),
	scalar("admin", "admin", func(c *Config, text string) error { return setAddress(&c.Admin, text) }),
	scalar("modules_dir", "modules", func(c *Config, text string) error { return setDir(&c.ModulesDir, text) }),
	scalar("state_dir", "state", func(c *Config, text string) error { return setDir(&c.StateDir, text) }),
	scalar("release_header", "release-header", func(c *Config, text string) error { return setBool(&c.ReleaseHeader, text) }),
	scalar("log.level", "log-level", func(c *Config, text string) error {
		return setWord(&c.Log.Level, text, "debug", "info", "warn", "error")
	}),
	scalar("log.format", "log-format", func(c *Config, text string) error {
		return setWord(&c.Log.Format, text, "console", "json")
	}),
	scalar("on_remove", "on-remove", func(c *Config, text string) error {
		return setWord(&c.OnRemove, text, Deactivate, Keep)
	}),
	scalar("rollback_window", "rollback-window", func(c *Config, text string) error {
		return setDuration(&c.RollbackWindow, text, 0)
	}),
	scalar("history", "", func(c *Config, text string) error { return setCount(&c.History, text, 1, maxHistory) }),
	scalar("shield_memory", "", func(c *Config, text string) error { return setMemory(&c.ShieldMemory, text) }),
	scalar("drain_timeout", "drain-timeout", func(c *Config, text string) error {
		return setDuration(&c.DrainTimeout, text, time.Millisecond)
	}),
	scalar("drain_long", "drain-long", func(c *Config, text string) error {
		return setDuration(&c.DrainLong, text, time.Millisecond)
	}),
	scalar("shutdown_grace", "shutdown-grace", func(c *Config, text string) error {
		return setDuration(&c.ShutdownGrace, text, time.Millisecond)
	}),
}, sandboxSettings, proxySettings, quotaSettings(), rolloutSettings())

func rolloutSettings() []setting {
	var all []setting
	for _, field := range policy.Fields() {
		all = append(all, setting{"rollout." + field, "", func(c *Config, values []string) error {
			return policy.Set(&c.Rollout, field, values...)
		}})
	}
	return all
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

// maxHistory bounds what is kept of one module's rollouts.
const maxHistory = 1000

func setCount(to *int, text string, least, most int) error {
	n, err := strconv.ParseUint(text, 10, 31)
	switch {
	case err != nil || int(n) < least:
		return wrong("is no count", fmt.Sprintf("write a whole number of %d or more", least))
	case int(n) > most:
		return wrong("is too much", fmt.Sprintf("write at most %d", most))
	}
	*to = int(n)
	return nil
}

func setMemory(to *uint64, text string) error {
	size, err := manifest.ParseSize(text)
	if err == nil && size == 0 {
		err = &manifest.Error{Msg: "is no size of anything", Hint: "write a size, such as 64MiB"}
	}
	if err != nil {
		return ofManifest(err)
	}
	*to = uint64(size)
	return nil
}

func prefixed(prefix string, fields []string) []string {
	all := make([]string, len(fields))
	for i, field := range fields {
		all[i] = prefix + field
	}
	return all
}
