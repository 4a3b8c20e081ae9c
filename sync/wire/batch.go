package wire

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	"tilld/agent/payment"
)

// Limits of a batch. MaxMessage keeps under the smallest limit of the brokers that tilld runs on.
const (
	MaxMessage = 512 << 10 // bytes on the wire
	MaxPlain   = 4 << 20   // bytes after decompression
	MaxEntries = 1000      // in one batch
)

// Errors of DecodeBatch and Batch.Verify.
var (
	ErrBatch = errors.New("not a batch of entries")
	ErrChain = errors.New("the chain of hashes is broken")
)

// Batch is a run of consecutive entries of one epoch, all signed by one key. It stands alone: Prev names
// what came before it, and the last entry's signature vouches for every entry before it. Bodies run beside
// Payloads and are not judged here (see CheckBody); one that was erased, or never was, is nil.
type Batch struct {
	_         struct{} `cbor:",toarray"`
	Version   uint
	Terminal  payment.ID
	Epoch     uint64
	First     uint64 // sequence of Payloads[0]
	Prev      []byte // hash before it; empty when First is 1
	Protected []byte // the protected header that all these entries were signed under
	Payloads  [][]byte
	Bodies    [][]byte
	Signature []byte // of the last entry
}

// BatchVersion is the version of the batch message that this release writes and reads.
const BatchVersion = 1

// Last is the sequence of the last entry.
func (b *Batch) Last() uint64 { return b.First + uint64(len(b.Payloads)) - 1 }

// VerifyChain walks the hashes and returns each entry's, without judging the signature. ErrChain names
// the first entry that does not continue the one before.
func (b *Batch) VerifyChain() ([][HashSize]byte, error) {
	hashes := make([][HashSize]byte, len(b.Payloads))
	prev := b.Prev
	var tbs []byte
	for i, payload := range b.Payloads {
		s, err := readSpine(payload)
		if err != nil {
			return nil, fmt.Errorf("%w: entry %d: %w", ErrBatch, b.First+uint64(i), err)
		}
		if s.terminal != b.Terminal || s.epoch != b.Epoch || s.seq != b.First+uint64(i) || !bytes.Equal(s.prev, prev) {
			return nil, fmt.Errorf("%w at %s", ErrChain, Name{b.Terminal, b.Epoch, b.First + uint64(i)})
		}
		tbs = appendSigStructure(tbs[:0], b.Protected, nil, payload)
		hashes[i] = sha256.Sum256(tbs)
		prev = hashes[i][:]
	}
	return hashes, nil
}

// Verify checks the chain and the last signature, and returns each entry's hash.
func (b *Batch) Verify(keys Keys) ([][HashSize]byte, error) {
	fit, err := VerifyProtected(b.Protected, TypEntry, keys)
	if err != nil {
		return nil, err
	}
	hashes, err := b.VerifyChain()
	if err != nil {
		return nil, err
	}
	tbs := ToBeSigned(b.Protected, b.Payloads[len(b.Payloads)-1])
	for _, k := range fit {
		if k.Verify(tbs, b.Signature) {
			return hashes, nil
		}
	}
	return nil, fmt.Errorf("%w: %s", ErrSignature, Name{b.Terminal, b.Epoch, b.Last()})
}

// check looks at form and limits, each entry's included; DecodeBatch takes only what passes.
func (b *Batch) check() error {
	n := len(b.Payloads)
	switch {
	case b.Version != BatchVersion:
		return fmt.Errorf("%w: version %d", ErrBatch, b.Version)
	case n == 0 || n > MaxEntries || len(b.Bodies) != n:
		return fmt.Errorf("%w: %d entries, %d bodies", ErrBatch, n, len(b.Bodies))
	case b.Terminal.IsZero() || b.Epoch == 0 || b.First == 0 || b.First+uint64(n) < b.First:
		return fmt.Errorf("%w: terminal, epoch and sequence must be set", ErrBatch)
	case b.First == 1 && len(b.Prev) != 0, b.First > 1 && len(b.Prev) != HashSize:
		return fmt.Errorf("%w: previous hash of %d bytes at sequence %d", ErrBatch, len(b.Prev), b.First)
	case len(b.Signature) != signatureSize:
		return fmt.Errorf("%w: signature of %d bytes", ErrBatch, len(b.Signature))
	}
	for i, p := range b.Payloads {
		if err := Canonical(p); err != nil {
			return fmt.Errorf("%w: entry %d: %w", ErrBatch, b.First+uint64(i), err)
		}
	}
	return nil
}
