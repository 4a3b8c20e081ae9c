package issuer

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tilld/sync/house"
)

var at = time.Date(2026, 11, 23, 3, 4, 5, 0, time.UTC)

// TestWords: every language has every kind, a ticket is in the messages that carry one, and only there.
func TestWords(t *testing.T) {
	kinds := catalogue["en"]
	for language, all := range catalogue {
		if len(all) != len(kinds) {
			t.Errorf("%s: %d kinds, not %d", language, len(all), len(kinds))
		}
		for kind := range kinds {
			_, text := words(language, house.Message{Kind: kind, Ticket: "THE-TICKET"})
			if carries := strings.HasSuffix(string(kind), "_ticket"); strings.Contains(text, "THE-TICKET") != carries || strings.Contains(text, "TICKET") != carries {
				t.Errorf("%s, %s: %q", language, kind, text)
			}
		}
	}
	if _, text := words("en", house.Message{Kind: "of_later", Ticket: "T"}); !strings.Contains(text, "T") {
		t.Errorf("a kind of a later release loses its ticket: %q", text)
	}
}

// TestSpool: a file for each message, which nobody else can read, and which is mail.
func TestSpool(t *testing.T) {
	s := Spool{Dir: t.TempDir(), Language: "ja"}
	for range 2 { // the same message twice: a file each
		if err := s.Send(t.Context(), house.Message{Kind: house.ResetTicket, To: "aiko@example.jp", Ticket: "abc-def", At: at}); err != nil {
			t.Fatal(err)
		}
	}
	list, err := filepath.Glob(filepath.Join(s.Dir, "*.eml"))
	if err != nil || len(list) != 2 {
		t.Fatal(list, err)
	}
	info, err := os.Stat(list[0])
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	b, err := os.ReadFile(list[0])
	if err != nil {
		t.Fatal(err)
	}
	check(t, string(b), "aiko@example.jp", "パスワードの再設定", "abc-def")
}

// check reads a letter as a mail program does.
func check(t *testing.T, raw, to, subject, ticket string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	got, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || got != subject {
		t.Errorf("subject %q, %v", got, err)
	}
	if list, err := m.Header.AddressList("To"); err != nil || len(list) != 1 || list[0].Address != to {
		t.Errorf("to %v, %v", list, err)
	}
	text, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil || !strings.Contains(string(text), ticket) {
		t.Errorf("%q, %v", text, err)
	}
}

// mailServer is as much of a mail server (RFC 5321) as takes a message.
type mailServer struct {
	t        *testing.T
	secure   *tls.Config
	startTLS bool // offer it; else TLS is there from the first byte
	plain    bool // never speak TLS
	got      chan string
	auth     chan string
}

func (s *mailServer) serve(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go s.talk(c)
	}
}

func (s *mailServer) talk(c net.Conn) {
	defer func() { _ = c.Close() }()
	inTLS := !s.startTLS && !s.plain
	if inTLS {
		c = tls.Server(c, s.secure)
	}
	r := bufio.NewReader(c)
	say := func(text string) { _, _ = fmt.Fprintf(c, "%s\r\n", text) }
	say("220 test")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		verb, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " ")
		switch verb {
		case "EHLO":
			if s.startTLS && !inTLS {
				say("250-test\r\n250 STARTTLS")
			} else {
				say("250-test\r\n250 AUTH PLAIN")
			}
		case "STARTTLS":
			say("220 go")
			c, inTLS = tls.Server(c, s.secure), true
			r = bufio.NewReader(c)
		case "AUTH":
			s.auth <- strings.TrimSpace(line)
			say("235 ok")
		case "RCPT":
			if strings.Contains(line, "nobody@") {
				say("450 4.1.2 Domain not found")
				continue
			}
			say("250 ok")
		case "MAIL":
			say("250 ok")
		case "DATA":
			say("354 go")
			var text strings.Builder
			for {
				line, err := r.ReadString('\n')
				if err != nil || line == ".\r\n" {
					break
				}
				text.WriteString(line)
			}
			s.got <- text.String()
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("500 what")
		}
	}
}

func newMailServer(t *testing.T) (*mailServer, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	return &mailServer{t: t, secure: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}},
		got: make(chan string, 1), auth: make(chan string, 1)}, roots
}

// TestMailNobody: what the server says of an address is said of that alone; a server that is away is another thing.
func TestMailNobody(t *testing.T) {
	s, roots := newMailServer(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go s.serve(l)
	m := &Mail{Address: l.Addr().String(), Host: "127.0.0.1", TLS: &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}, From: "wallet@shop.example", Language: "en"}
	ctx, end := context.WithTimeout(t.Context(), 5*time.Second)
	defer end()
	for _, to := range []string{"nobody@no.example", "two\r\nRCPT@example.jp"} {
		if err := m.Send(ctx, house.Message{Kind: house.AccountStopped, To: to, At: at}); !errors.Is(err, house.ErrAddress) {
			t.Errorf("%q: %v", to, err)
		}
	}
	_ = l.Close()
	if err := m.Send(ctx, house.Message{Kind: house.AccountStopped, To: "aiko@example.jp", At: at}); err == nil || errors.Is(err, house.ErrAddress) {
		t.Errorf("no server: %v", err)
	}
}

// TestMail: over TLS from the first byte and by STARTTLS, with a password; and never in the clear, nor to a server that
// is not the one.
func TestMail(t *testing.T) {
	for _, tt := range []struct {
		name            string
		offers, plain   bool // the server
		wants, stranger bool // we
		fails           bool
	}{
		{"tls", false, false, false, false, false},
		{"starttls", true, false, true, false, false},
		{"a server without STARTTLS", false, true, true, false, true},
		{"a server of somebody else", false, false, false, true, true},
		{"tls wanted, and none spoken", false, true, false, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, roots := newMailServer(t)
			s.startTLS, s.plain = tt.offers, tt.plain
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = l.Close() })
			go s.serve(l)
			if tt.stranger {
				roots = x509.NewCertPool()
			}
			m := &Mail{Address: l.Addr().String(), Host: "127.0.0.1", StartTLS: tt.wants, TLS: &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"},
				User: "wallet", Password: "sesame", From: "wallet@shop.example", Language: "en"}
			ctx, end := context.WithTimeout(t.Context(), 5*time.Second)
			defer end()
			err = m.Send(ctx, house.Message{Kind: house.ConfirmTicket, To: "aiko@example.jp", Ticket: "abc", At: at})
			if (err != nil) != tt.fails {
				t.Fatal(err)
			}
			if tt.fails {
				if len(s.got)+len(s.auth) != 0 {
					t.Error("it was sent all the same")
				}
				return
			}
			if a := <-s.auth; !strings.HasPrefix(a, "AUTH PLAIN ") {
				t.Errorf("%q", a)
			}
			check(t, <-s.got, "aiko@example.jp", "Confirm your wallet", "abc")
		})
	}
	m := &Mail{Address: "127.0.0.1:1", Host: "127.0.0.1", TLS: &tls.Config{}}
	if err := m.Send(t.Context(), house.Message{To: "a@example.jp"}); err == nil {
		t.Error("a server that is not there took it")
	}
}
