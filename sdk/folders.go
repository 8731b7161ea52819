package sdk

import (
	"os"

	"github.com/segue-run/segue/sdk/wire"
)

// DataDir is the absolute path of the folder in which the module keeps what is to
// outlive the process and the release. It is empty where the module has none: it
// has to ask for one, with write: ["{data}"] in its manifest's permissions. For
// what may go with the process there is os.TempDir.
func DataDir() string { return os.Getenv(wire.EnvData) }
