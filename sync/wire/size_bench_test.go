package wire

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"testing"

	"tilld/agent/payment"
)

// jsonPayment is what one would send in an afternoon: one JSON message for each payment, signed, with the
// same content. Names are short but readable, bytes are base64, what is empty is left out, times are
// numbers. The topic and MQTT's own bytes are counted on neither side, which favours it: we send fewer
// messages.
type jsonPayment struct {
	Version      uint             `json:"v"`
	Terminal     string           `json:"terminal"`
	Epoch        uint64           `json:"epoch"`
	Seq          uint64           `json:"seq"`
	Prev         []byte           `json:"prev"`
	Kind         string           `json:"kind"`
	Sale         string           `json:"sale"`
	Payment      string           `json:"payment"`
	Store        string           `json:"store"`
	Lane         string           `json:"lane"`
	BusinessDate string           `json:"date"`
	Wall         int64            `json:"wall"`
	Boot         int64            `json:"boot"`
	HQAge        int64            `json:"hq_age"`
	Zone         string           `json:"zone"`
	Policy       uint64           `json:"policy"`
	Software     string           `json:"software"`
	Fact         payment.Approved `json:"fact"` // of which Limits alone is eight named numbers
	BodyHash     []byte           `json:"body_hash"`
	Body         jsonBody         `json:"body"`
	KID          []byte           `json:"kid"`
	Signature    []byte           `json:"sig"`

	// What the shop's POS said, which our journal has in an entry of its own; nil where that isn't counted.
	Sold *payment.SaleOpened `json:"sold,omitempty"`
}

type jsonBody struct {
	Salt     []byte `json:"salt"`
	Cashier  string `json:"cashier"`
	Account  []byte `json:"account"`
	Evidence []byte `json:"evidence"`
	SealKey  []byte `json:"seal_key"`
}

// What a payment is in our journal: its approval alone, or the whole sale (opened, approved, completed).
const (
	approvalOnly = false
	wholeSale    = true
)

// The sizes of a signed code: its bytes, and their text in base 45.
const (
	codeBytes = 257
	codeText  = 390
)

// salesOf is a journal of n payments as a shop makes them: every identifier, amount, account, salt and code
// is another, and sums go up.
func salesOf(t testing.TB, n int, whole bool, code int) *lane {
	l := newLane(t, testSigner(t, EdDSA, "terminal"))
	to := testConfidant(t, "hq").Public()
	kid := to.KID()
	used := int64(0)
	for i := range n {
		noise := newNoise(uint64(i))
		sale, pay := testID(0), testID(0)
		copy(sale[5:], noise.bytes(11))
		copy(pay[5:], noise.bytes(11))
		amount := 108 + int64(noise.bytes(1)[0])*13
		used += amount
		fact := &payment.Approved{
			Amount: payment.Of(amount, "JPY"), Wallet: "house", CodeHash: noise.bytes(16), HashKey: 1,
			Replay: payment.ReplayKey{Phone: noise.bytes(8), Counter: 58_000_000 + uint64(i)}, Issuer: []byte("issuer-1"),
			Limits: payment.Limits{Payment: 10000, AccountDay: 20000, AccountSpent: amount, ShareSum: 3_000_000, ShareUsed: used, ShareCount: 1000, CountUsed: uint64(i) + 1, Tier: 1},
		}
		evidence, err := to.Confide(Name{l.terminal, l.epoch, l.next().Seq + map[bool]uint64{wholeSale: 1}[whole]}, noise.bytes(code))
		if err != nil {
			t.Fatal(err)
		}
		body := &payment.Body{Salt: noise.bytes(SaltSize), Cashier: "c-17", Account: noise.bytes(16), Evidence: evidence, SealKey: kid[:]}
		if whole {
			e := l.draft(soldFor(i, amount))
			e.Sale = &sale
			l.append(e, nil)
		}
		e := l.draft(fact)
		e.Sale, e.Payment = &sale, &pay
		l.append(e, body)
		if whole {
			e := l.draft(&payment.SaleCompleted{})
			e.Sale = &sale
			l.append(e, nil)
		}
	}
	return l
}

func soldFor(i int, amount int64) *payment.SaleOpened {
	return &payment.SaleOpened{
		Reference: fmt.Sprintf("7-%06d", 1200+i), Total: payment.Of(amount, "JPY"), Due: payment.Of(amount, "JPY"),
		Tax:      []payment.TaxLine{{Rate: 800, Amount: amount, Tax: amount * 8 / 108}},
		Eligible: payment.Eligible{Wallet: amount, Points: amount, Rebate: amount},
	}
}

// noise is bytes that nothing compresses.
type noise struct{ seed, n uint64 }

func newNoise(seed uint64) *noise { return &noise{seed: seed} }

func (r *noise) bytes(n int) []byte {
	var out []byte
	for len(out) < n {
		r.n++
		sum := sha256.Sum256(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, r.seed), r.n))
		out = append(out, sum[:]...)
	}
	return out[:n]
}

// asJSON is the same payment as one JSON message.
func asJSON(t testing.TB, s sealed, sold *payment.SaleOpened) []byte {
	e, fact := s.entry, s.entry.Fact.(*payment.Approved)
	body, err := DecodeBody(s.body)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(jsonPayment{
		Version: e.Version, Terminal: e.Terminal.String(), Epoch: e.Epoch, Seq: e.Seq, Prev: e.Prev, Kind: e.Kind.String(),
		Sale: e.Sale.String(), Payment: e.Payment.String(), Store: e.Store, Lane: e.Lane, BusinessDate: e.BusinessDate.String(),
		Wall: e.Wall, Boot: e.Boot, HQAge: e.HQAge, Zone: e.Zone, Policy: e.Policy, Software: e.Software,
		Fact: *fact, BodyHash: e.BodyHash, Body: jsonBody{body.Salt, body.Cashier, body.Account, body.Evidence, body.SealKey},
		KID: []byte("terminal"), Signature: s.signature, Sold: sold,
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sizes is the bytes per payment of n payments in one batch, and of the same as one JSON message each.
func sizes(t testing.TB, n int, whole bool, code int) (ours, theirs float64) {
	l := salesOf(t, n, whole, code)
	msg, err := EncodeBatch(l.batch(1, uint64(len(l.entries))))
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	var sold *payment.SaleOpened
	for _, s := range l.entries {
		switch fact := s.entry.Fact.(type) {
		case *payment.SaleOpened:
			sold = fact
		case *payment.Approved:
			total += len(asJSON(t, s, sold))
		}
	}
	return float64(len(msg)) / float64(n), float64(total) / float64(n)
}

// Batches of 20 payments and more take at most half the bytes of one JSON message each, evidence included.
func TestBytesOnTheWire(t *testing.T) {
	for _, code := range []int{codeBytes, codeText} {
		for _, n := range []int{20, 100, 500} {
			if ours, theirs := sizes(t, n, approvalOnly, code); ours > 0.5*theirs {
				t.Errorf("%d payments with codes of %d bytes: %.0f bytes each, %.0f as JSON", n, code, ours, theirs)
			}
		}
	}
}

func BenchmarkBytesOnTheWire(b *testing.B) {
	for _, bb := range []struct {
		name  string
		whole bool
		code  int
		n     []int
	}{
		{"approval", approvalOnly, codeBytes, []int{1, 20, 100, 500}},
		{"approval-text", approvalOnly, codeText, []int{1, 20, 100, 500}},
		{"sale", wholeSale, codeBytes, []int{1, 20, 100, MaxEntries / 3}},
	} {
		for _, n := range bb.n {
			b.Run(fmt.Sprintf("%s/%d", bb.name, n), func(b *testing.B) {
				var ours, theirs float64
				for b.Loop() {
					ours, theirs = sizes(b, n, bb.whole, bb.code)
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(ours, "bytes/payment")
				b.ReportMetric(theirs, "bytes/json")
				b.ReportMetric(ours/theirs, "of-json")
			})
		}
	}
}
