package journal

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"tilld/sync/wire"
)

func TestKeyIsMadeOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "terminal.key")
	a, created, err := LoadOrCreateKey(path, rand.Reader)
	if err != nil || !created || a.Public().Alg() != wire.EdDSA {
		t.Fatalf("making: %v, created %v", err, created)
	}
	b, created, err := LoadOrCreateKey(path, rand.Reader)
	if err != nil || created || !bytes.Equal(a.Public().Bytes(), b.Public().Bytes()) {
		t.Fatalf("reading again: %v, created %v", err, created)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("files left: %v, %v", left, err)
	}
}

// TestKeyOfHardwareKind: the record tells the algorithm, so a P-256 key signs ES256 with nothing configured.
func TestKeyOfAnotherAlgorithm(t *testing.T) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "terminal.key")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := config(t, filepath.Join(dir, "data"))
	if cfg.Signer, err = LoadKey(path, rand.Reader); err != nil || cfg.Signer.Public().Alg() != wire.ES256 {
		t.Fatalf("loading: %v", err)
	}
	j := mustOpen(t, cfg)
	sell(t, j, 1, 2)
	verifyCopy(t, j, cfg.Signer.Public())
}

func TestKeyFilesThatAreRefused(t *testing.T) {
	good, err := newKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		content []byte
		mode    fs.FileMode
	}{
		{"the group may read", good, 0o640},
		{"everybody may read", good, 0o604},
		{"empty", nil, 0o600},
		{"no PEM", []byte("hunter2"), 0o600},
		{"another block", bytes.ReplaceAll(good, []byte(keyBlock), []byte("CERTIFICATE")), 0o600},
		{"two keys", append(bytes.Clone(good), good...), 0o600},
		{"cut short", good[:len(good)/2], 0o600},
		{"no key inside", pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: []byte{1, 2, 3}}), 0o600},
		{"far too large", append(bytes.Clone(good), make([]byte, maxKeyFile)...), 0o600},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "terminal.key")
			if err := os.WriteFile(path, tt.content, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, tt.mode); err != nil {
				t.Fatal(err)
			}
			s, created, err := LoadOrCreateKey(path, rand.Reader)
			if !errors.Is(err, ErrKeyFile) || s != nil || created {
				t.Errorf("%v, created %v", err, created)
			}
			if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, tt.content) {
				t.Error("the file was written to")
			}
		})
	}
	if _, _, err := LoadOrCreateKey(t.TempDir(), rand.Reader); !errors.Is(err, ErrKeyFile) {
		t.Errorf("a directory: %v", err)
	}
	if _, _, err := LoadOrCreateKey(filepath.Join(t.TempDir(), "no", "terminal.key"), rand.Reader); err == nil {
		t.Error("made a key in a directory that is not there")
	}
	if _, _, err := LoadOrCreateKey(filepath.Join(t.TempDir(), "terminal.key"), bytes.NewReader(nil)); err == nil {
		t.Error("made a key of no randomness")
	}
}

func TestStagedKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "terminal.key")
	if s, err := LoadStagedKey(path, rand.Reader); s != nil || err != nil {
		t.Fatalf("none: %v, %v", s, err)
	}
	if _, _, err := LoadOrCreateKey(path, rand.Reader); err != nil {
		t.Fatal(err)
	}
	next, err := StageKey(path, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	again, err := LoadStagedKey(path, rand.Reader)
	if err != nil || !bytes.Equal(again.Public().Bytes(), next.Public().Bytes()) {
		t.Fatalf("staged: %v", err)
	}
	if err := PromoteKey(path); err != nil {
		t.Fatal(err)
	}
	now, created, err := LoadOrCreateKey(path, rand.Reader)
	if err != nil || created || !bytes.Equal(now.Public().Bytes(), next.Public().Bytes()) {
		t.Errorf("promoted: %v", err)
	}
	if err := PromoteKey(path); err == nil {
		t.Error("promoted a key that is not there")
	}
}
