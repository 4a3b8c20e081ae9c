package files

import (
	"os"
	"path/filepath"
	"testing"
)

func TestStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	s := Store(path)
	if b, err := s.Load(); err != nil || b != nil {
		t.Fatalf("before: %q, %v", b, err)
	}
	for _, text := range []string{"one", "two"} {
		if err := s.Save([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if b, err := s.Load(); err != nil || string(b) != text {
			t.Fatalf("after %q: %q, %v", text, b, err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("%d files are left, %v", len(left), err)
	}
	if err := Write(filepath.Join(path, "below"), nil); err == nil {
		t.Error("a file below a file was written")
	}
}
