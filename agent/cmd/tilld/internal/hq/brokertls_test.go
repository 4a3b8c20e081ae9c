package hq

import (
	"context"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tilld/agent/cmd/tilld/internal/config"
	"tilld/sync/mqtt"
)

// brokerFiles are a private authority, and a certificate of it as one has it for a broker: of a name that
// HQ's own client does not use, and for servers only.
func brokerFiles(t *testing.T) config.TLS {
	t.Helper()
	dir := t.TempDir()
	put := func(name, kind string, der []byte, err error) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pemOf(t, kind, der, err), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	caKey, key := ec(t, elliptic.P256()), ec(t, elliptic.P256())
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kita CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "hq.example"}, DNSNames: []string{"hq.example"},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	files := config.TLS{CA: put("ca.pem", "CERTIFICATE", caDER, err)}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	files.Cert = put("broker.pem", "CERTIFICATE", der, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	files.Key = put("broker.key", "PRIVATE KEY", pkcs8, err)
	return files
}

// TestHQHearsItsOwnBroker: on an address that other machines reach, with a certificate of a private
// authority, whether lanes sign in by name or with a certificate. And who has neither stays out.
func TestHQHearsItsOwnBroker(t *testing.T) {
	files := brokerFiles(t)
	names := filepath.Join(t.TempDir(), "names")
	if err := os.WriteFile(names, []byte("lanes:secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		tls   config.TLS
		names string
	}{
		{"lanes need a name", config.TLS{Cert: files.Cert, Key: files.Key}, names},
		{"lanes need a certificate", files, ""},
		{"lanes need both", files, names},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			log := &lockedBuffer{}
			if err := Init(t.Context(), dir, "kita", "JPY", "Asia/Tokyo", time.Now); err != nil {
				t.Fatal(err)
			}
			n, err := Open(t.Context(), &config.HQ{
				Data: dir, Embedded: config.Embedded{Listen: "0.0.0.0:0", TLS: tt.tls, CredentialsFile: tt.names},
				Serve: config.Serve{Address: "127.0.0.1:0"}, Settle: config.Settle{Zone: "UTC", Cut: "05:00"},
			}, "test", slog.New(slog.NewTextHandler(log, nil)))
			if err != nil {
				t.Fatal(err)
			}
			r := &running{T: t, Node: n, log: log}
			r.run(n.Run)
			r.until("HQ is connected", func() bool { up, _ := n.brokerState(); return up })

			if said := log.String(); strings.Contains(said, "level=WARN") || strings.Contains(said, "level=ERROR") {
				t.Errorf("at a start where all is well: %s", said)
			}

			_, port, err := net.SplitHostPort(n.BrokerAddr())
			if err != nil {
				t.Fatal(err)
			}
			for _, password := range []string{"", "secret", "wrong"} {
				up, err := lane(t, "mqtts://localhost:"+port, files.CA, "hq.example", password)
				if want := password == "secret" && tt.tls.CA == ""; up != want {
					t.Errorf("a lane without a certificate, with the password %q: connected %v, %v", password, up, err)
				}
			}
		})
	}
}

// lane says whether a client without a certificate gets in, which knows the broker by a name of its certificate,
// and itself has a name if it has a password.
func lane(t *testing.T, url, ca, name, password string) (bool, error) {
	t.Helper()
	secure, err := mqtt.TLSFiles{CA: ca}.Client()
	if err != nil {
		t.Fatal(err)
	}
	secure.ServerName = name
	ctx, cancel := context.WithCancel(t.Context())
	states, done := make(chan error, 8), make(chan error, 1)
	user := ""
	if password != "" {
		user = "lanes"
	}
	c, err := mqtt.NewClient(mqtt.Config{
		Brokers: []string{url}, ClientID: "lane", TLS: secure, Username: user, Password: password,
		OnState: func(up bool, reason error) {
			if up {
				reason = nil
			}
			select {
			case states <- reason:
			default: // the first is enough
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	go func() { done <- c.Run(ctx) }()
	defer func() { cancel(); <-done }()
	select {
	case reason := <-states:
		return reason == nil, reason
	case <-time.After(patience):
		t.Fatal("neither connected nor refused")
		return false, nil
	}
}

// TestAnotherBrokerIsNotOurs: what listens on the address must have the very certificate.
func TestAnotherBrokerIsNotOurs(t *testing.T) {
	ours, err := mqtt.TLSFiles(brokerFiles(t)).Server()
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := mqtt.TLSFiles(brokerFiles(t)).Server()
	if err != nil {
		t.Fatal(err)
	}
	c, err := ownClient(ours, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	broker, err := mqtt.StartBroker(mqtt.BrokerConfig{StoreDir: t.TempDir(), Listen: "127.0.0.1:0", TLS: theirs})
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	refused := make(chan error, 8)
	client, err := mqtt.NewClient(mqtt.Config{
		Brokers: []string{broker.URL()}, ClientID: "hq", TLS: c,
		OnState: func(_ bool, reason error) {
			select {
			case refused <- reason:
			default: // the first is enough
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- client.Run(ctx) }()
	defer func() { cancel(); <-done }()
	if reason := <-refused; reason == nil || !errors.Is(reason, errOtherBroker) && !strings.Contains(reason.Error(), errOtherBroker.Error()) {
		t.Errorf("another broker: %v", reason)
	}
}
