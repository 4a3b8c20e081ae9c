package wire

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"testing/cryptotest"

	"tilld/agent/payment"
)

// writeGolden writes the capture of this release: a day at a lane, with an entry of every kind, a key change
// from Ed25519 to P-256 in the middle and one body erased.
func writeGolden(t *testing.T, dir string) {
	t.Helper()
	cryptotest.SetGlobalRandom(t, 1) // so that writing it twice gives the same bytes
	first, second, hq := testSigner(t, EdDSA, "terminal-1"), testSigner(t, ES256, "terminal-2"), testSigner(t, EdDSA, "hq")
	sealing := testConfidant(t, "hq")
	l := goldenDay(t, first, second, sealing.Public())

	var out bytes.Buffer
	out.WriteString("# Keys: COSE_Keys of the terminal and of HQ, and the X25519 private key that evidence is sealed to.\n")
	line(&out, "terminal-key", first.Public().Bytes())
	line(&out, "terminal-key", second.Public().Bytes())
	line(&out, "hq-key", hq.Public().Bytes())
	line(&out, "sealing-key", sealing.Bytes())
	out.WriteString("# The journal: envelopes in order, and the bodies that were not erased.\n")
	changed := uint64(0) // sequence of the key change
	for i, s := range l.entries {
		line(&out, "entry", s.envelope)
		if s.entry.Kind == payment.KindKeyChanged {
			changed = s.entry.Seq
		}
		if s.entry.Kind == payment.KindVoided {
			l.entries[i].body = nil // erased before it was sent
		}
	}
	for _, s := range l.entries {
		if s.body != nil {
			line(&out, "body", s.body)
		}
	}
	out.WriteString("# What travelled, frames included.\n")
	last := uint64(len(l.entries))
	for _, b := range []*Batch{l.batch(1, changed), l.batch(changed+1, last)} {
		line(&out, "batch", must(EncodeBatch(b)))
	}
	head := l.entries[last-1].hash
	nonce, challenge := []byte("session of HQ 01"), []byte("a lane's challen")
	line(&out, "beat", FrameSigned(must(Seal(second, TypBeat, &Beat{
		Version: MessageVersion, Terminal: l.terminal, Epoch: l.epoch, Last: last, Head: head[:], Acked: changed, HQEpoch: 1795300000000, Policy: 3,
		Challenge: challenge, Wall: 1795337015000, Software: "1.0.0", Count: 1795337015001,
	}))))
	line(&out, "hello", FrameSigned(must(Seal(hq, TypHello, &Hello{Version: MessageVersion, HQEpoch: 1795300000000, Nonce: nonce, Time: 1795337014000}))))
	line(&out, "ack", FrameSigned(must(Seal(hq, TypAck, &Ack{
		Version: MessageVersion, HQEpoch: 1795300000000, Nonce: nonce, Time: 1795337015500, Terminal: l.terminal, Epoch: l.epoch, Acked: last, Head: head[:],
		Judged: changed, Results: []Result{{Seq: 5, Status: Suspense, Reason: "code_spent_twice"}}, Policy: 4, Echo: challenge,
	}))))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "capture.txt"), out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func goldenDay(t *testing.T, first, second *Signer, to *Confidant) *lane {
	t.Helper()
	l := newLane(t, first)
	add := func(fact payment.Fact, sale, pay byte, body *payment.Body) {
		e := l.draft(fact)
		if sale > 0 {
			id := testID(sale)
			e.Sale, e.Shift = &id, 2
		}
		if pay > 0 {
			id := testID(pay)
			e.Payment = &id
		}
		l.append(e, body)
	}
	salt := func(b byte) []byte { return bytes.Repeat([]byte{b}, SaltSize) }
	approval := facts()[payment.KindApproved]
	add(&payment.EpochOpened{Cause: payment.CauseFirst, PublicKey: first.Public().Bytes()}, 0, 0, nil)
	add(&payment.DayOpened{}, 0, 0, nil)
	add(facts()[payment.KindSaleOpened], 20, 0, nil)
	add(facts()[payment.KindRefused], 20, 0, nil)
	evidence, err := to.Confide(l.next(), []byte("ZY:1 the customer's signed code"))
	if err != nil {
		t.Fatal(err)
	}
	kid := to.KID()
	body := fullBody()
	body.Evidence, body.SealKey, body.Supervisor = evidence, kid[:], ""
	add(approval, 20, 21, body)
	add(&payment.SaleCompleted{}, 20, 0, nil)
	add(&payment.Voided{Amount: payment.Of(1000, "JPY"), Wallet: "house", Of: 5}, 20, 21, &payment.Body{Salt: salt(7), Cashier: "c-17", Supervisor: "s-2"})
	add(&payment.SaleOpened{Total: payment.Of(500, "TWD"), Due: payment.Of(500, "TWD")}, 30, 0, nil)
	add(&payment.SaleCancelled{}, 30, 0, &payment.Body{Salt: salt(9), Cashier: "c-17"})
	proof, err := ProveKey(second, l.next())
	if err != nil {
		t.Fatal(err)
	}
	add(proof, 0, 0, nil)
	l.signer = second
	add(&payment.DayClosed{FirstSeq: 2, Totals: []payment.DayTotal{{Wallet: "house", Currency: "JPY", Count: 1, Sum: 1000, VoidCount: 1, VoidSum: 1000}}}, 0, 0, nil)
	next := l.draft(&payment.DayOpened{})
	next.BusinessDate, next.HQAge, next.Training = next.BusinessDate.Next(), 0, true
	l.append(next, nil)
	return l
}

// What is in the capture is what this release writes: a change of format has to be told from a mistake.
func TestGoldenIsWhatThisReleaseWrites(t *testing.T) {
	dir := t.TempDir()
	writeGolden(t, dir)
	if got, want := readCapture(t, dir), readCapture(t, captureOfThisRelease); !bytes.Equal(bytes.Join(got["entry"][:4], nil), bytes.Join(want["entry"][:4], nil)) {
		t.Errorf("this release writes other entries than testdata says:\n%x\n%x", got["entry"][:4], want["entry"][:4])
	}
}
