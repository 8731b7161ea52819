// Command empty does nothing: what starting it costs is the least that starting a
// Go program costs.
package main

func main() {}
