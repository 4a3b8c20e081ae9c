package ledger

import (
	"fmt"
	"math"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// void takes a payment back, wherever its money stands by now, and whatever HQ has posted, cut or decided meanwhile: a
// lane voids what HQ has not acknowledged to it, on the payment's business date, and may be heard of much later.
//
// What no lane of ours could write is not obeyed, for whoever has a till's disk has its key too, and could take back
// every payment that it ever took: see foul. Such a void is an exception, and the payment stays as it is.
func (j *judge) void(b *branchState, w *Judgement) (Kind, error) {
	p, kind, err := j.voided(b, w)
	if err != nil {
		return "", err
	}
	if p != nil && !p.online && !p.carried { // such a payment is of no share
		b.unshare(w.Void.Of, p.amount) // whatever else is wrong with it, the lane counts it
	}
	settled, err := j.voidSettled(w.Entry.Hash)
	if err == nil && kind == "" && !settled {
		kind, err = j.foul(b, w, p)
	}
	if err != nil {
		return "", err
	}
	if w.Kind != "" {
		kind = w.Kind
	}
	if kind != "" {
		_, err := j.except(b, w, kind, 0)
		return kind, err
	}
	if settled {
		if err := j.standAgain(p); err != nil {
			return "", err
		}
	}
	if err := j.reverse(p, causeVoid, w.Entry.No, 0); err != nil {
		return "", err
	}
	if err := j.setState(p, Voided, w.Entry.No); err != nil {
		return "", err
	}
	if err := j.uncharge(p); err != nil {
		return "", err
	}
	if err := j.unsold(p); err != nil {
		return "", err
	}
	_, err = j.exec(`UPDATE exception SET state = 'resolved', outcome = 'voided', resolved_at = ?, resolved_by = ?, why = ?
		WHERE payment = ? AND state = 'open'`, j.now, b.place.Terminal.String(), "the lane took the payment back", p.no)
	return "", err
}

// foul says what is wrong with a void of a payment that is there: it names a payment from before the terminal was
// revoked, or from before the history forked; or one that by the lane's own word HQ had acknowledged, or that is of
// another business date.
func (j *judge) foul(b *branchState, w *Judgement, p *paymentRow) (Kind, error) {
	v, seq := w.Void, w.Entry.Name.Seq
	if p == nil {
		return "", nil
	}
	acked, err := j.toldAcked(b, seq)
	if err != nil {
		return "", err
	}
	var date payment.Date
	if _, err := j.get("SELECT business_date FROM dimension WHERE no = ?", []any{p.dimension}, &date); err != nil {
		return "", err
	}
	kind, why := VoidUnmatched, ""
	switch {
	case b.heldFrom != 0 && seq >= b.heldFrom && v.Of < b.heldFrom:
		kind, why = TerminalRevoked, "is from before the terminal was revoked"
	case b.forkFrom != 0 && seq >= b.forkFrom && v.Of < b.forkFrom:
		kind, why = Fork, "is from before the journal had two histories"
	case v.Acked >= v.Of:
		why = fmt.Sprintf("was acknowledged by then: up to entry %d, says the void", v.Acked)
	case acked >= v.Of:
		why = fmt.Sprintf("was acknowledged by then: up to entry %d, said the lane before", acked)
	case v.BusinessDate != date:
		why = fmt.Sprintf("is of the business date %s, the void of %s", date, v.BusinessDate)
	default:
		if why, err = j.refundedBefore(p); err != nil {
			return "", err
		}
		if why != "" {
			why = "is refunded: " + why
		}
	}
	if why == "" {
		return "", nil
	}
	w.Detail = fmt.Sprintf("payment %s %s. It stays charged: was the money given back, the customer has it twice", v.Payment, why)
	return kind, nil
}

// toldAcked is up to where the terminal had said that HQ had acknowledged its entries, well before it wrote seq.
func (j *judge) toldAcked(b *branchState, seq uint64) (acked uint64, err error) {
	_, err = j.get(`SELECT CASE WHEN told_in <> (SELECT max(epoch) FROM hq_epoch) THEN 0
		WHEN ?2 >= next_from THEN next_acked WHEN ?2 >= told_from THEN told_acked ELSE 0 END FROM epoch WHERE no = ?1`,
		[]any{b.epoch, int64(seq)}, &acked)
	return acked, err
}

// told notes what a fresh beat says of acknowledgements. It counts from afterWord entries on, so the one before it is
// kept until then: whoever holds a till can't take the newest back with the entries right behind its last beat.
func (t *tx) told(e *epochRow, b *wire.Beat) error {
	hq, err := t.hqEpoch()
	if err != nil || e.no == 0 || b.HQEpoch != hq || b.Last > math.MaxInt64-afterWord-1 {
		return err
	}
	_, err = t.exec(`UPDATE epoch SET told_in = ?2,
		told_from = CASE WHEN told_in <> ?2 THEN ?3 WHEN next_from <= ?4 THEN next_from ELSE told_from END,
		told_acked = CASE WHEN told_in <> ?2 THEN ?5 WHEN next_from <= ?4 THEN next_acked ELSE told_acked END,
		next_from = CASE WHEN told_in = ?2 AND next_from > ?4 THEN next_from ELSE ?3 END,
		next_acked = CASE WHEN told_in = ?2 AND next_from > ?4 THEN next_acked ELSE ?5 END
		WHERE no = ?1`, e.no, int64(hq), int64(b.Last+1+afterWord), int64(b.Last), int64(b.Acked))
	return err
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
	found, err := j.get(`SELECT p.no, p.entry, p.dimension, p.amount, p.state, p.ref IS NOT NULL, p.carried, p.id, d.wallet, d.currency
		FROM entry y JOIN payment p ON p.entry = y.no JOIN dimension d ON d.no = p.dimension WHERE y.branch = ? AND y.seq = ?`,
		[]any{at, int64(v.Of)}, &p.no, &p.entry, &p.dimension, &p.amount, &p.state, &p.online, &p.carried, &id, &wallet, &currency)
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
