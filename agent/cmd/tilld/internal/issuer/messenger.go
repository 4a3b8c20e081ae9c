package issuer

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/smtp"
	"net/textproto"
	"path/filepath"
	"strings"

	"tilld/agent/cmd/tilld/internal/config"
	"tilld/agent/cmd/tilld/internal/files"
	"tilld/agent/disk"
	"tilld/sync/house"
	"tilld/sync/house/rule"
	"tilld/sync/mqtt"
)

func newMessenger(c *config.Messages) (house.Messenger, error) {
	if c.Kind == config.MessagesSpool {
		if err := disk.MakeDir(c.Spool); err != nil {
			return nil, err
		}
		return Spool{Dir: c.Spool, Language: c.Language}, nil
	}
	host, _, err := net.SplitHostPort(c.SMTP.Address)
	if err != nil {
		return nil, err
	}
	m := &Mail{Address: c.SMTP.Address, Host: host, StartTLS: c.SMTP.Security == "starttls", From: c.SMTP.From, Language: c.Language}
	if m.TLS, err = (mqtt.TLSFiles{CA: c.SMTP.CA}).Client(); err != nil {
		return nil, err
	}
	m.TLS.ServerName = host
	if c.SMTP.CredentialsFile != "" {
		if m.User, m.Password, err = mqtt.ReadCredentials(c.SMTP.CredentialsFile); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// Spool writes each message into a file of its own, mode 0600, and tells nobody: for a trial, where somebody looks there.
type Spool struct {
	Dir      string
	Language string
}

// Send writes the file. Names sort by time.
func (s Spool) Send(_ context.Context, m house.Message) error {
	name := fmt.Sprintf("%s-%s-%s.eml", m.At.UTC().Format("20060102T150405.000"), m.Kind, rand.Text()[:8])
	return files.Write(filepath.Join(s.Dir, name), letter("wallet@localhost", s.Language, m))
}

// Mail sends messages by a mail server that takes them from us, over TLS only.
type Mail struct {
	Address, Host  string
	StartTLS       bool
	TLS            *tls.Config
	User, Password string // "": the server asks for none
	From, Language string
}

// errNoTLS reports a server that does not offer what the configuration wants.
var errNoTLS = errors.New("the mail server offers no STARTTLS: tickets don't travel in the clear")

// Send gives one message to the server. After nil the server has it; house.ErrAddress: it takes none for this address.
func (s *Mail) Send(ctx context.Context, m house.Message) (err error) {
	c, err := s.connect(ctx)
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("mail: %w", errors.Join(err, c.Close()))
		}
	}()
	if s.User != "" {
		if err := c.Auth(smtp.PlainAuth("", s.User, s.Password, s.Host)); err != nil {
			return err
		}
	}
	if _, r := rule.Contact(m.To); r != rule.None { // it is no address, and could be more than one command
		return fmt.Errorf("%w: %w", house.ErrAddress, r)
	}
	if err := c.Mail(s.From); err != nil {
		return err
	}
	if err := c.Rcpt(m.To); err != nil {
		if _, said := errors.AsType[*textproto.Error](err); said {
			return fmt.Errorf("%w: %w", house.ErrAddress, err)
		}
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(letter(s.From, s.Language, m)); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	_ = c.Quit() // the server has taken it
	return nil
}

// connect opens a connection whose every read and write ends with ctx's deadline.
func (s *Mail) connect(ctx context.Context) (*smtp.Client, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.Address)
	if err != nil {
		return nil, err
	}
	if at, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(at); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	if !s.StartTLS {
		conn = tls.Client(conn, s.TLS)
	}
	c, err := smtp.NewClient(conn, s.Host)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if !s.StartTLS {
		return c, nil
	}
	if ok, _ := c.Extension("STARTTLS"); !ok {
		return nil, errors.Join(errNoTLS, c.Close())
	}
	if err := c.StartTLS(s.TLS); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// letter is a message as mail (RFC 5322): plain text, in UTF-8.
func letter(from, language string, m house.Message) []byte {
	subject, text := words(language, m)
	var b strings.Builder
	fmt.Fprintf(&b, "From: <%s>\r\nTo: <%s>\r\nSubject: %s\r\nDate: %s\r\n", from, m.To, mime.QEncoding.Encode("utf-8", subject),
		m.At.UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	fmt.Fprintf(&b, "Message-ID: <%s@%s>\r\n", rand.Text(), from[strings.LastIndexByte(from, '@')+1:])
	b.WriteString("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n")
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(text)) // a strings.Builder takes everything
	_ = w.Close()
	return []byte(b.String())
}
