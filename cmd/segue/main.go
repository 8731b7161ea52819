package main

import (
	"os"
	_ "time/tzdata" // so that zones of freeze windows are known on any machine
)

func main() { os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr)) }
