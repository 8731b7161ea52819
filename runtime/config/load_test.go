package config_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/config"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/sdk/manifest"
)

// noEnv is an environment without anything in it.
func noEnv(string) (string, bool) { return "", false }

func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "segue.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func load(t *testing.T, text string) (config.Config, error) {
	t.Helper()
	return config.Load(config.Sources{File: write(t, text), Env: noEnv})
}

func duration(d time.Duration) *manifest.Duration { return new(manifest.Duration(d)) }

func TestWithoutAFileTheDefaultsHold(t *testing.T) {
	t.Chdir(t.TempDir())
	got, err := config.Load(config.Sources{Env: noEnv})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, config.Default()) {
		t.Errorf("got %+v, want the defaults", got)
	}
}

func TestTheDefaultFileIsReadFromTheWorkingDirectory(t *testing.T) {
	t.Chdir(filepath.Dir(write(t, "listen: 127.0.0.1:9000\n")))
	got, err := config.Load(config.Sources{Env: noEnv})
	if err != nil || got.Listen != "127.0.0.1:9000" {
		t.Errorf("got listen %q, %v", got.Listen, err)
	}
}

func TestANamedFileMustBeThere(t *testing.T) {
	_, err := config.Load(config.Sources{File: filepath.Join(t.TempDir(), "other.yaml"), Env: noEnv})
	if module.KindOf(err) != module.NotFound || !strings.Contains(err.Error(), "other.yaml") {
		t.Errorf("got %v, want not-found with the name", err)
	}
}

func TestEverySettingCanBeWrittenInTheFile(t *testing.T) {
	got, err := load(t, `
listen: 0.0.0.0:80
admin: "[::1]:81"
modules_dir: /srv/modules
state_dir: /var/lib/segue
release_header: false
log: {level: debug, format: json}
rollout: {strategy: gradual, steps: [1%, 25%, 100%], hold: 10s, max_errors: 2.5%, min_requests: 7}
on_remove: keep
rollback_window: 1h
history: 7
shield_memory: 1MiB
drain_timeout: 7s
shutdown_grace: 9s
sandbox: {require: isolated, uids: 100000-100009, without: [cgroup-cpu, notify]}
quotas: {memory: 1GiB, requests: 2}
modules:
  hello:
    stop_grace: 3s
    rollout: {strategy: instant}
    quotas: {memory: 512MiB, cpu: 0.5, cpu_time: 1h, open_files: 64, processes: 64, file_size: 1048576, storage: 2 MiB, log_lines: 1, requests: 2}
    grants:
      read: [/etc/ssl, /srv/in]
      write: /srv/out
      connect: ["api.example.com:443", 10.0.0.1:*]
      listen: [":9000"]
      env: [TZ]
      exec: [/bin/true]
      capabilities: [payments@1]
      tenants: ["*"]
  empty:
`)
	if err != nil {
		t.Fatal(err)
	}
	want := config.Config{
		Listen: "0.0.0.0:80", Admin: "[::1]:81", ModulesDir: "/srv/modules", StateDir: "/var/lib/segue",
		Log: config.Log{Level: "debug", Format: "json"},
		Rollout: policy.Policy{Rollout: manifest.Rollout{
			Strategy: manifest.Gradual, Steps: []manifest.Weight{100, 2500, 10000}, Hold: duration(10 * time.Second),
			MaxErrors: new(manifest.Weight(250)), MinRequests: 7,
		}},
		OnRemove: config.Keep, RollbackWindow: time.Hour, History: 7, ShieldMemory: 1 << 20, DrainTimeout: 7 * time.Second, DrainLong: config.Default().DrainLong, Proxy: config.Default().Proxy, ShutdownGrace: 9 * time.Second,
		Sandbox: config.Sandbox{Require: module.LevelIsolated, UIDs: config.UIDs{First: 100000, Last: 100009}, Without: []string{"cgroup-cpu", "notify"}},
		Quotas:  manifest.Quotas{Memory: 1 << 30, Requests: 2},
		Modules: map[string]config.Module{"hello": {
			Rollout: policy.Policy{Rollout: manifest.Rollout{Strategy: manifest.Instant}}, StopGrace: 3 * time.Second,
			Quotas: manifest.Quotas{Memory: 512 << 20, CPU: 500, CPUTime: manifest.Duration(time.Hour), OpenFiles: 64, Processes: 64, FileSize: 1 << 20, Storage: 2 << 20, LogLines: 1, Requests: 2},
			Grants: manifest.Permissions{
				Read: []string{"/etc/ssl", "/srv/in"}, Write: []string{"/srv/out"}, Connect: []string{"api.example.com:443", "10.0.0.1:*"}, Listen: []string{":9000"},
				Env: []string{"TZ"}, Exec: []string{"/bin/true"}, Capabilities: []string{"payments@1"}, Tenants: []string{"*"},
			},
		}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

func TestAWrongFileIsRefusedWithPlaceValueAndRemedy(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"an unknown field":            {"listen: 127.0.0.1:1\nlisten_on: x\n", []string{"listen_on", `"x"`, "line 2", "no such setting", "there are listen, admin"}},
		"an unknown field below":      {"log:\n  colour: red\n", []string{"log.colour", `"red"`, "line 2", "there are log.level, log.format"}},
		"an unknown field of modules": {"modules:\n  hello:\n    colours:\n      data: 5\n", []string{"modules.hello.colours.data", "line 4", "quotas, grants"}},
		"an empty field of modules":   {"modules: {shop: {routes: {}}}\n", []string{"modules.shop.routes", "line 1", "no such setting"}},
		"an empty field":              {"prox:\n", []string{"prox", "line 1", "no such setting", "proxy"}},
		"an empty impossible module":  {"modules: {../x: {}}\n", []string{"modules.../x", "a name is"}},
		"a directory as modules":      {"modules: ./mods\n", []string{"modules", "./mods", "line 1", "modules_dir"}},
		"an impossible module name":   {"modules:\n  ../x:\n    stop_grace: 1s\n", []string{"modules.../x.stop_grace", "a name is"}},
		"a mapping as a value":        {"rollout: fast\n", []string{"rollout", "fast", "line 1", "strategy"}},
		"a value as a mapping":        {"listen: {host: a}\n", []string{"listen.host", "line 1"}},
		"a list as a value":           {"listen: [a, b]\n", []string{"listen", "is a list"}},
		"a bad address":               {"\n\nadmin: 8081\n", []string{"admin", `"8081"`, "line 3", "host:port"}},
		"a port out of range":         {"admin: 127.0.0.1:70000\n", []string{"admin", "is no address"}},
		"a bad duration":              {"rollback_window: 10 minutes\n", []string{"rollback_window", `"10 minutes"`, "line 1", "10s"}},
		"a duration without unit":     {"rollback_window: 10\n", []string{"rollback_window", "is no duration"}},
		"a negative duration":         {"rollback_window: -1s\n", []string{"rollback_window", "too short"}},
		"a bad hold":                  {"rollout:\n  hold: soon\n", []string{"rollout.hold", `"soon"`, "line 2", "10s"}},
		"steps that fall":             {"rollout:\n  steps: [25%, 1%, 100%]\n", []string{"rollout.steps", "line 2", "1% does not rise"}},
		"no steps":                    {"rollout: {steps: []}\n", []string{"rollout.steps", "line 1", "are none", "1%,25%,100%"}},
		"a mirror of no use":          {"rollout:\n  strategy: instant\n  mirror: {share: 10%}\n", []string{"rollout.mirror.share", "line 3", "is for the strategy bluegreen alone"}},
		"a module's mirror of no use": {"modules: {hello: {rollout: {strategy: gradual, mirror: {share: 10%}}}}\n", []string{"modules.hello.rollout.mirror.share", "bluegreen"}},
		"steps short of the whole":    {"rollout: {steps: [25%]}\n", []string{"rollout.steps", "end the steps with 100%"}},
		"steps without percent":       {"rollout: {steps: [1, 100]}\n", []string{"rollout.steps", "25%"}},
		"an unknown strategy":         {"rollout: {strategy: yolo}\n", []string{"rollout.strategy", "yolo", "gradual, instant or bluegreen"}},
		"steps past the whole":        {"rollout: {steps: [50%, 150%]}\n", []string{"rollout.steps", "150% is more than the whole"}},
		"a limit of nothing":          {"rollout:\n  limit: 0s\n", []string{"rollout.limit", "line 2", "is no time"}},
		"a negative hold":             {"rollout: {hold: -1s}\n", []string{"rollout.hold", "is negative"}},
		"a limit below the hold":      {"rollout:\n  limit: 1s\n  hold: 1m\n", []string{"rollout.limit", `"1s"`, "line 2", "shorter than the hold (1m0s)"}},
		"a limit below another hold":  {"rollout:\n  limit: 1s\nmodules: {hello: {rollout: {hold: 1m}}}\n", []string{"rollout.limit", "line 2", "shorter than the hold (1m0s), of modules.hello"}},
		"a limit of a module":         {"rollout: {hold: 1m}\nmodules:\n  hello:\n    rollout: {limit: 1s}\n", []string{"modules.hello.rollout.limit", "line 4", "shorter than the hold"}},
		"a word for no evidence":      {"rollout: {unproven: shrug}\n", []string{"rollout.unproven", "proceed, hold or abort"}},
		"a window that is none":       {"rollout:\n  freeze:\n    - Fri 16:00 - Mon 08:00\n    - weekends\n", []string{"rollout.freeze", `"weekends"`, "line 3", "Fri 16:00"}},
		"a check that is none":        {"rollout: {checks: [healthz]}\n", []string{"rollout.checks", `"healthz"`, "begins with '/'"}},
		"a route that is none":        {"rollout: {shield: {routes: [orders]}}\n", []string{"rollout.shield.routes", `"orders"`, "begins with '/'"}},
		"a hook that is no URL":       {"rollout: {hooks: {before_start: gate}}\n", []string{"rollout.hooks.before_start", "neither http nor https"}},
		"a point that is none":        {"rollout: {hooks: {sometimes: http://a}}\n", []string{"rollout.hooks.sometimes", "no such setting", "rollout.hooks.before_start"}},
		"an approval at no point":     {"rollout: {approvals: [after_promotion]}\n", []string{"rollout.approvals", `"after_promotion"`, "before_traffic"}},
		"a sign that is none":         {"rollout: {signs: {mood: 1%}}\n", []string{"rollout.signs.mood", "rollout.signs.crash"}},
		"a list as a single value":    {"rollout: {hold: [1s, 2s]}\n", []string{"rollout.hold", "is a list", "write one value"}},
		"a list in a list":            {"rollout: {checks: [[GET /]]}\n", []string{"rollout.checks", "is a list in a list"}},
		"a mapping in a list":         {"rollout: {checks: [{path: /}]}\n", []string{"rollout.checks", "is written as a mapping"}},
		"a history of nothing":        {"history: 0\n", []string{"history", "1 or more"}},
		"a history without end":       {"history: 100000\n", []string{"history", "at most 1000"}},
		"a shield without memory":     {"shield_memory: 0\n", []string{"shield_memory", "is no size of anything", "64MiB"}},
		"a bad truth":                 {"release_header: yes\n", []string{"release_header", "write true or false"}},
		"a bad word":                  {"on_remove: explode\n", []string{"on_remove", "deactivate keep"}},
		"a shield of megabytes":       {"shield_memory: 5MB\n", []string{"shield_memory", "5MB", "512MiB"}},
		"a field that stands twice":   {"listen: 127.0.0.1:1\nlisten: 127.0.0.1:2\n", []string{"line 2", "listen", "already defined"}},
		"broken YAML":                 {"listen: [\n", []string{"segue.yaml", "line 1"}},
		"tabs":                        {"log:\n\tlevel: info\n", []string{"segue.yaml", "line 2"}},
		"a list":                      {"- listen\n", []string{"line 1", "is no mapping"}},
		"an anchor":                   {"listen: &a 127.0.0.1:1\n", []string{"listen", "line 1", "plain value"}},
		"an alias":                    {"listen: 127.0.0.1:1\nadmin: *a\n", []string{"admin", "line 2", "plain value"}},
		"a tag":                       {"listen: !!str 127.0.0.1:1\n", []string{"listen", "plain value"}},
		"a merge":                     {"log:\n  <<: {level: info}\n", []string{"log", "line 2", "merge"}},
		"a dotted field":              {"log.level: info\n", []string{"log.level", "no such setting"}},
		"two documents":               {"listen: 127.0.0.1:1\n---\nadmin: 127.0.0.1:2\n", []string{"second document", "line 3"}},
		"one address twice":           {"listen: 127.0.0.1:9\nadmin: 127.0.0.1:9\n", []string{"admin", "another port"}},
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

func TestTheSecretOfAHookIsNotToldWithItsMistake(t *testing.T) {
	for _, url := range []string{"ftp://ann:secret@gate.example/secret", "secret", "https://ann:secret@gate.example/secret#secret"} {
		if _, err := load(t, "rollout: {hooks: {before_start: '"+url+"'}}\n"); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("got %v", err)
		}
	}
}

func TestALargeFileIsRefused(t *testing.T) {
	_, err := load(t, strings.Repeat("# nothing\n", 1<<17))
	if module.KindOf(err) != module.Invalid {
		t.Errorf("got %v", err)
	}
}

func TestAnEmptyFileSetsNothing(t *testing.T) {
	for _, text := range []string{"", "# only a comment\n", "---\n", "log:\nrollout:\n", "modules: {shop: {quotas: {}, limits: }}\n", "listen:\nproxy: {tls: {certificates: }}\nrollout: {signs: {}}\n"} {
		got, err := load(t, text)
		if err != nil || !reflect.DeepEqual(got, config.Default()) {
			t.Errorf("%q: got %+v, %v", text, got, err)
		}
	}
}

func TestFlagsGoOverEnvironmentOverFileOverDefaults(t *testing.T) {
	env := map[string]string{"SEGUE_ADMIN": "127.0.0.1:2", "SEGUE_STATE": "env", "SEGUE_LOG_LEVEL": ""}
	got, err := config.Load(config.Sources{
		File:  write(t, "listen: 127.0.0.1:1\nadmin: 127.0.0.1:1\nstate_dir: file\nlog: {level: warn}\n"),
		Env:   func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		Flags: map[string]string{"state": "flag", "release-header": "false"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	want.Listen, want.Admin, want.StateDir, want.Log.Level, want.ReleaseHeader = "127.0.0.1:1", "127.0.0.1:2", "flag", "warn", false
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

func TestAWrongVariableOrFlagIsCalledByItsName(t *testing.T) {
	file := write(t, "")
	for want, from := range map[string]config.Sources{
		`SEGUE_LOG_LEVEL "loud"`: {Env: func(name string) (string, bool) { return "loud", name == "SEGUE_LOG_LEVEL" }},
		`--listen "here"`:        {Env: noEnv, Flags: map[string]string{"listen": "here"}},
	} {
		from.File = file
		if _, err := config.Load(from); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want it to begin with %s", err, want)
		}
	}
}

func TestEveryNameOfASettingIsAFlagAndAVariable(t *testing.T) {
	if names := config.Names(); len(names) != 14 || config.EnvName("log-level") != "SEGUE_LOG_LEVEL" {
		t.Errorf("got %v", names)
	}
}
