package manifest

import (
	"math"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Size is a number of bytes, written with KiB, MiB, GiB or TiB.
type Size uint64

// sizeUnits are powers of 1024, the largest first.
var sizeUnits = []struct {
	suffix string
	bytes  uint64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// ParseSize reads "64MiB", or bytes without a unit.
func ParseSize(s string) (Size, error) {
	number, unit := s, uint64(1)
	for _, u := range sizeUnits {
		if cut, ok := strings.CutSuffix(s, u.suffix); ok {
			number, unit = strings.TrimRight(cut, " "), u.bytes
		}
	}
	n, err := strconv.ParseUint(number, 10, 63)
	if err != nil || n > math.MaxInt64/unit {
		return 0, &Error{Value: s, Msg: "is no size", Hint: "write bytes, or a whole number and KiB, MiB, GiB or TiB, such as 512MiB"}
	}
	return Size(n * unit), nil
}

// String is the size with the largest unit that leaves it whole, "64MiB".
func (s Size) String() string {
	for _, u := range sizeUnits {
		if n := uint64(s); n > 0 && n%u.bytes == 0 {
			return strconv.FormatUint(n/u.bytes, 10) + u.suffix
		}
	}
	return strconv.FormatUint(uint64(s), 10)
}

// MarshalText writes what String gives; JSON uses it.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText writes; JSON uses it.
func (s *Size) UnmarshalText(text []byte) error {
	parsed, err := ParseSize(string(text))
	if err != nil {
		return err
	}
	*s = parsed
	return nil
}

// MarshalYAML writes what String gives.
func (s Size) MarshalYAML() (any, error) { return s.String(), nil }

// UnmarshalYAML reads a size with its unit, or bytes.
func (s *Size) UnmarshalYAML(node ast.Node) error {
	text, err := scalar(node)
	if err != nil {
		return err
	}
	return placed(node, s.UnmarshalText([]byte(text)))
}
