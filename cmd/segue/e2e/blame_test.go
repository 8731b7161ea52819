package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/segue-run/segue/runtime/module"
)

func candidate(st module.Status) bool { return st.Candidate != nil }

func TestAQuotaThatNothingCanStartUnderIsRefusedAtTheStart(t *testing.T) {
	s := newSite(t, "modules: {hello: {quotas: {memory: 16MiB}}}\n")
	out, code := s.try("run", "--modules", s.modules, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
	if code != 1 || !strings.Contains(out, "modules.hello.quotas.memory") {
		t.Errorf("exit code %d: %s", code, out)
	}
}

func TestDeployingWhatServesIsNoFailure(t *testing.T) {
	s := started(t, "rollout: {strategy: gradual, steps: [50%, 100%], hold: 1h}\n")
	s.segue("deploy", release("1.0.0"), "--wait")
	s.segue("deploy", release("1.0.0"))
	s.segue("deploy", release("1.1.0"))
	s.segue("deploy", release("1.0.0")) // back to it, from another's rollout
	s.awaitStable("1.0.0")
	s.segue("deploy", release("1.0.0"))
}

func TestAnArtifactThatIsGoneCondemnsNobody(t *testing.T) {
	s := started(t, "rollout: {strategy: gradual, steps: [50%, 100%], hold: 1h}\n")
	s.segue("deploy", release("1.0.0"), "--wait")
	s.segue("deploy", release("1.1.0"))
	digest := string(s.awaitStatus("it is on its way", candidate).Candidate.Digest)
	s.kill()
	must(t, os.Remove(filepath.Join(s.state, "artifacts", digest)))
	s.start()
	s.awaitStable("1.0.0")
	s.segue("deploy", release("1.1.0")) // not in quarantine
	s.awaitStatus("it is on its way again", candidate)
}
