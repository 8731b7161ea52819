package config_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/segue-run/segue/runtime/config"
	"github.com/segue-run/segue/runtime/grant"
	"github.com/segue-run/segue/runtime/launch"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// grants is a file that grants something to hello.
func grants(text string) string { return "modules:\n  hello:\n    grants:\n      " + text + "\n" }

func TestAWrongSandboxIsRefusedWithPlaceValueAndRemedy(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"an unknown level":        {"sandbox: {require: tight}\n", []string{"sandbox.require", `"tight"`, "line 1", "none confined isolated contained"}},
		"a setting that is none":  {"sandbox:\n  mode: strict\n", []string{"sandbox.mode", "line 2", "there are sandbox.require, sandbox.uids, sandbox.without"}},
		"one user id":             {"sandbox: {uids: 700000}\n", []string{"sandbox.uids", `"700000"`, "is no range of user ids", "700000-765535"}},
		"words for user ids":      {"sandbox: {uids: low-high}\n", []string{"sandbox.uids", "is no range"}},
		"user ids of services":    {"sandbox: {uids: 1000-2000}\n", []string{"sandbox.uids", "can be another's", "65536 to 2147483647"}},
		"the user id of root":     {"sandbox: {uids: 0-700000}\n", []string{"sandbox.uids", "can be another's"}},
		"user ids past the end":   {"sandbox: {uids: 700000-4294967295}\n", []string{"sandbox.uids", "can be another's"}},
		"user ids the wrong way":  {"sandbox: {uids: 800000-700000}\n", []string{"sandbox.uids", "ends before it begins"}},
		"a layer that is none":    {"sandbox: {without: [landlock, walls]}\n", []string{"sandbox.without", `"walls"`, "there are landlock, seccomp"}},
		"a layer that always is":  {"sandbox: {without: [environment]}\n", []string{"sandbox.without", `"environment"`, "can be left out"}},
		"a layer twice":           {"sandbox: {without: [notify, notify]}\n", []string{"sandbox.without", `"notify"`, "twice"}},
		"an unknown quota":        {"quotas: {ram: 1GiB}\n", []string{"quotas.ram", "there are quotas.memory, quotas.cpu"}},
		"a unit that is none":     {"\nquotas: {memory: 5MB}\n", []string{"quotas.memory", `"5MB"`, "line 2", "is no size", "512MiB"}},
		"a size past all bounds":  {"quotas: {storage: 99999999TiB}\n", []string{"quotas.storage", "is no size"}},
		"a quota of nothing":      {"quotas: {open_files: 0}\n", []string{"quotas.open_files", `"0"`, "write 64 to 1048576"}},
		"a list for a quota":      {"quotas: {memory: [1GiB, 2GiB]}\n", []string{"quotas.memory", "is a list"}},
		"a quota for all modules": {"quotas: 1GiB\n", []string{"quotas", "1GiB", "has settings below it"}},
		"a quota nothing runs in": {"modules: {hello: {quotas: {memory: 16MiB}}}\n", []string{"modules.hello.quotas.memory", `"16MiB"`, "line 1", "write 32MiB to"}},
		"an unknown quota of one": {"modules: {hello: {quotas: {ram: 1GiB}}}\n", []string{"modules.hello.quotas.ram", "there are quotas.memory"}},
		"a quota above that of all": {"modules:\n  hello:\n    quotas: {memory: 2GiB}\nquotas: {memory: 1GiB}\n",
			[]string{"modules.hello.quotas.memory", `"2GiB"`, "line 3", "is above quotas.memory, which is 1GiB", "write at most 1GiB, or raise quotas.memory"}},
		"an unknown permission":        {grants("raed: [/a]"), []string{"modules.hello.grants.raed", "line 4", "there are grants.read, grants.write, grants.connect"}},
		"a relative path":              {grants("read: [/a, etc]"), []string{"modules.hello.grants.read", `"etc"`, "line 4", "is not absolute"}},
		"a path upwards":               {grants("write: [/a/../b]"), []string{"modules.hello.grants.write", "has the segment '..'"}},
		"everything to write":          {grants("write: [/]"), []string{"modules.hello.grants.write", `"/"`, "is everything"}},
		"a host without a port":        {grants("connect: [api.example.com]"), []string{"modules.hello.grants.connect", "is no HOST:PORT"}},
		"an address without quotes":    {"modules: {hello: {grants: {connect: [a:1]}}}\n", []string{"modules.hello.grants.connect", "in quotes"}},
		"a placeholder without quotes": {grants("read: [{data}]"), []string{"modules.hello.grants.read", "in quotes"}},
		"a wildcard without quotes":    {grants("tenants: [*]"), []string{"line 4"}},
		"an entry twice":               {grants("env: [TZ, TZ]"), []string{"modules.hello.grants.env", `"TZ"`, "is the same as env[0]"}},
		"a variable of the runtime":    {grants("env: [SEGUE_STATE]"), []string{"modules.hello.grants.env", `"SEGUE_STATE"`, "is for the runtime"}},
		"all permissions as one":       {"modules: {hello: {grants: all}}\n", []string{"modules.hello.grants", "all", "has settings below it"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, c.text)
			if module.KindOf(err) != module.Invalid {
				t.Fatalf("got %v, want an invalid error", err)
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
		})
	}
}

func TestWhatTheFileGrantsIsOneModules(t *testing.T) {
	cfg, err := load(t, grants("{read: [/srv/modules, /srv/statements], write: [/srv/modules-data, \"{data}\"]}"))
	if err != nil {
		t.Fatal(err)
	}
	want := manifest.Permissions{Read: []string{"/srv/modules", "/srv/statements"}, Write: []string{"/srv/modules-data", "{data}"}}
	if got := cfg.Grants("hello"); !reflect.DeepEqual(got, want) {
		t.Errorf("granted is %+v", got)
	}
	if got := cfg.Grants("other"); !reflect.DeepEqual(got, manifest.Permissions{}) {
		t.Errorf("another has %+v", got)
	}
}

func TestTheLevelThatIsRequiredComesFromAnywhere(t *testing.T) {
	if got := config.Default().Sandbox; got.Require != module.LevelConfined || got.UIDs.String() != "700000-765535" {
		t.Errorf("by default it is %+v", got)
	}
	env := func(name string) (string, bool) { return "contained", name == "SEGUE_SANDBOX_REQUIRE" }
	got, err := config.Load(config.Sources{File: write(t, "sandbox: {require: none}\n"), Env: env})
	if err != nil || got.Sandbox.Require != module.LevelContained {
		t.Errorf("of a variable: %+v, %v", got.Sandbox, err)
	}
	_, err = config.Load(config.Sources{File: write(t, ""), Env: noEnv, Flags: map[string]string{"sandbox-require": "most"}})
	if err == nil || !strings.HasPrefix(err.Error(), `--sandbox-require "most"`) {
		t.Errorf("got %v", err)
	}
}

func TestAModulesQuotasAreUnderItsCeilings(t *testing.T) {
	cfg, err := load(t, "quotas: {memory: 4GiB, cpu: 2}\nmodules: {hello: {quotas: {memory: 512MiB, storage: 5GiB}}}\n")
	if err != nil {
		t.Fatal(err)
	}
	want := grant.Default()
	want.Memory, want.CPU, want.Storage, want.Requests = 512<<20, 2000, 5<<30, 7
	if got, err := cfg.QuotasFor("hello", manifest.Quotas{Requests: 7}); err != nil || got != want {
		t.Errorf("hello has %+v, %v, want %+v", got, err, want)
	}
	want = grant.Default()
	want.Memory, want.CPU = 3<<30, 2000
	if got, err := cfg.QuotasFor("other", manifest.Quotas{Memory: 3 << 30}); err != nil || got != want {
		t.Errorf("another has %+v, %v, want %+v", got, err, want)
	}
	_, err = cfg.QuotasFor("hello", manifest.Quotas{Memory: 1 << 30, CPU: 2500})
	for _, line := range []string{
		`quotas.memory "1GiB": is above the operator's ceiling of 512MiB; ask for at most 512MiB, or raise modules.hello.quotas.memory in segue.yaml`,
		`quotas.cpu "2.5": is above the operator's ceiling of 2; ask for at most 2, or raise quotas.cpu in segue.yaml`,
	} {
		if module.KindOf(err) != module.Invalid || !strings.Contains(err.Error(), line) {
			t.Errorf("got  %v\nwant %s", err, line)
		}
	}
}

func TestWhatMayBeAskedForIsNeverBelowWhatTheLauncherTakes(t *testing.T) {
	for field, least := range map[string]uint64{"open_files": launch.MinNoFile, "processes": launch.MinNProc, "file_size": launch.MinFSize} {
		var q manifest.Quotas
		q.SetAmount(field, least-1)
		if q.Validate() == nil {
			t.Errorf("%s may be %s", field, q.Text(field))
		}
	}
}
