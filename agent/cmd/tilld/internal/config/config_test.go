package config

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
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
	for role, text := range map[string]string{"lane": LaneExample, "hq": HQExample, "issuer": IssuerExample} {
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

const hqAlone = "data = \"/d\"\nshops = \"/s.csv\"\n[embedded_broker]\nlisten = \"127.0.0.1:1883\"\n"

const twoOperators = hqAlone + `[[operator]]
kind = "paypay"
wallet = "paypay"
url = "https://example.com"
credentials_file = "/c"
[[operator]] # another
kind = "acquirer"
wallet = "merpay"
url = "https://example.com"
credentials_file = "/c"
timeout = "30s"
[operator.terms]
query_after = "2s"
query_every = "3s"
give_up = "60s"
absent_is_final = "10m"
partial_refund = true
cancel_days = 1
cancel_end = "15m"
cancel_zone = "Asia/Tokyo"
[operator.why]
POOR = "no_funds"
`

// TestOperatorErrorsNameLineAndKey, of the section that it is.
func TestOperatorErrorsNameLineAndKey(t *testing.T) {
	c, err := ReadHQ(write(t, twoOperators))
	if err != nil {
		t.Fatal(err)
	}
	if w := c.Wallets(); len(w) != 2 || w[0] != "paypay" || c.Operators[1].Terms.CancelDays != 1 || !c.Operators[1].Terms.PartialRefund || c.Operators[1].Why["POOR"] != "no_funds" {
		t.Errorf("%+v", c.Operators)
	}
	for _, tt := range []struct{ name, from, to, want string }{
		{"unknown key", "timeout =", "timout =", ":15: operator[2].timout: unknown key"},
		{"of the first", `"paypay"` + "\nurl = \"https", `"paypay"` + "\nurl = \"http", ":8: operator[1].url: the base URL of example.com must be https"},
		{"of the second's table", `"3s"`, `"3x"`, `:18: operator[2].terms.query_every: "3x": want a length`},
		{"unknown in its table", "give_up", "giveup", ":19: operator[2].terms.giveup: unknown key"},
		{"missing in its table", `give_up = "60s"`, "", ":16: operator[2].terms.give_up: missing"},
		{"a number for a text", `"30s"`, "30", ":15: operator[2].timeout: want a text in quotes, got a number"},
		{"a text for yes", "= true", `= "yes"`, ":21: operator[2].terms.partial_refund: want true or false, got a text"},
		{"a text for a number", "cancel_days = 1", `cancel_days = "1"`, ":22: operator[2].terms.cancel_days: want a whole number, got a text"},
		{"a number for a reason", `"no_funds"`, "3", ":25: operator[2].why: want a table of texts in quotes, but POOR of it is a number"},
		{"another reason", `"no_funds"`, `"poor"`, ":25: operator[2].why: "},
		{"one wallet twice", `"merpay"`, `"paypay"`, `:12: operator[2].wallet: "paypay" is the wallet of operator 1`},
		{"no shops", `shops = "/s.csv"`, "", ": shops: missing"},
		{"relative shops", `"/s.csv"`, `"s.csv"`, ":2: shops: "},
		{"single brackets", "[[operator]]\nkind = \"paypay\"", "[operator]\nkind = \"paypay\"", ":"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := write(t, strings.Replace(twoOperators, tt.from, tt.to, 1))
			_, err := ReadHQ(file)
			if err == nil || !strings.Contains(err.Error(), file+tt.want) || strings.Count(err.Error(), "\n") > 1 {
				t.Errorf("got %v, want %s", err, file+tt.want)
			}
		})
	}
	for name, text := range map[string]string{
		":5: operator: want tables in double brackets, got a table": hqAlone + "[operator]\nkind = \"paypay\"\n",
		":2: operator: want tables in double brackets, got a text":  "data = \"/d\"\noperator = \"paypay\"\n[serve]\n",
		":2: operator[2]: want a table, got a number":               "data = \"/d\"\noperator = [{}, 2]\n[serve]\n",
		":2: shops: is of no use without an [[operator]]":           hqAlone,
	} {
		file := write(t, text)
		if _, err := ReadHQ(file); err == nil || !strings.Contains(err.Error(), file+name) {
			t.Errorf("got %v, want %s", err, name)
		}
	}
}

// TestExampleOperatorsAreValid: who takes the comment signs away has a configuration.
func TestExampleOperatorsAreValid(t *testing.T) {
	text := regexp.MustCompile(`(?m)^# (\[+operator|[a-zA-Z_]+ += )`).ReplaceAllString(HQExample, "$1")
	text = strings.Replace(text, "credentials_file = \"/etc/tilld/broker.credentials\"\n", "", 1)
	// The broker's sections that are commented out too have lost the signs of their keys.
	text = regexp.MustCompile(`(?m)^# \[[a-z_.]+\]\n([a-z_]+ = .*\n)*`).ReplaceAllString(text, "")
	c, err := ReadHQ(write(t, text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if w := strings.Join(c.Wallets(), " "); w != "paypay linepay wechat alipay merpay house" || c.Shops == "" {
		t.Errorf("wallets %s, shops %s", w, c.Shops)
	}
}
