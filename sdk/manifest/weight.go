package manifest

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Weight is a share in basis points, 0 to 10000. In YAML and in flags it is
// written as a percentage ("1%", "12.5%"), in JSON as the number of basis points.
type Weight uint16

// Full is the whole of the traffic.
const Full Weight = 10000

// ParseWeight reads a percentage with at most two decimals, "0%" to "100%".
func ParseWeight(s string) (Weight, error) {
	wrong := func(msg, hint string) (Weight, error) {
		return 0, &Error{Value: s, Msg: msg, Hint: hint}
	}
	number, ok := strings.CutSuffix(strings.TrimSpace(s), "%")
	if !ok {
		return wrong("is no percentage", "write it with a percent sign, such as 25%")
	}
	whole, decimals, _ := strings.Cut(number, ".")
	if len(decimals) > 2 {
		return wrong("is too fine", "a percentage has at most two decimals, such as 0.25%")
	}
	points, err := strconv.ParseUint(whole+decimals+"00"[len(decimals):], 10, 32)
	if err != nil || whole == "" || strings.HasSuffix(number, ".") {
		return wrong("is no percentage", "write a number and a percent sign, such as 25% or 12.5%")
	}
	if points > uint64(Full) {
		return wrong("is more than the whole", "a percentage is at most 100%")
	}
	return Weight(points), nil
}

// String is the weight as a percentage, "25%" or "0.25%".
func (w Weight) String() string {
	s := fmt.Sprintf("%d.%02d", w/100, w%100)
	return strings.TrimRight(strings.TrimRight(s, "0"), ".") + "%"
}

// MarshalYAML writes the weight as a percentage.
func (w Weight) MarshalYAML() (any, error) { return w.String(), nil }

// UnmarshalYAML reads a percentage; a bare number is refused, since nobody could
// tell basis points from per cent.
func (w *Weight) UnmarshalYAML(node ast.Node) error {
	text, err := scalar(node)
	if err != nil {
		return err
	}
	parsed, err := ParseWeight(text)
	if err != nil {
		return placed(node, err)
	}
	*w = parsed
	return nil
}
