package state_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// writerEnv makes this binary a writer that is going to be killed.
const writerEnv = "SEGUE_STATE_TEST_WRITER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(writerEnv); dir != "" {
		os.Exit(writeUntilKilled(dir))
	}
	goleak.VerifyTestMain(m)
}
