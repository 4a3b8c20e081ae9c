package journal

import (
	"context"
	"database/sql"
	"fmt"

	"tilld/agent/payment"
)

// refundSchema is the first version of the schema that keeps refunds.
const refundSchema = 7

// RefundState is how far a refund has come, as the lane knows it.
type RefundState string

// The states of a refund. Each is entered by the entry of its name, and nothing leaves the last two.
const (
	RefundAsked    RefundState = "asked" // HQ has not said yet that it is done: it goes on with it
	RefundDone     RefundState = "refunded"
	RefundDeclined RefundState = "declined"
)

// Refund is money that is given back through HQ: what its RefundAsked says, and what became of it.
type Refund struct {
	Ref      string        `json:"ref"`
	Payment  payment.ID    `json:"payment"`        // the original one, of whatever lane
	Sale     payment.ID    `json:"sale,omitempty"` // zero: another lane's payment
	Epoch    uint64        `json:"epoch,string"`
	Seq      uint64        `json:"seq"` // of the RefundAsked
	Date     payment.Date  `json:"date"`
	Wall     int64         `json:"wall"`             // of the RefundAsked, Unix ms, by the lane's clock
	Wallet   string        `json:"wallet,omitempty"` // empty: not known before HQ says it
	Amount   payment.Money `json:"amount"`
	Alone    bool          `json:"alone,omitempty"` // by the cashier, as the policy lets
	State    RefundState   `json:"state"`
	Why      string        `json:"why,omitempty"` // of RefundDeclined: HQ's short code
	OfAmount payment.Money `json:"of"`            // the payment's; zero: another lane's, or pruned
}

const refundColumns = `SELECT r.ref, r.payment, r.sale, r.epoch, r.seq, r.business_date, r.wall, r.wallet, r.currency, r.amount, r.alone, r.state, r.why,
	coalesce((SELECT amount FROM payment WHERE id = r.payment), (SELECT amount FROM charge WHERE id = r.payment),
	(SELECT amount FROM carried WHERE id = r.payment), 0)
	FROM refund r JOIN epoch e ON e.epoch = r.epoch `

// OpenRefunds lists the refunds of which HQ has not said what became of them, oldest first: after a restart, those to ask
// about.
func (j *Journal) OpenRefunds(ctx context.Context) ([]Refund, error) {
	return j.refunds(ctx, `WHERE r.state = 'asked' ORDER BY e.id, r.seq`)
}

// Refunds lists the refunds that were asked for on a business date, the newest first.
func (j *Journal) Refunds(ctx context.Context, date payment.Date) ([]Refund, error) {
	return j.refunds(ctx, `WHERE r.business_date = ? ORDER BY e.id DESC, r.seq DESC`, int64(date))
}

// RefundsOf lists what this lane asked to be given back of a payment, in the order of asking.
func (j *Journal) RefundsOf(ctx context.Context, id payment.ID) ([]Refund, error) {
	return j.refunds(ctx, `WHERE r.payment = ? ORDER BY e.id, r.seq`, id[:])
}

// RefundByRef finds a refund; ok is false when there is none, or it has been pruned.
func (j *Journal) RefundByRef(ctx context.Context, ref string) (r Refund, ok bool, err error) {
	list, err := j.refunds(ctx, `WHERE r.ref = ?`, ref)
	if len(list) == 0 {
		return Refund{}, false, err
	}
	return list[0], true, err
}

func (j *Journal) refunds(ctx context.Context, where string, args ...any) (list []Refund, err error) {
	err = j.read(ctx, func(ctx context.Context, db *sql.DB) (err error) {
		if list, err = collect(ctx, db.QueryContext, scanRefund, refundColumns+where, args...); err != nil {
			return fmt.Errorf("listing refunds: %w", err)
		}
		return nil
	})
	return list, err
}

func scanRefund(rows *sql.Rows) (Refund, error) {
	var r Refund
	var id, sale []byte
	var epoch, seq, date int64
	err := rows.Scan(&r.Ref, &id, &sale, &epoch, &seq, &date, &r.Wall, &r.Wallet, &r.Amount.Currency, &r.Amount.Minor, &r.Alone, &r.State, &r.Why, &r.OfAmount.Minor)
	r.Payment, r.Sale, r.Epoch, r.Seq, r.Date = idOf(id), idOf(sale), uint64(epoch), uint64(seq), payment.Date(date)
	if r.OfAmount.Minor != 0 {
		r.OfAmount.Currency = r.Amount.Currency
	}
	return r, err
}

// refund projects what entries say of refunds.
func (p projector) refund(ctx context.Context, w *written) error {
	if p.version < refundSchema {
		return nil
	}
	switch f := w.Entry.Fact.(type) {
	case *payment.RefundAsked:
		return p.refundAsked(ctx, w, f)
	case *payment.Refunded:
		if err := p.refundEnds(ctx, w, RefundDone, f.Ref, f.Wallet, "", f.Amount); err != nil {
			return err
		}
		e := w.Entry
		_, err := p.store.exec(ctx, `INSERT INTO refund_total (epoch, business_date, wallet, currency, count, minor)
			VALUES (?, ?, ?, ?, 1, ?) ON CONFLICT DO UPDATE SET count = count + 1, minor = minor + excluded.minor`,
			int64(e.Epoch), int64(e.BusinessDate), f.Wallet, string(f.Amount.Currency), f.Amount.Minor)
		return err
	case *payment.RefundDeclined:
		return p.refundEnds(ctx, w, RefundDeclined, f.Ref, f.Wallet, f.Why, f.Amount)
	}
	return nil
}

func (p projector) refundAsked(ctx context.Context, w *written, f *payment.RefundAsked) error {
	e := w.Entry
	if err := p.mayGiveBack(ctx, e.Payment, f.Amount); err != nil {
		return err
	}
	var sale []byte
	if e.Sale != nil {
		sale = e.Sale[:]
	}
	return p.must(ctx, func() error { return conflict(ErrRefundExists, "%s", f.Ref) },
		`INSERT INTO refund (ref, payment, sale, epoch, seq, business_date, wall, wallet, currency, amount, alone)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		f.Ref, e.Payment[:], orNull(sale), int64(e.Epoch), int64(e.Seq), int64(e.BusinessDate), e.Wall, f.Wallet,
		string(f.Amount.Currency), f.Amount.Minor, f.Alone)
}

// mayGiveBack refuses what HQ would refuse as well, of a payment that is here: one that was voided, and more than is left
// as far as this lane knows.
func (p projector) mayGiveBack(ctx context.Context, id *payment.ID, amount payment.Money) error {
	if p.replay {
		return nil
	}
	var over bool
	err := p.store.row(ctx, `SELECT EXISTS (SELECT 1 FROM (SELECT amount, currency, voided FROM payment WHERE id = ?1
			UNION ALL SELECT amount, currency, voided FROM charge WHERE id = ?1
			UNION ALL SELECT amount, currency, voided FROM carried WHERE id = ?1) p
		WHERE p.voided IS NOT NULL OR p.currency <> ?2
		OR ?3 + (SELECT coalesce(sum(amount), 0) FROM refund WHERE payment = ?1 AND state <> 'declined') > p.amount)`,
		[]any{id[:], string(amount.Currency), amount.Minor}, &over)
	if err == nil && over {
		err = conflict(ErrRefundOver, "%s of payment %s", amount, id)
	}
	return err
}

// refundEnds moves a refund on from asked. Its wallet is known from then on.
func (p projector) refundEnds(ctx context.Context, w *written, to RefundState, ref, wallet, why string, amount payment.Money) error {
	e := w.Entry
	return p.must(ctx, func() error { return conflict(ErrRefundState, "%s of %s", e.Kind, ref) },
		`UPDATE refund SET state = ?1, ended = ?2, why = ?3, wallet = CASE WHEN wallet = '' THEN ?4 ELSE wallet END
		WHERE ref = ?5 AND state = 'asked' AND payment = ?6 AND currency = ?7 AND amount = ?8 AND (wallet = '' OR wallet = ?4)`,
		string(to), w.Pos, why, wallet, ref, e.Payment[:], string(amount.Currency), amount.Minor)
}

// mayVoid refuses to take a payment back of which money was given back, or is about to be: the customer would have more
// than was paid.
func (p projector) mayVoid(ctx context.Context, id *payment.ID) error {
	if p.replay || p.version < refundSchema {
		return nil
	}
	var given bool
	err := p.store.row(ctx, `SELECT EXISTS (SELECT 1 FROM refund WHERE payment = ? AND state <> 'declined')`, []any{id[:]}, &given)
	if err == nil && given {
		err = conflict(ErrNotVoidable, "payment %s is refunded", id)
	}
	return err
}

// checkRefund demands what the projection goes by.
func (d *Draft) checkRefund() error {
	var ref, wallet string
	var amount payment.Money
	known := true
	switch f := d.Fact.(type) {
	case *payment.RefundAsked:
		ref, amount, known = f.Ref, f.Amount, false
	case *payment.Refunded:
		ref, wallet, amount = f.Ref, f.Wallet, f.Amount
	case *payment.RefundDeclined:
		ref, amount, known = f.Ref, f.Amount, false
	default:
		return nil
	}
	if _, ok := payment.ParseRefundRef(ref); !ok || d.Payment == nil || d.Payment.IsZero() || known && wallet == "" || d.Training || len(d.Evidence) > 0 {
		return invalid("%s: %w", d.Fact.Kind(), errRefund)
	}
	if err := amount.Validate(); err != nil {
		return invalid("%s: %w", d.Fact.Kind(), err)
	}
	return nil
}
