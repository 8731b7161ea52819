package host

import (
	"testing"

	"github.com/segue-run/segue/runtime/config"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

func TestWhatWouldRaiseAQuotaIsWhatHoldsItDown(t *testing.T) {
	for _, c := range []struct {
		name                string
		asked, own, general int
		want                string
	}{
		{"the default", 0, 0, 0, "raise modules.hello.quotas.requests in segue.yaml (now 10000) and restart the runtime, or ask for more in the manifest"},
		{"the default, below a ceiling", 0, 0, 20000, "raise modules.hello.quotas.requests in segue.yaml (now 10000) and restart the runtime, or ask for more in the manifest, up to 20000"},
		{"its own ceiling", 0, 4, 0, "raise modules.hello.quotas.requests in segue.yaml (now 4) and restart the runtime"},
		{"its own ceiling, below that of all", 0, 4, 8, "raise modules.hello.quotas.requests in segue.yaml (now 4) and restart the runtime"},
		{"the ceiling of all", 0, 0, 4, "raise quotas.requests in segue.yaml (now 4) and restart the runtime"},
		{"both", 0, 4, 4, "raise quotas.requests and modules.hello.quotas.requests in segue.yaml (now 4) and restart the runtime"},
		{"the manifest", 4, 0, 0, "ask for more in the manifest"},
		{"the manifest, below a ceiling", 4, 6, 8, "ask for more in the manifest, up to 6"},
		{"the manifest and the ceiling", 4, 4, 8, "raise modules.hello.quotas.requests in segue.yaml (now 4) and restart the runtime, and ask for more in the manifest"},
		{"a ceiling that was lowered", 9, 4, 0, "raise modules.hello.quotas.requests in segue.yaml (now 4) and restart the runtime"},
	} {
		cfg := config.Config{
			Quotas:  manifest.Quotas{Requests: c.general},
			Modules: map[string]config.Module{"hello": {Quotas: manifest.Quotas{Requests: c.own}}},
		}
		if got := raising(cfg, "hello", "requests", manifest.Quotas{Requests: c.asked}); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestADenialIsToldWithoutSayingAnythingTwice(t *testing.T) {
	rel := module.Release{Module: "hello", Version: "1.0.0"}
	for _, c := range []struct {
		denial          module.Denial
		message, reason string
	}{
		{module.Denial{By: module.ByQuota, What: "storage", Hint: "raise it"}, rel.String() + " has reached its quota of storage (16MiB)", "raise it"},
		{module.Denial{By: "gateway", What: "connect 10.0.0.1:443", Hint: "grant it"}, rel.String() + " may not connect 10.0.0.1:443", "grant it"},
		{module.Denial{By: "seccomp", What: "ptrace"}, rel.String() + " may not ptrace", "the filter of system calls denies it, and no permission is for it"},
	} {
		if message, reason := told(rel, manifest.Quotas{Storage: 16 << 20}, c.denial); message != c.message || reason != c.reason {
			t.Errorf("%+v: %q, %q", c.denial, message, reason)
		}
	}
}
