package main

import (
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestIssuerOfATrial is the README's way to an issuer, with openssl itself.
func TestIssuerOfATrial(t *testing.T) {
	dir := t.TempDir()
	data, key, pub := filepath.Join(dir, "hq"), filepath.Join(dir, "issuer.key"), filepath.Join(dir, "issuer.pem")
	openssl := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("openssl", args...).CombinedOutput(); err != nil {
			t.Fatalf("openssl %v: %v\n%s", args, err, out)
		}
	}
	openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
	openssl("pkey", "-in", key, "-pubout", "-out", pub)
	if code, _, errs := tilld(t, "hq", "init", "--data", data, "--chain", "kita"); code != 0 {
		t.Fatal(errs)
	}
	code, first, errs := tilld(t, "hq", "issuer", "add", "--data", data, "--wallet", "house", pub)
	if code != 0 || !strings.HasPrefix(first, "issuer of house: kid ") || strings.Count(first, "\n") != 1 {
		t.Fatalf("exit %d, %q, %q", code, first, errs)
	}
	if code, again, _ := tilld(t, "hq", "issuer", "add", "--data", data, "--wallet", "house", pub); code != 0 || again != first {
		t.Errorf("the same again: exit %d, %q", code, again)
	}
	if _, list, _ := tilld(t, "hq", "issuer", "list", "--data", data); list != first {
		t.Errorf("the list is %q", list)
	}
	other := filepath.Join(dir, "other.cose")
	raw, err := hex.DecodeString("a40102200121582065eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d2258201e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(other, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	const thumbprint = "496bd8afadf307e5" // of RFC 9679, 6
	if code, out, errs := tilld(t, "hq", "issuer", "add", "--data", data, "--wallet", "house", other); code != 0 || !strings.Contains(out, thumbprint) {
		t.Errorf("raw COSE_Key: exit %d, %q, %q", code, out, errs)
	}
	for _, tt := range []struct {
		name, arg string
		code      int
		errs      string
	}{
		{"a private key", key, 3, "PRIVATE"},
		{"no such file", pub + "x", 2, "neither a file here nor a key"},
		{"hexadecimal, and no key", "a1b2", 2, "want a P-256 key"},
		{"the key of another wallet", pub, 3, "is the issuer of house already"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, _, errs := tilld(t, "hq", "issuer", "add", "--data", data, "--wallet", "points", tt.arg)
			if code != tt.code || !strings.Contains(errs, tt.errs) {
				t.Errorf("exit %d, %q; want exit %d, %q", code, errs, tt.code, tt.errs)
			}
		})
	}
}
