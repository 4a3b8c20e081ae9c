package journal

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"tilld/agent/disk"
	"tilld/sync/wire"
)

// keyBlock is the PEM label of PKCS #8 (RFC 5958), a record that names the key's algorithm.
const keyBlock = "PRIVATE KEY"

// stagedSuffix is added to a key file's name for a key that is to follow it.
const stagedSuffix = ".next"

// maxKeyFile bounds what is read as a key.
const maxKeyFile = 16 << 10

// LoadOrCreateKey reads the terminal's key, or makes an Ed25519 key at path when there is none; created
// tells which. The file is PKCS #8 in PEM, so the algorithm is part of the record; only its owner may read
// it, and a file that others can read is refused (ErrKeyFile). An existing file is never written over.
func LoadOrCreateKey(path string, random io.Reader) (s *wire.Signer, created bool, err error) {
	s, err = LoadKey(path, random)
	if !errors.Is(err, fs.ErrNotExist) {
		return s, false, err
	}
	key, err := newKey(random)
	if err != nil {
		return nil, false, err
	}
	if err := writeKey(path, key); err != nil {
		return nil, false, fmt.Errorf("writing the key file: %w", err)
	}
	s, err = LoadKey(path, random) // what is on the disk, not what we think is there
	return s, err == nil, err
}

// LoadKey reads a key file. The randomness is for algorithms that sign with some (ES256).
func LoadKey(path string, random io.Reader) (*wire.Signer, error) {
	b, err := readPrivate(path)
	if err != nil {
		return nil, err
	}
	block, rest := pem.Decode(b)
	if block == nil || block.Type != keyBlock || len(bytes.TrimSpace(rest)) != 0 {
		return nil, fmt.Errorf("%w: %s: not one PEM block %q", ErrKeyFile, path, keyBlock)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: not PKCS #8", ErrKeyFile, path) // the cause could quote the key
	}
	key, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%w: %s: a key that can't sign", ErrKeyFile, path)
	}
	s, err := wire.NewSigner(key, random)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrKeyFile, path, err)
	}
	return s, nil
}

// readPrivate reads a small regular file that nobody else can.
func readPrivate(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the key file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading the key file: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxKeyFile {
		return nil, fmt.Errorf("%w: %s: not a small regular file", ErrKeyFile, path)
	}
	if err := checkPrivate(info); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return nil, fmt.Errorf("reading the key file: %w", err)
	}
	return b, nil
}

func newKey(random io.Reader) ([]byte, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(seed))
	if err != nil {
		return nil, fmt.Errorf("encoding a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: der}), nil
}

// writeKey makes the file whole or not at all. It links rather than renames the finished file into place:
// a rename would replace a key that somebody else made in the meantime.
func writeKey(path string, key []byte) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".key-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(key); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	return disk.SyncDir(dir)
}

// StageKey makes, or reads again, the key that is to follow the one at path. It is used by nothing until
// ChangeKey has written it into the journal; then PromoteKey puts it into its place.
func StageKey(path string, random io.Reader) (*wire.Signer, error) {
	s, _, err := LoadOrCreateKey(path+stagedSuffix, random)
	return s, err
}

// LoadStagedKey reads the key that StageKey made, for Config.Staged; nil when there is none.
func LoadStagedKey(path string, random io.Reader) (*wire.Signer, error) {
	s, err := LoadKey(path+stagedSuffix, random)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return s, err
}

// PromoteKey puts the staged key in the place of the old one. Call it when the journal signs with it: after
// ChangeKey, and after an Open that took Config.Staged (Journal.Signer tells).
func PromoteKey(path string) error {
	if err := os.Rename(path+stagedSuffix, path); err != nil {
		return fmt.Errorf("putting the new key into place: %w", err)
	}
	return disk.SyncDir(filepath.Dir(path))
}
