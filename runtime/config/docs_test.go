package config_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/config"
	"github.com/segue-run/segue/runtime/grant"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/sdk/manifest"
)

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
		Quotas: hello.Quotas, Grants: hello.Grants,
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
