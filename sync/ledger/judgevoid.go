package ledger

import (
	"fmt"

	"tilld/agent/payment"
)

// void takes a payment back: always, wherever its money stands by now.
func (j *judge) void(b *branchState, w *Judgement) (Kind, error) {
	p, kind, err := j.voided(b, w)
	if err != nil {
		return "", err
	}
	if p != nil {
		b.unshare(w.Void.Of, p.amount) // whatever else is wrong with it, the lane counts it
	}
	if w.Kind != "" {
		kind = w.Kind
	}
	if kind != "" {
		_, err := j.except(b, w, kind, 0)
		return kind, err
	}
	if err := j.reverse(p, causeVoid, w.Entry.No, 0); err != nil {
		return "", err
	}
	if err := j.setState(p, Voided, w.Entry.No); err != nil {
		return "", err
	}
	_, err = j.exec(`UPDATE account_day SET spent = spent - p.amount, count = count - 1 FROM payment p JOIN dimension d ON d.no = p.dimension
		WHERE p.no = ? AND account_day.epoch = ? AND account_day.business_date = d.business_date
		AND account_day.account = p.account AND account_day.currency = d.currency`, p.no, b.epoch)
	if err != nil {
		return "", err
	}
	_, err = j.exec(`UPDATE exception SET state = 'resolved', outcome = 'voided', resolved_at = ?, resolved_by = ?, why = ?
		WHERE payment = ? AND state = 'open'`, j.now, b.place.Terminal.String(), "the lane took the payment back", p.no)
	return "", err
}

// voided finds the payment that a void takes back. A kind says why there is none.
func (j *judge) voided(b *branchState, w *Judgement) (*paymentRow, Kind, error) {
	v := w.Void
	at, err := j.ancestor(b, v.Of)
	if err != nil {
		return nil, "", err
	}
	var p paymentRow
	var id []byte
	var wallet string
	var currency payment.Currency
	found, err := j.get(`SELECT p.no, p.entry, p.dimension, p.amount, p.state, p.id, d.wallet, d.currency
		FROM entry y JOIN payment p ON p.entry = y.no JOIN dimension d ON d.no = p.dimension WHERE y.branch = ? AND y.seq = ?`,
		[]any{at, int64(v.Of)}, &p.no, &p.entry, &p.dimension, &p.amount, &p.state, &id, &wallet, &currency)
	switch {
	case err != nil:
		return nil, "", err
	case !found:
		w.Detail = fmt.Sprintf("entry %d is no payment", v.Of)
	case payment.ID(id) != v.Payment || v.Amount != payment.Of(p.amount, currency) || wallet != v.Wallet:
		w.Detail = fmt.Sprintf("entry %d is payment %s of %s by %s", v.Of, payment.ID(id), payment.Of(p.amount, currency), wallet)
	case p.state == Voided:
		w.Detail = fmt.Sprintf("payment %s", payment.ID(id))
		return nil, VoidRepeated, nil
	default:
		return &p, "", nil
	}
	return nil, VoidUnmatched, nil
}

// ancestor is the history that holds sequence seq of b: itself or one that it forked from.
func (j *judge) ancestor(b *branchState, seq uint64) (int64, error) {
	for seq < b.from && b.parent != 0 {
		var err error
		if b, err = j.look(b.parent); err != nil {
			return 0, err
		}
	}
	return b.no, nil
}

// look reads a history without taking part in its cursor.
func (j *judge) look(no int64) (*branchState, error) {
	if b := j.branches[no]; b != nil {
		return b, nil
	}
	b := &branchState{no: no}
	_, err := j.get("SELECT coalesce(parent, 0), from_seq FROM branch WHERE no = ?", []any{no}, &b.parent, &b.from)
	return b, err
}
