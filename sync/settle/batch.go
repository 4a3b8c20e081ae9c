package settle

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"tilld/agent/payment"
)

// MaxLines bounds one batch; a day with more becomes several. It keeps a batch's JSON under about 50 MB
// and every sum within an int64: MaxLines times payment.MaxMinor fits with room.
const MaxLines = 100_000

// Format names the form of a batch's files; see FORMAT.md.
const Format = "tilld-settlement/1"

// DayTotal sums a batch's lines of one entity, store and business date. A batch has one currency.
type DayTotal struct {
	Entity       string           `json:"entity"`
	Store        string           `json:"store"`
	BusinessDate payment.Date     `json:"business_date"`
	Currency     payment.Currency `json:"currency"`
	Taken        Total            `json:"taken"`    // amounts above zero
	Returned     Total            `json:"returned"` // amounts below zero
	Net          int64            `json:"net"`
}

// Head is everything of a batch but its lines. It is leaf 0 of the hash tree.
type Head struct {
	Format string     `json:"format"`
	ID     payment.ID `json:"id"`
	Key
	Exponent int    `json:"exponent"` // decimals of the currency's minor unit
	Cause    Cause  `json:"cause"`
	AsOf     uint64 `json:"as_of"`
	CutAt    string `json:"cut_at"` // RFC 3339 in UTC, with milliseconds
	Total
	Totals   []DayTotal `json:"totals"`
	Manifest Manifest   `json:"manifest"`
}

// Batch is a closed list of lines with what they add up to. It is made by Build or Parse and not changed.
type Batch struct {
	Head
	Lines []Line    // in the order of the files
	Root  EntryHash // the content hash: it covers the head and every line

	head   []byte      // the head's JSON, leaf 0
	leaves []EntryHash // leaf hashes; parallel to head and Lines
}

// cutAtForm is RFC 3339 with exactly three decimals.
const cutAtForm = "2006-01-02T15:04:05.000Z"

// Build makes the batch of a cut. The order of lines and coverage in the cut changes nothing. It refuses
// what contradicts itself: ErrLine for a bad line, ErrCut for a line of another account, a line twice, or
// sums that are not the ledger's own.
func Build(c *Cut) (*Batch, error) {
	if err := checkCut(c); err != nil {
		return nil, err
	}
	lines := slices.Clone(c.Lines)
	slices.SortFunc(lines, compareLines)
	total, err := checkLines(c, lines)
	if err != nil {
		return nil, err
	}
	b := &Batch{Lines: lines, Head: Head{
		Format: Format, ID: c.ID(), Key: c.Key, Exponent: c.Currency.Exponent(), Cause: c.Cause, AsOf: c.AsOf,
		CutAt: c.At.UTC().Format(cutAtForm), Total: total, Totals: totalsOf(lines), Manifest: manifestOf(c, lines),
	}}
	return b, b.seal()
}

func checkCut(c *Cut) error {
	if err := c.Key.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrCut, err)
	}
	switch {
	case c.Cause != CauseDay && c.Cause != CausePart && c.Cause != CauseNow:
		return fmt.Errorf("%w: cause %q", ErrCut, c.Cause)
	case len(c.Lines) > MaxLines:
		return fmt.Errorf("%w: %d lines, at most %d", ErrCut, len(c.Lines), MaxLines)
	case c.At.Year() < 2000 || c.At.Year() > 2199:
		return fmt.Errorf("%w: cut at %s", ErrCut, c.At.UTC().Format(time.RFC3339))
	}
	return nil
}

// checkLines wants lines in canonical order, where equal ones are neighbours.
func checkLines(c *Cut, lines []Line) (Total, error) {
	var total Total
	settled := map[lineKey]bool{}
	for i := range lines {
		l := &lines[i]
		if err := l.Validate(); err != nil {
			return Total{}, err
		}
		if l.Wallet != c.Wallet || l.Currency != c.Currency {
			return Total{}, fmt.Errorf("%w: %s is of %s/%s, the batch is of %s", ErrCut, l.Name(), l.Wallet, l.Currency, c.Account)
		}
		for _, key := range l.keys() {
			if settled[key] {
				return Total{}, fmt.Errorf("%w: %s of payment %s (%s) is there twice", ErrCut, l.Kind, l.Payment, l.Name())
			}
			settled[key] = true
		}
		total.add(l.Amount)
	}
	if total != c.Control {
		return Total{}, fmt.Errorf("%w: the lines are %d and sum to %d, the ledger says %d and %d",
			ErrCut, total.Count, total.Sum, c.Control.Count, c.Control.Sum)
	}
	return total, nil
}

// lineKey is what may be in one batch only once: an entry's effect of one kind (of one decision and sign,
// where HQ adjusted it), and a payment's taking or voiding. A payment may be refunded in several steps.
type lineKey struct {
	kind     Kind
	entry    EntryHash
	payment  payment.ID
	decision string
	back     bool
}

func (l *Line) keys() []lineKey {
	keys := []lineKey{{kind: l.Kind, entry: l.Entry, decision: l.Decision, back: l.Amount < 0}}
	if l.Kind == KindPayment || l.Kind == KindVoid {
		keys = append(keys, lineKey{kind: l.Kind, payment: l.Payment})
	}
	return keys
}

// compareLines is the canonical order: as finance reads it first, by the entry's name last.
func compareLines(a, b Line) int {
	return cmp.Or(cmp.Compare(a.Entity, b.Entity), cmp.Compare(a.Store, b.Store), cmp.Compare(a.BusinessDate, b.BusinessDate),
		compareID(a.Terminal, b.Terminal), cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Seq, b.Seq),
		slices.Compare(a.Entry[:], b.Entry[:]), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Decision, b.Decision),
		cmp.Compare(a.Amount, b.Amount))
}

// totalsOf wants lines in canonical order.
func totalsOf(lines []Line) []DayTotal {
	totals := []DayTotal{}
	for i := range lines {
		l := &lines[i]
		n := len(totals)
		if n == 0 || totals[n-1].Entity != l.Entity || totals[n-1].Store != l.Store || totals[n-1].BusinessDate != l.BusinessDate {
			totals = append(totals, DayTotal{Entity: l.Entity, Store: l.Store, BusinessDate: l.BusinessDate, Currency: l.Currency})
			n++
		}
		t := &totals[n-1]
		if l.Amount > 0 {
			t.Taken.add(l.Amount)
		} else {
			t.Returned.add(l.Amount)
		}
		t.Net += l.Amount
	}
	return totals
}

// The sums above can't overflow; a change of either limit must not compile if they could.
const _ = uint64(math.MaxInt64 - MaxLines*payment.MaxMinor)

// Proof shows that line n (from 0, in the order of Lines) is part of the batch; -1 is the head.
func (b *Batch) Proof(n int) (Proof, error) {
	if n < -1 || n >= len(b.Lines) {
		return Proof{}, fmt.Errorf("line %d of %d", n, len(b.Lines))
	}
	leaf := b.head
	if n >= 0 {
		leaf = b.record(&b.Lines[n])
	}
	return Proof{Index: uint64(n + 1), Size: uint64(len(b.leaves)), Leaf: string(leaf), Path: pathTo(b.leaves, n+1)}, nil
}

// Find lists the numbers of a payment's lines, none when it is not in the batch.
func (b *Batch) Find(id payment.ID) []int {
	var at []int
	for i := range b.Lines {
		if b.Lines[i].Payment == id {
			at = append(at, i)
		}
	}
	return at
}
