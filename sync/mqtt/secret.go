package mqtt

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"unicode"
)

// maxSecret bounds what is read of a certificate, key or credentials file, in bytes.
const maxSecret = 1 << 20

// TLSFiles names PEM files for TLS. The key must be readable by its owner only.
type TLSFiles struct {
	CA   string // who may have signed the other side's certificate; "" is the system's roots (client) or no client certificates (server)
	Cert string // this side's certificate and chain; "" is none (client only)
	Key  string // the key of Cert
}

// Client loads the configuration for NewClient.
func (f TLSFiles) Client() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.CA != "" {
		pool, err := readCA(f.CA)
		if err != nil {
			return nil, err
		}
		c.RootCAs = pool
	}
	if f.Cert == "" && f.Key == "" {
		return c, nil
	}
	pair, err := f.pair()
	if err != nil {
		return nil, err
	}
	c.Certificates = []tls.Certificate{pair}
	return c, nil
}

// Server loads the configuration for StartBroker. With a CA, clients must show a certificate of it.
func (f TLSFiles) Server() (*tls.Config, error) {
	pair, err := f.pair()
	if err != nil {
		return nil, err
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	if f.CA != "" {
		pool, err := readCA(f.CA)
		if err != nil {
			return nil, err
		}
		c.ClientCAs, c.ClientAuth = pool, tls.RequireAndVerifyClientCert
	}
	return c, nil
}

func (f TLSFiles) pair() (tls.Certificate, error) {
	if f.Cert == "" || f.Key == "" {
		return tls.Certificate{}, errors.New("mqtt: TLS certificate and key go together")
	}
	cert, err := readFile(f.Cert)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := readSecret(f.Key)
	if err != nil {
		return tls.Certificate{}, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("mqtt: %s with %s: %w", f.Cert, f.Key, err)
	}
	return pair, nil
}

func readCA(path string) (*x509.CertPool, error) {
	pem, err := readFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("mqtt: %s holds no certificate in PEM", path)
	}
	return pool, nil
}

var errNoCredential = errors.New("want one line user:password")

// ReadCredentials reads a file with one line "user:password", readable by its owner only. The
// password may hold colons; neither may be empty or hold control characters.
func ReadCredentials(path string) (user, password string, err error) {
	data, err := readSecret(path)
	if err != nil {
		return "", "", err
	}
	user, password, err = parseCredentials(string(data))
	if err != nil {
		return "", "", fmt.Errorf("mqtt: %s: %w", path, err)
	}
	return user, password, nil
}

// ReadCredentialList reads a file of such lines, one for each who may sign in at a broker; empty lines say
// nothing.
func ReadCredentialList(path string) ([]Credential, error) {
	data, err := readSecret(path)
	if err != nil {
		return nil, err
	}
	var list []Credential
	for n, line := range strings.Split(string(data), "\n") {
		if strings.TrimSuffix(line, "\r") == "" {
			continue
		}
		name, password, err := parseCredentials(line)
		if err != nil {
			return nil, fmt.Errorf("mqtt: %s: line %d: %w", path, n+1, err)
		}
		if slices.ContainsFunc(list, func(c Credential) bool { return c.Name == name }) {
			return nil, fmt.Errorf("mqtt: %s: line %d: %s has a line already", path, n+1, name)
		}
		list = append(list, Credential{name, password})
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("mqtt: %s: %w", path, errNoCredential)
	}
	return list, nil
}

// parseCredentials never puts what it read into an error.
func parseCredentials(text string) (user, password string, err error) {
	text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	user, password, ok := strings.Cut(text, ":")
	switch {
	case !ok || user == "" || password == "":
		return "", "", errNoCredential
	case strings.ContainsFunc(text, unicode.IsControl):
		return "", "", errors.New("control character, or more than one line")
	}
	return user, password, nil
}

// readSecret is readFile for what others must not read. Windows has no such mode bits.
func readSecret(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("mqtt: %w", err)
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		return nil, fmt.Errorf("mqtt: %s has mode %#o; others must not read it (chmod 600)", path, mode)
	}
	return readFile(path)
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("mqtt: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return nil, fmt.Errorf("mqtt: %w", err)
	}
	if len(data) > maxSecret {
		return nil, fmt.Errorf("mqtt: %s is over %d bytes", path, maxSecret)
	}
	return data, nil
}
