package journal

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRoom: both disks of a journal are asked and tried, the second medium too, and nothing is left on them.
func TestRoom(t *testing.T) {
	dir, second := t.TempDir(), t.TempDir()
	if err := TryDisks(dir, second); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{dir, second} {
		if left, err := os.ReadDir(d); err != nil || len(left) > 0 {
			t.Errorf("%v was left, %v", left, err)
		}
	}
	if err := TryDisks(dir, filepath.Join(second, "unmounted")); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrNoRoom) {
		t.Errorf("a directory that is not there: %v", err)
	}
	cfg := config(t, dir)
	free := map[string]uint64{dir: MinRoom, second: MinRoom}
	cfg.Second, cfg.Free = second, func(at string) (uint64, error) { return free[at], nil }
	j := mustOpen(t, cfg)
	if err := errors.Join(j.Room(), j.Probe()); err != nil {
		t.Errorf("with room on both: %v", err)
	}
	free[second]--
	for _, err := range []error{j.Room(), j.Probe()} {
		if !errors.Is(err, ErrNoRoom) || !strings.Contains(err.Error(), second+" has ") {
			t.Errorf("with a second medium that is full: %v", err)
		}
	}
}
