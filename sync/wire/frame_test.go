package wire

import (
	"bytes"
	"compress/flate" // the other end need not use ours
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"tilld/agent/payment"
)

// message makes a frame of a batch: what it is, or deflated at any rate.
func message(t testing.TB, b *Batch, frame byte) []byte {
	t.Helper()
	plain, err := Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	if frame == framePlain {
		return append([]byte{framePlain}, plain...)
	}
	msg, err := deflate(plain)
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

func TestEncodeBatch(t *testing.T) {
	l := threeSales(t, EdDSA)
	for _, b := range []*Batch{l.batch(1, 11), l.batch(4, 4), l.batch(2, 2)} {
		msg, err := EncodeBatch(b)
		if err != nil {
			t.Fatal(err)
		}
		plain := message(t, b, framePlain)
		if !IsBatch(msg) || len(msg) > len(plain) || (msg[0] == framePlain) != (len(msg) == len(plain)) {
			t.Errorf("%c of %d bytes, plain %d", msg[0], len(msg), len(plain))
		}
		for _, m := range [][]byte{msg, plain, message(t, b, frameDeflate)} {
			got, err := DecodeBatch(m)
			if err != nil {
				t.Fatal(err)
			}
			if b.Prev == nil {
				b.Prev = []byte{}
			}
			if !reflect.DeepEqual(got, b) {
				t.Errorf("%c: got %+v, want %+v", m[0], got, b)
			}
		}
	}
}

// A batch that compression makes longer goes as it is.
func TestEncodeBatchPlain(t *testing.T) {
	l := newLane(t, testSigner(t, EdDSA, "terminal"))
	e := l.draft(&payment.DayOpened{})
	noise := make([]byte, 3000)
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	l.append(e, &payment.Body{Salt: noise[:SaltSize], Evidence: noise})
	msg, err := EncodeBatch(l.batch(1, 1))
	if err != nil || msg[0] != framePlain {
		t.Errorf("%c, %v", msg[0], err)
	}
}

func TestBatchLimits(t *testing.T) {
	l := threeSales(t, EdDSA)
	tests := []struct {
		name   string
		change func(*Batch)
		ok     bool
	}{
		{"as it is", func(*Batch) {}, true},
		{"no entries", func(b *Batch) { b.Payloads, b.Bodies = nil, nil }, false},
		{"a body short", func(b *Batch) { b.Bodies = b.Bodies[1:] }, false},
		{"a body more", func(b *Batch) { b.Bodies = append(b.Bodies, nil) }, false},
		{"later version", func(b *Batch) { b.Version++ }, false},
		{"no version", func(b *Batch) { b.Version = 0 }, false},
		{"no terminal", func(b *Batch) { b.Terminal = payment.ID{} }, false},
		{"no epoch", func(b *Batch) { b.Epoch = 0 }, false},
		{"no sequence", func(b *Batch) { b.First = 0 }, false},
		{"sequence overflows", func(b *Batch) { b.First = math.MaxUint64 - 3 }, false},
		{"previous hash at the beginning", func(b *Batch) { b.First = 1 }, false},
		{"no previous hash", func(b *Batch) { b.Prev = nil }, false},
		{"previous hash short", func(b *Batch) { b.Prev = b.Prev[1:] }, false},
		{"signature short", func(b *Batch) { b.Signature = b.Signature[1:] }, false},
		{"signature long", func(b *Batch) { b.Signature = append(b.Signature, 0) }, false},
		{"entry empty", func(b *Batch) { b.Payloads[2] = nil }, false},
		{"entry not canonical", func(b *Batch) { b.Payloads[2] = []byte{0x18, 0} }, false},
		{"most entries", func(b *Batch) { grow(b, MaxEntries) }, true},
		{"an entry too many", func(b *Batch) { grow(b, MaxEntries+1) }, false},
		{"largest message", func(b *Batch) { pad(t, b, MaxMessage) }, true},
		{"message too large, compressed too", func(b *Batch) { pad(t, b, MaxMessage+8<<10) }, false},
		{"larger than may be inflated", func(b *Batch) { b.Bodies[0] = make([]byte, MaxPlain) }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := l.batch(3, 11)
			tt.change(b)
			msg, err := EncodeBatch(b)
			if tt.ok {
				if err != nil {
					t.Fatal(err)
				}
				if _, err := DecodeBatch(msg); err != nil {
					t.Fatal(err)
				}
				return
			}
			if !errors.Is(err, ErrBatch) {
				t.Errorf("encoded: %v", err)
			}
			for _, frame := range []byte{framePlain, frameDeflate} {
				if got, err := DecodeBatch(message(t, b, frame)); !errors.Is(err, ErrBatch) || got != nil {
					t.Errorf("decoded from %c: %v", frame, err)
				}
			}
		})
	}
}

func grow(b *Batch, n int) {
	for len(b.Payloads) < n {
		b.Payloads, b.Bodies = append(b.Payloads, b.Payloads[0]), append(b.Bodies, nil)
	}
}

// pad makes the batch's message size bytes long, with what can't be compressed.
func pad(t *testing.T, b *Batch, size int) {
	noise := make([]byte, size)
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	b.Bodies[0] = noise
	over := len(message(t, b, framePlain)) - size
	b.Bodies[0] = noise[:size-over]
	if got := len(message(t, b, framePlain)); got != size {
		t.Fatalf("%d bytes, want %d", got, size)
	}
}

func TestDecodeBatchRefuses(t *testing.T) {
	l := threeSales(t, EdDSA)
	plain, z := message(t, l.batch(3, 11), framePlain), message(t, l.batch(3, 11), frameDeflate)
	bomb := must(deflate(make([]byte, MaxPlain+1)))
	later := bytes.Clone(plain)
	later[2] = 2
	for name, tt := range map[string]struct {
		msg  []byte
		text string
	}{
		"empty":                      {nil, "0 bytes"},
		"signed message":             {FrameSigned(plain), "bytes"},
		"no frame":                   {plain[1:], "bytes"},
		"frame alone":                {[]byte{framePlain}, "not an array"},
		"deflated frame alone":       {[]byte{frameDeflate}, "EOF"},
		"cut":                        {plain[:len(plain)-1], "ends too early"},
		"deflated and cut":           {z[:len(z)-1], "EOF"},
		"byte after the end":         {append(bytes.Clone(plain), 0), "after the end"},
		"deflated, byte after":       {append(bytes.Clone(z), 0), "1 bytes after the end"},
		"deflated twice":             {must(deflate(z)), "not an array"},
		"not deflated":               {append([]byte{frameDeflate}, plain[1:]...), "flate"},
		"too long":                   {append(bytes.Clone(plain), make([]byte, MaxMessage)...), "bytes"},
		"inflates without end":       {bomb, "over 4194304 bytes"},
		"nothing inflated":           {must(deflate(nil)), "not an array"},
		"a number":                   {[]byte{framePlain, 1}, "not an array"},
		"an empty array":             {[]byte{framePlain, 0x80}, "no version"},
		"of a later version":         {later, "version 2; this release reads 1"},
		"later, of another length":   {[]byte{framePlain, 0x82, 2, 0}, "version 2; this release reads 1"},
		"a part more":                {append(append([]byte{framePlain, 0x8a}, plain[2:]...), 0), "number of elements"},
		"entries null":               {bytes.Replace(plain, []byte{0x89, 0x59}, []byte{0xf6, 0x59}, 1), ""},
		"a million entries, no more": {append(bytes.Clone(plain[:60]), 0x9a, 0, 1, 0, 0), ""},
	} {
		b, err := DecodeBatch(tt.msg)
		if !errors.Is(err, ErrBatch) || !strings.Contains(err.Error(), tt.text) || b != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(bomb) > 8<<10 {
		t.Errorf("the bomb is no bomb: %d bytes", len(bomb))
	}
}

// One bit flipped anywhere on the way: refused, or the same entries, vouched for. Bodies are held to the
// hashes in the entries.
func TestEveryFlippedBit(t *testing.T) {
	l := newLane(t, testSigner(t, EdDSA, "terminal"))
	l.append(l.draft(&payment.DayOpened{}), nil)
	salt := bytes.Repeat([]byte{9}, SaltSize)
	l.append(l.draft(&payment.SaleCompleted{}), &payment.Body{Salt: salt, Cashier: "c-17"})
	want := l.batch(1, 2)
	want.Prev = []byte{}
	for _, frame := range []byte{framePlain, frameDeflate} {
		msg := message(t, want, frame)
		for bit := range 8 * len(msg) {
			msg[bit/8] ^= 1 << (bit % 8)
			if got, ok := trusted(msg, l.signer.Public()); ok && !reflect.DeepEqual(got, want) {
				t.Errorf("%c: bit %d makes %+v", frame, bit, got)
			}
			msg[bit/8] ^= 1 << (bit % 8)
		}
		if got, ok := trusted(msg, l.signer.Public()); !ok || !reflect.DeepEqual(got, want) {
			t.Fatalf("%c: as it is: %v", frame, ok)
		}
	}
}

// trusted does what a receiver does with a batch before it believes it. A body that its entry doesn't
// name counts as erased.
func trusted(msg []byte, key PublicKey) (*Batch, bool) {
	b, err := DecodeBatch(msg)
	if err != nil {
		return nil, false
	}
	if _, err := b.Verify(OneKey(key)); err != nil {
		return nil, false
	}
	for i, payload := range b.Payloads {
		e, err := DecodeEntry(payload)
		if err != nil {
			return nil, false
		}
		if b.Bodies[i] != nil && CheckBody(b.Bodies[i], e.BodyHash) != nil {
			return nil, false
		}
	}
	return b, true
}

func FuzzDecodeBatch(f *testing.F) {
	l := threeSales(f, EdDSA)
	for _, b := range []*Batch{l.batch(1, 11), l.batch(4, 4), l.batch(2, 2)} {
		f.Add(message(f, b, framePlain))
		f.Add(message(f, b, frameDeflate))
	}
	f.Add([]byte{framePlain, 0x82, 2, 0})
	f.Add(must(deflate(make([]byte, 1<<20))))
	var stored bytes.Buffer // a deflated stream that is stored only
	stored.WriteByte(frameDeflate)
	w := must(flate.NewWriter(&stored, flate.NoCompression))
	if _, err := w.Write(message(f, l.batch(2, 2), framePlain)[1:]); err != nil || w.Close() != nil {
		f.Fatal(err)
	}
	f.Add(stored.Bytes())
	f.Fuzz(func(t *testing.T, msg []byte) {
		b, err := DecodeBatch(msg)
		if err != nil {
			if b != nil || !errors.Is(err, ErrBatch) {
				t.Fatalf("%+v, %v", b, err)
			}
			return
		}
		again, err := EncodeBatch(b)
		if err != nil {
			t.Fatal(err)
		}
		if msg[0] == framePlain && !bytes.Equal(message(t, b, framePlain), msg) {
			t.Fatalf("%x is written again as %x", msg, again)
		}
		if _, err := b.VerifyChain(); err == nil {
			for _, p := range b.Payloads {
				if _, err := DecodeEntry(p); errors.Is(err, ErrEntry) {
					t.Fatalf("the chain holds, and %x has none: %v", p, err)
				}
			}
		}
	})
}
