package executable

import (
	"fmt"
	"os"
	"runtime"

	"github.com/segue-run/segue/runtime/module"
)

// build is the hint that most refusals end with.
var build = fmt.Sprintf("build it for this machine: CGO_ENABLED=0 GOOS=%s GOARCH=%s go build", runtime.GOOS, runtime.GOARCH)

// Check says whether this machine can start the file, and if not why and what to do.
// The error is a *module.Error of kind Invalid whose Field is "file"; the caller sets
// its Value to the file's name.
func (i Info) Check() error {
	if err := i.check(); err != nil {
		return err // not a nil *module.Error in an error
	}
	return nil
}

func (i Info) check() *module.Error {
	switch i.Format {
	case ELF:
		return i.checkELF()
	case Empty:
		return refuse("it is empty", "copy it again")
	case Script:
		return refuse("it is a script; scripts are not modules", "a module is an executable that speaks the module contract, see docs/writing-a-module.md")
	case Text:
		return refuse("it is a text file, not an executable", "offer an executable; in the watched directory a name that begins with a dot keeps other files out of this")
	case Archive:
		return refuse("it is "+i.Detail+", not an executable", "unpack it and drop the executable")
	case MachO, PE, Wasm:
		return refuse("it is "+i.Detail+"; this machine runs linux/"+runtime.GOARCH, build)
	}
	return refuse("it is "+i.Detail+", not an executable", build)
}

func (i Info) checkELF() *module.Error {
	switch {
	case i.Cut:
		return refuse(fmt.Sprintf("truncated: the ELF header is cut off, the file has %d bytes", i.Size), "copy it again")
	case i.Malformed != "":
		return refuse("it is an ELF file that makes no sense: "+i.Malformed, build)
	case i.OS != runtime.GOOS || i.Machine != runtime.GOARCH:
		return refuse(fmt.Sprintf("it is %s; this machine runs %s/%s", i.Detail, runtime.GOOS, runtime.GOARCH), build)
	case !i.Complete(): // before the type, which may lie in what is missing
		return refuse(fmt.Sprintf("truncated: the ELF header announces %d bytes, the file has %d", i.Announced, i.Size), "copy it again")
	case i.Type != Static && i.Type != PIE:
		return refuse(fmt.Sprintf("it is an ELF %s, not an executable", i.Type), "build a main package with go build")
	case i.Interpreter != "":
		if _, err := os.Stat(i.Interpreter); err != nil && !Passing(err) {
			return refuse(fmt.Sprintf("it needs the dynamic loader %.120q, which is not on this machine", i.Interpreter), "link it statically: CGO_ENABLED=0 go build")
		}
	}
	return nil
}

func refuse(msg, hint string) *module.Error {
	return &module.Error{Kind: module.Invalid, Field: "file", Msg: msg, Hint: hint}
}
