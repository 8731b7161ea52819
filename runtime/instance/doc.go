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
// What holds a process in is a cell of a sandbox.Machine, made before the process and
// given up after it; the quotas that no layer of it enforces are the watchdog's. What a
// module may not do by itself it asks for over its link, which a Gateway serves. What it
// was denied, and which quotas it reached, is kept in bounds (denials.go), and its exit
// is explained by them (exit.go).
//
// What always holds:
//   - Start either returns a running instance or leaves nothing behind: no
//     process, descriptor, directory, cgroup or goroutine.
//   - Nothing is started below the level that is required.
//   - The host connects to no address but a socket that lies in the instance's own
//     directory and is served by the instance's own process.
//   - Every control call has a deadline and carries the launch's nonce.
//   - Whatever a module writes, the host keeps a bounded part of it in memory.
//   - When a module's process ends, its whole process group is killed before the
//     pid is given back to the kernel.
//
// Goroutines: the Starter owns the spawner's thread. An Instance owns one
// goroutine that supervises it, one that waits for its process, one for each
// of its two pipes, one in which its watchdog runs beside that one's own, and one for
// its link, which is the Gateway's from before the process until after it; all have ended
// when the instance is released, which Stop and Starter.Close wait for.
//
// Locks: Starter.mu, control.mu, moduleLog.mu, denials.mu, meter.mu, watched.mu and
// kernelKills.mu are leaves; no two are ever held together. While process.mu is held the
// watchdog looks at its process, and the cell kills it, which takes locks of theirs but
// none of ours. Spec.Denied is called with none.
package instance
