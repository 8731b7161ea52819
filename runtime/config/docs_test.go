package config_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/runtime/config"
	"github.com/segue-run/segue/runtime/grant"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/sdk/manifest"
)

// documented reports whether the block has the field.
func documented(block, field string) bool {
	var node any
	if err := yaml.Unmarshal([]byte(block), &node); err != nil {
		return false
	}
	for name := range strings.SplitSeq(field, ".") {
		below, _ := node.(map[string]any)
		value, there := below[name]
		if !there {
			return false
		}
		node = value
	}
	return true
}

// perModule reports whether a field is documented where it stands for all modules, or has no
// default to tell.
func perModule(field string) bool {
	return strings.HasPrefix(field, "modules.NAME.rollout.") || strings.HasPrefix(field, "quotas.") || field == "rollout.preview_host"
}

func TestTheDocumentedSettingsAreTheDefaults(t *testing.T) {
	text, err := os.ReadFile("../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "```yaml\n")
	block, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatal("docs/operating.md has no yaml block")
	}
	file := filepath.Join(t.TempDir(), "segue.yaml")
	if err := os.WriteFile(file, []byte(block), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := config.Load(config.Sources{File: file, Env: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range config.Fields() {
		if !documented(block, strings.Replace(field, "modules.NAME.", "modules.hello.", 1)) && !perModule(field) {
			t.Errorf("%s is not documented", field)
		}
	}
	want := config.Default()
	if whole := want.RolloutFor("any", manifest.Rollout{}, manifest.Rollout{}); !reflect.DeepEqual(got.Rollout.Complete(), whole) {
		t.Errorf("documented rollout\n%+v\ndefaults\n%+v", got.Rollout.Complete(), whole)
	}
	for _, field := range policy.Fields() {
		if _, set := policy.Text(got.Rollout)[field]; !set && field != "preview_host" {
			t.Errorf("rollout.%s is not documented", field)
		}
	}
	want.Rollout, want.Sandbox.Without = got.Rollout, []string{}
	hello := got.Modules["hello"]
	want.Modules = map[string]config.Module{"hello": {
		Rollout: policy.Policy{Rollout: manifest.Rollout{Strategy: manifest.Instant}, PreviewHost: "preview.example.com"}, StopGrace: 5 * time.Second,
		Quotas: hello.Quotas, Grants: hello.Grants, Replicas: 1, Limits: hello.Limits,
		Timeouts: proxy.Timeouts{Connect: want.Proxy.Timeouts.Connect, Answer: want.Proxy.Timeouts.Answer, Idle: want.Proxy.Timeouts.BodyIdle, Total: want.Proxy.Timeouts.Total},
		Retry:    config.Retry{Enabled: policy.On, Routes: []policy.Match{}, Budget: new(manifest.Weight(2000))}, Queue: hello.Queue,
		Ejection: config.Ejection{Enabled: policy.On, Failures: 5, Above: 3000, First: 10 * time.Second, Most: 5 * time.Minute, MostOut: 5000}, SlowStart: 10 * time.Second,
	}}
	for _, field := range manifest.QuotaFields() {
		if def := grant.Default().Text(field); hello.Quotas.Text(field) == "" || def != "" && hello.Quotas.Text(field) != def {
			t.Errorf("quotas.%s is documented as %q, and its default is %q", field, hello.Quotas.Text(field), def)
		}
	}
	for _, kind := range manifest.PermissionKinds {
		if len(*hello.Grants.Of(kind)) == 0 {
			t.Errorf("grants.%s is not documented", kind)
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("documented\n%+v\ndefaults\n%+v", got, want)
	}
}
