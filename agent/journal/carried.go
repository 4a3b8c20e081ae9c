package journal

import (
	"context"
	"database/sql"
	"fmt"

	"tilld/agent/payment"
)

// carriedSchema is the first version of the schema that keeps what was offered and carried.
const carriedSchema = 4

// carriedKinds are the entries that the projection "carried" is made of. A void is one when it is of a carried payment.
var carriedKinds = []payment.Kind{payment.KindOffered, payment.KindCarried, payment.KindVoided}

// Offer is what a sale was offered as, to be paid through the customer's own phone.
type Offer struct {
	Payment payment.ID
	Sale    payment.ID
	Amount  payment.Money
	Until   int64 // until when issuers take it, by the lane's estimate of HQ's time, Unix ms
	Taken   bool  // its approval has paid here
}

// OfferOf finds what a payment was offered for, whatever became of its sale; ok is false when this lane never offered it,
// or it has been pruned.
func (j *Journal) OfferOf(ctx context.Context, id payment.ID) (o Offer, ok bool, err error) {
	var list []Offer
	err = j.read(ctx, func(ctx context.Context, db *sql.DB) (err error) {
		list, err = collect(ctx, db.QueryContext, func(rows *sql.Rows) (o Offer, err error) {
			var pay, sale []byte
			err = rows.Scan(&pay, &sale, &o.Amount.Currency, &o.Amount.Minor, &o.Until, &o.Taken)
			o.Payment, o.Sale = idOf(pay), idOf(sale)
			return o, err
		}, `SELECT payment, sale, currency, amount, until, EXISTS (SELECT 1 FROM carried WHERE id = payment) FROM offer WHERE payment = ?`, id[:])
		return err
	})
	if err != nil || len(list) == 0 {
		return Offer{}, false, err
	}
	return list[0], true, nil
}

// carry projects what entries say of payments through the customer's phone.
func (p projector) carry(ctx context.Context, w *written) error {
	if p.version < carriedSchema {
		return nil
	}
	switch f := w.Entry.Fact.(type) {
	case *payment.Offered:
		return p.offered(ctx, w, f)
	case *payment.Carried:
		return p.carried(ctx, w, f)
	}
	return nil
}

// offered notes a payment, or that it is shown for longer. One of another sale or amount under the same name is a fault.
func (p projector) offered(ctx context.Context, w *written, f *payment.Offered) error {
	e := w.Entry
	if !p.replay {
		var open, other bool
		err := p.store.row(ctx, `SELECT EXISTS (SELECT 1 FROM sale WHERE id = ?1 AND cancelled IS NULL AND completed IS NULL AND training = 0 AND ?5 = 0
			AND currency = ?2 AND due = ?3 AND `+p.taken()+` = 0),
			EXISTS (SELECT 1 FROM payment WHERE id = ?4) OR EXISTS (SELECT 1 FROM charge WHERE id = ?4) OR EXISTS (SELECT 1 FROM carried WHERE id = ?4)`,
			[]any{e.Sale[:], string(f.Amount.Currency), f.Amount.Minor, e.Payment[:], e.Training}, &open, &other)
		switch {
		case err != nil:
			return err
		case other:
			return conflict(ErrPaymentExists, "%s", e.Payment)
		case !open:
			return conflict(ErrSaleState, "offering %s for sale %s", f.Amount, e.Sale)
		}
	}
	return p.must(ctx, func() error { return conflict(ErrPaymentExists, "%s was offered for another sale", e.Payment) },
		`INSERT INTO offer (payment, sale, epoch, seq, business_date, currency, amount, until) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (payment) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq, business_date = excluded.business_date,
		until = excluded.until WHERE sale = excluded.sale AND currency = excluded.currency AND amount = excluded.amount`,
		e.Payment[:], e.Sale[:], int64(e.Epoch), int64(e.Seq), int64(e.BusinessDate), string(f.Amount.Currency), f.Amount.Minor, f.Until)
}

// carried makes the payment, once, of what was offered. It is no exposure, and of no account's cap: the issuer has the
// money.
func (p projector) carried(ctx context.Context, w *written, f *payment.Carried) error {
	e := w.Entry
	currency, amount := string(f.Amount.Currency), f.Amount.Minor
	text := `INSERT INTO carried (id, sale, epoch, seq, business_date, wall, wallet, currency, amount, training)
		SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10 WHERE true`
	if !p.replay {
		text += ` AND NOT EXISTS (SELECT 1 FROM payment WHERE id = ?1) AND NOT EXISTS (SELECT 1 FROM charge WHERE id = ?1)
			AND EXISTS (SELECT 1 FROM offer WHERE payment = ?1 AND sale = ?2 AND currency = ?8 AND amount = ?9)`
	}
	err := p.must(ctx, func() error { return conflict(ErrPaymentExists, "%s, or it was not offered so", e.Payment) }, text+` ON CONFLICT DO NOTHING`,
		e.Payment[:], e.Sale[:], int64(e.Epoch), int64(e.Seq), int64(e.BusinessDate), e.Wall, f.Wallet, currency, amount, e.Training)
	if err != nil {
		return err
	}
	err = p.must(ctx, func() error { return conflict(ErrSaleState, "a payment of %s for sale %s", f.Amount, e.Sale) },
		`UPDATE sale SET carried = carried + ?1 WHERE id = ?2 AND cancelled IS NULL AND completed IS NULL
		AND currency = ?3 AND training = ?4 AND `+p.free()+` + ?1 <= due`,
		amount, e.Sale[:], currency, e.Training)
	if err != nil || e.Training {
		return err
	}
	_, err = p.store.exec(ctx, `INSERT INTO carried_total (epoch, business_date, wallet, currency, count, minor)
		VALUES (?, ?, ?, ?, 1, ?) ON CONFLICT DO UPDATE SET count = count + 1, minor = minor + excluded.minor`,
		int64(e.Epoch), int64(e.BusinessDate), f.Wallet, currency, amount)
	return err
}

// carriedVoided takes a carried payment back; ok is false when it is none.
func (p projector) carriedVoided(ctx context.Context, w *written, f *payment.Voided) (ok bool, err error) {
	if p.version < carriedSchema {
		return false, nil
	}
	e, currency, amount := w.Entry, string(f.Amount.Currency), f.Amount.Minor
	n, err := p.store.exec(ctx, `UPDATE carried SET voided = ?3 WHERE epoch = ?1 AND seq = ?2 AND voided IS NULL AND id = ?4
		AND sale = ?5 AND amount = ?6 AND currency = ?7 AND wallet = ?8 AND business_date = ?9 AND training = ?10`,
		int64(e.Epoch), int64(f.Of), w.Pos, e.Payment[:], e.Sale[:], amount, currency, f.Wallet, int64(e.BusinessDate), e.Training)
	if err != nil || n == 0 {
		return false, err
	}
	if _, err := p.store.exec(ctx, `UPDATE sale SET carried = carried - ? WHERE id = ?`, amount, e.Sale[:]); err != nil || e.Training {
		return true, err
	}
	_, err = p.store.exec(ctx, `UPDATE carried_total SET void_count = void_count + 1, void_minor = void_minor + ?
		WHERE epoch = ? AND business_date = ? AND wallet = ? AND currency = ?`,
		amount, int64(e.Epoch), int64(e.BusinessDate), f.Wallet, currency)
	return true, err
}

// checkCarried demands what the projections and HQ go by.
func (d *Draft) checkCarried() error {
	switch f := d.Fact.(type) {
	case *payment.Offered:
		if f.Until <= 0 || len(d.Evidence) > 0 {
			return invalid("%s: until %d, with evidence of %d bytes", f.Kind(), f.Until, len(d.Evidence))
		}
		return checkAmount(f, f.Amount)
	case *payment.Carried:
		if f.Wallet == "" || len(f.Issuer) == 0 || len(d.Evidence) == 0 {
			return invalid("%s: wallet, issuer and the approval must be there", f.Kind())
		}
		return checkAmount(f, f.Amount)
	}
	return nil
}

func checkAmount(f payment.Fact, m payment.Money) error {
	if err := m.Validate(); err != nil {
		return invalid("%s: %w", f.Kind(), fmt.Errorf("amount: %w", err))
	}
	return nil
}
