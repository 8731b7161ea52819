package manifest

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Processors is a part of the machine's processor time, in thousandths of one processor;
// it is written in processors: "0.5", "2".
type Processors int

// ParseProcessors reads a number with at most three decimals, "0.5" or "2".
func ParseProcessors(s string) (Processors, error) {
	whole, decimals, point := strings.Cut(s, ".")
	wrong := &Error{Value: s, Msg: "is no number of processors", Hint: "write it with at most three decimals, such as 2 or 0.5"}
	if whole == "" || point && decimals == "" || len(decimals) > 3 {
		return 0, wrong
	}
	n, err := strconv.ParseUint(whole+decimals+"000"[len(decimals):], 10, 31)
	if err != nil {
		return 0, wrong
	}
	return Processors(n), nil
}

// String is the number of processors, "0.5".
func (p Processors) String() string {
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%d.%03d", p/1000, p%1000), "0"), ".")
}

// MarshalText writes what String gives; JSON uses it.
func (p Processors) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText writes; JSON uses it.
func (p *Processors) UnmarshalText(text []byte) error {
	parsed, err := ParseProcessors(string(text))
	if err != nil {
		return err
	}
	*p = parsed
	return nil
}

// MarshalYAML writes what String gives.
func (p Processors) MarshalYAML() (any, error) { return p.String(), nil }

// UnmarshalYAML reads a number of processors.
func (p *Processors) UnmarshalYAML(node ast.Node) error {
	text, err := scalar(node)
	if err != nil {
		return err
	}
	return placed(node, p.UnmarshalText([]byte(text)))
}
