package wire

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"sync"

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
// Payloads; a body that was erased, or never was, is nil.
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
	for i, payload := range b.Payloads {
		var s spine
		if err := lenient.Unmarshal(payload, &s); err != nil {
			return nil, fmt.Errorf("%w: entry %d: %w", ErrBatch, b.First+uint64(i), err)
		}
		if s.Terminal != b.Terminal || s.Epoch != b.Epoch || s.Seq != b.First+uint64(i) || !bytes.Equal(s.Prev, prev) {
			return nil, fmt.Errorf("%w at %s", ErrChain, Name{b.Terminal, b.Epoch, b.First + uint64(i)})
		}
		hashes[i] = Hash(b.Protected, payload)
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
	case len(b.Signature) != 64:
		return fmt.Errorf("%w: signature of %d bytes", ErrBatch, len(b.Signature))
	}
	return nil
}

// The first byte of a message tells its frame.
const (
	framePlain   = 'B' // a batch as it is
	frameDeflate = 'Z' // a batch, deflated (RFC 1951)
	frameSigned  = 'S' // a signed message (COSE_Sign1)
)

var deflaters = sync.Pool{New: func() any { return must(flate.NewWriter(nil, flate.BestSpeed+4)) }}

// EncodeBatch writes a batch as one message, compressed when that is shorter. It refuses one that would be
// over MaxMessage or that DecodeBatch would not read.
func EncodeBatch(b *Batch) ([]byte, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	plain, err := Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("encoding a batch: %w", err)
	}
	var z bytes.Buffer
	z.WriteByte(frameDeflate)
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	w.Reset(&z)
	if _, err := w.Write(plain); err != nil {
		return nil, fmt.Errorf("compressing a batch: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compressing a batch: %w", err)
	}
	msg := z.Bytes()
	if z.Len() > len(plain)+1 {
		msg = append([]byte{framePlain}, plain...)
	}
	if len(msg) > MaxMessage || len(plain) > MaxPlain {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrBatch, len(msg), MaxMessage)
	}
	return msg, nil
}

// IsBatch says whether a message's frame is a batch's.
func IsBatch(msg []byte) bool {
	return len(msg) > 0 && (msg[0] == framePlain || msg[0] == frameDeflate)
}

// DecodeBatch reads a message of EncodeBatch. It checks form and limits only; see Verify.
func DecodeBatch(msg []byte) (*Batch, error) {
	if !IsBatch(msg) || len(msg) > MaxMessage {
		return nil, fmt.Errorf("%w: %d bytes", ErrBatch, len(msg))
	}
	plain := msg[1:]
	if msg[0] == frameDeflate {
		var err error
		if plain, err = io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(plain)), MaxPlain+1)); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrBatch, err)
		}
		if len(plain) > MaxPlain {
			return nil, fmt.Errorf("%w: over %d bytes", ErrBatch, MaxPlain)
		}
	}
	var b Batch
	if err := Unmarshal(plain, &b); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBatch, err)
	}
	if err := b.check(); err != nil {
		return nil, err
	}
	for i, p := range b.Payloads {
		if err := Canonical(p); err != nil {
			return nil, fmt.Errorf("%w: entry %d: %w", ErrBatch, b.First+uint64(i), err)
		}
	}
	return &b, nil
}

// FrameSigned puts a signed message (the result of Seal) on the road.
func FrameSigned(sealed []byte) []byte { return append([]byte{frameSigned}, sealed...) }

// UnframeSigned takes it off again; ErrEnvelope for anything else.
func UnframeSigned(msg []byte) ([]byte, error) {
	if len(msg) < 2 || len(msg) > MaxMessage || msg[0] != frameSigned {
		return nil, fmt.Errorf("%w: %d bytes", ErrEnvelope, len(msg))
	}
	return msg[1:], nil
}
