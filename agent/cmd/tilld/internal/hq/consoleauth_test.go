package hq

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/hqapi"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/mqtt"
	pages "tilld/ui/hq"
)

// addToken makes a token that lives for an hour.
func (d *desk) addToken(name string, scopes ...string) (secret string, id payment.ID) {
	d.Helper()
	secret, hash, err := hqapi.NewSecret(rand.Reader)
	d.Must(err)
	id = d.Chain.ID()
	d.Must(d.AddToken(d.Ctx, ledger.Token{ID: id, Name: name, Hash: hash, Scopes: scopes, Expires: d.Chain.Now.Add(time.Hour)}))
	return secret, id
}

// TestDoorman: who signed in may do what his token says at this moment, and nothing when it has ended.
func TestDoorman(t *testing.T) {
	d := newDesk(t)
	var door pages.Auth = doorman{d.books, d.now}
	secret, id := d.addToken("Aoki (token x)", "finance", "read")
	other, _ := d.addToken("Baba", "operations")
	who, roles, err := door.Check(d.Ctx, " "+secret+"\n")
	if err != nil || who != "Aoki (token x) (token "+id.String()+")" || !slices.Equal(roles, []string{"finance", "read"}) {
		t.Fatalf("%q, %v, %v", who, roles, err)
	}
	if again, err := door.Roles(d.Ctx, who); err != nil || !slices.Equal(again, roles) {
		t.Errorf("roles %v, %v", again, err)
	}
	baba, roles, err := door.Check(d.Ctx, other)
	if err != nil || !slices.Equal(roles, []string{"operations"}) {
		t.Errorf("%q, %v, %v", baba, roles, err)
	}
	for _, wrong := range []string{"", "tilld_", secret[1:], secret + "x", strings.ToUpper(secret), id.String()} {
		_, _, err := door.Check(d.Ctx, wrong)
		d.wantCode("the secret "+wrong, err, payment.Unauthorized)
	}
	for _, nobody := range []string{"", "Aoki", "Aoki (token x)", id.String()[:25], "Aoki (token " + d.Chain.ID().String() + ")"} {
		_, err := door.Roles(d.Ctx, nobody)
		d.wantCode("nobody: "+nobody, err, payment.Unauthorized)
	}

	d.Must(d.RevokeToken(d.Ctx, id))
	_, err = door.Roles(d.Ctx, who)
	d.wantCode("revoked", err, payment.Unauthorized)
	_, _, err = door.Check(d.Ctx, secret)
	d.wantCode("revoked", err, payment.Unauthorized)
	d.Chain.Now = d.Chain.Now.Add(time.Hour)
	_, err = door.Roles(d.Ctx, baba)
	d.wantCode("expired", err, payment.Unauthorized)
	_, _, err = door.Check(d.Ctx, other)
	d.wantCode("expired", err, payment.Unauthorized)
}

// TestLongName: what the ledger keeps of who decided is whole.
func TestLongName(t *testing.T) {
	d := newDesk(t)
	secret, id := d.addToken(strings.Repeat("青", 21), "finance")
	door := doorman{d.books, d.now}
	who, _, err := door.Check(d.Ctx, secret)
	if err != nil || len(who) > 64 || !strings.HasSuffix(who, "(token "+id.String()+")") {
		t.Errorf("%q of %d bytes, %v", who, len(who), err)
	}
	if _, err := door.Roles(d.Ctx, who); err != nil {
		t.Error(err)
	}
}

type brokenBooks struct{ err error }

func (b brokenBooks) Token(context.Context, [32]byte) (ledger.Token, error) {
	return ledger.Token{}, b.err
}
func (b brokenBooks) TokenByID(context.Context, payment.ID) (ledger.Token, error) {
	return ledger.Token{}, b.err
}

// TestDoormanWithoutBooks: a failing disk does not look like a wrong secret.
func TestDoormanWithoutBooks(t *testing.T) {
	down := errors.New("disk")
	door := doorman{brokenBooks{down}, time.Now}
	if _, _, err := door.Check(t.Context(), "tilld_x"); !errors.Is(err, down) || payment.CodeOf(err) != payment.Internal {
		t.Error(err)
	}
	if _, err := door.Roles(t.Context(), "x (token "+payment.ID{1}.String()+")"); !errors.Is(err, down) || payment.CodeOf(err) != payment.Internal {
		t.Error(err)
	}
}

// certificate is one for the names and addresses.
func certificate(t *testing.T, names []string, ips ...net.IP) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: ingesttest.Noon, NotAfter: ingesttest.Noon.AddDate(1, 0, 0), DNSNames: names, IPAddresses: ips}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}}}
}

func TestGuard(t *testing.T) {
	ok := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	named := certificate(t, []string{"hq.kita.example", "*.hq.kita.example"}, net.IPv4(192, 0, 2, 7))
	for _, tt := range []struct {
		name   string
		secure *tls.Config
		host   string
		want   int
	}{
		{"loopback", nil, "127.0.0.1:7900", 204},
		{"loopback's name", nil, "localhost", 204},
		{"a name that points here", nil, "evil.example:7900", 421},
		{"the certificate's name", named, "hq.kita.example", 204},
		{"with a port", named, "hq.kita.example:7900", 204},
		{"by the star", named, "tokyo.hq.kita.example:443", 204},
		{"its address", named, "192.0.2.7:7900", 204},
		{"another name", named, "evil.example", 421},
		{"another address", named, "192.0.2.8", 421},
		{"below the star", named, "a.b.hq.kita.example", 421},
		{"no name", named, "", 421},
	} {
		n := &Node{secure: tt.secure}
		r := httptest.NewRequest("GET", "/hq", nil)
		r.Host = tt.host
		w := httptest.NewRecorder()
		n.guard(ok).ServeHTTP(w, r)
		if w.Code != tt.want || tt.want == 204 && w.Header().Get("Content-Security-Policy") == "" {
			t.Errorf("%s: %d %v, want %d", tt.name, w.Code, w.Header(), tt.want)
		}
	}
}

// TestBrokerState: since when there is a connection, or none, and a broker that can't take messages is none.
func TestBrokerState(t *testing.T) {
	at := ingesttest.Noon
	n := &Node{Office: &Office{now: func() time.Time { return at }}}
	var err error
	if n.client, err = mqtt.NewClient(mqtt.Config{Brokers: []string{"mqtt://127.0.0.1:1"}, ClientID: "hq"}); err != nil {
		t.Fatal(err)
	}
	check := func(what string, wantUp bool, want time.Time) {
		t.Helper()
		if up, since := n.brokerState(); up != wantUp || !since.Equal(want) {
			t.Errorf("%s: %v since %v, want %v since %v", what, up, since, wantUp, want)
		}
	}
	check("at the start", false, at)
	at = at.Add(time.Minute)
	n.noteLink(false, errors.New("refused"))
	check("failed again", false, at.Add(-time.Minute))
	var l link
	l.note(true, at)
	if since := l.note(true, at.Add(time.Hour)); !since.Equal(at) {
		t.Errorf("up since %v", since)
	}
	if since := l.note(false, at.Add(2*time.Hour)); !since.Equal(at.Add(2 * time.Hour)) {
		t.Errorf("down since %v", since)
	}
}
