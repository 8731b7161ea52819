// Package sdk is what the author of a module imports. A module is an http.Handler
// and a manifest:
//
//	//go:embed module.yaml
//	var manifest string
//
//	func main() {
//		mux := http.NewServeMux()
//		mux.HandleFunc("GET /hello", hello)
//		sdk.Serve(sdk.Module{Manifest: manifest, Handler: mux})
//	}
//
// A module has no network of its own. Dial and Listen ask the runtime, which grants
// by name, and Transport is for HTTP; DataDir is where it may keep its data.
//
// Everything else is optional: hooks that are called when the module starts, is
// asked for its health, is drained and stops, and a Logger whose lines keep their
// level and fields in the runtime's log.
//
// The life of a module's process: Serve shakes hands with the runtime; Start is
// called, then requests come on a listener that the runtime made; Health is called
// again and again; Drain says that no new request will come; at the end requests
// in flight are finished, Stop is called, and the process exits.
//
// What always holds: no request is served before the Start hook has returned; the
// Stop hook is called at most once, after the last request and only if Start has
// passed; a hook that panics is a hook that failed; a control call without the
// secret of this launch is refused.
//
// Goroutines: Serve owns the process. It runs go-plugin's gRPC server and, from
// Start on, the HTTP server, and the goroutine that ends both; it exits when that
// one is done. Each hook runs on a goroutine of its own, at most one of a kind at a
// time. Dial and Listen start a goroutine only while somebody waits for an answer,
// and only where they are used.
//
// Locks: process.start is held through the Start hook, and process.mu may be taken
// within it; nothing is called while process.mu is held. link.mu is taken alone.
package sdk
