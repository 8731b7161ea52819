package manifest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Quotas are what a module takes at most. A zero field is unset.
type Quotas struct {
	// Memory is what its processes may hold together.
	Memory Size `yaml:"memory,omitempty" json:"memory,omitempty"`
	// CPU is how many processors' time it may take.
	CPU Processors `yaml:"cpu,omitempty" json:"cpu,omitempty"`
	// CPUTime is how much processor time one process may take in its whole life. It is
	// for jobs; a server that lives long reaches any.
	CPUTime Duration `yaml:"cpu_time,omitempty" json:"cpu_time,omitzero"`
	// OpenFiles is how many descriptors one process may have open.
	OpenFiles int `yaml:"open_files,omitempty" json:"open_files,omitempty"`
	// Processes is how many processes and threads it may have together.
	Processes int `yaml:"processes,omitempty" json:"processes,omitempty"`
	// FileSize is how big one file may become that it writes.
	FileSize Size `yaml:"file_size,omitempty" json:"file_size,omitempty"`
	// Storage is how much its data folder may hold.
	Storage Size `yaml:"storage,omitempty" json:"storage,omitempty"`
	// LogLines is how many lines a second reach the runtime's log.
	LogLines int `yaml:"log_lines,omitempty" json:"log_lines,omitempty"`
	// Requests is how many requests it may have in flight.
	Requests int `yaml:"requests,omitempty" json:"requests,omitempty"`
}

// quota is one field of Quotas. Values are plain numbers of its unit: bytes, thousandths
// of a processor, nanoseconds, or what is counted.
type quota struct {
	name        string
	least, most uint64
	get         func(q *Quotas) uint64
	set         func(q *Quotas, value uint64)
	parse       func(text string) (uint64, error)
	text        func(value uint64) string
}

// quotas are all fields. A Go server does not come up below the least of memory,
// open_files, processes and file_size; the most is beyond what machines have.
var quotas = []quota{
	quotaOf("memory", 32<<20, 1<<50, ParseSize, func(q *Quotas) *Size { return &q.Memory }),
	quotaOf("cpu", 10, 1_024_000, ParseProcessors, func(q *Quotas) *Processors { return &q.CPU }),
	quotaOf("cpu_time", Duration(time.Second), Duration(10_000*time.Hour), ParseDuration, func(q *Quotas) *Duration { return &q.CPUTime }),
	quotaOf("open_files", 64, 1<<20, parseCount, func(q *Quotas) *int { return &q.OpenFiles }),
	quotaOf("processes", 64, 1<<20, parseCount, func(q *Quotas) *int { return &q.Processes }),
	quotaOf("file_size", 1<<20, 1<<50, ParseSize, func(q *Quotas) *Size { return &q.FileSize }),
	quotaOf("storage", 1<<20, 1<<50, ParseSize, func(q *Quotas) *Size { return &q.Storage }),
	quotaOf("log_lines", 1, 100_000, parseCount, func(q *Quotas) *int { return &q.LogLines }),
	quotaOf("requests", 1, 1_000_000, parseCount, func(q *Quotas) *int { return &q.Requests }),
}

func quotaOf[T ~int | ~int64 | ~uint64](name string, least, most T, parse func(string) (T, error), field func(*Quotas) *T) quota {
	return quota{
		name: name, least: uint64(least), most: uint64(most),
		get: func(q *Quotas) uint64 { return uint64(*field(q)) },
		set: func(q *Quotas, value uint64) { *field(q) = T(value) },
		parse: func(text string) (uint64, error) {
			value, err := parse(text)
			return uint64(value), err
		},
		text: func(value uint64) string { return fmt.Sprint(T(value)) },
	}
}

func parseCount(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return 0, &Error{Value: s, Msg: "is no count", Hint: "write a whole number"}
	}
	return int(n), nil
}

// check refuses a value that no module could live with, and one that is none; 0 as well.
func (f quota) check(value uint64) error {
	if value >= f.least && value <= f.most {
		return nil
	}
	return &Error{Field: f.name, Value: f.text(value), Msg: "is out of bounds",
		Hint: fmt.Sprintf("write %s to %s, or leave it out", f.text(f.least), f.text(f.most))}
}

// QuotaFields are the names of all quotas, in their order.
func QuotaFields() []string {
	names := make([]string, len(quotas))
	for i, f := range quotas {
		names[i] = f.name
	}
	return names
}

// quotaNamed is the field of that name; the zero value where there is none.
func quotaNamed(name string) (quota, bool) {
	for _, f := range quotas {
		if f.name == name {
			return f, true
		}
	}
	return quota{}, false
}

// Validate checks the fields that are set; the zero Quotas are valid. Every Error that
// it gives names its field, "memory" for one.
func (q Quotas) Validate() error {
	var wrong []error
	for _, f := range quotas {
		if value := f.get(&q); value != 0 {
			wrong = append(wrong, f.check(value))
		}
	}
	return errors.Join(wrong...)
}

// Amount is a field as a plain number: bytes, thousandths of a processor, nanoseconds, or
// what is counted. It is 0 where the field is unset, or none.
func (q Quotas) Amount(field string) uint64 {
	if f, ok := quotaNamed(field); ok {
		return f.get(&q)
	}
	return 0
}

// SetAmount sets a field to what Amount gives; it does nothing for a field that there is
// not, and checks nothing.
func (q *Quotas) SetAmount(field string, value uint64) {
	if f, ok := quotaNamed(field); ok {
		f.set(q, value)
	}
}

// Text is a field as Set reads it; empty where it is unset, or none.
func (q Quotas) Text(field string) string {
	f, ok := quotaNamed(field)
	if !ok || f.get(&q) == 0 {
		return ""
	}
	return f.text(f.get(&q))
}

// Set sets a field from its text. Its Error names the field; then q stays as it was.
func (q *Quotas) Set(field, text string) error {
	f, ok := quotaNamed(field)
	if !ok {
		return &Error{Field: field, Value: text, Msg: "is no quota", Hint: "there are " + strings.Join(QuotaFields(), ", ")}
	}
	value, err := f.parse(text)
	if err != nil {
		return at(field, err)
	}
	if err := f.check(value); err != nil {
		return err
	}
	f.set(q, value)
	return nil
}
