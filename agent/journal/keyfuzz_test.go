package journal

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// FuzzKeyFile: a key file is a key that signs, or it is refused as what it is.
func FuzzKeyFile(f *testing.F) {
	good, err := newKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(append([]byte("x\n"), good...))
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n"))
	path := filepath.Join(f.TempDir(), "terminal.key")
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := LoadKey(path, rand.Reader)
		if err != nil {
			if s != nil || !errors.Is(err, ErrKeyFile) {
				t.Fatalf("%v, %v", s, err)
			}
			return
		}
		sig, err := s.Sign([]byte("bytes"))
		if err != nil || !s.Public().Verify([]byte("bytes"), sig) {
			t.Fatalf("a key that does not sign: %v", err)
		}
	})
}
