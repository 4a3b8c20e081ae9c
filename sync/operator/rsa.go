package operator

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
)

// minRSA is the shortest key that is taken, in bits.
const minRSA = 2048

// RSAKey reads the shop's own private key, PEM of PKCS #8 or PKCS #1: an ErrConfig that names nothing of it.
func RSAKey(s Secret) (*rsa.PrivateKey, error) {
	b, _ := pem.Decode([]byte(s.Reveal()))
	if b == nil {
		return nil, fmt.Errorf("%w: the private key is not PEM", ErrConfig)
	}
	var k any
	var err error
	if b.Type == "RSA PRIVATE KEY" {
		k, err = x509.ParsePKCS1PrivateKey(b.Bytes)
	} else {
		k, err = x509.ParsePKCS8PrivateKey(b.Bytes)
	}
	key, ok := k.(*rsa.PrivateKey)
	if err != nil || !ok || key.N.BitLen() < minRSA {
		return nil, fmt.Errorf("%w: the private key is not one of RSA with at least %d bits", ErrConfig, minRSA)
	}
	return key, nil
}

// RSAPublicKey reads an operator's key, PEM of a public key or of a certificate: an ErrConfig.
func RSAPublicKey(text string) (*rsa.PublicKey, error) {
	b, _ := pem.Decode([]byte(text))
	if b == nil {
		return nil, fmt.Errorf("%w: the operator's key is not PEM", ErrConfig)
	}
	var k any
	var err error
	if b.Type == "CERTIFICATE" {
		var c *x509.Certificate
		if c, err = x509.ParseCertificate(b.Bytes); err == nil {
			k = c.PublicKey
		}
	} else {
		k, err = x509.ParsePKIXPublicKey(b.Bytes)
	}
	key, ok := k.(*rsa.PublicKey)
	if err != nil || !ok || key.N.BitLen() < minRSA {
		return nil, fmt.Errorf("%w: the operator's key is not one of RSA with at least %d bits", ErrConfig, minRSA)
	}
	return key, nil
}

// SignRSA is SHA-256 with RSA (PKCS #1 v1.5) over a message, in base 64.
func SignRSA(key *rsa.PrivateKey, message string) (string, error) {
	sum := sha256.Sum256([]byte(message))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:]) // the randomness only blinds
	if err != nil {
		return "", fmt.Errorf("%w: the request can't be signed", ErrNotSent)
	}
	return base64.StdEncoding.EncodeToString(sig), nil
}

// VerifiedRSA says whether sig, in base 64, is key's over the message.
func VerifiedRSA(key *rsa.PublicKey, message, sig string) bool {
	b, err := base64.StdEncoding.DecodeString(sig)
	if err != nil {
		return false
	}
	sum := sha256.Sum256([]byte(message))
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], b) == nil
}
