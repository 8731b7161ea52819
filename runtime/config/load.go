package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"

	"github.com/segue-run/segue/runtime/module"
)

// maxFile bounds segue.yaml, in bytes.
const maxFile = 1 << 20

// Sources are where settings come from.
type Sources struct {
	// File is the file that somebody named and that must be there; empty for
	// DefaultFile, which may be missing.
	File string
	// Env reads a variable; nil for the process's environment.
	Env func(name string) (string, bool)
	// Flags are the flags that were given, by name: listen, admin, modules, state,
	// log-level, log-format and the others of Names.
	Flags map[string]string
}

// Names are the settings that flags can set; with SEGUE_ before them, in capitals
// and with '_' for '-', they are those that the environment can set.
func Names() []string {
	var names []string
	for _, s := range settings {
		if s.name != "" {
			names = append(names, s.name)
		}
	}
	return names
}

// EnvName is the variable of a setting that Names lists.
func EnvName(name string) string {
	return "SEGUE_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// Load reads all sources. Its error is an Invalid module.Error, or NotFound for a
// named file that is not there.
func Load(from Sources) (Config, error) {
	c := Default()
	name, text, err := readFile(from.File)
	if err != nil {
		return Config{}, err
	}
	at, err := c.apply(name, text)
	if err != nil {
		return Config{}, err
	}
	env := from.Env
	if env == nil {
		env = os.LookupEnv
	}
	for _, s := range settings {
		if s.name == "" {
			continue
		}
		if text, ok := env(EnvName(s.name)); ok && text != "" {
			if err := s.set(&c, []string{text}); err != nil {
				return Config{}, located(err, EnvName(s.name), text, "")
			}
		}
		if text, ok := from.Flags[s.name]; ok {
			if err := s.set(&c, []string{text}); err != nil {
				return Config{}, located(err, "--"+s.name, text, "")
			}
		}
	}
	if err := c.check(at); err != nil {
		return Config{}, err
	}
	return c, nil
}

// readFile gives the file's text; none where the default file is missing.
func readFile(named string) (name string, text []byte, err error) {
	name = named
	if name == "" {
		name = DefaultFile
	}
	file, err := os.Open(name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && named == "":
		return name, nil, nil
	case errors.Is(err, fs.ErrNotExist):
		return name, nil, &module.Error{Kind: module.NotFound, Field: "--config", Value: named, Msg: "no such file", Hint: "name one that exists, or leave it out for " + DefaultFile}
	case err != nil:
		return name, nil, fmt.Errorf("read configuration: %w", err)
	}
	defer file.Close()
	text, err = io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return name, nil, fmt.Errorf("read configuration: %w", err)
	}
	if len(text) > maxFile {
		return name, nil, &module.Error{Kind: module.Invalid, Field: name, Msg: "larger than 1 MiB", Hint: "is it a configuration?"}
	}
	return name, text, nil
}

// check holds settings against each other, wherever each was set.
func (c *Config) check(at places) error {
	if taken(c.Admin, c.Listen) {
		return &module.Error{Kind: module.Invalid, Field: "admin", Value: c.Admin, Msg: "is the address that listen has", Hint: "give it another port"}
	}
	for field, address := range map[string]string{"listen": c.Listen, "admin": c.Admin} {
		if taken(c.Proxy.TLS.Listen, address) {
			return located(wrong("is the address that "+field+" has", "give it another port"), "proxy.tls.listen", address, at("proxy.tls.listen"))
		}
	}
	return cmp.Or(c.checkDrain(at), c.checkProxy(at))
}

// taken reports whether two addresses are one.
func taken(one, other string) bool {
	_, port, _ := net.SplitHostPort(one)
	return one == other && port != "0"
}

// located is err with the place where the text stands. Where err names the value by
// itself it knows what of it may be shown.
func located(err error, field, text, place string) error {
	e, ok := errors.AsType[*module.Error](err)
	if !ok {
		e = &module.Error{Msg: err.Error()}
	}
	msg := e.Msg
	if place != "" {
		msg += " (" + place + ")"
	}
	return &module.Error{Kind: module.Invalid, Field: field, Value: cmp.Or(e.Value, text), Msg: msg, Hint: e.Hint}
}
