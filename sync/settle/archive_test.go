package settle

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tilld/agent/payment"
)

func mustArchive(t *testing.T, dir string) *Archive {
	t.Helper()
	a, err := OpenArchive(dir)
	if err != nil {
		t.Fatalf("OpenArchive: %v", err)
	}
	return a
}

func read(t *testing.T, a *Archive, id payment.ID, form Form) []byte {
	t.Helper()
	f, err := a.Open(id, form)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	defer f.Close()
	raw, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func checkArchived(t *testing.T, a *Archive, b *Batch) {
	t.Helper()
	for form, want := range map[Form][]byte{FormJSON: mustJSON(t, b), FormCSV: b.CSV(), FormManifest: b.ManifestJSON()} {
		if got := read(t, a, b.ID, form); !bytes.Equal(got, want) {
			t.Errorf("%s is not the batch's", form)
		}
	}
	if got, err := a.Load(b.ID); err != nil || got.Root != b.Root {
		t.Errorf("Load: %v", err)
	}
}

func TestArchive(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "arch[ive]*")
	a := mustArchive(t, dir)
	b, other := mustBuild(t, goldenCut()), mustBuild(t, cutOf())
	if other.ID != b.ID {
		t.Fatal("the test wants two batches with one ID")
	}
	if _, err := a.Open(b.ID, FormCSV); !errors.Is(err, ErrNotArchived) {
		t.Errorf("Open before Put: %v", err)
	}
	for range 2 {
		if err := a.Put(b); err != nil {
			t.Fatal(err)
		}
	}
	checkArchived(t, a, b)
	if err := a.Put(other); !errors.Is(err, ErrArchived) {
		t.Errorf("another batch under the same ID: %v, want %v", err, ErrArchived)
	}
	checkArchived(t, mustArchive(t, dir), b)
	if ids, err := a.List(); err != nil || len(ids) != 1 || ids[0] != b.ID {
		t.Errorf("List: %v, %v", ids, err)
	}
	info, err := os.Stat(filepath.Join(dir, "2026-11-22", b.ID.String(), "batch.csv"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the CSV file's mode is %v, %v", info.Mode(), err)
	}
}

func TestArchiveRefusesDamage(t *testing.T) {
	b := mustBuild(t, goldenCut())
	next := goldenCut()
	next.Number = 2
	moved := mustBuild(t, next)
	damage := map[string]func(*testing.T, string){
		"a bit":           func(t *testing.T, path string) { writeTest(t, path, []byte(flip(string(mustJSON(t, b)), `"entry":"`))) },
		"cut short":       func(t *testing.T, path string) { writeTest(t, path, mustJSON(t, b)[:100]) },
		"another's batch": func(t *testing.T, path string) { writeTest(t, path, mustJSON(t, moved)) },
	}
	for name, do := range damage {
		t.Run(name, func(t *testing.T) {
			a := mustArchive(t, t.TempDir())
			if err := a.Put(b); err != nil {
				t.Fatal(err)
			}
			do(t, filepath.Join(a.path(b.ID), string(FormJSON)))
			if _, err := a.Load(b.ID); !errors.Is(err, ErrBatch) {
				t.Errorf("Load: %v, want %v", err, ErrBatch)
			}
			if err := a.Put(b); !errors.Is(err, ErrArchived) {
				t.Errorf("Put: %v, want %v", err, ErrArchived)
			}
		})
	}
}

func writeTest(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

var errStop = errors.New("stopped by the test")

// TestArchiveStopsAnywhere stops Put before each step on the disk, for good as kill -9 does (what is half
// written stays) and once as a bad disk does. Afterwards the batch is there whole or not at all, and Put
// brings it there.
func TestArchiveStopsAnywhere(t *testing.T) {
	b := mustBuild(t, goldenCut())
	for _, kill := range []bool{true, false} {
		steps := 0
		for n := 0; ; n++ {
			dir := t.TempDir()
			a := mustArchive(t, dir)
			at := 0
			a.before = func(string, string) error {
				at++
				if at == n+1 || kill && at > n {
					return errStop
				}
				return nil
			}
			err := a.Put(b)
			if err == nil {
				steps = n
				break
			}
			if !errors.Is(err, errStop) {
				t.Fatalf("step %d: %v", n, err)
			}
			if kill {
				a = mustArchive(t, dir)
			}
			wholeOrNothing(t, a, b, n)
			if err := a.Put(b); err != nil {
				t.Fatalf("step %d, again: %v", n, err)
			}
			checkArchived(t, a, b)
			if left, _ := filepath.Glob(filepath.Join(dir, "*", ".*")); kill && len(left) > 0 {
				t.Errorf("step %d: left behind: %v", n, left)
			}
		}
		if steps < 15 {
			t.Errorf("stopped at %d steps only", steps)
		}
	}
}

func wholeOrNothing(t *testing.T, a *Archive, b *Batch, step int) {
	t.Helper()
	ids, err := a.List()
	if err != nil {
		t.Fatal(err)
	}
	if len(ids) > 0 {
		checkArchived(t, a, b)
	} else if _, err := a.Load(b.ID); !errors.Is(err, ErrNotArchived) {
		t.Errorf("step %d: Load: %v", step, err)
	}
}

// TestArchiveSyncs holds the order that power cuts demand: every byte and name below is synced before the
// rename, and the rename's directory after it, also when the batch was there already.
func TestArchiveSyncs(t *testing.T) {
	a := mustArchive(t, t.TempDir())
	var steps []string
	a.before = func(op, path string) error {
		rel, err := filepath.Rel(a.dir, path)
		steps = append(steps, op+" "+strings.ReplaceAll(rel, cutOf().ID().String(), "ID"))
		return err
	}
	b := mustBuild(t, cutOf(line(1, 1, 5)))
	if err := a.Put(b); err != nil {
		t.Fatal(err)
	}
	want := "mkdir 2026-11-22\nremove 2026-11-22/.new-ID\nmkdir 2026-11-22/.new-ID\n"
	for _, form := range []Form{FormJSON, FormCSV, FormManifest} {
		name := "2026-11-22/.new-ID/" + string(form)
		want += "create " + name + "\nwrite " + name + "\nwrite " + name + "\nsync " + name + "\n"
	}
	want += "sync 2026-11-22/.new-ID\nrename 2026-11-22/ID\nsync 2026-11-22\nsync ."
	if got := strings.Join(steps, "\n"); got != want {
		t.Errorf("steps:\n%s\nwant:\n%s", got, want)
	}
	steps = nil
	if err := a.Put(b); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(steps, "\n"), "sync 2026-11-22\nsync ."; got != want {
		t.Errorf("steps of a second Put:\n%s\nwant:\n%s", got, want)
	}
}

// killDir tells the test's own binary that it is the child of TestArchiveKilled.
const killDir = "SETTLE_TEST_KILL_DIR"

// TestArchiveKilled kills a process that archives batches, with SIGKILL, and counts what it had said was
// archived.
func TestArchiveKilled(t *testing.T) {
	if dir := os.Getenv(killDir); dir != "" {
		archiveForever(t, dir)
	}
	for _, after := range []int{1, 2, 7, 20} {
		dir := t.TempDir()
		cmd := exec.Command(os.Args[0], "-test.run=^TestArchiveKilled$")
		cmd.Env = append(os.Environ(), killDir+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		done := 0
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if done++; done == after {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("the child ended by itself")
		}
		a := mustArchive(t, dir)
		ids, err := a.List()
		if err != nil || len(ids) < done || done < after {
			t.Fatalf("%d batches were archived, %d are there: %v", done, len(ids), err)
		}
		for _, id := range ids {
			if _, err := a.Load(id); err != nil {
				t.Error(err)
			}
		}
	}
}

func archiveForever(t *testing.T, dir string) {
	a := mustArchive(t, dir)
	for n := uint32(1); ; n++ {
		c := cutOf(line(1, uint64(n), 5))
		c.Number = n
		if err := a.Put(mustBuild(t, c)); err != nil {
			t.Fatal(err)
		}
		fmt.Println("archived", n)
	}
}

func TestOpenArchiveFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	writeTest(t, path, nil)
	if _, err := OpenArchive(filepath.Join(path, "below")); err == nil {
		t.Error("an archive below a file")
	}
	if _, err := OpenArchive(path); err == nil {
		t.Error("an archive that is a file")
	}
}

// TestListUnreadable: a directory that can't be read is not taken for an empty one, for then its batches would be cut again.
func TestListUnreadable(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "2026-11-22"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if ids, err := ReadArchive(dir).List(); err == nil {
		t.Errorf("listed %v", ids)
	}
	if ids, err := ReadArchive(filepath.Join(dir, "none")).List(); err != nil || len(ids) != 0 {
		t.Errorf("none there: %v, %v", ids, err)
	}
}
