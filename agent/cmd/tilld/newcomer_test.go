package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// machine is a directory of programs: all that a script finds there.
type machine struct {
	*testing.T
	bin string
}

// newMachine has what every Debian has, and a script for each further program.
func newMachine(t *testing.T, scripts map[string]string) machine {
	t.Helper()
	m := machine{t, t.TempDir()}
	for _, name := range []string{"bash", "awk", "cat", "cut", "dirname", "env", "grep", "head", "id", "sort", "tail", "uname"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(m.bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range scripts {
		path := filepath.Join(m.bin, name)
		_ = os.Remove(path) // one of the above, in another's place
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// run runs one of the project's scripts there.
func (m machine) run(script string, env []string, args ...string) (ok bool, says string) {
	m.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "..", ".ci", script))
	if err != nil {
		m.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append([]string{"PATH=" + m.bin, "HOME=" + m.bin}, env...)
	out, err := cmd.CombinedOutput()
	return err == nil, string(out)
}

// TestWhatANewcomerLacks: each is said in a sentence that tells what to do.
func TestWhatANewcomerLacks(t *testing.T) {
	goPath, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	real := "exec " + goPath + ` "$@"`
	offline := []string{"GOMODCACHE=" + t.TempDir(), "GOPROXY=https://127.0.0.1:1", "GOFLAGS=-modcacherw", "GOCACHE=" + t.TempDir()}
	none := map[string]string{"id": "echo 1000"} // nobody in particular
	with := func(name, text string) map[string]string { return map[string]string{"id": none["id"], name: text} }
	tests := []struct {
		name    string
		script  string
		scripts map[string]string
		env     []string
		want    []string // in what it says
	}{
		{"no go", "need", nil, nil, []string{"there is no go on the PATH; it takes Go 1.", "https://go.dev/dl"}},
		{"Debian's go", "need", with("go", "echo go version go1.19.8 linux/amd64"), nil, []string{"it takes Go 1.", "this is 1.19.8"}},
		{"a go that can't fetch a newer one", "need", with("go", `[ "$GOTOOLCHAIN" = local ] && echo go version go1.24.4 linux/amd64 && exit; echo "go: download: dial tcp: no route" >&2; exit 1`), nil,
			[]string{"this is go1.24.4, which could not fetch it:", "dial tcp: no route", "GOTOOLCHAIN=auto"}},
		{"no network at the first time", "need", with("go", real), offline, []string{"what is needed to build tilld could not be had:", "127.0.0.1:1", "the first time takes a network"}},
		{"no apt-get", "deps", none, nil, []string{"missing: gcc git chromium", "has no apt-get"}},
		{"neither root nor sudo", "deps", with("apt-get", "exit 0"), nil, []string{"you are not root and there is no sudo", "as root: apt-get install --no-install-recommends gcc git chromium"}},
		{"apt-get fails", "deps", map[string]string{"id": "echo 0", "apt-get": "echo E: Unable to fetch >&2; exit 100"}, nil,
			[]string{"E: Unable to fetch", "deps: could not install gcc git chromium", "takes a network"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ok, says := newMachine(t, tt.scripts).run(tt.script, tt.env, "build")
			if ok {
				t.Error("it says that all is well")
			}
			for _, want := range tt.want {
				if !strings.Contains(says, want) {
					t.Errorf("it does not say %q:\n%s", want, says)
				}
			}
		})
	}
	if ok, says := newMachine(t, with("go", real)).run("need", os.Environ(), "build"); !ok || says != "" {
		t.Errorf("nothing lacks, and it says\n%s", says)
	}
}
