package wire_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/segue-run/segue/proxy/h1/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// limits are small, so that tests can reach them.
var limits = &wire.Limits{Bytes: 4096, Fields: 20, Target: 200}
