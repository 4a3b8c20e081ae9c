package sim

import (
	"cmp"
	"maps"
	"slices"

	"tilld/agent/payment"
	"tilld/sync/ledger"
)

// decision is what people at HQ want an exception to come to.
type decision struct {
	to      ledger.Decision
	payment payment.ID
}

// decide has people look through the open exceptions and decide most of them.
func (o *office) decide() {
	w := o.w
	if o.books == nil {
		return
	}
	list, err := o.books.Exceptions(w.ctx, ledger.ExceptionFilter{State: "open"}, 0, 1000)
	w.must(err)
	for _, x := range list {
		to := []ledger.Decision{ledger.Receivable, ledger.LossTaken}[o.clerk.IntN(2)]
		if x.Payment.IsZero() {
			to = ledger.Noted
		}
		if o.clerk.IntN(4) == 0 {
			continue
		}
		if _, was := w.truth.decided[x.ID]; !was {
			w.truth.decided[x.ID] = decision{to, x.Payment}
		}
		if !o.resolve(x.ID) {
			return
		}
	}
}

// resolve has a decision recorded, and says whether HQ still works. Where the lane took the payment back meanwhile, or
// HQ has lost the entry that it was about, there is nothing to decide.
func (o *office) resolve(id payment.ID) bool {
	w := o.w
	d := w.truth.decided[id]
	return o.do(func() error {
		err := o.books.Resolve(w.ctx, []payment.ID{id}, w.bug.decision(d.to), "Suzuki", "looked at")
		switch code := payment.CodeOf(err); {
		case err == nil:
			w.trace("exception %s is decided: %s", id, d.to)
		case code == payment.Conflict || code == payment.NotFound:
			w.trace("exception %s is not to be decided: %v", id, err)
			delete(w.truth.decided, id)
			return nil
		}
		return err
	})
}

// decideAgain has people repeat what HQ may have lost of their decisions.
func (o *office) decideAgain() {
	ids := slices.SortedFunc(maps.Keys(o.w.truth.decided), func(a, b payment.ID) int { return cmp.Compare(a.String(), b.String()) })
	for _, id := range ids {
		o.resolve(id)
	}
}

// decidedOf is what was decided about a payment; empty: nothing.
func (tr *truth) decidedOf(id payment.ID) ledger.Decision {
	for _, d := range tr.decided {
		if d.payment == id && !id.IsZero() {
			return d.to
		}
	}
	return ""
}
