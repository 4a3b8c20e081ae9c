package mqtt

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// An authority signs certificates for the tests.
type authority struct {
	dir  string
	file string // its certificate
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir(), key: newKey(t)}
	a.file = filepath.Join(a.dir, "ca.crt")
	a.cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	a.write(t, a.file, a.cert, a.key)
	return a
}

// issue writes a certificate for 127.0.0.1 and its key.
func (a *authority) issue(t testing.TB, name string) TLSFiles {
	t.Helper()
	key := newKey(t)
	f := TLSFiles{CA: a.file, Cert: filepath.Join(a.dir, name+".crt"), Key: filepath.Join(a.dir, name+".key")}
	a.write(t, f.Cert, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}, key)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, f.Key, "PRIVATE KEY", der, 0o600)
	return f
}

func (a *authority) write(t testing.TB, path string, cert *x509.Certificate, key *ecdsa.PrivateKey) {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, cert, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, path, "CERTIFICATE", der, 0o644)
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func writePEM(t testing.TB, path, kind string, der []byte, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode); err != nil {
		t.Fatal(err)
	}
}

func TestTLS(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	server, err := ours.issue(t, "broker").Server()
	if err != nil {
		t.Fatal(err)
	}
	b := broker(t, BrokerConfig{TLS: server, Listen: "127.0.0.1:0"})
	if !strings.HasPrefix(b.URL(), "mqtts://127.0.0.1:") {
		t.Fatalf("address %s, want mqtts", b.URL())
	}
	lane, stranger := ours.issue(t, "lane"), theirs.issue(t, "stranger")
	tests := []struct {
		name  string
		url   string
		files TLSFiles
		want  string // in the reason; "" is a link
	}{
		{"mutual", b.URL(), lane, ""},
		{"broker of another authority", b.URL(), TLSFiles{CA: theirs.file, Cert: lane.Cert, Key: lane.Key}, "unknown authority"},
		{"client of another authority", b.URL(), TLSFiles{CA: ours.file, Cert: stranger.Cert, Key: stranger.Key}, "lost"},
		{"client without certificate", b.URL(), TLSFiles{CA: ours.file}, "lost"},
		{"another name", strings.Replace(b.URL(), "127.0.0.1", "localhost", 1), lane, "wanted to match localhost"},
		{"no TLS", strings.Replace(b.URL(), "mqtts", "mqtt", 1), lane, "lost"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := tt.files.Client()
			if err != nil {
				t.Fatal(err)
			}
			p := join(t, tt.url, Config{TLS: c, Subscriptions: on("tx"), Timeout: time.Second})
			if tt.want == "" {
				p.waitUp(t)
				p.say(t, "tx", 1, strings.Repeat("x", MaxMessage))
				p.hear(t, "tx", strings.Repeat("x", MaxMessage))
				return
			}
			state := p.next(t)
			if state.up {
				t.Fatal("the link is up")
			}
			if tt.want != "lost" && !strings.Contains(state.err.Error(), tt.want) {
				t.Errorf("refused with %v, want %q", state.err, tt.want)
			}
		})
	}
}

// TestListenBeyondLoopback: with TLS, or by consent, a broker listens on all addresses.
func TestListenBeyondLoopback(t *testing.T) {
	server, err := newAuthority(t).issue(t, "broker").Server()
	if err != nil {
		t.Fatal(err)
	}
	broker(t, BrokerConfig{Listen: "0.0.0.0:0", TLS: server})
	broker(t, BrokerConfig{Listen: "0.0.0.0:0", AllowPlaintext: true, Users: []User{{Credential{"lane", "pw"}, everything}}})
}

func TestTLSFilesRefuse(t *testing.T) {
	good := newAuthority(t).issue(t, "a")
	other := newAuthority(t).issue(t, "b")
	open := good
	open.Key = filepath.Join(t.TempDir(), "open.key")
	key, err := os.ReadFile(good.Key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(open.Key, key, 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		files TLSFiles
		want  string
	}{
		{"certificate without key", TLSFiles{CA: good.CA, Cert: good.Cert}, "go together"},
		{"key without certificate", TLSFiles{CA: good.CA, Key: good.Key}, "go together"},
		{"missing CA", TLSFiles{CA: "/no/such/ca", Cert: good.Cert, Key: good.Key}, "/no/such/ca"},
		{"missing certificate", TLSFiles{Cert: "/no/such/crt", Key: good.Key}, "/no/such/crt"},
		{"missing key", TLSFiles{Cert: good.Cert, Key: "/no/such/key"}, "/no/such/key"},
		{"CA that is none", TLSFiles{CA: good.Key, Cert: good.Cert, Key: good.Key}, "no certificate"},
		{"key of another", TLSFiles{Cert: good.Cert, Key: other.Key}, "does not match"},
		{"key for all to read", open, "chmod 600"},
	}
	for _, tt := range tests {
		for side, load := range map[string]func() error{
			"client": func() error { _, err := tt.files.Client(); return err },
			"server": func() error { _, err := tt.files.Server(); return err },
		} {
			t.Run(tt.name+" "+side, func(t *testing.T) {
				if err := load(); err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want an error with %q", err, tt.want)
				}
			})
		}
	}
}

// TestTLSSystemRoots: with nothing named, a client trusts the system and shows no certificate.
func TestTLSSystemRoots(t *testing.T) {
	c, err := TLSFiles{}.Client()
	if err != nil || c.RootCAs != nil || len(c.Certificates) != 0 {
		t.Errorf("got %+v, %v, want the system's roots", c, err)
	}
}

func TestReadCredentials(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	user, password, err := ReadCredentials(write("good", "lane:a:b c\n", 0o600))
	if err != nil || user != "lane" || password != "a:b c" {
		t.Errorf("got %q, %q, %v, want lane and a:b c", user, password, err)
	}
	for name, want := range map[string]string{
		write("open", "lane:hidden\n", 0o644):                        "chmod 600",
		write("empty", "", 0o600):                                    "user:password",
		write("no colon", "hidden\n", 0o600):                         "user:password",
		write("no user", ":hidden\n", 0o600):                         "user:password",
		write("no password", "lane:\n", 0o600):                       "user:password",
		write("two lines", "lane:hidden\nx\n", 0o600):                "more than one line",
		write("huge", "lane:"+strings.Repeat("x", maxSecret), 0o600): "over",
		filepath.Join(dir, "missing"):                                "missing",
	} {
		_, _, err := ReadCredentials(name)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), filepath.Base(name)) {
			t.Errorf("%s: got %v, want an error with %q and the file", filepath.Base(name), err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: the error shows the secret", filepath.Base(name))
		}
	}
}

// FuzzParseCredentials: what is accepted can be written back, and holds nothing that MQTT or a log
// would choke on.
func FuzzParseCredentials(f *testing.F) {
	for _, seed := range []string{"lane:pw", "lane:p:w\r\n", ":", "", "a\nb:c", "é:ü"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		user, password, err := parseCredentials(text)
		if err != nil {
			if user != "" || password != "" {
				t.Error("an error and a result")
			}
			return
		}
		if user == "" || password == "" || strings.ContainsAny(user+password, "\n\r\x00") || strings.Contains(user, ":") {
			t.Errorf("accepted %q", text)
		}
		if !strings.HasPrefix(text, user+":"+password) {
			t.Errorf("%q became %q and %q", text, user, password)
		}
	})
}
