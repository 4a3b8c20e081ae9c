package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRestoredSaysWhoIsAlive takes the steps of OPERATIONS.md with a token that was ended after the backup, once
// with the revocations of the lost machine and once without: then the operator reads that it is alive.
func TestRestoredSaysWhoIsAlive(t *testing.T) {
	dir := t.TempDir()
	data, backup := filepath.Join(dir, "hq"), filepath.Join(dir, "backup")
	cli := func(args ...string) string {
		t.Helper()
		code, out, errs := tilld(t, args...)
		if code != 0 {
			t.Fatalf("%q: exit %d, %s", args, code, errs)
		}
		return out
	}
	cli("hq", "init", "--data", data, "--chain", "kita")
	cli("hq", "token", "add", "--data", data, "M. Sato")
	sato, _, _ := strings.Cut(cli("hq", "token", "list", "--data", data), " ")
	cli("hq", "token", "add", "--data", data, "Tanaka")
	cli("lane", "init", "--data", filepath.Join(dir, "lane"), "-o", filepath.Join(dir, "request"))
	cli("hq", "terminal", "add", "--data", data, "--store", "S001", "--lane", "L1", "--entity", "kita", "-o", filepath.Join(dir, "answer"), filepath.Join(dir, "request"))
	cli("hq", "backup", "--data", data, backup)
	cli("hq", "token", "revoke", "--data", data, sato)

	kept, err := filepath.Glob(filepath.Join(data, "revocations", "*"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("kept beside the books: %q, %v", kept, err)
	}
	for _, with := range []bool{false, true} {
		to := filepath.Join(t.TempDir(), "hq")
		copied(t, backup, to)
		copied(t, filepath.Join(data, "keys"), filepath.Join(to, "keys"))
		if with {
			copied(t, filepath.Join(data, "revocations"), filepath.Join(to, "revocations"))
		}
		out := cli("hq", "restored", "--data", to)
		for text, want := range map[string]bool{
			"revoked again, as after the backup: token " + sato: with, sato + "  M. Sato": !with,
			"Tanaka  read  until": true, "S001/L1  kita": true, "is alive again: look through them": true,
		} {
			if strings.Contains(out, text) != want {
				t.Errorf("with the revocations %v: %q in\n%s", with, text, out)
			}
		}
	}
}

// copied copies a directory and its modes.
func copied(t *testing.T, from, to string) {
	t.Helper()
	list, err := os.ReadDir(from)
	if err == nil {
		err = os.MkdirAll(to, 0o700)
	}
	for _, e := range list {
		if e.IsDir() {
			copied(t, filepath.Join(from, e.Name()), filepath.Join(to, e.Name()))
			continue
		}
		var b []byte
		if b, err = os.ReadFile(filepath.Join(from, e.Name())); err == nil {
			err = os.WriteFile(filepath.Join(to, e.Name()), b, 0o600)
		}
		if err != nil {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}
