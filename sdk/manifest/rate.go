package manifest

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Rate is how often something may happen: so many Requests in a second, a minute or an
// hour. It is written "100/s", "600/m" or "1000/h". The zero Rate is unset.
type Rate struct {
	Requests int
	Per      time.Duration
}

const maxRate = 1_000_000

var rateUnits = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}

// ParseRate reads "100/s".
func ParseRate(s string) (Rate, error) {
	number, unit, _ := strings.Cut(s, "/")
	n, err := strconv.ParseUint(number, 10, 31)
	per := rateUnits[unit]
	if err != nil || n < 1 || n > maxRate || per == 0 {
		return Rate{}, &Error{Value: s, Msg: "is no rate", Hint: fmt.Sprintf("write 1 to %d and /s, /m or /h, such as 100/s", maxRate)}
	}
	return Rate{Requests: int(n), Per: per}, nil
}

// Every is the time between two of them.
func (r Rate) Every() time.Duration {
	if r.Requests == 0 {
		return 0
	}
	return r.Per / time.Duration(r.Requests)
}

// Pace is the rate as the time between two requests, and how many may come at once: burst,
// or as many as the rate names where that is 0.
func (r Rate) Pace(burst int) (every time.Duration, most int) {
	return r.Every(), cmp.Or(burst, r.Requests)
}

// String is "100/s"; empty where it is unset.
func (r Rate) String() string {
	for unit, per := range rateUnits {
		if r.Per == per {
			return strconv.Itoa(r.Requests) + "/" + unit
		}
	}
	return ""
}

// MarshalText writes what String gives; JSON uses it.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what MarshalText writes; JSON uses it.
func (r *Rate) UnmarshalText(text []byte) error {
	parsed, err := ParseRate(string(text))
	if err != nil {
		return err
	}
	*r = parsed
	return nil
}

// MarshalYAML writes what String gives.
func (r Rate) MarshalYAML() (any, error) { return r.String(), nil }

// UnmarshalYAML reads a rate.
func (r *Rate) UnmarshalYAML(node ast.Node) error {
	text, err := scalar(node)
	if err != nil {
		return err
	}
	return placed(node, r.UnmarshalText([]byte(text)))
}
