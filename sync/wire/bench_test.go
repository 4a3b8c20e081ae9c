package wire

import (
	"crypto/sha256"
	"testing"
	"time"

	"tilld/agent/payment"
)

// ratio measures ours against bare work in turns within one run, so that what the machine does beside it
// falls on both, and reports both and how many times the bare work ours takes.
func ratio(b *testing.B, name string, ours, bare func()) {
	b.Helper()
	var o, r time.Duration
	for b.Loop() {
		start := time.Now()
		ours()
		middle := time.Now()
		bare()
		o, r = o+middle.Sub(start), r+time.Since(middle)
	}
	b.ReportMetric(0, "ns/op") // the two together say nothing
	b.ReportMetric(float64(o.Nanoseconds())/float64(b.N), "ns/ours")
	b.ReportMetric(float64(r.Nanoseconds())/float64(b.N), "ns/bare")
	b.ReportMetric(float64(o)/float64(r), name)
}

// Sealing an approval, against the bare signature over as many bytes.
func BenchmarkSealEntry(b *testing.B) {
	for _, alg := range []Alg{EdDSA, ES256} {
		b.Run(map[Alg]string{EdDSA: "EdDSA", ES256: "ES256"}[alg], func(b *testing.B) {
			s := testSigner(b, alg, "terminal")
			e := fullEntry(newLane(b, s), facts()[payment.KindApproved])
			payload := must(e.Marshal())
			tbs := ToBeSigned(must(Protected(s.Public(), TypEntry)), payload)
			ratio(b, "times-bare-signature", func() {
				if _, _, err := SealEntry(s, e); err != nil {
					b.Fatal(err)
				}
			}, func() {
				if _, err := s.Sign(tbs); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

// A batch of 100 entries from the wire to verified, against 100 hashes over as many bytes and one bare
// verification.
func BenchmarkVerifyBatch(b *testing.B) {
	l := salesOf(b, 100, approvalOnly, codeBytes)
	batch := l.batch(1, 100)
	msg := must(EncodeBatch(batch))
	keys := OneKey(l.signer.Public())
	last := ToBeSigned(batch.Protected, batch.Payloads[99])
	plain := message(b, batch, framePlain)
	verify := func(msg []byte) func() {
		return func() {
			got, err := DecodeBatch(msg)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := got.Verify(keys); err != nil {
				b.Fatal(err)
			}
		}
	}
	bare := func() {
		for _, p := range batch.Payloads {
			sha256.Sum256(p)
		}
		if !l.signer.Public().Verify(last, batch.Signature) {
			b.Fatal("does not verify")
		}
	}
	b.Run("deflated", func(b *testing.B) { ratio(b, "times-bare-verification", verify(msg), bare) })
	b.Run("plain", func(b *testing.B) { ratio(b, "times-bare-verification", verify(plain), bare) })
}

// The chain check of a batch of 100 entries, once it is read: what an entry of it costs, against one bare Ed25519
// verification. At most 0.1 is wanted.
func BenchmarkChainCheck(b *testing.B) {
	l := salesOf(b, 100, approvalOnly, codeBytes)
	batch := l.batch(1, 100)
	keys := OneKey(l.signer.Public())
	last := ToBeSigned(batch.Protected, batch.Payloads[99])
	var chain, one time.Duration
	for b.Loop() {
		start := time.Now()
		if _, err := batch.Verify(keys); err != nil {
			b.Fatal(err)
		}
		middle := time.Now()
		if !l.signer.Public().Verify(last, batch.Signature) {
			b.Fatal("does not verify")
		}
		chain, one = chain+middle.Sub(start), one+time.Since(middle)
	}
	b.ReportMetric(float64(chain)/float64(len(batch.Payloads))/float64(one), "entry/verification")
}

// Reading an entry for posting.
func BenchmarkDecodeEntry(b *testing.B) {
	payload := salesOf(b, 1, approvalOnly, codeBytes).entries[0].payload
	for b.Loop() {
		if _, err := DecodeEntry(payload); err != nil {
			b.Fatal(err)
		}
	}
}
