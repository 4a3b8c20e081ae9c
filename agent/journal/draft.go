package journal

import (
	"fmt"
	"io"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// maxEntry bounds an entry with its body, so that each fits a message by itself whatever compression does.
const maxEntry = wire.MaxMessage - 4096

// Draft is an entry to be: what happened, and when. The journal adds what only it knows (version, terminal,
// place, epoch, sequence, hashes, salt, signature).
type Draft struct {
	Fact     payment.Fact
	Sale     *payment.ID // of every fact about a sale or payment
	Payment  *payment.ID // of approvals and voids
	Moment   Moment
	Shift    uint32
	Policy   uint64 // version of the policy in force; 0: none
	Training bool

	// Body is what can be erased later. Its Salt, Evidence and SealKey are the journal's to fill.
	Body *payment.Body
	// Evidence is the customer's signed code as it was scanned. It is sealed to SealTo, bound to the entry's
	// name, and never kept otherwise.
	Evidence []byte
	SealTo   *wire.Confidant
}

// Record is an entry that has been written.
type Record struct {
	Pos      int64 // order of writing over all epochs
	Entry    *wire.Entry
	Hash     [wire.HashSize]byte
	Envelope []byte // the COSE_Sign1
	Body     []byte // nil: none, or erased
}

// Name is the entry's name.
func (r *Record) Name() wire.Name { return r.Entry.Name() }

func (d *Draft) check() error {
	if d.Fact == nil {
		return invalid("a draft without a fact")
	}
	if err := d.Moment.check(); err != nil {
		return invalid("%s: %w", d.Fact.Kind(), err)
	}
	if b := d.Body; b != nil && len(b.Salt)+len(b.Evidence)+len(b.SealKey) > 0 {
		return invalid("%s: %w", d.Fact.Kind(), errBodyFields)
	}
	if (len(d.Evidence) > 0) != (d.SealTo != nil) {
		return invalid("%s: %w", d.Fact.Kind(), errSealTo)
	}
	return d.checkFact()
}

// checkFact demands the identifiers that the projections go by.
func (d *Draft) checkFact() error {
	kind := d.Fact.Kind()
	sale := d.Sale != nil && !d.Sale.IsZero()
	paid := d.Payment != nil && !d.Payment.IsZero()
	switch f := d.Fact.(type) {
	case *payment.EpochOpened, *payment.KeyChanged:
		return invalid("%s: %w", kind, errOwnFact)
	case *payment.Approved:
		if !sale || !paid {
			return invalid("%s: %w", kind, errNoPayment)
		}
		return d.checkApproved(f)
	case *payment.Voided, *payment.Asked, *payment.Authorised, *payment.Declined, *payment.Reversed:
		if !sale || !paid {
			return invalid("%s: %w", kind, errNoPayment)
		}
		return d.checkAttempt()
	case *payment.Offered, *payment.Carried:
		if !sale || !paid {
			return invalid("%s: %w", kind, errNoPayment)
		}
		return d.checkCarried()
	case *payment.RefundAsked, *payment.Refunded, *payment.RefundDeclined:
		return d.checkRefund()
	case *payment.SaleOpened:
		if !sale {
			return invalid("%s: %w", kind, errNoPayment)
		}
		return d.checkSale(f)
	case *payment.SaleCompleted, *payment.SaleCancelled, *payment.Member:
		if !sale {
			return invalid("%s: %w", kind, errNoPayment)
		}
	}
	return nil
}

func (d *Draft) checkApproved(f *payment.Approved) error {
	if err := f.Amount.Validate(); err != nil {
		return invalid("%s: %w", f.Kind(), err)
	}
	if len(f.Replay.Phone) == 0 || f.Wallet == "" {
		return invalid("%s: wallet and replay key must be set", f.Kind())
	}
	return nil
}

// maxRef is the longest reference that HQ takes (sync/wire, Ask).
const maxRef = 32

// checkAttempt also keeps an opaque code out, sealed or not: it dies with the request (DESIGN.md).
func (d *Draft) checkAttempt() error {
	var ref, wallet string
	var amount payment.Money
	switch f := d.Fact.(type) {
	case *payment.Asked:
		if f.NotAfter <= 0 {
			return invalid("%s: not after %d", f.Kind(), f.NotAfter)
		}
		if f.Replay != nil && len(f.Replay.Phone) == 0 {
			return invalid("%s: a replay key without a phone", f.Kind())
		}
		ref, wallet, amount = f.Ref, f.Wallet, f.Amount
	case *payment.Authorised:
		ref, wallet, amount = f.Ref, f.Wallet, f.Amount
	case *payment.Declined:
		ref, wallet, amount = f.Ref, f.Wallet, f.Amount
	case *payment.Reversed:
		ref, wallet, amount = f.Ref, f.Wallet, f.Amount
	default:
		return nil
	}
	if ref == "" || len(ref) > maxRef || wallet == "" || len(d.Evidence) > 0 {
		return invalid("%s: %w", d.Fact.Kind(), errAttempt)
	}
	if err := amount.Validate(); err != nil {
		return invalid("%s: %w", d.Fact.Kind(), err)
	}
	return nil
}

func (d *Draft) checkSale(f *payment.SaleOpened) error {
	for _, m := range []payment.Money{f.Total, f.Due} {
		if err := m.Validate(); err != nil {
			return invalid("%s: %w", f.Kind(), err)
		}
	}
	if f.Due.Currency != f.Total.Currency || f.Due.Minor > f.Total.Minor {
		return invalid("%s: %s is asked of a total of %s", f.Kind(), f.Due, f.Total)
	}
	for _, b := range [][]byte{f.Request, f.Digest} {
		if len(b) != 0 && len(b) != wire.HashSize {
			return invalid("%s: request and digest are SHA-256 sums", f.Kind())
		}
	}
	return nil
}

// entry makes the entry of a draft, all but what its body brings.
func (j *Journal) entry(d *Draft, h head) *wire.Entry {
	m := d.Moment
	e := &wire.Entry{
		Version: wire.Version, Terminal: j.cfg.Terminal, Epoch: h.epoch, Seq: h.last + 1, Prev: h.hash,
		Kind: d.Fact.Kind(), Sale: d.Sale, Payment: d.Payment, Store: j.cfg.Store, Lane: j.cfg.Lane,
		BusinessDate: m.Date, Shift: d.Shift, Wall: m.Wall.UnixMilli(), Boot: m.Boot.Milliseconds(), Zone: m.Zone,
		Policy: d.Policy, Software: j.cfg.Software, Training: d.Training, Fact: d.Fact,
	}
	if m.HQKnown {
		e.HQAge = m.HQAge.Milliseconds() + 1
	}
	return e
}

// body makes the body's bytes, with a fresh salt and the evidence sealed to HQ, and puts its hash into e.
func (j *Journal) body(d *Draft, e *wire.Entry) (*payment.Body, []byte, error) {
	if d.Body == nil && d.Evidence == nil {
		return nil, nil, nil
	}
	var b payment.Body
	if d.Body != nil {
		b = *d.Body
	}
	b.Salt = make([]byte, wire.SaltSize)
	if _, err := io.ReadFull(j.cfg.Random, b.Salt); err != nil {
		return nil, nil, fmt.Errorf("salting a body: %w", err)
	}
	if d.SealTo != nil {
		sealed, err := d.SealTo.Confide(e.Name(), d.Evidence)
		if err != nil {
			return nil, nil, err
		}
		kid := d.SealTo.KID()
		b.Evidence, b.SealKey = sealed, kid[:]
	}
	raw, hash, err := wire.EncodeBody(&b)
	if err != nil {
		return nil, nil, err
	}
	e.BodyHash = hash
	return &b, raw, nil
}
