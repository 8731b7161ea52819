package watch

import (
	"strings"

	"github.com/segue-run/segue/sdk/manifest"
)

var unfinished = []string{"~", ".tmp", ".part", ".partial", ".filepart", ".crdownload", ".swp", ".swx"}

// ignored reports whether a name is none that an operator gives to a module.
func ignored(name string) bool {
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "#") && strings.HasSuffix(name, "#") {
		return true
	}
	for _, suffix := range unfinished {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}

// subject is the name that an event on name concerns: of a sidecar, its file.
func subject(name string) (of string, sidecar bool) {
	if of, ok := strings.CutSuffix(name, manifest.SidecarSuffix); ok && of != "" {
		return of, true
	}
	return name, false
}
