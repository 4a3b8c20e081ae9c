package wire

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
)

// The first byte of a message tells its frame.
const (
	framePlain   = 'B' // a batch as it is
	frameDeflate = 'Z' // a batch, deflated (RFC 1951)
	frameSigned  = 'S' // a signed message (COSE_Sign1)
)

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
	msg, err := deflate(plain)
	if err != nil {
		return nil, fmt.Errorf("compressing a batch: %w", err)
	}
	if len(msg) > 1+len(plain) {
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
		if plain, err = inflate(plain); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrBatch, err)
		}
	}
	if err := checkBatchVersion(plain); err != nil {
		return nil, err
	}
	var b Batch
	if err := Unmarshal(plain, &b); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBatch, err)
	}
	if err := b.check(); err != nil {
		return nil, err
	}
	for i, body := range b.Bodies {
		if len(body) == 0 {
			b.Bodies[i] = nil
		}
	}
	return &b, nil
}

// checkBatchVersion reads the version, which comes first in every version, so that a batch of a later
// release is called that and not broken.
func checkBatchVersion(plain []byte) error {
	major, _, rest, err := head(plain)
	if err != nil || major != majorArray {
		return fmt.Errorf("%w: not an array", ErrBatch)
	}
	major, version, _, err := head(rest)
	if err != nil || major != majorUint {
		return fmt.Errorf("%w: has no version", ErrBatch)
	}
	if version != BatchVersion {
		return fmt.Errorf("%w: version %d; this release reads %d", ErrBatch, version, BatchVersion)
	}
	return nil
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

var (
	deflaters = sync.Pool{New: func() any { return must(flate.NewWriter(nil, deflateLevel)) }}
	inflaters = sync.Pool{New: func() any { return flate.NewReader(bytes.NewReader(nil)) }}
)

// deflateLevel is where more work no longer pays: most of a batch is hashes and ciphertext. The package is
// not the standard library's, which takes three times as long to the same size and twice as long back.
const deflateLevel = 3

func deflate(plain []byte) ([]byte, error) {
	var z bytes.Buffer
	z.WriteByte(frameDeflate)
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	w.Reset(&z)
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return z.Bytes(), nil
}

// inflate takes exactly one deflated stream of at most MaxPlain bytes, so that a small message can't fill
// the memory and nothing can ride behind the end.
func inflate(z []byte) ([]byte, error) {
	src := bytes.NewReader(z)
	r := inflaters.Get().(io.ReadCloser)
	defer inflaters.Put(r)
	if err := r.(flate.Resetter).Reset(src, nil); err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(r, MaxPlain+1))
	switch {
	case err != nil:
		return nil, err
	case len(plain) > MaxPlain:
		return nil, fmt.Errorf("over %d bytes when inflated", MaxPlain)
	case src.Len() != 0:
		return nil, fmt.Errorf("%d bytes after the end", src.Len())
	}
	return plain, nil
}
