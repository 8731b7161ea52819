package main

import (
	"os"
	_ "time/tzdata" // so that zones of freeze windows are known on any machine

	"github.com/spf13/cobra"
)

func main() {
	cobra.EnableCommandSorting = false // help keeps the order of addGroups
	os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr))
}
