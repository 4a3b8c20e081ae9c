package wire

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"tilld/agent/payment"
)

// hexString reads hexadecimal in which spaces are for people.
func hexString(s string) ([]byte, error) {
	return hex.DecodeString(strings.Join(strings.Fields(s), ""))
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hexString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// privateKey is a key that anybody can make again from its name.
func privateKey(t testing.TB, alg Alg, name string) crypto.Signer {
	t.Helper()
	seed := sha256.Sum256([]byte("tilld test key " + name))
	if alg == EdDSA {
		return ed25519.NewKeyFromSeed(seed[:])
	}
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), seed[:])
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// testSigner signs with privateKey; with no randomness ES256 is deterministic (RFC 6979).
func testSigner(t testing.TB, alg Alg, name string) *Signer {
	t.Helper()
	s, err := NewSigner(privateKey(t, alg, name), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func testConfidant(t testing.TB, name string) *ConfidantKey {
	t.Helper()
	raw := sha256.Sum256([]byte("tilld test sealing key " + name))
	k, err := ParseConfidantKey(raw[:])
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// testID is an identifier of 22 November 2026 with the given end.
func testID(n byte) payment.ID {
	return payment.ID{0x01, 0xa2, 0x02, 0x6c, 0x94, 0x40, 15: n}
}

// sealed is an entry in all its forms.
type sealed struct {
	entry     *Entry
	envelope  []byte
	protected []byte
	payload   []byte
	signature []byte
	hash      [HashSize]byte
	body      []byte
}

// lane writes a journal as agent/journal does, in memory.
type lane struct {
	t        testing.TB
	signer   *Signer
	terminal payment.ID
	epoch    uint64
	entries  []sealed
}

func newLane(t testing.TB, signer *Signer) *lane {
	return &lane{t: t, signer: signer, terminal: testID(1), epoch: 0x8877665544332211}
}

// next is the name of the entry that is appended next.
func (l *lane) next() Name { return Name{l.terminal, l.epoch, uint64(len(l.entries)) + 1} }

// draft is the next entry with all that a lane always fills in.
func (l *lane) draft(fact payment.Fact) *Entry {
	e := &Entry{
		Version: Version, Terminal: l.terminal, Epoch: l.epoch, Seq: l.next().Seq, Kind: fact.Kind(), Fact: fact,
		Store: "S0042", Lane: "L01", BusinessDate: 20261122, Wall: 1795337000000 + int64(len(l.entries))*1000,
		Boot: 7_200_000, HQAge: 5001, Zone: "Asia/Tokyo", Policy: 3, Software: "1.0.0",
	}
	if n := len(l.entries); n > 0 {
		e.Prev = l.entries[n-1].hash[:]
	}
	return e
}

// append seals a draft and, where there is one, its body.
func (l *lane) append(e *Entry, body *payment.Body) sealed {
	l.t.Helper()
	s := sealed{entry: e}
	if body != nil {
		raw, hash, err := EncodeBody(body)
		if err != nil {
			l.t.Fatal(err)
		}
		s.body, e.BodyHash = raw, hash
	}
	var err error
	if s.envelope, s.hash, err = SealEntry(l.signer, e); err != nil {
		l.t.Fatal(err)
	}
	m, err := Open(s.envelope, TypEntry, OneKey(l.signer.Public()))
	if err != nil {
		l.t.Fatal(err)
	}
	s.protected, s.payload, s.signature = m.Protected, m.Payload, m.Signature
	l.entries = append(l.entries, s)
	return s
}

// batch is the message for the entries first to last.
func (l *lane) batch(first, last uint64) *Batch {
	run := l.entries[first-1 : last]
	b := &Batch{
		Version: BatchVersion, Terminal: l.terminal, Epoch: l.epoch, First: first,
		Protected: run[0].protected, Signature: run[len(run)-1].signature,
	}
	if first > 1 {
		b.Prev = l.entries[first-2].hash[:]
	}
	for _, s := range run {
		b.Payloads, b.Bodies = append(b.Payloads, s.payload), append(b.Bodies, s.body)
	}
	return b
}

// sell appends one whole sale: opened, approved with sealed evidence, completed.
func (l *lane) sell(n byte, to *Confidant, code []byte) {
	sale, pay := testID(n), testID(n+1)
	opened := l.draft(facts()[payment.KindSaleOpened])
	opened.Sale = &sale
	l.append(opened, nil)

	approved := l.draft(facts()[payment.KindApproved])
	approved.Sale, approved.Payment = &sale, &pay
	evidence, err := to.Confide(l.next(), code)
	if err != nil {
		l.t.Fatal(err)
	}
	kid := to.KID()
	salt := sha256.Sum256([]byte{n})
	l.append(approved, &payment.Body{Salt: salt[:SaltSize], Cashier: "c-17", Account: salt[16:32], Evidence: evidence, SealKey: kid[:]})

	completed := l.draft(&payment.SaleCompleted{})
	completed.Sale = &sale
	l.append(completed, nil)
}

// facts holds one fact of every kind with every field set.
func facts() map[payment.Kind]payment.Fact {
	some := func(n int, b byte) []byte {
		out := make([]byte, n)
		for i := range out {
			out[i] = b
		}
		return out
	}
	return map[payment.Kind]payment.Fact{
		payment.KindEpochOpened: &payment.EpochOpened{Cause: payment.CauseFork, PublicKey: some(42, 1), ParentEpoch: 9, ParentSeq: 77, ParentHead: some(32, 2)},
		payment.KindDayOpened:   &payment.DayOpened{},
		payment.KindDayClosed: &payment.DayClosed{FirstSeq: 2, Totals: []payment.DayTotal{
			{Wallet: "house", Currency: "JPY", Count: 12, Sum: 34567, VoidCount: 1, VoidSum: 800}, {Wallet: "paypay", Currency: "JPY", Count: 1, Sum: 100},
		}},
		payment.KindSaleOpened: &payment.SaleOpened{
			Reference: "POS-7/000123", Total: payment.Of(1200, "JPY"), Due: payment.Of(1000, "JPY"),
			Tax:      []payment.TaxLine{{Rate: 800, Amount: 1000, Tax: 74}, {Rate: 1000, Amount: 200, Tax: 18}},
			Eligible: payment.Eligible{Wallet: 1000, Points: 1000, Rebate: 900}, Request: some(32, 3), Digest: some(32, 4),
		},
		payment.KindApproved: &payment.Approved{
			Amount: payment.Of(1000, "JPY"), Wallet: "house", CodeHash: some(16, 5), HashKey: 1,
			Replay: payment.ReplayKey{Phone: some(8, 6), Counter: 4711}, Issuer: some(8, 7),
			Limits: payment.Limits{Payment: 10000, AccountDay: 20000, AccountSpent: 1000, ShareSum: 300000, ShareUsed: 52000, ShareCount: 100, CountUsed: 17, Tier: 1},
		},
		payment.KindRefused: &payment.Refused{
			Amount: payment.Of(1000, "JPY"), Reason: payment.CodeUsed, Format: "signed", Wallet: "house", CodeHash: some(16, 8), HashKey: 1,
		},
		payment.KindVoided:        &payment.Voided{Amount: payment.Of(1000, "JPY"), Wallet: "house", Of: 5, Acked: 3},
		payment.KindSaleCompleted: &payment.SaleCompleted{},
		payment.KindSaleCancelled: &payment.SaleCancelled{},
		payment.KindKeyChanged:    &payment.KeyChanged{NewKey: some(42, 9), Proof: some(64, 10)},
		payment.KindAsked: &payment.Asked{
			Amount: payment.Of(1000, "JPY"), Wallet: "paypay", Ref: "01M816S520000000000000000500", NotAfter: 1795337030000,
			Format: "digits", CodeHash: some(16, 11), HashKey: 1,
		},
		payment.KindAuthorised: &payment.Authorised{
			Amount: payment.Of(1000, "JPY"), Wallet: "paypay", Ref: "01M816S520000000000000000500", Transaction: "04123", At: 1795337012400,
		},
		payment.KindDeclined: &payment.Declined{Amount: payment.Of(1000, "JPY"), Wallet: "paypay", Ref: "01M816S520000000000000000500", Why: "no_funds"},
		payment.KindReversed: &payment.Reversed{
			Amount: payment.Of(1000, "JPY"), Wallet: "paypay", Ref: "01M816S520000000000000000500", Cause: payment.WaivedSilent,
		},
	}
}

// change decodes a canonical map, lets f change it and encodes it again.
func change(t testing.TB, payload []byte, f func(map[any]cbor.RawMessage)) []byte {
	t.Helper()
	fields := map[any]cbor.RawMessage{}
	if err := lenient.Unmarshal(payload, &fields); err != nil {
		t.Fatal(err)
	}
	f(fields)
	b, err := Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
