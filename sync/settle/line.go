package settle

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// ErrLine reports a line that can't stand in a batch.
var ErrLine = errors.New("not a settlement line")

// Kind says what a line does to the money owed.
type Kind string

// The kinds of line.
const (
	KindPayment    Kind = "payment"    // taken: the amount is above zero
	KindVoid       Kind = "void"       // the lane took its own payment back: below zero
	KindRefund     Kind = "refund"     // money returned later: below zero
	KindAdjustment Kind = "adjustment" // decided at HQ, such as a released exception: either way, never zero
)

// EntryHash is the chain hash of a journal entry, or a node of a batch's hash tree; hexadecimal in text.
type EntryHash [32]byte

// String is the hash in 64 hexadecimal digits.
func (h EntryHash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText writes String.
func (h EntryHash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads 64 lower-case hexadecimal digits: one hash has one spelling.
func (h *EntryHash) UnmarshalText(b []byte) error {
	raw, err := hex.DecodeString(string(b))
	if err != nil || len(raw) != len(h) || hex.EncodeToString(raw) != string(b) {
		return fmt.Errorf("want 64 lower-case hexadecimal digits, got %d characters", len(b))
	}
	copy(h[:], raw)
	return nil
}

// Epoch is a journal's epoch, written as 16 hexadecimal digits because it fills all 64 bits, which many
// readers of JSON would round.
type Epoch uint64

// String is the epoch in 16 hexadecimal digits.
func (e Epoch) String() string { return fmt.Sprintf("%016x", uint64(e)) }

// MarshalText writes String.
func (e Epoch) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (e *Epoch) UnmarshalText(b []byte) error {
	v, err := strconv.ParseUint(string(b), 16, 64)
	if err != nil || Epoch(v).String() != string(b) {
		return fmt.Errorf("want 16 lower-case hexadecimal digits, got %d characters", len(b))
	}
	*e = Epoch(v)
	return nil
}

// Line is one movement of money that is settled: a payment, or what takes one back. It is named by the
// journal entry that it follows from, so that two HQs that hold the same entries make the same line.
type Line struct {
	Kind         Kind             `json:"kind"`
	Payment      payment.ID       `json:"payment"`
	Decision     string           `json:"decision"` // of an adjustment: the exception that was decided; of a refund: its own identifier; empty otherwise
	Entity       string           `json:"entity"`   // who is paid: a franchise owner is one of his own
	Store        string           `json:"store"`
	Lane         string           `json:"lane"`
	Wallet       string           `json:"-"` // the batch's; checked against it
	BusinessDate payment.Date     `json:"business_date"`
	Amount       int64            `json:"amount"` // minor units; below zero for what goes back
	Currency     payment.Currency `json:"-"`      // the batch's; checked against it
	Terminal     payment.ID       `json:"terminal"`
	Epoch        Epoch            `json:"epoch"`
	Seq          uint64           `json:"seq"`
	Entry        EntryHash        `json:"entry"`
}

// Name is the journal entry that the line follows from.
func (l *Line) Name() wire.Name {
	return wire.Name{Terminal: l.Terminal, Epoch: uint64(l.Epoch), Seq: l.Seq}
}

// Validate says what is wrong with a line, naming its entry.
func (l *Line) Validate() error {
	if err := l.validateNames(); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrLine, l.Name(), err)
	}
	if err := l.validateAmount(); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrLine, l.Name(), err)
	}
	return nil
}

func (l *Line) validateNames() error {
	for _, f := range []struct{ what, name string }{
		{"entity", l.Entity}, {"store", l.Store}, {"lane", l.Lane}, {"wallet", l.Wallet},
	} {
		if err := wire.CheckName(f.what, f.name); err != nil {
			return err
		}
	}
	if l.Kind == KindAdjustment || l.Kind == KindRefund && l.Decision != "" {
		if err := wire.CheckName("decision", l.Decision); err != nil {
			return err
		}
	}
	switch {
	case l.Kind != KindAdjustment && l.Kind != KindRefund && l.Decision != "":
		return fmt.Errorf("a %s with a decision", l.Kind)
	case l.Payment.IsZero():
		return errors.New("no payment")
	case l.Terminal.IsZero() || l.Epoch == 0 || l.Seq == 0:
		return errors.New("terminal, epoch and sequence must be set")
	case l.Entry == EntryHash{}:
		return errors.New("no entry hash")
	}
	return l.BusinessDate.Validate()
}

func (l *Line) validateAmount() error {
	if !l.Currency.Known() {
		return fmt.Errorf("%w: %q", payment.ErrCurrency, string(l.Currency))
	}
	if l.Amount == 0 || l.Amount > payment.MaxMinor || l.Amount < -payment.MaxMinor {
		return fmt.Errorf("%w: %d", payment.ErrRange, l.Amount)
	}
	switch l.Kind {
	case KindPayment:
		if l.Amount < 0 {
			return fmt.Errorf("a payment of %d", l.Amount)
		}
	case KindVoid, KindRefund:
		if l.Amount > 0 {
			return fmt.Errorf("a %s of %d: what goes back is below zero", l.Kind, l.Amount)
		}
	case KindAdjustment:
	default:
		return fmt.Errorf("kind %q", l.Kind)
	}
	return nil
}
