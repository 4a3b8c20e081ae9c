package ingest

import (
	"errors"

	"tilld/agent/payment"
	"tilld/sync/ledger"
	"tilld/sync/operator"
	"tilld/sync/wire"
)

// refund examines what an entry says of a refund. Whether the money may be given back is the ledger's to know.
func refund(j *ledger.Judgement, e *wire.Entry, ref string, amount payment.Money, wallet string) {
	w := &ledger.RefundWord{What: e.Kind, Ref: operator.Ref(ref), Amount: amount, Wallet: wallet}
	if e.Payment != nil {
		w.Payment = *e.Payment
	}
	j.Refund = w
	if err := senseOfRefund(w); err != nil {
		j.Kind, j.Detail = ledger.Malformed, err.Error()
	}
}

// senseOfRefund refuses what could be none whoever sent it.
func senseOfRefund(w *ledger.RefundWord) error {
	if w.Payment.IsZero() {
		return errors.New("the entry names no payment")
	}
	if _, ok := payment.ParseRefundRef(string(w.Ref)); !ok {
		return errors.New("the reference is no refund's")
	}
	if err := w.Amount.Validate(); err != nil {
		return err
	}
	if w.Wallet == "" {
		return nil
	}
	return wire.CheckName("wallet", w.Wallet)
}
