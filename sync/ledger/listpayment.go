package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"tilld/agent/payment"
	"tilld/sync/operator"
	"tilld/sync/settle"
	"tilld/sync/wire"
)

// Payment is one approval, offline or online, as the books have it.
type Payment struct {
	Pos  uint64 // its place in the list: the order in which payments were judged
	ID   payment.ID
	Sale payment.ID // zero: none was named
	Dimension
	Amount     int64 // minor units
	State      State
	Ref        operator.Ref // the attempt of an online payment; "": it was approved offline, or carried
	Carried    bool         // by an issuer's approval, through the customer's own phone
	Policy     uint64
	TakenAt    time.Time // by the lane's clock: a note
	ReceivedAt time.Time // when HQ stored its entry, by HQ's clock
	Entry      wire.Name
	EntryHash  settle.EntryHash
	Void       *wire.Name    // the entry that took it back; nil: none
	Lines      []SettledLine // by Payment only: where its money was settled
	Exceptions []payment.ID  // by Payment only: the oldest first
}

// Money is the payment's amount.
func (p *Payment) Money() payment.Money { return payment.Of(p.Amount, p.Currency) }

// SettledLine is where a movement of a payment's money was settled.
type SettledLine struct {
	Batch  payment.ID
	Kind   settle.Kind
	Amount int64
}

const paymentColumns = `SELECT p.no, p.id, p.sale, e.epoch, y.seq, y.hash, ` + dimensionColumns + `,
	p.amount, p.state, coalesce(p.ref, ''), p.carried, coalesce((SELECT seq FROM entry WHERE no = p.void), 0), p.policy, p.taken_at, y.received_at
	FROM payment p JOIN entry y ON y.no = p.entry JOIN branch b ON b.no = y.branch JOIN epoch e ON e.no = b.epoch
	JOIN dimension d ON d.no = p.dimension WHERE `

func scanPayment(rows *sql.Rows) (Payment, error) {
	var p Payment
	var epoch, void, taken, received int64
	var id, sale, terminal, hash []byte
	into := append([]any{&p.Pos, &id, &sale, &epoch, &p.Entry.Seq, &hash}, scanDimension(&p.Dimension, &terminal)...)
	if err := rows.Scan(append(into, &p.Amount, &p.State, &p.Ref, &p.Carried, &void, &p.Policy, &taken, &received)...); err != nil {
		return p, err
	}
	p.ID, p.Terminal, p.EntryHash = payment.ID(id), payment.ID(terminal), settle.EntryHash(hash)
	p.TakenAt, p.ReceivedAt = millis(taken), millis(received)
	copy(p.Sale[:], sale)
	p.Entry.Terminal, p.Entry.Epoch = p.Terminal, uint64(epoch)
	if void != 0 {
		p.Void = &wire.Name{Terminal: p.Terminal, Epoch: p.Entry.Epoch, Seq: uint64(void)}
	}
	return p, nil
}

// Payment gives every approval under an identifier, the first that was judged first. Further ones are in
// suspense (PaymentRepeated). payment.NotFound when there is none.
func (s *Store) Payment(ctx context.Context, id payment.ID) (list []Payment, err error) {
	err = s.look(ctx, func(q querier) error {
		rows, err := q.QueryContext(ctx, paymentColumns+"p.id = ? ORDER BY p.no", id[:])
		if list, err = collect(rows, err, scanPayment); err != nil {
			return err
		}
		for i := range list {
			if err := fillPayment(ctx, q, &list[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && len(list) == 0 {
		return nil, payment.Errorf(payment.NotFound, "ledger.Payment", "no payment %s", id)
	}
	if err != nil {
		return nil, fmt.Errorf("reading payment %s: %w", id, err)
	}
	return list, nil
}

// fillPayment reads what stands about a payment elsewhere. Lines are named by the entries that they follow
// from: the approval, or its void.
func fillPayment(ctx context.Context, q querier, p *Payment) error {
	rows, err := q.QueryContext(ctx, `SELECT b.id, l.kind, l.amount FROM batch_line l JOIN batch b ON b.no = l.batch
		WHERE l.payment = ?1 AND l.entry IN (?2, (SELECT v.hash FROM payment x JOIN entry v ON v.no = x.void WHERE x.no = ?3))
		ORDER BY b.no, l.back`, p.ID[:], p.EntryHash[:], int64(p.Pos))
	p.Lines, err = collect(rows, err, func(rows *sql.Rows) (SettledLine, error) {
		var l SettledLine
		var id []byte
		err := rows.Scan(&id, &l.Kind, &l.Amount)
		copy(l.Batch[:], id)
		return l, err
	})
	if err != nil {
		return err
	}
	rows, err = q.QueryContext(ctx, "SELECT id FROM exception WHERE payment = ? ORDER BY no", int64(p.Pos))
	p.Exceptions, err = collect(rows, err, func(rows *sql.Rows) (id payment.ID, err error) {
		var raw []byte
		err = rows.Scan(&raw)
		copy(id[:], raw)
		return id, err
	})
	return err
}

// PaymentFilter narrows a list of payments; an empty field does not.
type PaymentFilter struct {
	Terminal     payment.ID
	Store        string
	Wallet       string
	BusinessDate payment.Date
	State        State
}

// filter collects the conditions of a list.
type filter struct {
	where []string
	args  []any
}

func (f *filter) add(cond string, set bool, arg any) {
	if set {
		f.where, f.args = append(f.where, cond), append(f.args, arg)
	}
}

func (f *filter) String() string { return strings.Join(f.where, " AND ") }

// Payments lists up to limit payments behind a position that fit the filter.
func (s *Store) Payments(ctx context.Context, want PaymentFilter, after uint64, limit int) ([]Payment, error) {
	f := filter{where: []string{"p.no > ?"}, args: []any{clamp(after)}}
	f.add("d.terminal = ?", !want.Terminal.IsZero(), want.Terminal[:])
	f.add("d.store = ?", want.Store != "", want.Store)
	f.add("d.wallet = ?", want.Wallet != "", want.Wallet)
	f.add("d.business_date = ?", want.BusinessDate != 0, int64(want.BusinessDate))
	f.add("p.state = ?", want.State != "", string(want.State))
	rows, err := s.readers.QueryContext(ctx, paymentColumns+f.String()+" ORDER BY p.no LIMIT ?", append(f.args, limit)...)
	return collect(rows, err, scanPayment)
}
