//go:build unix

package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// place is a machine on which all that a configuration names is in order.
type place struct {
	*testing.T
	dir string
}

func (p place) path(name string) string { return filepath.Join(p.dir, name) }

func (p place) put(name string, b []byte, mode os.FileMode) {
	p.Helper()
	if err := os.WriteFile(p.path(name), b, mode); err != nil {
		p.Fatal(err)
	}
}

func (p place) pair(name string) {
	p.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		p.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		p.Fatal(err)
	}
	p.put(name+".pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
	p.put(name+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600)
}

func newPlace(t *testing.T) place {
	t.Helper()
	p := place{t, t.TempDir()}
	p.pair("ours")
	p.pair("other")
	p.put("credentials", []byte("lane:secret\n"), 0o600)
	p.put("names", []byte("lane:secret\n01M808TX00X4GR74NP28PC98Y4:other\n"), 0o600)
	profile, err := os.ReadFile("../../../../../firmware-configs/generic.toml")
	if err != nil {
		t.Fatal(err)
	}
	p.put("counter.toml", []byte(strings.Replace(string(profile), `"generic"`, `"counter"`, 1)), 0o644)
	for _, dir := range []string{"data", "second", "locks"} {
		if err := os.Mkdir(p.path(dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/dev/null", p.path("scanner")); err != nil { // a character device that everybody may use
		t.Fatal(err)
	}
	return p
}

// lane is the file of a lane there; the paths are of one length of line each, for the tests' sake.
func (p place) lane() string {
	return strings.ReplaceAll(`data = "@data"
second = "@second"
[scanner]
path = "@scanner"
profile = "@counter.toml"
locks = "@locks"
[broker]
addresses = ["mqtts://hq:8883"]
credentials_file = "@credentials"
[broker.tls]
ca = "@other.pem"
cert = "@ours.pem"
key = "@ours.key"
`, "@", p.dir+"/")
}

func (p place) hq() string {
	return strings.ReplaceAll(`data = "@data"
[embedded_broker]
listen = "0.0.0.0:8883"
credentials_file = "@names"
[embedded_broker.tls]
ca = "@other.pem"
cert = "@ours.pem"
key = "@ours.key"
[serve]
address = "0.0.0.0:7900"
[serve.tls]
cert = "@other.pem"
key = "@other.key"
`, "@", p.dir+"/")
}

// look is what Here says, each fault without the file's name.
func (p place) look(text string) (faults, notes []string) {
	p.Helper()
	file := write(p.T, text)
	c, err := Read(file)
	if err != nil {
		p.Fatal(err)
	}
	f, n := c.Here()
	for _, e := range f {
		faults = append(faults, strings.ReplaceAll(strings.TrimPrefix(e.Error(), file), p.dir, "@"))
	}
	for _, e := range n {
		notes = append(notes, strings.ReplaceAll(strings.TrimPrefix(e.Error(), file), p.dir, "@"))
	}
	return faults, notes
}

func TestHereInOrder(t *testing.T) {
	p := newPlace(t)
	for _, text := range []string{p.lane(), p.hq()} {
		faults, notes := p.look(text)
		if len(faults) > 0 {
			t.Errorf("faults: %q", faults)
		}
		for _, n := range notes {
			if !strings.Contains(n, "same disk") { // which both directories are, here
				t.Errorf("note: %q", n)
			}
		}
	}
}

func TestHereNamesFileLineAndKey(t *testing.T) {
	p := newPlace(t)
	gone := func(name string) func(place) {
		return func(p place) {
			if err := os.RemoveAll(p.path(name)); err != nil {
				p.Fatal(err)
			}
		}
	}
	mode := func(name string, m os.FileMode) func(place) {
		return func(p place) {
			if err := os.Chmod(p.path(name), m); err != nil {
				p.Fatal(err)
			}
		}
	}
	text := func(name, s string) func(place) {
		return func(p place) { p.put(name, []byte(s), 0o600) }
	}
	swap := func(name, with string) func(place) {
		return func(p place) {
			gone(name)(p)
			if err := os.Symlink(with, p.path(name)); err != nil {
				p.Fatal(err)
			}
		}
	}
	tests := []struct {
		name    string
		spoil   func(place)
		lane    string // fault of the lane's file; empty: none
		hq      string // of HQ's
		note    string // of the lane's
		atStart bool   // the lane does not begin
	}{
		{"no CA", gone("other.pem"), ":11: broker.tls.ca: @/other.pem: no such file", ":6: embedded_broker.tls.ca: @/other.pem: no such file", "", true},
		{"a CA of words", text("other.pem", "hello"), ":11: broker.tls.ca: @/other.pem holds no certificate", ":6: embedded_broker.tls.ca: ", "", true},
		{"no certificate", gone("ours.pem"), ":12: broker.tls.cert: @/ours.pem: no such file", ":7: embedded_broker.tls.cert: ", "", true},
		{"no key", gone("ours.key"), ":13: broker.tls.key: @/ours.key: no such file", ":8: embedded_broker.tls.key: ", "", true},
		{"a key that others may read", mode("ours.key", 0o644), ":13: broker.tls.key: @/ours.key has mode 0644: others must not read it (chmod 600)", ":8: embedded_broker.tls.key: ", "", true},
		{"the key of another", swap("ours.key", "other.key"), ":12: broker.tls.cert: @/ours.pem with @/ours.key: ", ":7: embedded_broker.tls.cert: ", "", true},
		{"a directory for a file", swap("credentials", "data"), ":9: broker.credentials_file: @/credentials is no file", "", "", true},
		{"credentials without a password", text("credentials", "lane\n"), ":9: broker.credentials_file: @/credentials: want one line user:password", "", "", true},
		{"credentials for all to see", mode("credentials", 0o640), ":9: broker.credentials_file: @/credentials has mode 0640", "", "", true},
		{"the names of several for a lane", swap("credentials", "names"), ":9: broker.credentials_file: @/credentials: control character, or more than one line", "", "", true},
		{"a name without a password at HQ", text("names", "lane:secret\nother\n"), "", ":4: embedded_broker.credentials_file: @/names: line 2: want one line user:password", "", false},
		{"a name twice at HQ", text("names", "lane:secret\nlane:other\n"), "", ":4: embedded_broker.credentials_file: @/names: line 2: lane has a line already", "", false},
		{"names for all to see at HQ", mode("names", 0o640), "", ":4: embedded_broker.credentials_file: @/names has mode 0640", "", false},
		{"the console's key", mode("other.key", 0o604), "", ":13: serve.tls.key: @/other.key has mode 0604", "", false},
		{"no profile", gone("counter.toml"), ":5: scanner.profile: @/counter.toml: no such file", "", "", true},
		{"a mistake in the profile", text("counter.toml", "name = \"counter\"\n[serial]\nbaud = 115200\n[framing]\nsufixes = []\n"),
			":5: scanner.profile: @/counter.toml:4: framing.suffixes: missing", "", "", true},
		{"no second medium", gone("second"), ":2: second: @/second: no such file or directory; mount the disk", "", "", true},
		{"a file for the second medium", swap("second", "ours.pem"), ":2: second: @/second is no directory", "", "", true},
		{"a scanner that is none", swap("scanner", "ours.pem"), ":4: scanner.path: @/scanner is no serial port", "", "", false},
		{"no scanner now", gone("scanner"), "", "", ":4: scanner.path: @/scanner is not plugged in now", false},
		{"no lock directory yet", gone("locks"), "", "", "", false},
		{"a file for the lock directory", swap("locks", "ours.pem"), ":6: scanner.locks: @/locks is no directory", "", "", false},
		{"no data yet", gone("data"), "", "", ":1: data: @/data is not there yet: tilld lane init makes it", false},
		{"a file for data", swap("data", "ours.pem"), ":1: data: @/data is no directory", ":1: data: @/data is no directory", "", false},
		{"data for all to see", mode("data", 0o755), "", "", ":1: data: @/data has mode 0755", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p = newPlace(t)
			tt.spoil(p)
			faults, notes := p.look(p.lane())
			check(t, "lane", faults, tt.lane)
			if tt.note != "" && !strings.Contains(strings.Join(notes, "\n"), tt.note) {
				t.Errorf("notes %q, want %q", notes, tt.note)
			}
			faults, _ = p.look(p.hq())
			check(t, "HQ", faults, tt.hq)
			c, err := ReadLane(write(t, p.lane()))
			if err != nil {
				t.Fatal(err)
			}
			if f := c.Files(); (len(f) > 0) != tt.atStart {
				t.Errorf("at the start of a lane: %v, want faults: %v", f, tt.atStart)
			}
		})
	}
}

func check(t *testing.T, who string, faults []string, want string) {
	t.Helper()
	all := strings.Join(faults, "\n")
	if (want == "") != (all == "") || !strings.Contains(all, want) {
		t.Errorf("%s: %q, want %q", who, faults, want)
	}
}

// TestHereAsWhoAsks: what only others may use is a fault, at every kind of place. Root may use everything, so
// there this test is for another user, in a process of its own.
func TestHereAsWhoAsks(t *testing.T) {
	if dir := os.Getenv("TILLD_TEST_PLACE"); dir != "" {
		p := place{t, dir}
		faults, _ := p.look(p.lane())
		fmt.Print("FAULTS\n" + strings.Join(faults, "\n") + "\nEND\n")
		return
	}
	p := newPlace(t)
	for name, mode := range map[string]os.FileMode{"data": 0o500, "second": 0o500, "locks": 0o500, "ours.key": 0o200, "other.pem": 0o200, "counter.toml": 0o200} {
		if err := os.Chmod(p.path(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(p.path("scanner")); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := unix.Mknod(p.path("scanner"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))); err != nil { // /dev/null's
			t.Fatal(err)
		}
	} else if err := os.Symlink("/dev/console", p.path("scanner")); err != nil {
		t.Fatal(err)
	}
	want := []string{
		":1: data: @/data can't be written to: permission denied",
		":2: second: @/second: permission denied",
		":4: scanner.path: @/scanner: permission denied: give the port to this user's group",
		":5: scanner.profile: @/counter.toml: permission denied",
		":6: scanner.locks: @/locks can't be written to: permission denied",
		":11: broker.tls.ca: @/other.pem: permission denied",
		":13: broker.tls.key: @/ours.key: permission denied",
	}
	got := lookAsAnother(t, p)
	if len(got) != len(want) {
		t.Fatalf("faults:\n%s", strings.Join(got, "\n"))
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("%q, want %q", got[i], want[i])
		}
	}
}

// lookAsAnother looks as a user that is not root.
func lookAsAnother(t *testing.T, p place) []string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(self) // where it lies is closed to others
	if err != nil {
		t.Fatal(err)
	}
	program := p.path("look")
	if err := os.WriteFile(program, b, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{filepath.Dir(p.dir), p.dir} { // both are this test's own: see testing.T.TempDir
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program, "-test.run", "^TestHereAsWhoAsks$")
	cmd.Env = append(os.Environ(), "TILLD_TEST_PLACE="+p.dir)
	cmd.Dir = "/"
	if os.Geteuid() == 0 {
		const nobody = 65534
		giveAway(t, p.dir, nobody)
		cmd.Env = append(cmd.Env, "TMPDIR="+p.path("tmp"))
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, text, ok := strings.Cut(string(out), "FAULTS\n")
	text, _, ended := strings.Cut(text, "\nEND\n")
	if !ok || !ended {
		t.Fatalf("it says:\n%s", out)
	}
	return strings.Split(text, "\n")
}

// giveAway makes another user the owner of all but the scanner.
func giveAway(t *testing.T, dir string, user int) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if e.Name() == "scanner" || e.Name() == "look" {
			continue
		}
		if err := os.Lchown(filepath.Join(dir, e.Name()), user, user); err != nil {
			t.Fatal(err)
		}
	}
	tmp := filepath.Join(dir, "tmp")
	if err := os.Mkdir(tmp, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(tmp, user, user); err != nil {
		t.Fatal(err)
	}
}

// TestOperatorsAndShopsAreLookedAt: credentials, keys and the table of shops are opened as HQ opens them.
func TestOperatorsAndShopsAreLookedAt(t *testing.T) {
	p := newPlace(t)
	text := strings.ReplaceAll(`data = "@data"
shops = "@shops.csv"
[embedded_broker]
listen = "127.0.0.1:1883"
[[operator]]
kind = "paypay"
wallet = "paypay"
url = "https://example.com"
credentials_file = "@paypay"
[[operator]]
kind = "linepay"
wallet = "linepay"
url = "https://example.com"
credentials_file = "@linepay"
ca = "@other.pem"
`, "@", p.dir+"/")
	const head = "wallet,store,lane,merchant,shop_store,shop_terminal\n"
	mend := func() {
		_ = os.Remove(p.path("linepay")) // with its mode
		p.put("paypay", []byte("key:sesame\n"), 0o600)
		p.put("linepay", []byte("channel:sesame\n"), 0o600)
		p.put("shops.csv", []byte(head+"paypay,S001,,M1,,\n"), 0o644)
	}
	mend()
	faults, notes := p.look(text)
	if len(faults) > 0 || !strings.Contains(strings.Join(notes, "\n"), ":12: operator[2].wallet: the table of shops has no row for linepay") {
		t.Errorf("faults %q, notes %q", faults, notes)
	}
	for name, tt := range map[string]struct {
		spoil func()
		want  string
	}{
		"no secret":      {func() { p.put("paypay", []byte("sesame\n"), 0o600) }, ":9: operator[1].credentials_file: @/paypay: want one line KEY:SECRET"},
		"no file":        {func() { _ = os.Remove(p.path("linepay")) }, ":14: operator[2].credentials_file: @/linepay: no such file"},
		"for all":        {func() { _ = os.Chmod(p.path("linepay"), 0o640) }, ":14: operator[2].credentials_file: @/linepay has mode 0640"},
		"a broken CA":    {func() { p.put("other.pem", []byte("hello"), 0o644) }, ":15: operator[2].ca: @/other.pem holds no certificate"},
		"no shops":       {func() { _ = os.Remove(p.path("shops.csv")) }, ":2: shops: @/shops.csv: no such file"},
		"a wrong shop":   {func() { p.put("shops.csv", []byte(head+"papay,S001,,M1,,\n"), 0o644) }, ":2: shops: @/shops.csv: line 2: wallet: no [[operator]] is there for \"papay\""},
		"no store there": {func() { p.put("shops.csv", []byte(head+"paypay,S001,,M1,,\npaypay,,,M1,,\n"), 0o644) }, ":2: shops: @/shops.csv: line 3: store: "},
	} {
		mend()
		tt.spoil()
		faults, _ := p.look(text)
		if len(faults) != 1 || !strings.HasPrefix(faults[0], tt.want) || strings.Contains(faults[0], "sesame") {
			t.Errorf("%s: %q, want %q", name, faults, tt.want)
		}
		p.pair("other")
	}
}
