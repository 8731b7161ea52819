package plugins_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/segue-run/segue/plugins/chaos/escape/attack"
)

func TestEscapeTriesNothingWhereItIsNotConfined(t *testing.T) {
	p := start(t, other(t, "escape"))
	var listed []attack.Attack
	if err := json.Unmarshal([]byte(p.get("/escape")), &listed); err != nil || len(listed) != len(attack.All) {
		t.Fatalf("%d attacks are listed, and %v", len(listed), err)
	}
	all := "?really=1"
	for _, name := range []string{attack.HostPID, attack.SiblingPID, attack.State, attack.Artifact, attack.Outside, attack.Data,
		attack.Admin, attack.AdminSocket, attack.Control, attack.Abstract, attack.TCP, attack.UDP} {
		all += "&" + name + "=0"
	}
	for _, a := range listed {
		want, says := http.StatusServiceUnavailable, "not confined"
		if a.Module != "" {
			want, says = http.StatusNotFound, "no such attack"
		}
		if code, body, err := p.ask(http.MethodPost, "/escape/"+a.Name+all, ""); code != want || !strings.Contains(body, says) || err != nil {
			t.Errorf("%s: %d, %q and %v", a.Name, code, body, err)
		}
		if len(a.Needs) > 0 {
			if code, body, err := p.ask(http.MethodPost, "/escape/"+a.Name, ""); code != http.StatusBadRequest || !strings.Contains(body, a.Needs[0]) || err != nil {
				t.Errorf("%s without parameters: %d, %q and %v", a.Name, code, body, err)
			}
		}
	}
	if !p.running() || !p.serving() {
		t.Error("it is not well")
	}
}
