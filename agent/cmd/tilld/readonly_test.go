//go:build unix

package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// nobody owns what a test gives away; root may write everywhere, so it can't be the one that may not.
const nobody = 65534

// TestReadOnlyDirectory: a lane and HQ whose directory they may read and not write end with one clear line that names
// it, and the exit code of what could not be done, before anything was sold or taken. A journal and books that are
// there are as they were.
func TestReadOnlyDirectory(t *testing.T) {
	dir := t.TempDir()
	s := &stage{TB: t, dir: dir}
	office, till := filepath.Join(dir, "hq"), filepath.Join(dir, "L1")
	request, answer := filepath.Join(dir, "request"), filepath.Join(dir, "answer")
	s.cli("hq", "init", "--data", office, "--chain", "kita")
	s.cli("lane", "init", "--data", till, "-o", request)
	s.cli("hq", "terminal", "add", "--data", office, "--store", "S001", "--lane", "L1", "--entity", "kita-foods", "-o", answer, request)
	s.cli("lane", "join", "--data", till, answer)
	lane := s.file("lane.toml", fmt.Sprintf("data = %q\n[scanner]\npath = \"/dev/null\"\nlocks = %q\n[broker]\naddresses = [\"mqtt://127.0.0.1:1\"]\n[listen]\npages = \"127.0.0.1:0\"\npos = \"127.0.0.1:0\"\n", till, dir))
	hq := s.file("hq.toml", fmt.Sprintf("data = %q\n[embedded_broker]\nlisten = \"127.0.0.1:0\"\n[serve]\naddress = \"127.0.0.1:0\"\n", office))
	program := givenAway(t, dir)
	for _, tt := range []struct {
		name, data string
		args       []string
	}{
		{"lane", till, []string{"lane", "-c", lane}},
		{"HQ", office, []string{"hq", "-c", hq}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			shut(t, tt.data)
			code, msg := asNobody(t, program, tt.args...)
			if code != exitFailure || !strings.Contains(msg, tt.data) || !strings.Contains(msg, "permission denied") && !strings.Contains(msg, "may not write") {
				t.Errorf("exit %d:\n%s", code, msg)
			}
			if n := strings.Count(msg, "\n"); n != 1 {
				t.Errorf("%d lines:\n%s", n, msg)
			}
		})
	}
}

// givenAway makes another user the owner of a directory, and puts a copy of the program there, since the place of
// this one is closed to others. Without root's rights it stays ours.
func givenAway(t *testing.T, dir string) (program string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	program = filepath.Join(dir, "tilld")
	if err := os.WriteFile(program, b, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // this test's own: see testing.T.TempDir
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		return program
	}
	err = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, nobody, nobody)
	})
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// shut makes a directory, and those in it, ones that may be read and not written. It can be deleted afterwards.
func shut(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return err
		}
		t.Cleanup(func() { _ = os.Chmod(path, 0o700) }) // else deleting fails, and says so
		return os.Chmod(path, 0o500)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// asNobody runs tilld as a user that is not root.
func asNobody(t *testing.T, program string, args ...string) (code int, msg string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env, cmd.Dir = append(os.Environ(), asProgram+"=1"), "/"
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String()
}
