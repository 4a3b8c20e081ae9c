package hq

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestBackup holds what is copied, and what is not: no key, nothing that is not finished, and nothing at all
// under the backup's name when it could not be whole.
func TestBackup(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	if err := Init(t.Context(), dir, "kita", "JPY", "Asia/Tokyo", time.Now); err != nil {
		t.Fatal(err)
	}
	day := filepath.Join(dir, archiveDir, "2026-11-22")
	for _, name := range []string{"01M808/batch.json", "01M808/batch.csv", ".new-01M809/batch.json"} {
		path := filepath.Join(day, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o, err := OpenOffice(t.Context(), dir, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	to := filepath.Join(out, "backup")
	if n, err := o.Backup(t.Context(), to); err != nil || n != 2 {
		t.Fatalf("%d files of the archive, %v", n, err)
	}
	var names []string
	err = filepath.WalkDir(to, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if info, err := d.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s can be read by others: %v", path, err)
		}
		if !d.IsDir() {
			names = append(names, strings.TrimPrefix(path, to+"/"))
		}
		return nil
	})
	want := []string{chainFile, ledgerFile, rootPublic, "settlements/2026-11-22/01M808/batch.csv", "settlements/2026-11-22/01M808/batch.json"}
	if slices.Sort(names); err != nil || !slices.Equal(names, want) {
		t.Errorf("the backup holds %q, %v; want %q", names, err, want)
	}
	if _, err := o.Backup(t.Context(), to); err == nil {
		t.Error("a backup was written over another")
	}

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := o.Backup(ended, filepath.Join(out, "half")); !errors.Is(err, context.Canceled) {
		t.Errorf("broken off: %v", err)
	}
	if err := os.Mkdir(filepath.Join(out, "again.part"), 0o700); err != nil { // as a crash leaves it
		t.Fatal(err)
	}
	if _, err := o.Backup(t.Context(), filepath.Join(out, "again")); err != nil {
		t.Errorf("after one that broke off: %v", err)
	}
	left, err := os.ReadDir(out)
	if err != nil || len(left) != 2 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestBackupInTheWrongPlace: a backup within HQ's own directory would copy itself and be lost with it; and what
// somebody else has put where a backup grows is not removed.
func TestBackupInTheWrongPlace(t *testing.T) {
	o, _, _ := office(t)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(filepath.Join(o.Dir, "keys"), link); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{filepath.Join(o.Dir, "backup"), filepath.Join(o.Dir, archiveDir+"x"), o.Dir, filepath.Join(link, "backup"), filepath.Join(o.Dir, "keys", "..", "b")} {
		if _, err := o.Backup(t.Context(), to); err == nil || !strings.Contains(err.Error(), "within HQ's own directory") {
			t.Errorf("%s: %v", to, err)
		}
	}
	out := t.TempDir()
	to, mine := filepath.Join(out, "backup"), filepath.Join(out, "backup.part", "mine")
	if err := os.MkdirAll(mine, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Backup(t.Context(), to); err == nil || !strings.Contains(err.Error(), "backup.part is in the way") {
		t.Errorf("over somebody's directory: %v", err)
	}
	if _, err := os.Stat(mine); err != nil {
		t.Errorf("it is gone: %v", err)
	}
	if err := os.WriteFile(filepath.Join(out, "backup.part", halfFile), nil, 0o600); err != nil { // as a crash leaves it
		t.Fatal(err)
	}
	if _, err := o.Backup(t.Context(), to); err != nil {
		t.Errorf("after one that broke off: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(to, halfFile)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a whole backup says that it is none: %v", err)
	}
}
