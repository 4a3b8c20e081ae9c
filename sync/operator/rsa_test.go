package operator

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
)

func TestRSA(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	encode := func(kind string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	p8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pkix, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{encode("PRIVATE KEY", p8), encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))} {
		got, err := RSAKey(SecretOf(text))
		if err != nil || !got.Equal(key) {
			t.Fatalf("%v, %v", got != nil, err)
		}
	}
	public, err := RSAPublicKey(encode("PUBLIC KEY", pkix))
	if err != nil {
		t.Fatal(err)
	}
	sig, err := SignRSA(key, "a\nb\n")
	if err != nil || !VerifiedRSA(public, "a\nb\n", sig) || VerifiedRSA(public, "a\nb", sig) || VerifiedRSA(public, "a\nb\n", sig[1:]) || VerifiedRSA(public, "a\nb\n", "") {
		t.Errorf("signature %q, %v", sig, err)
	}
	for _, foul := range []string{"", "s3cret", encode("PRIVATE KEY", p8[:len(p8)-9]), encode("PUBLIC KEY", pkix), encode("CERTIFICATE", pkix)} {
		if _, err := RSAKey(SecretOf(foul)); !errors.Is(err, ErrConfig) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%.20q: %v", foul, err)
		}
	}
	for _, foul := range []string{"", "x", encode("PRIVATE KEY", p8), encode("CERTIFICATE", pkix)} {
		if _, err := RSAPublicKey(foul); !errors.Is(err, ErrConfig) {
			t.Errorf("%.20q: %v", foul, err)
		}
	}
}
