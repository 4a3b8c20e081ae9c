// Package hq plugs head office together: keys and documents, the broker, ingest, ledger, settlement, the
// console and the API.
package hq

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"tilld/agent/cmd/tilld/internal/files"
	"tilld/agent/disk"
	"tilld/agent/journal"
	"tilld/agent/policy"
	"tilld/sync/wire"
)

// The files of HQ's data directory. The root key signs trust bundles and join answers only, and may be kept
// elsewhere between uses; the others serve every day.
const (
	ledgerFile = "ledger.db"
	rootFile   = "keys/root.key"
	ackFile    = "keys/ack.key"
	policyFile = "keys/policy.key"
	sealFile   = "keys/seal.key"
	hashFile   = "keys/hash.keys"
	salesFile  = "keys/sales.key" // of the pseudonyms in sales figures
	rootPublic = "root.pub"       // COSE_Key in hexadecimal: what everything is checked against
	chainFile  = "chain.name"
	archiveDir = "settlements"
	// beside the books, since they may be put back: see Revocation
	revocationDir = "revocations"
	brokerDir     = "broker"
	lockFile      = "hq.lock"
)

// ErrNoOffice says that the directory holds no HQ yet.
var ErrNoOffice = errors.New("no HQ here: `tilld hq init` makes one")

// Keys are HQ's keys.
type Keys struct {
	Root   wire.PublicKey
	Ack    *wire.Signer
	Policy *wire.Signer
	Seal   map[wire.KID]*wire.ConfidantKey
	Hash   []policy.HashKey
	dir    string
}

// RootSigner loads the root key; an error names the file that must be put back for this.
func (k *Keys) RootSigner() (*wire.Signer, error) {
	s, err := journal.LoadKey(filepath.Join(k.dir, rootFile), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("the root key is needed for this: %w", err)
	}
	if s.Public().KID() != k.Root.KID() {
		return nil, fmt.Errorf("%s is not the root key of this HQ", rootFile)
	}
	return s, nil
}

func makeKeys(dir string) error {
	if err := disk.MakeDir(filepath.Join(dir, "keys")); err != nil {
		return err
	}
	for _, name := range []string{rootFile, ackFile, policyFile} {
		s, _, err := journal.LoadOrCreateKey(filepath.Join(dir, name), rand.Reader)
		if err != nil {
			return err
		}
		if name == rootFile {
			if err := files.Write(filepath.Join(dir, rootPublic), hexLine(s.Public().Bytes())); err != nil {
				return err
			}
		}
	}
	seal, err := wire.NewConfidantKey(rand.Reader)
	if err != nil {
		return err
	}
	var hash [32]byte
	if _, err := rand.Read(hash[:]); err != nil {
		return err
	}
	return errors.Join(
		files.Write(filepath.Join(dir, sealFile), hexLine(seal.Bytes())),
		files.Write(filepath.Join(dir, hashFile), hexLine(hash[:])),
	)
}

// LoadKeys reads HQ's keys, the root's private half aside.
func LoadKeys(dir string) (*Keys, error) {
	k := &Keys{Seal: map[wire.KID]*wire.ConfidantKey{}, dir: dir}
	roots, err := readHex(filepath.Join(dir, rootPublic))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", dir, ErrNoOffice)
	}
	if err != nil {
		return nil, err
	}
	if k.Root, err = wire.ParsePublicKey(roots[0]); err != nil {
		return nil, fmt.Errorf("%s: %w", rootPublic, err)
	}
	if k.Ack, err = journal.LoadKey(filepath.Join(dir, ackFile), rand.Reader); err != nil {
		return nil, err
	}
	if k.Policy, err = journal.LoadKey(filepath.Join(dir, policyFile), rand.Reader); err != nil {
		return nil, err
	}
	seals, err := readHex(filepath.Join(dir, sealFile))
	if err != nil {
		return nil, err
	}
	for _, raw := range seals {
		key, err := wire.ParseConfidantKey(raw)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", sealFile, err)
		}
		k.Seal[key.Public().KID()] = key
	}
	hashes, err := readHex(filepath.Join(dir, hashFile))
	if err != nil {
		return nil, err
	}
	for i, raw := range hashes {
		k.Hash = append(k.Hash, policy.HashKey{Epoch: uint32(i + 1), Key: raw})
	}
	return k, nil
}

func hexLine(b []byte) []byte { return []byte(hex.EncodeToString(b) + "\n") }

// readHex reads a file of keys, one a line in hexadecimal, the oldest first. A file that others may read is
// refused.
func readHex(path string) ([][]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s can be read by others: chmod 600 it", path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var list [][]byte
	for line := range bytes.Lines(b) {
		raw, err := hex.DecodeString(string(bytes.TrimSpace(line)))
		if err != nil || len(raw) == 0 {
			return nil, fmt.Errorf("%s: line %d is no key in hexadecimal", path, len(list)+1)
		}
		list = append(list, raw)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s is empty", path)
	}
	return list, nil
}
