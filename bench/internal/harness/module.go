package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/segue-run/segue/runtime/module"
)

// Built is the path of one of the example modules, as in Built("hello-1.0.0").
func (h *Host) Built(name string) string {
	return filepath.Join(h.root, "build", "modules", name)
}

// Prepare copies file to the runtime's file system, outside the modules folder,
// ready to be offered, and returns where it lies.
func (h *Host) Prepare(file string) (string, error) {
	src, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("prepare a module: %w", err)
	}
	defer src.Close()
	dst, err := os.CreateTemp(h.Dir, "offer")
	if err != nil {
		return "", err
	}
	_, err = io.Copy(dst, src)
	if err := errors.Join(err, dst.Chmod(0o755), dst.Close()); err != nil {
		return "", fmt.Errorf("prepare %s: %w", file, err)
	}
	return dst.Name(), nil
}

// Offer renames a prepared file into the modules folder.
func (h *Host) Offer(prepared, name string) error {
	return os.Rename(prepared, filepath.Join(h.modules(), name))
}

// Drop prepares and offers a file under its own name.
func (h *Host) Drop(file string) error {
	prepared, err := h.Prepare(file)
	if err != nil {
		return err
	}
	return h.Offer(prepared, filepath.Base(file))
}

// Remove removes a file from the modules folder.
func (h *Host) Remove(name string) error {
	return os.Remove(filepath.Join(h.modules(), name))
}

// Show asks for a module's status; nil where the runtime does not know it.
func (h *Host) Show(ctx context.Context, name string) (*module.Status, error) {
	resp, err := h.get(ctx, "/v1/modules/"+name)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return nil, nil
	default:
		return nil, fmt.Errorf("show %s: the runtime answers %s", name, resp.Status)
	}
	var status module.Status
	if err := json.NewDecoder(resp.Body).Decode(&status); err != nil {
		return nil, fmt.Errorf("show %s: %w", name, err)
	}
	return &status, nil
}

// WaitFor shows a module over and over until done says so; done never sees nil.
// Where that takes longer than limit, the error tells the last status.
func (h *Host) WaitFor(ctx context.Context, name string, limit time.Duration, done func(*module.Status) bool) (*module.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var last *module.Status
	for {
		status, err := h.Show(ctx, name)
		if err != nil && ctx.Err() == nil {
			return nil, err
		}
		if err == nil && status != nil {
			last = status
			if done(status) {
				return status, nil
			}
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for %s: %w; it is %s; the runtime's log ends:\n%s",
				name, ctx.Err(), describe(last), h.LogTail(20))
		case <-h.exited:
			return nil, fmt.Errorf("wait for %s: the runtime ended: %s", name, h.cmd.ProcessState)
		case <-time.After(lookEvery):
		}
	}
}

// Serves reports whether the module's stable release is version and no rollout
// runs; it is a condition for WaitFor.
func Serves(version string) func(*module.Status) bool {
	return func(s *module.Status) bool {
		return s.State == module.Active && s.Stable != nil && s.Stable.Version == version &&
			(s.Rollout == nil || s.Rollout.Over())
	}
}

// Command runs the command line against this runtime and returns what it prints.
func (h *Host) Command(ctx context.Context, args ...string) (string, error) {
	args = append(args, "--state", h.state())
	cmd := exec.CommandContext(ctx, filepath.Join(h.root, "bin", "segue"), args...)
	cmd.Env = cleanEnv()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("segue %v: %w: %s", args, err, out)
	}
	return string(out), nil
}

func describe(s *module.Status) string {
	if s == nil {
		return "unknown to the runtime"
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
