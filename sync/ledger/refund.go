package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"tilld/agent/payment"
	"tilld/sync/authorise"
	"tilld/sync/operator"
)

// Refunds are the refunds in the books: an authorise.RefundStore.
type Refunds struct{ s *Store }

// Refunds returns them.
func (s *Store) Refunds() Refunds { return Refunds{s} }

const refundColumns = `ref, original, of, whole, terminal, store, lane, wallet, amount, currency, reference, made,
	state, call, due, tries, trouble, no_cancel, why, txn, said, version`

const (
	insertRefund = `INSERT INTO refund (id, payment, ` + refundColumns + `)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)`
	updateRefund = `UPDATE refund SET state = ?, call = ?, due = ?, tries = ?, trouble = ?, no_cancel = ?, why = ?, txn = ?, said = ?,
		version = version + 1 WHERE ref = ? AND version = ?`
	getRefund  = `SELECT ` + refundColumns + ` FROM refund WHERE ref = ?`
	dueRefunds = `SELECT ` + refundColumns + ` FROM refund WHERE due <= ? AND wallet NOT IN (SELECT value FROM json_each(?))
		ORDER BY due, no LIMIT ?`
)

// BeginRefund keeps a new refund: see authorise.RefundStore.
func (r Refunds) BeginRefund(ctx context.Context, to *authorise.Refunding) error {
	next := *to
	err := r.s.write(ctx, func(t *tx) error {
		next = *to
		if err := t.beginRefund(&next); err != nil {
			return err
		}
		return t.remember(to, &next)
	})
	if err != nil {
		return fmt.Errorf("keeping refund %s: %w", to.Ref, err)
	}
	*to = next
	return nil
}

// SaveRefund keeps what became of a refund: see authorise.RefundStore.
func (r Refunds) SaveRefund(ctx context.Context, to *authorise.Refunding) error {
	err := r.s.write(ctx, func(t *tx) error { return t.saveRefund(to) })
	if err != nil {
		return fmt.Errorf("keeping refund %s: %w", to.Ref, err)
	}
	to.Version++
	return nil
}

// beginRefund writes a refund down, if nothing of its reference is there, and posts it if nobody has to be asked.
func (t *tx) beginRefund(r *authorise.Refunding) error {
	id, ok := payment.ParseRefundRef(string(r.Ref))
	if !ok {
		return fmt.Errorf("%w: not a refund's", operator.ErrRef)
	}
	var n int
	if _, err := t.get("SELECT count(*) FROM refund WHERE ref = ?", []any{string(r.Ref)}, &n); err != nil || n > 0 {
		return orElse(err, authorise.ErrExists)
	}
	p, err := t.refundable(r)
	if err != nil {
		return err
	}
	if r.State == authorise.RefundWritten && r.Of == "" {
		r.State, r.Call, r.Due = authorise.RefundDone, authorise.Nothing, time.Time{}
	}
	no, err := t.insert(insertRefund, append([]any{id[:], orNull(p.no), string(r.Ref), r.Payment[:], string(r.Of), r.Whole, r.Terminal[:], r.Store,
		r.Lane, r.Wallet, r.Amount.Minor, string(r.Amount.Currency), r.Reference, r.Made.UnixMilli()}, refundBecame(r)...)...)
	if err != nil {
		return err
	}
	r.Version = 1
	if r.State == authorise.RefundDone {
		return t.postRefund(no, p, r.Amount.Minor)
	}
	return nil
}

// remember takes it into account, of a refund that a lane has asked for and that was just kept, that books put back a
// while ago may have carried it out already, or have yet to hear again of its payment.
func (t *tx) remember(asked, r *authorise.Refunding) error {
	var lives int
	if _, err := t.get("SELECT count(*) FROM hq_epoch", nil, &lives); err != nil || lives < 2 {
		return err
	}
	young, err := t.young()
	switch {
	case err != nil || !young:
		return err
	case asked.State == authorise.RefundWritten && (r.Why == operator.PaymentUnknown || r.Why == operator.PaymentWaits):
		return authorise.ErrForgotten
	case r.State != authorise.RefundWritten:
		return nil
	}
	*r = authorise.AdoptRefund(*r, millis(t.now))
	r.Said = "asked for when the books had been put back"
	if err := t.saveRefund(r); err != nil {
		return err
	}
	r.Version++
	return nil
}

// mayHaveGivenBack has HQ, whose books were put back, find out what the operator has done of a refund before it says that
// nothing was given back; a while later, for the lane's next entries may say what it was told.
func (t *tx) mayHaveGivenBack() error {
	list, err := each(t, scanRefund, "SELECT "+refundColumns+" FROM refund WHERE state = 1 AND due IS NOT NULL")
	if err != nil {
		return err
	}
	for i := range list {
		r := authorise.AdoptRefund(list[i], millis(t.now))
		r.Tries, r.Said = 0, "the books were put back while it was open"
		if err := t.saveRefund(&r); err != nil {
			return err
		}
	}
	return nil
}

// refundable finds the payment that money is given back of, and refuses what may not be. Of several entries under one
// identifier it is the one that is posted.
func (t *tx) refundable(r *authorise.Refunding) (*paymentRow, error) {
	var p paymentRow
	var wallet, entity, asker string
	var currency payment.Currency
	var charged, draws bool
	found, err := t.get(`SELECT p.no, p.entry, p.dimension, p.amount, p.state, coalesce(p.ref, ''), d.wallet, d.currency, d.entity,
		coalesce((SELECT entity FROM terminal WHERE id = ?2), ''),
		EXISTS (SELECT 1 FROM attempt a WHERE `+itsAttempt+` AND a.state = 5), EXISTS (SELECT 1 FROM presenting i WHERE i.wallet = d.wallet)
		FROM payment p JOIN dimension d ON d.no = p.dimension WHERE p.id = ?1 ORDER BY p.state <> 'posted', p.no LIMIT 1`,
		[]any{r.Payment[:], r.Terminal[:]}, &p.no, &p.entry, &p.dimension, &p.amount, &p.state, &r.Of, &wallet, &currency, &entity, &asker, &charged, &draws)
	if err != nil {
		return &p, err
	}
	if !found || r.Amount.Currency != currency || r.Wallet != "" && r.Wallet != wallet {
		r.Of = ""
		r.Refuse(operator.PaymentUnknown)
		return new(paymentRow), nil
	}
	r.Wallet = wallet
	before, err := t.givenBack(&p)
	if err != nil {
		return &p, err
	}
	r.Whole = before == 0 && r.Amount.Minor == p.amount
	switch {
	case r.State == authorise.RefundRefused:
	case entity != asker:
		r.Refuse(operator.OtherOwner)
	case p.state == Voided:
		r.Refuse(operator.PaymentVoided)
	case p.state == Lost:
		r.Refuse(operator.PaymentLost)
	case p.state != Posted, r.Of != "" && !charged:
		r.Refuse(operator.PaymentWaits)
	case r.Of == "" && draws:
		// Its issuer draws the payment from the customer's account when it is told of it (present.go), and reads no batches: it
		// would credit nothing, and the customer was told that the money is back.
		r.Refuse(operator.NotEnabled)
	case r.Amount.Minor > p.amount-before:
		r.Refuse(operator.OverPayment)
	}
	return &p, nil
}

// saveRefund keeps what became of a refund, unless somebody else was there before, and posts it when it is done.
func (t *tx) saveRefund(r *authorise.Refunding) error {
	var no int64
	var p paymentRow
	var was authorise.RefundState
	found, err := t.get(`SELECT r.no, r.state, coalesce(p.no, 0), coalesce(p.entry, 0), coalesce(p.dimension, 0) FROM refund r
		LEFT JOIN payment p ON p.no = r.payment WHERE r.ref = ?`, []any{string(r.Ref)}, &no, &was, &p.no, &p.entry, &p.dimension)
	if err != nil || !found {
		return orElse(err, authorise.ErrNone)
	}
	n, err := t.exec(updateRefund, append(refundBecame(r), string(r.Ref), r.Version)...)
	if err != nil || n == 0 {
		return orElse(err, authorise.ErrMoved)
	}
	if r.State == authorise.RefundDone && was != authorise.RefundDone {
		return t.postRefund(no, &p, r.Amount.Minor)
	}
	return nil
}

// postRefund posts what was given back: the operator owes that much less, and the store gets that much less. It is of the
// payment's own dimension, wherever it was asked for: who was paid pays back.
func (t *tx) postRefund(no int64, p *paymentRow, amount int64) error {
	return t.post(move{debit: StorePayable, credit: WalletReceivable, amount: amount, dimension: p.dimension, cause: causeRefund,
		payment: p.no, entry: p.entry, refund: no})
}

// givenBack is what refunds take of a payment: done, or under way, and of whichever of its entries was posted then. The
// customer paid once, in however many histories it stands.
func (t *tx) givenBack(p *paymentRow) (sum int64, err error) {
	_, err = t.get(`SELECT coalesce(sum(r.amount), 0) FROM payment p JOIN payment o ON o.id = p.id JOIN refund r ON r.payment = o.no
		WHERE p.no = ? AND r.state <> 4`, []any{p.no}, &sum)
	return sum, err
}

// refund finds a refund by its reference.
func (t *tx) refund(ref operator.Ref) (r authorise.Refunding, found bool, err error) {
	list, err := each(t, scanRefund, getRefund, string(ref))
	if err != nil || len(list) == 0 {
		return r, false, err
	}
	return list[0], true, nil
}

// refundBecame is what changes of a refund, in the order of its columns from state to said.
func refundBecame(r *authorise.Refunding) []any {
	return []any{int64(r.State), int64(r.Call), orNullTime(r.Due), r.Tries, int64(r.Trouble), r.NoCancel, int64(r.Why), r.Transaction, r.Said}
}

// GetRefund returns a refund: see authorise.RefundStore.
func (r Refunds) GetRefund(ctx context.Context, ref operator.Ref) (authorise.Refunding, error) {
	rows, err := r.s.ask(ctx, getRefund, string(ref))
	list, err := collect(rows, err, scanRefund)
	if err != nil {
		return authorise.Refunding{}, fmt.Errorf("reading refund %s: %w", ref, err)
	}
	if len(list) == 0 {
		return authorise.Refunding{}, fmt.Errorf("reading refund %s: %w", ref, authorise.ErrNone)
	}
	return list[0], nil
}

// DueRefunds returns the refunds of which something is to be done: see authorise.RefundStore.
func (r Refunds) DueRefunds(ctx context.Context, until time.Time, most int, but []string) ([]authorise.Refunding, error) {
	if but == nil {
		but = []string{}
	}
	skip, err := json.Marshal(but)
	if err != nil {
		return nil, fmt.Errorf("reading what is due of refunds: %w", err)
	}
	rows, err := r.s.ask(ctx, dueRefunds, until.UnixMilli(), string(skip), most)
	list, err := collect(rows, err, scanRefund)
	if err != nil {
		return nil, fmt.Errorf("reading what is due of refunds: %w", err)
	}
	return list, nil
}

func scanRefund(rows *sql.Rows) (r authorise.Refunding, err error) {
	var id, terminal []byte
	var made int64
	var due sql.NullInt64
	err = rows.Scan(&r.Ref, &id, &r.Of, &r.Whole, &terminal, &r.Store, &r.Lane, &r.Wallet, &r.Amount.Minor, &r.Amount.Currency, &r.Reference,
		&made, &r.State, &r.Call, &due, &r.Tries, &r.Trouble, &r.NoCancel, &r.Why, &r.Transaction, &r.Said, &r.Version)
	if err != nil {
		return r, err
	}
	r.Payment, r.Terminal, r.Made = payment.ID(id), payment.ID(terminal), millis(made)
	if due.Valid {
		r.Due = millis(due.Int64)
	}
	return r, nil
}
