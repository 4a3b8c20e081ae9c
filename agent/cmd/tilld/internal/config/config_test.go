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
		if got, err := Read(write(t, text)); err != nil || got.Role() != role {
			t.Errorf("the example for %s: %v, %v", role, got, err)
		}
	}
}

func TestLaneErrorsNameFileLineAndKey(t *testing.T) {
	const ok = "data = \"/d\"\n[scanner]\npath = \"/dev/x\"\n[broker]\naddresses = [\"mqtts://h:1\"]\n"
	if _, err := ReadLane(write(t, ok)); err != nil {
		t.Fatalf("the base of this test: %v", err)
	}
	tests := []struct{ name, text, want string }{
		{"unknown key", strings.Replace(ok, "path =", "pth =", 1), ":3: scanner.pth: unknown key"},
		{"a key of two lines", "\"a\\nb\" = 1\n" + ok, `:1: "a\nb": unknown key`},
		{"unknown table", ok + "[scaner]\na = 1\n", ":6: scaner: unknown key"},
		{"a number for a text", strings.Replace(ok, `"/d"`, "3", 1), ":1: data: want a text in quotes, got a number"},
		{"true for a text", ok + "[log]\nlevel = true\n", ":7: log.level: want a text in quotes, got true or false"},
		{"a date for a text", ok + "[log]\nlevel = 2026-11-22\n", ":7: log.level: want a text in quotes, got a date or a time"},
		{"a list for a text", ok + "[log]\nlevel = [\"info\"]\n", ":7: log.level: want a text in quotes, got a list"},
		{"a table for a text", ok + "[log.level]\na = 1\n", ":6: log.level: want a text in quotes, got a table"},
		{"a number for a table", "scanner = 3\n" + strings.Replace(ok, "[scanner]\npath = \"/dev/x\"\n", "", 1), ":1: scanner: want a table, got a number"},
		{"a list of tables for a table", strings.Replace(ok, "[scanner]", "[[scanner]]", 1), ":2: scanner: want a table, got a list"},
		{"a text for a list", strings.Replace(ok, "[\"mqtts://h:1\"]", "\"mqtts://h:1\"", 1), ":5: broker.addresses: want a list such as [\"one\", \"two\"], got a text"},
		{"a number in a list", strings.Replace(ok, "[\"mqtts://h:1\"]", "[\"mqtts://h:1\", 2]", 1), ":5: broker.addresses: want a list of texts in quotes, but number 2 of it is a number"},
		{"a number in an inline table", strings.Replace(ok, "path = \"/dev/x\"", "usb = {vendor = 1212, product = \"0b61\"}", 1), ":3: scanner.usb.vendor: want a text in quotes, got a number"},
		{"relative", strings.Replace(ok, `"/d"`, `"d"`, 1), `:1: data: "d" must be an absolute path`},
		{"no data", strings.Replace(ok, "data", "#", 1), ": data: missing"},
		{"no scanner", strings.Replace(ok, `"/dev/x"`, `""`, 1), ":3: scanner.path: missing"},
		{"not an address", strings.Replace(ok, "mqtts://h:1", "h:1", 1), ":5: broker.addresses: "},
		{"no TLS to another machine", strings.Replace(ok, "mqtts://h:1", "mqtt://h:1", 1), ":5: broker.addresses: "},
		{"no port", ok + "[listen]\npages = \"127.0.0.1\"\n", ":7: listen.pages: "},
		{"port of words", ok + "[listen]\npages = \"127.0.0.1:http\"\n", ":7: listen.pages: "},
		{"not a device", strings.Replace(ok, "/dev/x", "ttyACM0", 1), ":3: scanner.path: "},
		{"path and USB", strings.Replace(ok, "[broker]", "usb = {vendor = \"0c2e\", product = \"0b61\"}\n[broker]", 1), ":3: scanner.path: given beside scanner.usb"},
		{"half a USB device", strings.Replace(ok, "path = \"/dev/x\"", "usb = {vendor = \"0c2e\"}", 1), ":3: scanner.usb: "},
		{"profile that is not built in", strings.Replace(ok, "[broker]", "profile = \"genric\"\n[broker]", 1), ":4: scanner.profile: \"genric\" is not built in; there are generic, or"},
		{"relative profile", strings.Replace(ok, "[broker]", "profile = \"my.toml\"\n[broker]", 1), ":4: scanner.profile: \"my.toml\" must be an absolute path"},
		{"relative locks", strings.Replace(ok, "[broker]", "locks = \"l\"\n[broker]", 1), ":4: scanner.locks: "},
		{"relative second medium", "second = \"usb\"\n" + ok, ":1: second: "},
		{"relative CA", ok + "[broker.tls]\nca = \"ca.pem\"\n", ":7: broker.tls.ca: "},
		{"a certificate without its key", ok + "[broker.tls]\ncert = \"/c\"\n", ":7: broker.tls.cert: "},
		{"relative credentials", ok + "credentials_file = \"c\"\n", ":6: broker.credentials_file: "},
		{"keep alive of words", ok + "keep_alive = \"soon\"\n", ":6: broker.keep_alive: "},
		{"keep alive too short", ok + "keep_alive = \"1s\"\n", ":6: broker.keep_alive: "},
		{"HQ's file", "data = \"/d\"\n[serve]\naddress = \"127.0.0.1:1\"\n", ": this is HQ's configuration: run it with tilld hq -c "},
		{"HQ's table in a lane's file", ok + "[serve]\naddress = \"127.0.0.1:1\"\n", ":6: serve: unknown key"},
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
			for line := range strings.SplitSeq(err.Error(), "\n") {
				if !strings.HasPrefix(line, file+":") || strings.Contains(line, "struct") || strings.Contains(line, "config.") {
					t.Errorf("a line of nobody's words: %s", line)
				}
			}
		})
	}
}

// TestAllFaultsAtOnce: who mends a file is told all that is wrong with it, each thing once.
func TestAllFaultsAtOnce(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		read       func(string) error
		want       []string
	}{
		{"a lane's", "data = 3\nlanguage = \"fr\"\n[scanner]\npth = \"/dev/x\"\nprofile = \"genric\"\n[broker]\naddresses = \"h\"\n[log]\nlevel = \"loud\"\nformat = \"xml\"\n[listen]\npos = \"0.0.0.0:1\"\n",
			func(f string) error { _, err := ReadLane(f); return err },
			[]string{
				":1: data: want a text", ":2: language: ", ":3: scanner.path: missing", ":4: scanner.pth: unknown key", ":5: scanner.profile: ",
				":7: broker.addresses: want a list", ":9: log.level: ", ":10: log.format: ", ":12: listen.pos: ",
			}},
		{"HQ's", "data = \"d\"\n[settle]\nzone = \"Mars\"\ncut = \"3am\"\n[serve]\naddress = 7900\n[serve.tls]\nkey = \"k\"\n",
			func(f string) error { _, err := ReadHQ(f); return err },
			[]string{
				": embedded_broker.listen: missing", ":1: data: ", ":3: settle.zone: ", ":4: settle.cut: ", ":6: serve.address: want a text",
				":7: serve.tls.cert: cert and key go together", ":8: serve.tls.key: ",
			}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := write(t, tt.text)
			err := tt.read(file)
			if err == nil {
				t.Fatal("no fault")
			}
			got := strings.Split(err.Error(), "\n")
			if len(got) != len(tt.want) {
				t.Fatalf("faults:\n%v", err)
			}
			for i := range got {
				if !strings.HasPrefix(got[i], file+tt.want[i]) {
					t.Errorf("%s, want %s", got[i], tt.want[i])
				}
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
		{"broker off loopback without TLS", "127.0.0.1:1883", "0.0.0.0:1883", ":3: embedded_broker.listen: "},
		{"broker off loopback where nobody signs in", "listen = \"127.0.0.1:1883\"", "listen = \"0.0.0.0:8883\"\ntls = { cert = \"/c\", key = \"/k\" }", ":3: embedded_broker.listen: \"0.0.0.0:8883\" is not on loopback: lanes must sign in"},
		{"clients' CA without a certificate", "[settle]", "[embedded_broker.tls]\nca = \"/ca\"\n[settle]", ":5: embedded_broker.tls.ca: "},
		{"a key alone", "[settle]", "[serve.tls]\nkey = \"/k\"\n[settle]", "serve.tls.cert: cert and key go together"},
		{"relative credentials", "[settle]", "credentials_file = \"c\"\n[settle]", ":4: embedded_broker.credentials_file: "},
		{"a lane's file", ok, "data = \"/d\"\n[scanner]\npath = \"/dev/x\"\n", ": this is a lane's configuration: run it with tilld lane -c "},
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
	if _, err := Read(t.TempDir()); err == nil {
		t.Error("a directory is no configuration")
	}
}

// TestReadTellsTheRole, also of a file that has keys of both, or of neither.
func TestReadTellsTheRole(t *testing.T) {
	for _, tt := range []struct{ name, text, role, err string }{
		{"HQ with an outside broker", "data = \"/d\"\n[broker]\naddresses = [\"mqtts://h:1\"]\n", RoleHQ, ""},
		{"a lane with nothing but a scanner", "data = \"/d\"\n[scanner]\npath = \"/dev/x\"\n", RoleLane, ""},
		{"neither", "data = \"/d\"\n", "", "scanner.path: missing"},
		{"both", "data = \"/d\"\n[scanner]\npath = \"/dev/x\"\n[serve]\n", "", ":4: serve: unknown key"},
		{"a mistyped HQ", "data = \"/d\"\n[serve]\nadress = \"127.0.0.1:1\"\n", "", ":3: serve.adress: unknown key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Read(write(t, tt.text))
			switch {
			case tt.err == "":
				if err != nil || c.Role() != tt.role {
					t.Errorf("%v, %v; want %s", c, err, tt.role)
				}
			case err == nil || !strings.Contains(err.Error(), tt.err):
				t.Errorf("%v, want %s", err, tt.err)
			}
		})
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
		if _, err := Read(file); err != nil && !strings.HasPrefix(err.Error(), file) {
			t.Errorf("an error without its file: %v", err)
		}
	})
}
