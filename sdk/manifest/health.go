package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Health says how the host finds out whether an instance is well. The standard
// gRPC health check is always asked; Path adds an HTTP GET that must answer 2xx.
type Health struct {
	Path     string   `yaml:"path,omitempty" json:"path,omitempty"`
	Interval Duration `yaml:"interval,omitempty" json:"interval,omitzero"`  // between probes, default 1s
	Timeout  Duration `yaml:"timeout,omitempty" json:"timeout,omitzero"`    // of one probe, default 1s
	Passes   int      `yaml:"passes,omitempty" json:"passes,omitempty"`     // in a row to be ready, default 2
	Failures int      `yaml:"failures,omitempty" json:"failures,omitempty"` // in a row to be out, default 3
	Deadline Duration `yaml:"deadline,omitempty" json:"deadline,omitzero"`  // to become ready, default 10s
}

// WithDefaults is h with every zero field but Path set to its default.
func (h Health) WithDefaults() Health {
	h.Interval = cmp.Or(h.Interval, Duration(time.Second))
	h.Timeout = cmp.Or(h.Timeout, Duration(time.Second))
	h.Passes = cmp.Or(h.Passes, 2)
	h.Failures = cmp.Or(h.Failures, 3)
	h.Deadline = cmp.Or(h.Deadline, Duration(10*time.Second))
	return h
}

// validate checks the fields that are set; the zero Health is valid.
func (h Health) validate() error {
	var wrong []error
	if h.Path != "" {
		if _, err := CleanPath(h.Path); err != nil {
			wrong = append(wrong, at("path", err))
		}
	}
	for _, one := range []struct {
		field       string
		value       Duration
		least, most time.Duration
	}{
		{"interval", h.Interval, 10 * time.Millisecond, time.Hour},
		{"timeout", h.Timeout, time.Millisecond, time.Minute},
		{"deadline", h.Deadline, 10 * time.Millisecond, time.Hour},
	} {
		if d := one.value.Std(); d != 0 && (d < one.least || d > one.most) {
			wrong = append(wrong, &Error{Field: one.field, Value: d.String(), Msg: "is out of bounds",
				Hint: fmt.Sprintf("write %s to %s, or leave it out for the default", one.least, one.most)})
		}
	}
	for _, one := range []struct {
		field string
		value int
	}{{"passes", h.Passes}, {"failures", h.Failures}} {
		if one.value < 0 || one.value > 100 {
			wrong = append(wrong, &Error{Field: one.field, Value: strconv.Itoa(one.value), Msg: "is out of bounds",
				Hint: "write 1 to 100, or leave it out for the default"})
		}
	}
	return errors.Join(wrong...)
}
