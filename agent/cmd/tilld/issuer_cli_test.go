package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestIssuerCommands: from an empty directory to an audit, as OPERATIONS.md tells it.
func TestIssuerCommands(t *testing.T) {
	dir := t.TempDir()
	data, conf := filepath.Join(dir, "issuer"), filepath.Join(dir, "issuer.toml")
	text := fmt.Sprintf("data = %q\n[messages]\nkind = \"spool\"\nspool = %q\n", data, filepath.Join(dir, "spool"))
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := tilld(t, "issuer", "audit", "-c", conf); code != 3 || !strings.Contains(errs, "tilld issuer init") {
		t.Errorf("without an issuer: exit %d, %q", code, errs)
	}
	code, out, errs := tilld(t, "issuer", "init", "--data", data)
	if code != 0 || !strings.Contains(out, "tilld hq issuer add") || !strings.Contains(out, `prefix = "/operator/v1"`) {
		t.Fatalf("exit %d, %q, %q", code, out, errs)
	}
	for _, name := range []string{"keys/issuer.key", "gateway.token"} {
		if info, err := os.Stat(filepath.Join(data, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if code, _, errs := tilld(t, "issuer", "init", "--data", data); code != 3 || !strings.Contains(errs, "holds an issuer already") {
		t.Errorf("again: exit %d, %q", code, errs)
	}
	hqData := filepath.Join(dir, "hq")
	if code, _, errs := tilld(t, "hq", "init", "--data", hqData, "--chain", "kita"); code != 0 {
		t.Fatal(errs)
	}
	if code, out, errs := tilld(t, "hq", "issuer", "add", "--data", hqData, "--wallet", "house", filepath.Join(data, "issuer.pem")); code != 0 || !strings.Contains(out, "issuer of house") {
		t.Errorf("HQ: exit %d, %q, %q", code, out, errs)
	}
	for _, tt := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"the books", []string{"audit"}, 0, "the books add up"},
		{"nobody is stopped", []string{"stops"}, 0, ""},
		{"a stranger", []string{"stop", "nobody", "--why", "lost"}, 3, "not found"},
		{"no reason", []string{"stop", "nobody"}, 2, "--why"},
		{"the switch", []string{"switch", "spending-off", "--why", "a fire drill", "--by", "kato"}, 0, "spending is stopped"},
		{"which is told", []string{"stops"}, 0, "spending is stopped, since"},
		{"and opened", []string{"switch", "on", "--why", "it was one"}, 0, "nothing is stopped"},
		{"a backup", []string{"backup", filepath.Join(dir, "copy.db")}, 0, "written: "},
		{"over another", []string{"backup", filepath.Join(dir, "copy.db")}, 3, "exists"},
		{"no such stop", []string{"lift", "7", "--why", "so"}, 3, "not found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, out, errs := tilld(t, append([]string{"issuer", tt.args[0], "-c", conf}, tt.args[1:]...)...)
			if code != tt.code || !strings.Contains(out+errs, tt.says) {
				t.Errorf("exit %d, %q, %q", code, out, errs)
			}
		})
	}
	if err := os.Rename(filepath.Join(dir, "copy.db"), filepath.Join(data, "issuer.db")); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := tilld(t, "issuer", "stops", "-c", conf); code != 0 {
		t.Errorf("the copy in the place of the books: exit %d, %q, %q", code, out, errs)
	}
	if code, out, errs := tilld(t, "config", "check", conf); code != 0 || !strings.Contains(out, "for tilld issuer") || !strings.Contains(out, "spool tells no customer") {
		t.Errorf("exit %d, %q, %q", code, out, errs)
	}
	if code, _, errs := tilld(t, "hq", "-c", conf); code != 1 || !strings.Contains(errs, "run it with tilld issuer -c") {
		t.Errorf("exit %d, %q", code, errs)
	}
	if err := os.Chmod(filepath.Join(data, "keys/issuer.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := tilld(t, "issuer", "audit", "-c", conf); code != 3 || !strings.Contains(errs, "can be read by others") {
		t.Errorf("a key for everybody: exit %d, %q", code, errs)
	}
}
