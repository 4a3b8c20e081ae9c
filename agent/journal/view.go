package journal

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// Hex is bytes that people read in hexadecimal.
type Hex []byte

// MarshalText writes the digits.
func (h Hex) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }

// UnmarshalText reads what MarshalText wrote.
func (h *Hex) UnmarshalText(b []byte) (err error) {
	*h, err = hex.AppendDecode(nil, b)
	return err
}

// String is the digits.
func (h Hex) String() string { return hex.EncodeToString(h) }

// View is an entry as people and their programs read it. It is made from the envelope alone, never from
// the columns beside it; that somebody verified it is for the caller to know.
type View struct {
	Pos          int64        `json:"pos"`
	Terminal     payment.ID   `json:"terminal"`
	Epoch        string       `json:"epoch"` // hexadecimal
	Seq          uint64       `json:"seq"`
	Hash         Hex          `json:"hash"`
	Prev         Hex          `json:"prev"`
	Key          Hex          `json:"key"` // identifier of the key that signed
	Kind         string       `json:"kind"`
	Sale         *payment.ID  `json:"sale,omitempty"`
	Payment      *payment.ID  `json:"payment,omitempty"`
	Store        string       `json:"store"`
	Lane         string       `json:"lane"`
	BusinessDate payment.Date `json:"business_date"`
	Shift        uint32       `json:"shift,omitempty"`
	Wall         time.Time    `json:"wall"`
	BootMS       int64        `json:"boot_ms"`
	HQAgeMS      *int64       `json:"hq_age_ms,omitempty"` // absent: no HQ-signed time since the machine started
	Zone         string       `json:"zone"`
	Policy       uint64       `json:"policy,omitempty"`
	Software     string       `json:"software"`
	Training     bool         `json:"training,omitempty"`
	Fact         payment.Fact `json:"fact,omitempty"`
	BodyHash     Hex          `json:"body_hash,omitempty"`
	Body         *BodyView    `json:"body,omitempty"`
	// SetAside says why nothing but the entry's place is shown: a later release wrote it.
	SetAside string `json:"set_aside,omitempty"`
	COSE     []byte `json:"cose,omitempty"`     // the envelope; in an export only
	RawBody  []byte `json:"raw_body,omitempty"` // the bytes that BodyHash is of; in an export only
}

// BodyView is an entry's body. Evidence is sealed to HQ: only its size and the key it is sealed to are shown.
type BodyView struct {
	Erased     bool              `json:"erased,omitempty"`
	Cashier    string            `json:"cashier,omitempty"`
	Supervisor string            `json:"supervisor,omitempty"`
	Account    Hex               `json:"account,omitempty"`
	Evidence   int               `json:"evidence_bytes,omitempty"`
	SealKey    Hex               `json:"seal_key,omitempty"`
	Lines      []payment.Article `json:"lines,omitempty"`
}

// View decodes a row.
func (r *Row) View() (View, error) {
	p, err := cutEnvelope(r.Envelope)
	if err != nil {
		return View{}, fmt.Errorf("row %d: %w", r.Pos, err)
	}
	e, err := wire.DecodeEntry(p.payload)
	if err != nil && !errors.Is(err, wire.ErrSetAside) {
		return View{}, fmt.Errorf("row %d: %w", r.Pos, err)
	}
	v := viewOf(e)
	hash := wire.Hash(p.protected, p.payload)
	v.Pos, v.Hash, v.Key = r.Pos, hash[:], kidOf(p.protected)
	if err != nil {
		v.SetAside = err.Error()
		return v, nil
	}
	v.Body, err = bodyView(r)
	return v, err
}

func viewOf(e *wire.Entry) View {
	v := View{
		Terminal: e.Terminal, Epoch: fmt.Sprintf("%016x", e.Epoch), Seq: e.Seq, Prev: e.Prev, Kind: e.Kind.String(),
		Sale: e.Sale, Payment: e.Payment, Store: e.Store, Lane: e.Lane, BusinessDate: e.BusinessDate, Shift: e.Shift,
		Wall: time.UnixMilli(e.Wall).UTC(), BootMS: e.Boot, Zone: e.Zone, Policy: e.Policy, Software: e.Software,
		Training: e.Training, Fact: e.Fact, BodyHash: e.BodyHash,
	}
	if e.HQAge > 0 {
		age := e.HQAge - 1
		v.HQAgeMS = &age
	}
	return v
}

// kidOf reads the key's identifier from a protected header.
func kidOf(protected []byte) (kid Hex) {
	_, _ = wire.VerifyProtected(protected, wire.TypEntry, func(id wire.KID) []wire.PublicKey { kid = id[:]; return nil })
	return kid
}

func bodyView(r *Row) (*BodyView, error) {
	if !r.HasBody {
		return nil, nil
	}
	if r.Body == nil {
		return &BodyView{Erased: true}, nil
	}
	b, err := wire.DecodeBody(r.Body)
	if err != nil {
		return nil, fmt.Errorf("row %d: %w", r.Pos, err)
	}
	return &BodyView{
		Cashier: b.Cashier, Supervisor: b.Supervisor, Account: b.Account, Evidence: len(b.Evidence), SealKey: b.SealKey, Lines: b.Articles(),
	}, nil
}

// Summary is a line about what the entry says, for a list.
func (v *View) Summary() string {
	switch f := v.Fact.(type) {
	case *payment.EpochOpened:
		if f.ParentEpoch == 0 {
			return "first epoch"
		}
		return fmt.Sprintf("after entry %d of epoch %016x", f.ParentSeq, f.ParentEpoch)
	case *payment.DayClosed:
		return fmt.Sprintf("%d totals since entry %d", len(f.Totals), f.FirstSeq)
	case *payment.SaleOpened:
		return fmt.Sprintf("%s due of %s %s", f.Due, f.Total, f.Reference)
	case *payment.Approved:
		return fmt.Sprintf("%s %s", f.Amount, f.Wallet)
	case *payment.Refused:
		return fmt.Sprintf("%s %s", f.Amount, f.Reason)
	case *payment.Voided:
		return fmt.Sprintf("%s %s, entry %d", f.Amount, f.Wallet, f.Of)
	case *payment.Asked:
		return fmt.Sprintf("%s %s, attempt %s", f.Amount, f.Wallet, f.Ref)
	case *payment.Authorised:
		return fmt.Sprintf("%s %s, attempt %s", f.Amount, f.Wallet, f.Ref)
	case *payment.Declined:
		return fmt.Sprintf("%s %s, attempt %s %s", f.Amount, f.Wallet, f.Ref, f.Why)
	case *payment.Offered:
		return fmt.Sprintf("%s, to be paid through the customer's phone", f.Amount)
	case *payment.Carried:
		return fmt.Sprintf("%s %s, paid through the customer's phone", f.Amount, f.Wallet)
	case *payment.Reversed:
		return fmt.Sprintf("%s %s, attempt %s", f.Amount, f.Wallet, f.Ref)
	case *payment.Member:
		return fmt.Sprintf("%s, %d %s earn points", f.Programme, f.Eligible, f.Currency)
	}
	return v.SetAside
}

// WriteJSON writes one JSON object per row and line, each with the signed envelope and the raw body, so that
// an export can be verified anywhere. It ends at the first error.
func WriteJSON(w io.Writer, list iter.Seq2[Row, error]) error {
	enc := json.NewEncoder(w)
	for row, err := range list {
		if err != nil {
			return err
		}
		v, err := row.View()
		if err != nil {
			return err
		}
		v.COSE, v.RawBody = row.Envelope, row.Body
		if err := enc.Encode(v); err != nil {
			return fmt.Errorf("writing an export: %w", err)
		}
	}
	return nil
}

// WriteCOSE writes the signed envelopes one after the other, a CBOR sequence (RFC 8742) that any COSE
// library reads. Bodies are left out. It ends at the first error.
func WriteCOSE(w io.Writer, list iter.Seq2[Row, error]) error {
	for row, err := range list {
		if err != nil {
			return err
		}
		if _, err := w.Write(row.Envelope); err != nil {
			return fmt.Errorf("writing an export: %w", err)
		}
	}
	return nil
}
