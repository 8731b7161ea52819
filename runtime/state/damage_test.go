package state_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/state"
)

// written makes a state directory with a bucket, an audit stream and a limited one,
// each with some records, and closes it.
func written(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	s := open(t, dir)
	b := bucket(t, s, "modules")
	for i := range 9 {
		if _, err := b.Put(t.Context(), fmt.Sprintf("m%d", i%3), marked(i)); err != nil {
			t.Fatal(err)
		}
	}
	for _, st := range []*state.Stream{stream(t, s, "audit", state.StreamConfig{}), stream(t, s, "events", state.StreamConfig{MaxMsgs: 100})} {
		for i := range 9 {
			if _, err := st.Append(t.Context(), "x", marked(i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	closeNow(t, s)
	return dir
}

// marked is a value that can be found in a block file.
func marked(i int) []byte { return fmt.Appendf(nil, "[value %d]", i) }

func streamDir(dir, name string) string {
	return filepath.Join(dir, "jetstream", "$G", "streams", name)
}

// files gives the files of a stream whose names match, which are some.
func files(t *testing.T, dir, stream, pattern string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(streamDir(dir, stream), func(path string, d fs.DirEntry, err error) error {
		if ok, _ := filepath.Match(pattern, filepath.Base(path)); ok && !d.IsDir() {
			out = append(out, path)
		}
		return err
	})
	if err != nil || len(out) == 0 {
		t.Fatalf("no %s in %s: %v", pattern, stream, err)
	}
	return out
}

func edit(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(data), 0o600); err != nil {
		t.Fatal(err)
	}
}

// flip changes a bit of a value that a block file holds.
func flip(value []byte) func([]byte) []byte {
	return func(data []byte) []byte {
		if i := bytes.LastIndex(data, value); i >= 0 {
			data[i+1] ^= 1
		}
		return data
	}
}

func remove(t *testing.T, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
	}
}

// damages are what can happen to the files of one stream. All take away something
// that was acknowledged.
var damages = map[string]func(t *testing.T, dir, stream string){
	"its directory is gone":      func(t *testing.T, dir, stream string) { remove(t, streamDir(dir, stream)) },
	"all of jetstream is gone":   func(t *testing.T, dir, stream string) { remove(t, filepath.Join(dir, "jetstream")) },
	"its description is gone":    func(t *testing.T, dir, stream string) { remove(t, files(t, dir, stream, "meta.inf")...) },
	"its checksum is gone":       func(t *testing.T, dir, stream string) { remove(t, files(t, dir, stream, "meta.sum")...) },
	"its description is garbage": func(t *testing.T, dir, stream string) { edit(t, files(t, dir, stream, "meta.inf")[0], garbage) },
	"its description is empty":   func(t *testing.T, dir, stream string) { edit(t, files(t, dir, stream, "meta.inf")[0], nothing) },
	"its blocks are gone":        func(t *testing.T, dir, stream string) { remove(t, files(t, dir, stream, "*.blk")...) },
	"its block is empty":         func(t *testing.T, dir, stream string) { edit(t, files(t, dir, stream, "*.blk")[0], nothing) },
	"its block is garbage":       func(t *testing.T, dir, stream string) { edit(t, files(t, dir, stream, "*.blk")[0], garbage) },
	"its block is cut": func(t *testing.T, dir, stream string) {
		edit(t, files(t, dir, stream, "*.blk")[0], func(b []byte) []byte { return b[:len(b)/2] })
	},
	"its block is cut and its index gone": func(t *testing.T, dir, stream string) {
		edit(t, files(t, dir, stream, "*.blk")[0], func(b []byte) []byte { return b[:len(b)/2] })
		remove(t, files(t, dir, stream, "index.db")...)
	},
	"a bit of its newest value is flipped": func(t *testing.T, dir, stream string) {
		edit(t, files(t, dir, stream, "*.blk")[0], flip(marked(8)))
	},
	"a bit is flipped and its index gone": func(t *testing.T, dir, stream string) {
		edit(t, files(t, dir, stream, "*.blk")[0], flip(marked(7)))
		remove(t, files(t, dir, stream, "index.db")...)
	},
}

func garbage(b []byte) []byte { return bytes.Repeat([]byte("garbage "), len(b)/8+1) }
func nothing([]byte) []byte   { return nil }

// TestLostStateIsNeverPassedOver damages what no later write may hide: opening, or
// reading everything, names the directory and the remedy, and does so again the next
// time.
func TestLostStateIsNeverPassedOver(t *testing.T) {
	for name, damage := range damages {
		for stream, use := range map[string]func(*testing.T, *state.Store) error{
			"KV_modules": func(t *testing.T, s *state.Store) error {
				b, err := s.Bucket(t.Context(), "modules", state.BucketConfig{})
				if err == nil {
					_, err = b.All(t.Context())
				}
				return err
			},
			"audit": func(t *testing.T, s *state.Store) error {
				st, err := s.Stream(t.Context(), "audit", state.StreamConfig{})
				if err == nil {
					_, err = st.Read(t.Context(), "", 1, 0)
				}
				return err
			},
		} {
			t.Run(name+"/"+stream, func(t *testing.T) {
				dir := written(t)
				damage(t, dir, stream)
				for range 2 {
					s := open(t, dir)
					err := use(t, s)
					if !errors.Is(err, state.ErrDamaged) || module.KindOf(err) != module.Internal {
						t.Fatalf("got %v, want ErrDamaged", err)
					}
					for _, part := range []string{dir + " from a backup", "move it aside"} {
						if !strings.Contains(err.Error(), part) {
							t.Errorf("%v does not name %s", err, part)
						}
					}
					closeNow(t, s)
				}
			})
		}
	}
}

func TestALimitedStreamGoesOnAfterDamageWithAWarning(t *testing.T) {
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			dir := written(t)
			damage(t, dir, "events")
			core, logged := observer.New(zap.WarnLevel)
			s, err := state.Open(state.Config{Dir: dir, Logger: zap.New(core)})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			st := stream(t, s, "events", state.StreamConfig{MaxMsgs: 100})
			if _, err := st.Read(t.Context(), "", 1, 0); err != nil {
				t.Fatal(err)
			}
			seq, err := st.Append(t.Context(), "x", []byte("new"))
			if err != nil {
				t.Fatal(err)
			}
			got, err := st.Last(t.Context(), "", 1)
			if err != nil || len(got) != 1 || got[0].Seq != seq || string(got[0].Data) != "new" {
				t.Errorf("the newest is %v, %v, want %d", got, err, seq)
			}
			if logged.Len() == 0 {
				t.Error("it went on without a warning")
			}
		})
	}
}

func TestRemovingTheMarkAcceptsTheLoss(t *testing.T) {
	for name, keys := range map[string]int{"its directory is gone": 0, "its block is cut": 3} {
		t.Run(name, func(t *testing.T) {
			dir := written(t)
			damages[name](t, dir, "KV_modules")
			s := open(t, dir)
			_, err := s.Bucket(t.Context(), "modules", state.BucketConfig{})
			mark := filepath.Join(dir, "marks", "KV_modules")
			if err == nil || !strings.Contains(err.Error(), "remove "+mark) {
				t.Fatalf("%v does not say how to go on", err)
			}
			closeNow(t, s)
			remove(t, mark)
			for i := range 3 { // it is accepted once and for all, also before and after writing
				s = open(t, dir)
				b := bucket(t, s, "modules")
				if all, err := b.All(t.Context()); err != nil || len(all) != keys+max(0, i-1) {
					t.Errorf("start %d: %v, %v", i, all, err)
				}
				if i == 1 {
					if _, err := b.Put(t.Context(), "new", nil); err != nil {
						t.Fatal(err)
					}
				}
				closeNow(t, s)
			}
		})
	}
}

func TestADamagedStreamCanBeBegunAnewAndIsNotUsedWithAGap(t *testing.T) {
	dir := written(t)
	damages["its block is cut"](t, dir, "audit")
	remove(t, filepath.Join(dir, "marks", "audit"))
	s := open(t, dir)
	if _, err := s.Stream(t.Context(), "audit", state.StreamConfig{}); !errors.Is(err, state.ErrDamaged) {
		t.Fatalf("a stream with a gap: %v, want ErrDamaged", err)
	}
	closeNow(t, s)
	remove(t, streamDir(dir, "audit"), filepath.Join(dir, "marks", "audit"))
	if seq, err := stream(t, open(t, dir), "audit", state.StreamConfig{}).Append(t.Context(), "x", nil); err != nil || seq != 1 {
		t.Errorf("the first record anew is %d, %v", seq, err)
	}
}

func TestAnUnreadableOrMissingMarkIsWrittenAnew(t *testing.T) {
	for name, damage := range map[string]func(string){
		"gone":    func(path string) { remove(t, path) },
		"garbage": func(path string) { edit(t, path, garbage) },
		"empty":   func(path string) { edit(t, path, nothing) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := written(t)
			damage(filepath.Join(dir, "marks", "KV_modules"))
			s := open(t, dir)
			if all, err := bucket(t, s, "modules").All(t.Context()); err != nil || len(all) != 3 {
				t.Fatalf("%v, %v", all, err)
			}
			closeNow(t, s)
			remove(t, streamDir(dir, "KV_modules"))
			if _, err := open(t, dir).Bucket(t.Context(), "modules", state.BucketConfig{}); !errors.Is(err, state.ErrDamaged) {
				t.Errorf("a loss after that: %v, want ErrDamaged", err)
			}
		})
	}
}
