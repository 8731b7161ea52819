package manifest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/Masterminds/semver/v3"
)

// Manifest is what a module declares of itself. The zero value of an optional
// field means the default.
type Manifest struct {
	// Name is the module's name: 1 to 63 of a–z, 0–9 and '-', beginning with a
	// letter and not ending with '-'.
	Name string `yaml:"name" json:"name"`
	// Version is a semantic version 2.0.0 without a leading 'v'.
	Version string `yaml:"version" json:"version"`
	// Description is one line for people.
	Description string `yaml:"description,omitempty" json:"description,omitempty"`
	// Routes are the requests the module wants. At least one.
	Routes []Route `yaml:"routes" json:"routes"`
	// Replicas is how many processes serve a release, 1 to 32; the operator's configuration
	// goes first. Unset is 1.
	Replicas int `yaml:"replicas,omitempty" json:"replicas,omitempty"`
	// Health tunes the probes.
	Health Health `yaml:"health,omitempty" json:"health,omitzero"`
	// Rollout is the author's wish; the operator's configuration goes first.
	Rollout Rollout `yaml:"rollout,omitempty" json:"rollout,omitzero"`
	// Permissions are what it asks for; the operator grants them.
	Permissions Permissions `yaml:"permissions,omitempty" json:"permissions,omitzero"`
	// Quotas are what it takes at most; the operator's own are above them.
	Quotas Quotas `yaml:"quotas,omitempty" json:"quotas,omitzero"`
}

// SidecarSuffix ends the name of a manifest that stands beside its executable NAME:
// NAME.module.yaml.
const SidecarSuffix = ".module.yaml"

const (
	maxVersion     = 128
	maxDescription = 200
)

// CheckName checks that name can be a module's.
func CheckName(name string) error {
	hint := "a name is 1 to 63 of a–z, 0–9 and '-', begins with a letter and does not end with '-'"
	switch {
	case name == "":
		return &Error{Field: "name", Msg: "is missing", Hint: hint}
	case strings.ContainsAny(name, `/\`) || strings.Contains(name, ".."):
		return &Error{Field: "name", Value: name, Msg: "is a path, not a name", Hint: hint}
	case !isLabel(name) || name[0] < 'a':
		return &Error{Field: "name", Value: name, Msg: "is no module name", Hint: hint}
	}
	return nil
}

// CheckVersion checks that version is a semantic version 2.0.0 as a manifest
// writes it.
func CheckVersion(version string) error {
	wrong := func(msg, hint string) error {
		return &Error{Field: "version", Value: version, Msg: msg, Hint: hint}
	}
	switch {
	case version == "":
		return wrong("is missing", "write a semantic version, such as 1.0.0")
	case len(version) > maxVersion:
		return wrong("is too long", fmt.Sprintf("write at most %d characters", maxVersion))
	case strings.HasPrefix(version, "v"):
		return wrong("has a leading 'v'", "write "+clip(version[1:]))
	}
	if _, err := semver.StrictNewVersion(version); err != nil {
		return wrong("is no semantic version", "write MAJOR.MINOR.PATCH, such as 1.0.0 or 1.0.0-rc.1")
	}
	return nil
}

// validate checks every field and normalises the paths of the routes.
func (m *Manifest) validate() error {
	wrong := []error{CheckName(m.Name), CheckVersion(m.Version), checkDescription(m.Description)}
	wrong = append(wrong, checkRoutes(m.Routes)...)
	if m.Replicas != 0 {
		wrong = append(wrong, CheckReplicas(m.Replicas))
	}
	wrong = append(wrong, at("health", m.Health.validate()), at("rollout", m.Rollout.Validate()))
	wrong = append(wrong, at("permissions", m.Permissions.Validate()), at("quotas", m.Quotas.Validate()))
	return errors.Join(wrong...)
}

// MaxReplicas is how many processes a release has at most.
const MaxReplicas = 32

// CheckReplicas checks that a release can have so many processes.
func CheckReplicas(n int) error {
	if n < 1 || n > MaxReplicas {
		return &Error{Field: "replicas", Value: strconv.Itoa(n), Msg: "is out of bounds", Hint: fmt.Sprintf("write 1 to %d", MaxReplicas)}
	}
	return nil
}

func checkDescription(s string) error {
	if len(s) > maxDescription {
		return &Error{Field: "description", Value: s, Msg: "is too long", Hint: fmt.Sprintf("write one line of at most %d bytes", maxDescription)}
	}
	if strings.ContainsFunc(s, unicode.IsControl) {
		return &Error{Field: "description", Value: s, Msg: "has a line break or another control character", Hint: "write one line"}
	}
	return nil
}
