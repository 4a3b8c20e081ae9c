package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "tilld.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestExamplesAreValid(t *testing.T) {
	for role, text := range map[string]string{"lane": LaneExample, "hq": HQExample} {
		if got, err := Check(write(t, text)); err != nil || got != role {
			t.Errorf("the example for %s: %q, %v", role, got, err)
		}
	}
}

func TestLaneErrorsNameFileLineAndKey(t *testing.T) {
	const ok = "data = \"/d\"\n[scanner]\npath = \"/dev/x\"\n[broker]\naddresses = [\"mqtt://h:1\"]\n"
	if _, err := ReadLane(write(t, ok)); err != nil {
		t.Fatalf("the base of this test: %v", err)
	}
	tests := []struct{ name, text, want string }{
		{"unknown key", strings.Replace(ok, "path =", "pth =", 1), ":3: scanner.pth: unknown key"},
		{"unknown table", ok + "[scaner]\na = 1\n", ":6: scaner: unknown key"},
		{"wrong type", strings.Replace(ok, `"/d"`, "3", 1), ":1: data: "},
		{"relative", strings.Replace(ok, `"/d"`, `"d"`, 1), `:1: data: "d" must be an absolute path`},
		{"no data", strings.Replace(ok, "data", "#", 1), ": data: missing"},
		{"no scanner", strings.Replace(ok, `"/dev/x"`, `""`, 1), ":3: scanner.path: missing"},
		{"not an address", strings.Replace(ok, "mqtt://h:1", "h:1", 1), ":5: broker.addresses: "},
		{"off loopback", ok + "[listen]\npos = \"0.0.0.0:1\"\n", ":7: listen.pos: "},
		{"language", "language = \"fr\"\n" + ok, ":1: language: "},
		{"level", ok + "[log]\nlevel = \"loud\"\n", ":7: log.level: "},
		{"syntax", ok + "[log\n", ":6: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := write(t, tt.text)
			_, err := ReadLane(file)
			if _, ok := errors.AsType[*Error](err); !ok || !strings.Contains(err.Error(), file+tt.want) {
				t.Errorf("got %v, want %s", err, file+tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %v", err)
			}
		})
	}
}

func TestHQErrors(t *testing.T) {
	const ok = "data = \"/d\"\n[embedded_broker]\nlisten = \"127.0.0.1:1883\"\n[settle]\ncut = \"03:00\"\n[serve]\naddress = \"127.0.0.1:1\"\n"
	c, err := ReadHQ(write(t, ok))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Settle.CutAfterMidnight().Hours(); got != 3 {
		t.Errorf("cut at %v h, want 3", got)
	}
	for _, tt := range []struct{ name, from, to, want string }{
		{"wrong unit", `"03:00"`, `"3am"`, ":5: settle.cut: "},
		{"off loopback without TLS", "127.0.0.1:1\"", "0.0.0.0:1\"", ":7: serve.address: "},
		{"no zone", "cut =", "zone = \"Mars\"\ncut =", ":5: settle.zone: "},
		{"no broker", "listen =", "# listen =", "embedded_broker.listen: missing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := write(t, strings.Replace(ok, tt.from, tt.to, 1))
			if _, err := ReadHQ(file); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestMissingFile(t *testing.T) {
	_, err := ReadLane(filepath.Join(t.TempDir(), "none.toml"))
	if err == nil || !strings.Contains(err.Error(), "none.toml: no such file") {
		t.Errorf("got %v", err)
	}
	if _, err := Check(t.TempDir()); err == nil {
		t.Error("a directory is no configuration")
	}
}

func FuzzRead(f *testing.F) {
	f.Add(LaneExample)
	f.Add(HQExample)
	f.Fuzz(func(t *testing.T, text string) {
		file := filepath.Join(t.TempDir(), "f.toml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Check(file); err != nil && !strings.HasPrefix(err.Error(), file) {
			t.Errorf("an error without its file: %v", err)
		}
	})
}
