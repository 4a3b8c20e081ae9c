package checkout

import (
	"tilld/agent/paycode"
	"tilld/agent/payment"
)

func scan(s State, e Scan, c Context) (Decision, error) {
	if d, ok := member(s, &e, c); ok {
		return d, nil
	}
	if e.Read.noPayment() {
		return Decision{State: s, Answer: forPOS(&s, e.Read.Reason)}, nil
	}
	if e.Read.Format == paycode.IssuerApproval {
		return scanApproval(s, e, c)
	}
	if madeLast(&s, &e) && !s.Last.Voided {
		return Decision{State: s, Answer: again(&s)}, nil
	}
	if s.Phase.Waiting() {
		return judge(s, e, c)
	}
	switch {
	case s.Phase.Asked() && e.Read.Kind == paycode.Payment:
		return Decision{State: s, Answer: underWay(&s)}, nil
	case e.Read.Kind == paycode.Unknown:
		return Decision{State: s, Answer: forPOS(&s, payment.ReasonNone)}, nil
	case e.Read.Kind == paycode.Invalid:
		return Decision{State: s, Answer: Answer{Kind: Unreadable, Reason: e.Read.Reason, Advice: ScanAgain}}, nil
	case s.Phase == Paid || s.Phase == Completed:
		a := again(&s)
		a.Kind = Surplus
		return Decision{State: s, Answer: a}, nil
	}
	return Decision{State: s, Answer: Answer{Kind: NoSale, Advice: OpenASale}}, nil
}

// madeLast says whether the very code has made the lane's last payment. After a restart only the journal knows the
// code of that, and while another sale waits the rules ask it.
func madeLast(s *State, e *Scan) bool {
	if s.Last.Payment.IsZero() {
		return false
	}
	if e.Read.Code == nil {
		return s.Last.Hash != "" && s.Last.Hash == string(e.Hash)
	}
	return e.Read.Code.CodeID == s.Last.Code || !s.Phase.Waiting() && e.Known.Used && e.Known.By == s.Last.Payment
}

// forPOS leaves a text to the POS. While a sale waits the reason is told too: the customer may have meant to pay.
func forPOS(s *State, why payment.Reason) Answer {
	a := Answer{Kind: ForPOS}
	if s.Phase.Waiting() {
		a.Reason, a.Advice = why, AdviceFor(why)
	}
	return a
}

// again points at the lane's last payment. When that paid the present sale the outcome is Paid; a new sale
// that is open stays open.
func again(s *State) Answer {
	a := Answer{Kind: Again, Payment: s.Last.Payment, Sale: s.Last.Sale, Amount: s.Last.Amount, Wallet: s.Last.Wallet, Advice: FreshCode}
	if s.Last.Sale == s.Sale.ID && !s.Phase.Waiting() {
		a.Outcome, a.Advice = payment.Paid, NoAdvice
	}
	return a
}

// judge decides on a code for the sale that waits.
func judge(s State, e Scan, c Context) (Decision, error) {
	if err := checkSpent(e.Known); err != nil {
		return Decision{}, payment.Errorf(payment.Internal, op, "%w", err)
	}
	if e.Payment.IsZero() {
		return Decision{}, payment.Errorf(payment.Internal, op, "a payment needs an identifier")
	}
	s.Touched = c.Now.Boot
	q := newQuestion(&s, &e, c)
	why := decide(q)
	issuer := asksIssuer(q, why)
	if a, same := samePurchase(&s, c); same && (why == payment.ReasonNone || why == payment.OnlineOnly || issuer) {
		return Decision{State: s, Answer: a}, nil
	}
	switch {
	case issuer:
		return ask(s, q), nil
	case why == payment.OnlineOnly:
		if why = ruleOnline(q); why == payment.ReasonNone {
			return ask(s, q), nil
		}
	}
	if why != payment.ReasonNone {
		return refuse(s, q, why), nil
	}
	// From here on the payment is approved: everything below only writes it down.
	return approve(s, q), nil
}

func refuse(s State, q *question, why payment.Reason) Decision {
	d := Decision{Answer: Answer{
		Kind: NotTaken, Outcome: payment.NotPaid, Reason: why, Advice: AdviceFor(why), Wallet: q.wallet,
	}}
	refusal := Refusal{Reason: why, Hash: string(q.scan.Hash)}
	repeated := s.Phase == Refused && s.Refusal == refusal && refusal.Hash != ""
	s.Phase, s.Refusal = Refused, refusal
	if !repeated && !q.Stopped {
		d.Drafts = []Draft{saleDraft(&s, q.Context, &payment.Refused{
			Amount: q.due, Reason: why, Format: string(q.scan.Read.Format), Wallet: q.wallet, CodeHash: q.scan.Hash, HashKey: q.scan.HashKey,
		})}
	}
	d.State = s
	return d
}

func approve(s State, q *question) Decision {
	code := q.scan.Read.Code
	s.Phase, s.Refusal = Paid, Refusal{}
	s.Last = Taken{Payment: q.scan.Payment, Sale: s.Sale.ID, Amount: q.due, Wallet: q.wallet, Code: code.CodeID}
	d := saleDraft(&s, q.Context, &payment.Approved{
		Amount: q.due, Wallet: q.wallet, CodeHash: q.scan.Hash, HashKey: q.scan.HashKey,
		Replay: code.ReplayKey(), Issuer: code.Issuer[:], Limits: q.limits, AccountCount: q.count,
	})
	d.Payment, d.Evidence = q.scan.Payment, q.scan.Read.Text
	d.Body = &payment.Body{Cashier: s.Sale.Cashier, Account: code.Account[:]}
	return Decision{State: s, Drafts: []Draft{d}, Answer: Answer{
		Kind: Approved, Outcome: payment.Paid, Payment: q.scan.Payment, Sale: s.Sale.ID, Amount: q.due, Wallet: q.wallet,
	}}
}
