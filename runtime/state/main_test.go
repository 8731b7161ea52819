package state_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// With these in its environment this binary is a writer that is going to be killed, or
// one whose disk is going to be full.
const (
	writerEnv = "SEGUE_STATE_TEST_WRITER"
	fullEnv   = "SEGUE_STATE_TEST_FULL"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(writerEnv); dir != "" {
		os.Exit(writeUntilKilled(dir))
	}
	if how := os.Getenv(fullEnv); how != "" {
		os.Exit(writeUntilFull(how))
	}
	goleak.VerifyTestMain(m)
}
