package hq

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"time"
)

// errOtherBroker is somebody else on the address of HQ's own broker.
var errOtherBroker = errors.New("this is not HQ's own broker: its certificate is another")

// ownClient is how HQ's client speaks TLS to the broker in its own process. It knows that broker by the very
// certificate, since the address that a broker listens on (0.0.0.0, say) is no name that a certificate has.
// Where the broker wants clients' certificates, it gets one that lives as long as this process: the broker's
// own may be for servers only. The broker's configuration is changed to take that one.
func ownClient(broker *tls.Config, now time.Time) (*tls.Config, error) {
	leaf := broker.Certificates[0].Certificate[0]
	c := &tls.Config{
		MinVersion:         tls.VersionTLS13,
		InsecureSkipVerify: true, // VerifyConnection does more than what is skipped
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 || !bytes.Equal(s.PeerCertificates[0].Raw, leaf) {
				return errOtherBroker
			}
			return nil
		},
	}
	if broker.ClientAuth == tls.NoClientCert {
		return c, nil
	}
	own, err := passing(now)
	if err != nil {
		return nil, err
	}
	broker.ClientCAs.AddCert(own.Leaf)
	c.Certificates = []tls.Certificate{own}
	return c, nil
}

// passing is a certificate whose key is nowhere but in this process.
func passing(now time.Time) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return tls.Certificate{}, err
	}
	t := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "tilld hq, this process"},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.AddDate(20, 0, 0), // longer than any process
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, err
}
