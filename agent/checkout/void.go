package checkout

import (
	"strings"

	"tilld/agent/payment"
)

// void takes back a payment: this lane's own, in full, on its business date, before HQ has acknowledged it,
// and decided by a named supervisor. Later ones are refunds and need HQ.
func void(s State, e Void, c Context) (Decision, error) {
	if err := checkVoid(&s, &e); err != nil {
		return Decision{}, err
	}
	if err := canWrite(c); err != nil {
		return Decision{}, err
	}
	f := e.Found
	d := draft(&s, c, &payment.Voided{Amount: f.Amount, Wallet: f.Wallet, Of: f.Seq, Acked: e.Acked})
	d.Sale, d.Payment, d.Training = f.Sale, f.Payment, f.Training
	d.Body = &payment.Body{Supervisor: e.Supervisor}
	if s.Last.Payment == f.Payment {
		s.Last.Voided = true
	}
	if s.Sale.ID == f.Sale && (s.Phase == Paid || s.Phase == Completed) {
		s.Phase, s.Touched = Voided, c.Now.Boot
	}
	return Decision{State: s, Drafts: []Draft{d}, Answer: Answer{
		Outcome: payment.NotPaid, Payment: f.Payment, Sale: f.Sale, Amount: f.Amount, Wallet: f.Wallet,
	}}, nil
}

func checkVoid(s *State, e *Void) error {
	f := e.Found
	switch {
	case f == nil || f.Payment != e.Payment:
		return payment.Errorf(payment.NotFound, op, "there is no payment %s at this lane", e.Payment)
	case strings.TrimSpace(e.Supervisor) == "":
		return payment.Errorf(payment.Invalid, op, "a void needs the name of the supervisor who decided it")
	case f.Voided:
		return payment.Errorf(payment.Conflict, op, "payment %s was voided before", e.Payment)
	case f.Date != s.Day:
		return payment.Errorf(payment.NotAllowed, op, "payment %s is of %s: after its business date it is a refund, which needs HQ", e.Payment, f.Date)
	case !f.ThisEpoch:
		return payment.Errorf(payment.NotAllowed, op, "payment %s is of an earlier journal of this lane: it is a refund, which needs HQ", e.Payment)
	case f.Seq <= e.Acked:
		return payment.Errorf(payment.NotAllowed, op, "HQ has payment %s: from now on it is a refund, which needs HQ", e.Payment)
	}
	return nil
}
