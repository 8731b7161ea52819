package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/segue-run/segue/bench/floor"
	"github.com/segue-run/segue/bench/internal/harness"
	"github.com/segue-run/segue/bench/internal/table"
	"github.com/segue-run/segue/bench/internal/variant"
)

// meter measures and keeps what it measured.
type meter struct {
	host       *harness.Host
	client     *http.Client
	executable []byte // hello-1.0.0
	empty      string // the floor's programs
	plugin     string

	total      table.Durations
	phases     map[string]table.Durations
	phaseNames []string // as the first record names them
	floors     map[string]table.Durations
	floorNames []string
}

func newMeter(host *harness.Host) (*meter, error) {
	m := &meter{
		host:   host,
		client: &http.Client{Timeout: waitLimit},
		phases: map[string]table.Durations{},
		floors: map[string]table.Durations{},
	}
	var err error
	if m.executable, err = os.ReadFile(host.Built("hello-1.0.0")); err != nil {
		return nil, fmt.Errorf("%w; type: make modules", err)
	}
	if m.empty, err = harness.Built("empty"); err != nil {
		return nil, err
	}
	m.plugin, err = harness.Built("plugin")
	return m, err
}

// warm brings up the first release, which is not counted.
func (m *meter) warm(ctx context.Context) error {
	if err := m.host.Drop(m.host.Built("hello-1.0.0")); err != nil {
		return err
	}
	_, err := m.host.WaitFor(ctx, "hello", waitLimit, harness.Serves("1.0.0"))
	return err
}

// activate offers a release that the runtime has never seen, and takes the time
// until a client gets its first answer.
func (m *meter) activate(ctx context.Context, i int) error {
	v := version(i)
	prepared := filepath.Join(m.host.Dir, "offer")
	change := variant.Change{Old: "version: 1.0.0", New: "version: " + v}
	if err := variant.Write(m.executable, prepared, change); err != nil {
		return err
	}
	begin := time.Now()
	if err := m.host.Offer(prepared, "hello-"+v); err != nil {
		return err
	}
	if err := m.awaitAnswer(ctx, "hello@"+v); err != nil {
		return err
	}
	m.total = append(m.total, time.Since(begin))

	status, err := m.host.WaitFor(ctx, "hello", waitLimit, harness.Serves(v))
	if err != nil {
		return err
	}
	if status.Rollout == nil {
		return fmt.Errorf("hello@%s serves, but the runtime has no record of its rollout", v)
	}
	for _, phase := range status.Rollout.Phases {
		if _, known := m.phases[phase.Name]; !known {
			m.phaseNames = append(m.phaseNames, phase.Name)
		}
		m.phases[phase.Name] = append(m.phases[phase.Name], time.Duration(phase.Micros)*time.Microsecond)
	}
	if i > keepFiles {
		return m.host.Remove("hello-" + version(i-keepFiles))
	}
	return nil
}

// askEvery is the pause between two questions: short enough to add no more than this
// to a figure, long enough that asking does not take a processor from what is measured.
const askEvery = time.Millisecond

// awaitAnswer asks on one kept connection until release answers.
func (m *meter) awaitAnswer(ctx context.Context, release string) error {
	ctx, cancel := context.WithTimeout(ctx, waitLimit)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.host.URL+"/hello/version", nil)
		if err != nil {
			return err
		}
		resp, err := m.client.Do(req)
		if err != nil {
			return fmt.Errorf("wait for %s: %w; the runtime's log ends:\n%s", release, err, m.host.LogTail(20))
		}
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if err != nil {
			return err
		}
		if resp.Header.Get("Segue-Release") == release {
			return nil
		}
		time.Sleep(askEvery)
	}
}

// floor measures each part of the floor once.
func (m *meter) floor(ctx context.Context) error {
	file := m.host.Built("hello-1.0.0")
	for _, part := range []struct {
		name string
		once func() (time.Duration, error)
	}{
		{"fork and exec of an empty Go program", func() (time.Duration, error) { return floor.Exec(ctx, m.empty) }},
		{"start and ping of an empty go-plugin", func() (time.Duration, error) { return floor.Plugin(m.plugin) }},
		{"SHA-256 of the same file", func() (time.Duration, error) { return floor.Hash(file) }},
		{"copy of the same file", func() (time.Duration, error) {
			return floor.Copy(file, filepath.Join(m.host.Dir, "copy"))
		}},
	} {
		took, err := part.once()
		if err != nil {
			return fmt.Errorf("floor: %s: %w", part.name, err)
		}
		if _, known := m.floors[part.name]; !known {
			m.floorNames = append(m.floorNames, part.name)
		}
		m.floors[part.name] = append(m.floors[part.name], took)
	}
	return nil
}
