package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRoom: the fullest of the disks counts, to the byte, and one that does not answer is not called full.
func TestRoom(t *testing.T) {
	dir, second := t.TempDir(), t.TempDir()
	gone := errors.New("no answer")
	for _, tt := range []struct {
		name         string
		main, beside any // bytes, or an error
		full         string
	}{
		{"enough on both", MinRoom, MinRoom, ""},
		{"a byte too few", MinRoom - 1, MinRoom, dir},
		{"none", 0, 1 << 40, dir},
		{"on the second medium", 1 << 40, MinRoom - 1, second},
		{"no answer", gone, gone, ""},
		{"no answer from the first", gone, 5, second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := Disks{[]string{dir, second}, "probe", func(at string) (uint64, error) {
				v := map[string]any{dir: tt.main, second: tt.beside}[at]
				if err, ok := v.(error); ok {
					return 0, err
				}
				return uint64(v.(int)), nil
			}}
			for _, ask := range []func() error{d.Room, d.Try} {
				err := ask()
				if errors.Is(err, ErrNoRoom) != (tt.full != "") || err != nil && !strings.Contains(err.Error(), tt.full+" has ") {
					t.Errorf("%v, want %q to be full", err, tt.full)
				}
			}
		})
	}
}

// TestTry: a disk is tried by writing, nothing is left behind, and one that can't be written to at all is not
// called full.
func TestTry(t *testing.T) {
	dir, second := t.TempDir(), t.TempDir()
	try := func(dirs ...string) error { return Disks{Dirs: dirs, Probe: "probe"}.Try() }
	if err := os.WriteFile(filepath.Join(dir, "probe"), []byte("left by a crash"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := try(dir, second); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{dir, second} {
		if left, err := os.ReadDir(d); err != nil || len(left) > 0 {
			t.Errorf("%v was left, %v", left, err)
		}
	}
	if err := try(dir, filepath.Join(second, "unmounted")); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrNoRoom) {
		t.Errorf("a directory that is not there: %v", err)
	}
	if free, err := Free(dir); err != nil || free == 0 {
		t.Errorf("%d bytes free, %v", free, err)
	}
}
