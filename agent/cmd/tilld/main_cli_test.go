package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tilld runs the program in this process and returns what it said.
func tilld(t testing.TB, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, streams{strings.NewReader(""), &o, &e})
	return code, o.String(), e.String()
}

func TestCommandLine(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.toml")
	if err := os.WriteFile(bad, []byte("data = \"/d\"\nlanguge = \"en\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name      string
		args      []string
		code      int
		out, errs string // must be contained
	}{
		{"no arguments print help", nil, 0, "Exit codes:", ""},
		{"help", []string{"--help"}, 0, "config", ""},
		{"version", []string{"version"}, 0, "tilld ", ""},
		{"unknown command", []string{"sell"}, 2, "", "Try: tilld --help"},
		{"a lane's help tells how to run it", []string{"lane", "--help"}, 0, "tilld lane -c lane.toml", ""},
		{"HQ's help tells how to run it", []string{"hq", "--help"}, 0, "tilld hq -c hq.toml", ""},
		{"no configuration", []string{"lane"}, 2, "", "--config=FILE\nTry: tilld lane --help\n"},
		{"a configuration without its name", []string{"hq", "-c"}, 2, "", "Try: tilld hq --help\n"},
		{"no data directory", []string{"lane", "init"}, 2, "", "--data=DIR\nTry: tilld lane init --help\n"},
		{"no act", []string{"hq", "terminal"}, 2, "", "Try: tilld hq terminal --help\n"},
		{"unknown flag", []string{"hq", "terminal", "list", "--bogus"}, 2, "", "Try: tilld hq terminal list --help\n"},
		{"a fault that the parser can't see", []string{"demo", "--port", "1"}, 2, "", "Try: tilld demo --help\n"},
		{"example lane", []string{"config", "example", "lane"}, 0, "[scanner]", ""},
		{"example of nothing", []string{"config", "example", "shop"}, 2, "", "shop"},
		{"check a bad file", []string{"config", "check", bad}, 1, "", ":2: languge: unknown key"},
		{"check a missing file", []string{"config", "check", bad + "x"}, 1, "", "no such file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, out, errs := tilld(t, tt.args...)
			if code != tt.code || !strings.Contains(out, tt.out) || !strings.Contains(errs, tt.errs) {
				t.Errorf("exit %d, out %q, err %q; want exit %d, %q, %q", code, out, errs, tt.code, tt.out, tt.errs)
			}
		})
	}
}
