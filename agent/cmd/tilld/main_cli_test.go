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
	dir := t.TempDir()
	file := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	lane := file("lane.toml", "data = \""+dir+"/data\"\n[scanner]\npath = \""+dir+"/scanner\"\nlocks = \""+dir+"\"\n[broker.tls]\nca = \""+dir+"/ca.pem\"\n")
	hq := file("hq.toml", "data = \""+dir+"/hq\"\n[embedded_broker]\nlisten = \"127.0.0.1:0\"\n")
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
		{"check what a file names", []string{"config", "check", lane}, 1, "note: " + lane + ":3: scanner.path: ", lane + ":6: broker.tls.ca: " + dir + "/ca.pem: no such file"},
		{"check the text alone", []string{"config", "check", "--offline", lane}, 0, "a valid configuration for tilld lane; what it names was not looked at", ""},
		{"check HQ's file", []string{"config", "check", hq}, 0, "a valid configuration for tilld hq, and what it names is here, but for what is noted above\n", ""},
		{"check notes what is not there yet", []string{"config", "check", hq}, 0, "note: " + hq + ":1: data: " + dir + "/hq is not there yet: tilld hq init makes it", ""},
		{"run a lane without its CA", []string{"lane", "-c", lane}, 1, "", lane + ":6: broker.tls.ca: "},
		{"run HQ's file as a lane", []string{"lane", "-c", hq}, 1, "", "this is HQ's configuration: run it with tilld hq -c " + hq},
		{"run a lane's file as HQ", []string{"hq", "-c", lane}, 1, "", "this is a lane's configuration: run it with tilld lane -c " + lane},
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
