package demo

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"tilld/agent/cmd/tilld/internal/files"
	"tilld/agent/cmd/tilld/internal/operators"
	"tilld/agent/disk"
	"tilld/sync/operator"
	"tilld/sync/operator/emulate"
)

// What operators give a shop, by kind: as files that HQ's configuration names, and that are made once.
const (
	credentialDir = "credentials" // HQ's
	operatorDir   = "operators"   // the operators' own, which no shop ever sees
	shopKey       = "shop.key"
	platformKey   = "platform.key"
	platformPEM   = "platform.pem"
	bookFile      = "book.json"

	// Made up, as all of an emulated operator's names for a shop are.
	merchant      = "1900000109"
	clientID      = "SANDBOX_DEMO_0001"
	shopSerial    = "5157F09EFDC096DE15EBE81A47057A7232F1B8E1"
	platformName  = "PUB_KEY_ID_0000000001"
	credentialExt = ".credentials"
)

func (d *Demo) credential(name string) string {
	return filepath.Join(d.opts.Dir, credentialDir, name)
}

// parties makes each operator's credentials for the shop, once, and gives what the operators know of it.
func (d *Demo) parties() (map[emulate.Wallet]emulate.Party, error) {
	for _, dir := range []string{credentialDir, operatorDir} {
		if err := disk.MakeDir(d.path(dir)); err != nil {
			return nil, err
		}
	}
	all := map[emulate.Wallet]emulate.Party{}
	for _, w := range d.market.wallets {
		p, err := d.party(w)
		if err != nil {
			return nil, fmt.Errorf("the shop's credentials at %s: %w", w.name, err)
		}
		all[w.name] = p
	}
	return all, nil
}

func (d *Demo) party(w walletOf) (emulate.Party, error) {
	switch w.kind {
	case operators.KindWeChat, operators.KindAlipay:
		shop, err := d.rsaKey(d.credential(shopKey))
		if err != nil {
			return emulate.Party{}, err
		}
		own, err := d.rsaKey(filepath.Join(d.path(operatorDir), platformKey))
		if err != nil {
			return emulate.Party{}, err
		}
		p := emulate.Party{ID: clientID, Shop: &shop.PublicKey, Own: own}
		if w.kind == operators.KindWeChat {
			p.ID, p.Serial, p.OwnSerial = merchant, shopSerial, platformName
		}
		return p, writePublic(d.credential(platformPEM), &own.PublicKey)
	}
	line, err := d.secretLine(w)
	if err != nil {
		return emulate.Party{}, err
	}
	if w.kind == operators.KindAcquirer {
		return emulate.Party{ID: string(w.name), Secret: operator.SecretOf(line), Acquired: w.acquired}, nil
	}
	id, secret, ok := strings.Cut(line, ":")
	if !ok {
		return emulate.Party{}, errors.New("the file holds no ID:SECRET")
	}
	return emulate.Party{ID: id, Secret: operator.SecretOf(secret)}, nil
}

// secretLine reads the credentials of a kind that has one line, or makes them.
func (d *Demo) secretLine(w walletOf) (string, error) {
	path := d.credential(string(w.name) + credentialExt)
	b, err := files.Read(path)
	if err != nil {
		return "", err
	}
	if b == nil {
		line := rand.Text()
		if w.kind != operators.KindAcquirer {
			line = "demo-" + string(w.name) + ":" + line
		}
		b = []byte(line + "\n")
		if err := files.Write(path, b); err != nil {
			return "", err
		}
	}
	return strings.TrimSpace(string(b)), nil
}

// rsaKey reads a key, or makes it.
func (d *Demo) rsaKey(path string) (*rsa.PrivateKey, error) {
	b, err := files.Read(path)
	if err != nil {
		return nil, err
	}
	if b == nil {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, err
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, err
		}
		return key, files.Write(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, fmt.Errorf("%s holds no key", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if k, ok := key.(*rsa.PrivateKey); ok {
		return k, nil
	}
	return nil, fmt.Errorf("%s holds no RSA key", path)
}

func writePublic(path string, key *rsa.PublicKey) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return err
	}
	return files.Write(path, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}
