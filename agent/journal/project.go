package journal

import (
	"context"
	"encoding/binary"
	"fmt"

	"tilld/agent/payment"
)

// projector computes the projections from entries, in the order of writing and in the transaction that
// writes them. Projecting the same entries into empty tables gives the same rows.
type projector struct {
	store   *store
	version int64 // of the store's schema
	// replay is set when entries that were accepted once are gone through again. Then nothing is refused:
	// what an entry speaks of may have been pruned.
	replay bool
	// countersFrom is the business date from which on counters and spent codes are kept; 0: all are.
	countersFrom payment.Date
	// only is a projection by its name, "online" or "carried", when a release that doesn't know it has projected the rest;
	// "": all.
	only string
}

// apply updates what the entry changes. An entry that this release can't read changes nothing.
func (p projector) apply(ctx context.Context, w *written) error {
	var err error
	switch f := w.Entry.Fact.(type) {
	case *payment.EpochOpened, *payment.KeyChanged, *payment.Refused, *payment.Member, nil:
	case *payment.Asked, *payment.Authorised, *payment.Declined, *payment.Reversed:
		err = p.online(ctx, w)
	case *payment.Offered, *payment.Carried:
		err = p.carry(ctx, w)
	case *payment.RefundAsked, *payment.Refunded, *payment.RefundDeclined:
		err = p.refund(ctx, w)
	case *payment.DayOpened:
		err = p.dayOpened(ctx, w)
	case *payment.DayClosed:
		err = p.dayClosed(ctx, w, f)
	case *payment.SaleOpened:
		err = p.saleOpened(ctx, w, f)
	case *payment.Approved:
		err = p.approved(ctx, w, f)
	case *payment.Voided:
		err = p.voided(ctx, w, f)
	case *payment.SaleCompleted:
		err = p.saleEnds(ctx, w, `UPDATE sale SET completed = ? WHERE id = ? AND completed IS NULL`)
	case *payment.SaleCancelled:
		err = p.saleEnds(ctx, w, `UPDATE sale SET cancelled = ? WHERE id = ? AND cancelled IS NULL AND completed IS NULL AND `+p.taken()+` = 0`)
	}
	if err != nil {
		return fmt.Errorf("entry %d: %w", w.Entry.Seq, err)
	}
	return nil
}

// must runs a statement that has to change a row, unless entries are only gone through again.
func (p projector) must(ctx context.Context, otherwise func() error, query string, args ...any) error {
	n, err := p.store.exec(ctx, query, args...)
	if err != nil {
		return err
	}
	if n == 0 && !p.replay {
		return otherwise()
	}
	return nil
}

func (p projector) saleOpened(ctx context.Context, w *written, f *payment.SaleOpened) error {
	e := w.Entry
	return p.must(ctx, func() error { return p.saleExists(ctx, e.Sale) },
		`INSERT INTO sale (id, epoch, seq, business_date, wall, reference, currency, total, due, request, digest, training)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		e.Sale[:], int64(e.Epoch), int64(e.Seq), int64(e.BusinessDate), e.Wall, f.Reference, string(f.Total.Currency),
		f.Total.Minor, f.Due.Minor, orNull(f.Request), orNull(f.Digest), e.Training)
}

// saleExists tells the two ways in which a sale can be there already.
func (p projector) saleExists(ctx context.Context, id *payment.ID) error {
	var n int
	if err := p.store.row(ctx, `SELECT count(*) FROM sale WHERE id = ?`, []any{id[:]}, &n); err != nil {
		return err
	}
	if n > 0 {
		return conflict(ErrSaleExists, "%s", id)
	}
	return conflict(ErrRequestUsed, "sale %s", id)
}

// takenColumns is what payments of all sorts have brought a sale, by this release's schema.
const takenColumns = `paid + online + carried`

// taken is what payments have brought a sale.
func (p projector) taken() string {
	switch {
	case p.version < onlineSchema:
		return `paid`
	case p.version < carriedSchema:
		return `paid + online`
	}
	return takenColumns
}

// guards says whether a new entry is held against attempts. Not when entries are gone through again: a release that
// knows no attempts may have written them.
func (p projector) guards() bool { return !p.replay && p.version >= onlineSchema }

// free is what a sale's payments have brought, and what its open attempts hold.
func (p projector) free() string {
	if !p.guards() {
		return p.taken()
	}
	return p.taken() + ` + ` + underWay
}

// saleEnds ends a sale, but none of which it is unknown whether it is paid.
func (p projector) saleEnds(ctx context.Context, w *written, query string) error {
	id := w.Entry.Sale
	otherwise := func() error { return conflict(ErrSaleState, "%s of sale %s", w.Entry.Kind, id) }
	if p.guards() {
		query += ` AND NOT EXISTS (SELECT 1 FROM attempt WHERE attempt.sale = sale.id AND attempt.state = 'asked')`
	}
	return p.must(ctx, otherwise, query, w.Pos, id[:])
}

func (p projector) approved(ctx context.Context, w *written, f *payment.Approved) error {
	e := w.Entry
	if err := p.codeSpent(ctx, w, f); err != nil {
		return err
	}
	text := `INSERT INTO payment (id, sale, epoch, seq, business_date, wall, wallet, currency, amount, account, training)
		SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11 WHERE true`
	if p.guards() {
		text += ` AND NOT EXISTS (SELECT 1 FROM charge WHERE id = ?1)`
		if p.version >= carriedSchema {
			text += ` AND NOT EXISTS (SELECT 1 FROM carried WHERE id = ?1)`
		}
	}
	err := p.must(ctx, func() error { return conflict(ErrPaymentExists, "%s", e.Payment) }, text+` ON CONFLICT DO NOTHING`,
		e.Payment[:], e.Sale[:], int64(e.Epoch), int64(e.Seq), int64(e.BusinessDate), e.Wall, f.Wallet,
		string(f.Amount.Currency), f.Amount.Minor, orNull(accountOf(w)), e.Training)
	if err != nil {
		return err
	}
	amount := f.Amount.Minor
	err = p.must(ctx, func() error { return conflict(ErrSaleState, "a payment of %s for sale %s", f.Amount, e.Sale) },
		`UPDATE sale SET paid = paid + ?1 WHERE id = ?2 AND cancelled IS NULL AND completed IS NULL
		AND currency = ?3 AND training = ?4 AND `+p.free()+` + ?1 <= due`,
		amount, e.Sale[:], string(f.Amount.Currency), e.Training)
	if err != nil || e.Training {
		return err
	}
	return p.moneyTaken(ctx, w, f)
}

// codeSpent holds the invariant that one code pays once, and moves the phone's counter.
func (p projector) codeSpent(ctx context.Context, w *written, f *payment.Approved) error {
	if w.Entry.BusinessDate < p.countersFrom {
		return nil
	}
	if err := p.codeFree(ctx, w, f); err != nil {
		return err
	}
	counter := counterBytes(f.Replay.Counter)
	err := p.must(ctx, func() error { return conflict(ErrCodeUsed, "payment %s", w.Entry.Payment) },
		`INSERT INTO spent (phone, counter, payment, business_date) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		f.Replay.Phone, counter, w.Entry.Payment[:], int64(w.Entry.BusinessDate))
	if err != nil {
		return err
	}
	_, err = p.store.exec(ctx, `INSERT INTO phone (key, counter, business_date) VALUES (?, ?, ?)
		ON CONFLICT (key) DO UPDATE SET counter = max(counter, excluded.counter),
		business_date = max(business_date, excluded.business_date)`,
		f.Replay.Phone, counter, int64(w.Entry.BusinessDate))
	return err
}

// moneyTaken counts an approval: for its account, for its day, and as exposure until HQ has it.
func (p projector) moneyTaken(ctx context.Context, w *written, f *payment.Approved) error {
	e, currency, amount := w.Entry, string(f.Amount.Currency), f.Amount.Minor
	if account := accountOf(w); len(account) > 0 {
		_, err := p.store.exec(ctx, `INSERT INTO spend (wallet, account, business_date, currency, minor, count)
			VALUES (?, ?, ?, ?, ?, 1) ON CONFLICT DO UPDATE SET minor = minor + excluded.minor, count = count + 1`,
			f.Wallet, account, int64(e.BusinessDate), currency, amount)
		if err != nil {
			return err
		}
	}
	_, err := p.store.exec(ctx, `INSERT INTO day_total (epoch, business_date, wallet, currency, count, minor)
		VALUES (?, ?, ?, ?, 1, ?) ON CONFLICT DO UPDATE SET count = count + 1, minor = minor + excluded.minor`,
		int64(e.Epoch), int64(e.BusinessDate), f.Wallet, currency, amount)
	if err != nil {
		return err
	}
	_, err = p.store.exec(ctx, `INSERT INTO exposure (epoch, currency, minor, count)
		SELECT epoch, ?2, ?3, 1 FROM epoch WHERE epoch = ?1 AND acked < ?4
		ON CONFLICT DO UPDATE SET minor = minor + excluded.minor, count = count + 1`,
		int64(e.Epoch), currency, amount, int64(e.Seq))
	return err
}

// voided takes a payment back from everything that counts it.
func (p projector) voided(ctx context.Context, w *written, f *payment.Voided) error {
	if err := p.mayVoid(ctx, w.Entry.Payment); err != nil {
		return err
	}
	if p.only != "carried" {
		if ok, err := p.chargeVoided(ctx, w, f); ok || err != nil || p.only == "online" {
			return err
		}
	}
	if ok, err := p.carriedVoided(ctx, w, f); ok || err != nil || p.only == "carried" {
		return err
	}
	e, currency, amount := w.Entry, string(f.Amount.Currency), f.Amount.Minor
	key := []any{int64(e.Epoch), int64(f.Of)}
	var account []byte
	var training bool
	err := p.store.row(ctx, `UPDATE payment SET voided = ?3 WHERE epoch = ?1 AND seq = ?2 AND voided IS NULL AND id = ?4
		AND sale = ?5 AND amount = ?6 AND currency = ?7 AND wallet = ?8 AND business_date = ?9 AND training = ?10
		RETURNING account, training`,
		append(key, w.Pos, e.Payment[:], e.Sale[:], amount, currency, f.Wallet, int64(e.BusinessDate), e.Training),
		&account, &training)
	switch {
	case isNoRows(err) && p.replay:
		return nil
	case isNoRows(err):
		return conflict(ErrNotVoidable, "payment %s at sequence %d", e.Payment, f.Of)
	case err != nil:
		return err
	}
	if _, err := p.store.exec(ctx, `UPDATE sale SET paid = paid - ? WHERE id = ?`, amount, e.Sale[:]); err != nil || training {
		return err
	}
	return p.moneyReturned(ctx, w, f, account)
}

func (p projector) moneyReturned(ctx context.Context, w *written, f *payment.Voided, account []byte) error {
	e, currency, amount := w.Entry, string(f.Amount.Currency), f.Amount.Minor
	if len(account) > 0 {
		_, err := p.store.exec(ctx, `UPDATE spend SET minor = minor - ?, count = count - 1
			WHERE wallet = ? AND account = ? AND business_date = ? AND currency = ?`,
			amount, f.Wallet, account, int64(e.BusinessDate), currency)
		if err != nil {
			return err
		}
	}
	_, err := p.store.exec(ctx, `UPDATE day_total SET void_count = void_count + 1, void_minor = void_minor + ?
		WHERE epoch = ? AND business_date = ? AND wallet = ? AND currency = ?`,
		amount, int64(e.Epoch), int64(e.BusinessDate), f.Wallet, currency)
	if err != nil {
		return err
	}
	_, err = p.store.exec(ctx, `UPDATE exposure SET minor = minor - ?3, count = count - 1 WHERE epoch = ?1 AND currency = ?2
		AND (SELECT acked FROM epoch WHERE epoch = ?1) < ?4`,
		int64(e.Epoch), currency, amount, int64(f.Of))
	return err
}

func accountOf(w *written) []byte {
	if w.body == nil {
		return nil
	}
	return w.body.Account
}

// counterBytes keeps an unsigned counter in the order of its value.
func counterBytes(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// orNull is NULL for no bytes.
func orNull(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return b
}
