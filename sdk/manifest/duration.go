package manifest

import (
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Duration is a time.Duration that is written as Go writes it ("10s") in YAML and
// JSON.
type Duration time.Duration

// ParseDuration reads "250ms", "10s" or "1m30s".
func ParseDuration(s string) (Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, &Error{Value: s, Msg: "is no duration", Hint: "write a number and a unit, such as 250ms, 10s or 5m"}
	}
	return Duration(d), nil
}

// Std is the duration as the standard library's.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String is the duration as Go writes it.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes the duration as Go writes it; JSON uses it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText writes; JSON uses it.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := ParseDuration(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

// MarshalYAML writes the duration as Go writes it.
func (d Duration) MarshalYAML() (any, error) { return d.String(), nil }

// UnmarshalYAML reads a duration with its unit.
func (d *Duration) UnmarshalYAML(node ast.Node) error {
	text, err := scalar(node)
	if err != nil {
		return err
	}
	parsed, err := ParseDuration(text)
	if err != nil {
		return placed(node, err)
	}
	*d = parsed
	return nil
}
