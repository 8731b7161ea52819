package acme_test

import (
	"testing"

	"go.uber.org/goleak"
)

// autocert tidies up behind an order in a goroutine that nobody can join.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("golang.org/x/crypto/acme/autocert.(*Manager).deactivatePendingAuthz"))
}
