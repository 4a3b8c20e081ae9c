// Package issuer runs the house wallet's issuer (sync/house): its files, its addresses, and how customers are told.
//
// What a reader would get wrong: two parties reach it by two addresses. Phones come from anywhere and prove themselves;
// HQ comes with a token, and may charge. Nothing on the phones' address takes HQ's token.
package issuer

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"tilld/agent/cmd/tilld/internal/config"
	"tilld/agent/cmd/tilld/internal/files"
	"tilld/agent/disk"
	"tilld/sync/house"
	"tilld/sync/wire"
)

// The files of the issuer's data directory. The key certifies customers' phones: whoever has it makes codes.
const (
	booksFile  = "issuer.db"
	keyFile    = "keys/issuer.key" // PEM, as openssl writes it
	publicFile = "issuer.pem"      // what HQ believes
	tokenFile  = "gateway.token"   // what HQ shows
	lockFile   = "issuer.lock"
)

// ErrNoIssuer says that the directory holds none yet.
var ErrNoIssuer = errors.New("no issuer here: `tilld issuer init` makes one")

// Init makes an issuer in a directory that holds none: its key, the public half of it for HQ, and the token that HQ
// shows. A key that lies at keys/issuer.key already is taken.
func Init(dir string) (public wire.PublicKey, err error) {
	if err := disk.MakeDir(filepath.Join(dir, "keys")); err != nil {
		return public, err
	}
	if _, err := os.Stat(filepath.Join(dir, publicFile)); err == nil {
		return public, fmt.Errorf("%s holds an issuer already", dir)
	}
	signer, err := makeKey(filepath.Join(dir, keyFile))
	if err != nil {
		return public, err
	}
	if err := files.Write(filepath.Join(dir, tokenFile), []byte(rand.Text()+rand.Text()+"\n")); err != nil {
		return public, err
	}
	text, err := publicPEM(signer)
	if err != nil {
		return public, err
	}
	s, err := wire.NewSigner(signer, rand.Reader)
	if err != nil {
		return public, err
	}
	return s.Public(), files.Write(filepath.Join(dir, publicFile), text) // last: its being there says that all is
}

func makeKey(path string) (*ecdsa.PrivateKey, error) {
	key, err := readKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, files.Write(path, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
}

func publicPEM(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// readKey reads a P-256 key as openssl or Init writes it: in PEM, perhaps behind the curve's parameters.
func readKey(path string) (*ecdsa.PrivateKey, error) {
	b, err := readSecret(path)
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "EC PRIVATE KEY":
			key, err := x509.ParseECPrivateKey(block.Bytes)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			return onP256(path, key)
		case "PRIVATE KEY":
			any, err := x509.ParsePKCS8PrivateKey(block.Bytes)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			key, _ := any.(*ecdsa.PrivateKey)
			return onP256(path, key)
		}
	}
	return nil, fmt.Errorf("%s holds no private key in PEM", path)
}

func onP256(path string, key *ecdsa.PrivateKey) (*ecdsa.PrivateKey, error) {
	if key == nil || key.Curve != elliptic.P256() {
		return nil, fmt.Errorf("%s is no key on P-256, which phones and lanes know", path)
	}
	return key, nil
}

// readSecret reads a file that nobody else may read.
func readSecret(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s can be read by others: chmod 600 it", path)
	}
	return os.ReadFile(path)
}

// readToken reads the one line that HQ shows.
func readToken(path string) (house.Secret, error) {
	b, err := readSecret(path)
	if err != nil {
		return "", err
	}
	line := strings.TrimRight(string(b), "\r\n")
	if len(line) < 16 || strings.ContainsFunc(line, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("%s: want one line of at least 16 printable characters without a space", path)
	}
	return house.Secret(line), nil
}

// OpenBooks opens the issuer's books with all that the configuration says; the caller closes them. The issuer may run
// meanwhile.
func OpenBooks(ctx context.Context, c *config.Issuer, now func() time.Time, log *slog.Logger) (*house.Issuer, error) {
	if _, err := os.Stat(filepath.Join(c.Data, publicFile)); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", c.Data, ErrNoIssuer)
	}
	key, err := readKey(filepath.Join(c.Data, keyFile))
	if err != nil {
		return nil, err
	}
	signer, err := wire.NewSigner(key, rand.Reader)
	if err != nil {
		return nil, err
	}
	messenger, err := newMessenger(&c.Messages)
	if err != nil {
		return nil, err
	}
	known, err := knownPasswords(c.KnownPasswords)
	if err != nil {
		return nil, err
	}
	root, err := readRoot(c.Chain.Root)
	if err != nil {
		return nil, err
	}
	return house.Open(ctx, filepath.Join(c.Data, booksFile), house.Config{
		Root: root, Chain: c.Chain.Name, Limits: c.Limits.Rules(), Signer: signer, Now: now, Random: rand.Reader, Messenger: messenger, Funder: NoBank{}, Known: known, Cash: true, Log: log,
	})
}

// readRoot reads a chain's root.pub; the zero key without a path.
func readRoot(path string) (key wire.PublicKey, err error) {
	if path == "" {
		return key, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return key, err
	}
	raw, err := hex.DecodeString(strings.TrimSpace(string(b)))
	if err == nil {
		key, err = wire.ParsePublicKey(raw)
	}
	if err != nil {
		return key, fmt.Errorf("%s is no root.pub of an HQ: %w", path, err)
	}
	return key, nil
}

func knownPasswords(path string) (house.Known, error) {
	if path == "" {
		return house.WorstKnown(), nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return house.KnownList(f)
}

// Backup copies the books into a new file, mode 0600, and returns when it is on the disk.
func Backup(ctx context.Context, books *house.Issuer, path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // empty: the copy takes that for a new one
	if err != nil {
		return err
	}
	if err := books.Backup(ctx, path); err != nil {
		return errors.Join(err, f.Close(), os.Remove(path))
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return disk.SyncDir(filepath.Dir(path))
}
