package sdk

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/segue-run/segue/sdk/manifest"
)

// Module is what an author hands to Serve. Manifest and Handler are needed, every
// hook is optional. Hooks may be called from different goroutines; a panic in one
// counts as its error.
type Module struct {
	// Manifest is the text of the module's manifest. Embed it with go:embed, since
	// the runtime looks for it in the executable's bytes.
	Manifest string
	// Handler answers the requests of the manifest's routes, with their whole path.
	Handler http.Handler

	// Start is called once, before the first request. An error ends the launch:
	// the runtime shows it and stops the process. ctx ends with the time that the
	// runtime allows, and when the module is to stop.
	Start func(ctx context.Context) error
	// Health is called at every probe from Start on. An error says that the module
	// is not well now, and why; after several in a row it gets no traffic. ctx ends
	// with the probe's timeout; a check that outlasts it counts as failed.
	Health func(ctx context.Context) error
	// Drain is called at most once, when no new request will come. Requests in
	// flight go on, and Serve waits for them whatever Drain does. ctx ends when the
	// module is stopped, and then Drain must return.
	//
	// It is the place to bring to their end the answers that would last: close
	// WebSockets with the code 1001, end event streams between two events, and have
	// gRPC streams return codes.Unavailable, so that their clients come again, to
	// another process. It need not be done at once, nor for all at the same moment: the
	// runtime gives such answers minutes (drain_long), and after the time of plain ones
	// asks those that are left to go away itself, in the words of their protocol.
	Drain func(ctx context.Context)
	// Stop is called at most once, after the last request has been answered or cut
	// off, and only if Start has passed. The process exits when it returns; an error
	// is logged. ctx ends with the grace, after which the runtime kills the process.
	Stop func(ctx context.Context) error
}

// MustParse reads a manifest that is part of the program, for a module that wants
// its own name or version. It panics if the manifest is wrong, and says why.
func MustParse(text string) *manifest.Manifest {
	m, err := manifest.Parse([]byte(text))
	if err != nil {
		panic("the module's manifest is wrong:\n" + err.Error())
	}
	return m
}

// document is the manifest as the runtime finds it in the executable, or the whole
// text where it is not marked and stands in a file of its own.
func document(text string) []byte {
	var s manifest.Scanner
	_, _ = s.Write([]byte(text))
	if found, err := s.Manifest(); err == nil {
		return found
	}
	return []byte(text)
}

// check finds what an author forgot.
func (m *Module) check() (*manifest.Manifest, error) {
	if m.Manifest == "" {
		return nil, errors.New("the module has no manifest; embed module.yaml with //go:embed and give it to sdk.Serve")
	}
	parsed, err := manifest.Parse([]byte(m.Manifest))
	if err != nil {
		return nil, fmt.Errorf("the module's manifest is wrong:\n%w", err)
	}
	if m.Handler == nil {
		return nil, errors.New("the module has no handler; give sdk.Serve an http.Handler")
	}
	return parsed, nil
}
