// Package instance starts, supervises and stops one subprocess of a release. It is
// the only importer of go-plugin's client and of hclog; what the rest of the
// runtime sees is a Starter that makes Instances.
//
// go-plugin carries the handshake, the gRPC connection and the module's redirected
// standard output. Everything that could hang or be lied to is ours: the process
// (process.go), its pipes (output.go), the address that the handshake names
// (runner.go), the connection and its deadlines (control.go). Of go-plugin's own
// Kill, Ping and Close none is ever called, since none has a deadline; its
// goroutines end when the process has ended and the connection is closed.
//
// What always holds:
//   - Start either returns a running instance or leaves nothing behind: no
//     process, descriptor, directory or goroutine.
//   - The host connects to no address but a socket that lies in the instance's own
//     directory and is served by the instance's own process.
//   - Every control call has a deadline and carries the launch's nonce.
//   - Whatever a module writes, the host keeps a bounded part of it in memory.
//   - When a module's process ends, its whole process group is killed before the
//     pid is given back to the kernel.
//
// Goroutines: the Starter owns the spawner's thread. An Instance owns one
// goroutine that supervises it, one that waits for its process, and one for each
// of its two pipes; all have ended when the instance is released, which Stop and
// Starter.Close wait for.
//
// Locks: Starter.mu, process.mu, control.mu, moduleLog.mu, meter.mu and kernelKills.mu
// are leaves; no two are ever held together.
package instance
