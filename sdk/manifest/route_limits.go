package manifest

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Limits are how many requests may come. A zero field sets no limit.
type Limits struct {
	// Rate is how often requests may come.
	Rate Rate `yaml:"rate,omitempty" json:"rate,omitzero"`
	// Burst is how many may come at once; as many as Rate names where it is unset.
	Burst int `yaml:"burst,omitempty" json:"burst,omitempty"`
	// Concurrent is how many may be under way, upgraded ones too.
	Concurrent int `yaml:"concurrent,omitempty" json:"concurrent,omitempty"`
}

// maxLimit bounds a burst and what is under way.
const maxLimit = 1_000_000

// Validate checks the fields that are set; the zero Limits are valid. Every Error that it
// gives names its field, "burst" for one.
func (l Limits) Validate() error {
	var wrong []error
	if l.Burst != 0 && l.Rate == (Rate{}) {
		wrong = append(wrong, &Error{Field: "burst", Value: strconv.Itoa(l.Burst), Msg: "is of no use without a rate", Hint: "write a rate as well, such as 100/s"})
	}
	for _, one := range []struct {
		field string
		value int
	}{{"burst", l.Burst}, {"concurrent", l.Concurrent}} {
		if one.value < 0 || one.value > maxLimit {
			wrong = append(wrong, &Error{Field: one.field, Value: strconv.Itoa(one.value), Msg: "is out of bounds", Hint: fmt.Sprintf("write 1 to %d, or leave it out", maxLimit)})
		}
	}
	return errors.Join(wrong...)
}

// Timeouts of a route's requests. A zero field leaves one to what the operator has set.
type Timeouts struct {
	// Connect is for a connection to the module.
	Connect Duration `yaml:"connect,omitempty" json:"connect,omitzero"`
	// Answer is how long the module may take from the end of the request to the head of its
	// answer.
	Answer Duration `yaml:"answer,omitempty" json:"answer,omitzero"`
	// Idle is how long a body, or an upgraded connection, may stand still.
	Idle Duration `yaml:"idle,omitempty" json:"idle,omitzero"`
	// Total is how long the whole may take, but for answers that last, such as upgraded
	// connections, server-sent events and gRPC.
	Total Duration `yaml:"total,omitempty" json:"total,omitzero"`
}

// The bounds of a route's timeouts.
const (
	leastTimeout = Duration(time.Millisecond)
	mostTimeout  = Duration(24 * time.Hour)
)

func (t Timeouts) validate() error {
	var wrong []error
	for _, one := range []struct {
		field string
		value Duration
	}{{"connect", t.Connect}, {"answer", t.Answer}, {"idle", t.Idle}, {"total", t.Total}} {
		if one.value != 0 && (one.value < leastTimeout || one.value > mostTimeout) {
			wrong = append(wrong, &Error{Field: one.field, Value: one.value.String(), Msg: "is out of bounds",
				Hint: fmt.Sprintf("write %s to %s, or leave it out", leastTimeout, mostTimeout)})
		}
	}
	return errors.Join(wrong...)
}

// bounded are the fields of a route for which 0 would mean that there is no bound; and
// "replicas", for which it would mean one.
var bounded = regexp.MustCompile(`^(replicas|routes\[\d+\]\.(max_body|timeouts\.\w+|limits\.\w+))$`)

// checkRouteValues refuses what is written as 0, which stands for what is unset.
func checkRouteValues(body ast.Node) error {
	var wrong []error
	ast.Walk(visit(func(node ast.Node) {
		if _, value := node.(ast.ScalarNode); !value || node.Type() == ast.NullType || !bounded.MatchString(fieldOf(node)) {
			return
		}
		text := node.GetToken().Value
		d, noDuration := ParseDuration(text)
		size, noSize := ParseSize(text)
		if noDuration == nil && d == 0 || noSize == nil && size == 0 {
			wrong = append(wrong, &Error{Field: fieldOf(node), Value: text, Msg: "is nothing", Hint: "write what there may be at most, or leave it out"})
		}
	}), body)
	return errors.Join(wrong...)
}
