package seccomp_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if scenario := os.Getenv("SECCOMP_SCENARIO"); scenario != "" {
		os.Exit(play(scenario))
	}
	goleak.VerifyTestMain(m)
}
