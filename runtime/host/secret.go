package host

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/segue-run/segue/runtime/module"
)

// secretSize is the length of the host's secret, in bytes.
const secretSize = 32

// loadSecret gives the secret with which cookies and preview tokens are signed. It is
// made at the first start and stays, so that a user stays on one release over a restart
// of the host.
func loadSecret(dir string) ([]byte, error) {
	path := filepath.Join(dir, "secret")
	secret, err := os.ReadFile(path)
	switch {
	case err == nil && len(secret) == secretSize:
		return secret, nil
	case err == nil:
		return nil, &module.Error{Kind: module.Invalid, Field: "secret", Value: path,
			Msg:  fmt.Sprintf("has %d bytes, not %d", len(secret), secretSize),
			Hint: "remove it: a new one is made, and users may change sides once in a rollout under way"}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, &module.Error{Kind: module.Unavailable, Field: "secret", Value: path, Err: err, Hint: "let the runtime's user read and write it"}
	}
	secret = make([]byte, secretSize)
	_, _ = rand.Read(secret) // never fails
	if err := writeDurably(path, secret); err != nil {
		return nil, &module.Error{Kind: module.Unavailable, Field: "secret", Value: path, Err: err, Hint: "see that the state directory is writable and has space"}
	}
	return secret, nil
}

// writeDurably puts data into path, whole or not at all, for the owner alone.
func writeDurably(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
