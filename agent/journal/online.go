package journal

import (
	"context"

	"tilld/agent/payment"
)

// onlineSchema is the first version of the schema that keeps attempts. Of an earlier one's copy nothing of them is
// computed: its release set their entries aside.
const onlineSchema = 3

// onlineKinds are the entries that the projection "online" is made of. A void is one when it is of an online payment.
var onlineKinds = []payment.Kind{
	payment.KindAsked, payment.KindAuthorised, payment.KindDeclined, payment.KindReversed, payment.KindVoided,
}

// online projects what entries say of attempts.
func (p projector) online(ctx context.Context, w *written) error {
	if p.version < onlineSchema {
		return nil
	}
	switch f := w.Entry.Fact.(type) {
	case *payment.Asked:
		return p.asked(ctx, w, f)
	case *payment.Authorised:
		return p.authorised(ctx, w, f)
	case *payment.Declined:
		return p.ends(ctx, w, AttemptDeclined, f.Ref, f.Wallet, f.Amount)
	case *payment.Reversed:
		return p.ends(ctx, w, AttemptReversed, f.Ref, f.Wallet, f.Amount)
	}
	return nil
}

// underWay is what a sale's open attempts may still bring it.
const underWay = `(SELECT coalesce(sum(attempt.amount), 0) FROM attempt WHERE attempt.sale = sale.id AND attempt.state = 'asked')`

func (p projector) asked(ctx context.Context, w *written, f *payment.Asked) error {
	e := w.Entry
	if err := p.mayAsk(ctx, w, f); err != nil {
		return err
	}
	if err := p.codeAsked(ctx, w, f); err != nil {
		return err
	}
	return p.must(ctx, func() error { return conflict(ErrAttemptExists, "%s", f.Ref) },
		`INSERT INTO attempt (ref, payment, sale, epoch, seq, business_date, wall, wallet, currency, amount, training, not_after)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		f.Ref, e.Payment[:], e.Sale[:], int64(e.Epoch), int64(e.Seq), int64(e.BusinessDate), e.Wall, f.Wallet,
		string(f.Amount.Currency), f.Amount.Minor, e.Training, f.NotAfter)
}

// mayAsk refuses an attempt whose success could not be written: what HQ says is paid must fit the sale. So an open
// attempt holds its amount free, against other attempts and against offline approvals.
func (p projector) mayAsk(ctx context.Context, w *written, f *payment.Asked) error {
	if p.replay {
		return nil
	}
	e := w.Entry
	var room, paid, open bool
	err := p.store.row(ctx, `SELECT
		EXISTS (SELECT 1 FROM sale WHERE id = ?1 AND cancelled IS NULL AND completed IS NULL AND currency = ?2 AND training = ?3
			AND `+p.free()+` + ?4 <= due),
		EXISTS (SELECT 1 FROM payment WHERE id = ?5) OR EXISTS (SELECT 1 FROM charge WHERE id = ?5) OR EXISTS (SELECT 1 FROM carried WHERE id = ?5),
		EXISTS (SELECT 1 FROM attempt WHERE payment = ?5 AND state = 'asked')`,
		[]any{e.Sale[:], string(f.Amount.Currency), e.Training, f.Amount.Minor, e.Payment[:]}, &room, &paid, &open)
	switch {
	case err != nil:
		return err
	case paid:
		return conflict(ErrPaymentExists, "%s", e.Payment)
	case open:
		return conflict(ErrAttemptOpen, "payment %s, attempt %s", e.Payment, f.Ref)
	case !room:
		return conflict(ErrSaleState, "asking for %s for sale %s", f.Amount, e.Sale)
	}
	return nil
}

// ends moves an attempt on from asked.
func (p projector) ends(ctx context.Context, w *written, to AttemptState, ref, wallet string, amount payment.Money) error {
	e := w.Entry
	return p.must(ctx, func() error { return conflict(ErrAttemptState, "%s of %s", e.Kind, ref) },
		`UPDATE attempt SET state = ?, ended = ? WHERE ref = ? AND state = 'asked' AND payment = ? AND sale = ? AND wallet = ?
		AND currency = ? AND amount = ? AND training = ?`,
		string(to), w.Pos, ref, e.Payment[:], e.Sale[:], wallet, string(amount.Currency), amount.Minor, e.Training)
}

// authorised makes the payment. It is of no account, no code of ours paid it, and it is no exposure: HQ knew first. It
// is dated by its own entry: an attempt that was parked over midnight is paid on the day on which it was paid.
func (p projector) authorised(ctx context.Context, w *written, f *payment.Authorised) error {
	e := w.Entry
	if err := p.ends(ctx, w, AttemptAuthorised, f.Ref, f.Wallet, f.Amount); err != nil {
		return err
	}
	currency, amount := string(f.Amount.Currency), f.Amount.Minor
	err := p.must(ctx, func() error { return conflict(ErrPaymentExists, "%s", e.Payment) },
		`INSERT INTO charge (id, sale, epoch, seq, business_date, wall, wallet, currency, amount, training, ref)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		e.Payment[:], e.Sale[:], int64(e.Epoch), int64(e.Seq), int64(e.BusinessDate), e.Wall, f.Wallet, currency, amount,
		e.Training, f.Ref)
	if err != nil {
		return err
	}
	err = p.must(ctx, func() error { return conflict(ErrSaleState, "a payment of %s for sale %s", f.Amount, e.Sale) },
		`UPDATE sale SET online = online + ?1 WHERE id = ?2 AND cancelled IS NULL AND completed IS NULL
		AND currency = ?3 AND training = ?4 AND `+p.taken()+` + ?1 <= due`,
		amount, e.Sale[:], currency, e.Training)
	if err != nil || e.Training {
		return err
	}
	_, err = p.store.exec(ctx, `INSERT INTO charge_total (epoch, business_date, wallet, currency, count, minor)
		VALUES (?, ?, ?, ?, 1, ?) ON CONFLICT DO UPDATE SET count = count + 1, minor = minor + excluded.minor`,
		int64(e.Epoch), int64(e.BusinessDate), f.Wallet, currency, amount)
	return err
}

// chargeVoided takes an online payment back; ok is false when it is none.
func (p projector) chargeVoided(ctx context.Context, w *written, f *payment.Voided) (ok bool, err error) {
	if p.version < onlineSchema {
		return false, nil
	}
	e, currency, amount := w.Entry, string(f.Amount.Currency), f.Amount.Minor
	n, err := p.store.exec(ctx, `UPDATE charge SET voided = ?3 WHERE epoch = ?1 AND seq = ?2 AND voided IS NULL AND id = ?4
		AND sale = ?5 AND amount = ?6 AND currency = ?7 AND wallet = ?8 AND business_date = ?9 AND training = ?10`,
		int64(e.Epoch), int64(f.Of), w.Pos, e.Payment[:], e.Sale[:], amount, currency, f.Wallet, int64(e.BusinessDate), e.Training)
	if err != nil || n == 0 {
		return false, err
	}
	if _, err := p.store.exec(ctx, `UPDATE sale SET online = online - ? WHERE id = ?`, amount, e.Sale[:]); err != nil || e.Training {
		return true, err
	}
	_, err = p.store.exec(ctx, `UPDATE charge_total SET void_count = void_count + 1, void_minor = void_minor + ?
		WHERE epoch = ? AND business_date = ? AND wallet = ? AND currency = ?`,
		amount, int64(e.Epoch), int64(e.BusinessDate), f.Wallet, currency)
	return true, err
}
