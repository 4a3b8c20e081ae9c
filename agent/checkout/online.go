package checkout

import (
	"slices"
	"time"

	"tilld/agent/payment"
	"tilld/agent/policy"
)

// How long a lane waits for HQ, by the boot-time clock.
const (
	// AskFor is how long the cashier sees "asking" before the screen says that it is not known. An operator answers
	// within two or three seconds, or has the customer confirm, which HQ says at once.
	AskFor = 8 * time.Second
	// IssuerFor is how long the house wallet's issuer has, through HQ, before the lane decides on a signed code by itself:
	// the second road has been tried by then, and the customer still stands there.
	IssuerFor = 4 * time.Second
	// AskValid is how long HQ may hear of a request: a broker that delivers it later charges nobody.
	AskValid = 30 * time.Second
	// WaitFor is how long an attempt may stay open at the lane before it is given up, whatever HQ says: an operator has
	// let the customer go long before.
	WaitFor = 5 * time.Minute
	// SameFor is how long the same amount at the same lane may be the same purchase.
	SameFor = time.Minute
)

// maxAttempts bounds how often one payment is tried: a reference has two digits.
const maxAttempts = 100

// ruleOnline asks whether HQ can be asked about an opaque code.
func ruleOnline(q *question) payment.Reason {
	switch {
	case !q.doc.Feature(policy.Online) || q.sale.Training:
		return payment.OnlineOnly
	case !q.Online:
		return payment.HQAway
	case !q.Now.Trusted: // HQ could not tell a late request
		return payment.ClockUntrusted
	}
	return payment.ReasonNone
}

// ask writes the intent down. A payment that was declined is tried again under its own identifier; what was given up may
// still come to a charge for a while, so after that it is another payment.
func ask(s State, q *question) Decision {
	a := Attempt{Payment: q.scan.Payment, Amount: q.due, Wallet: q.wallet, Hash: string(q.scan.Hash),
		NotAfter: q.Now.Time.Add(AskValid).Truncate(time.Millisecond), Since: q.Now.Boot}
	if last := s.Attempt; last.Outcome == payment.NotPaid && last.Number+1 < maxAttempts {
		a.Payment, a.Number = last.Payment, last.Number+1
	}
	a.Ref = a.Payment.AttemptRef(a.Number)
	var replay *payment.ReplayKey
	if code := q.scan.Read.Code; code != nil {
		a.Code, a.Offline = code.CodeID, &Offline{Read: q.scan.Read, Hash: q.scan.Hash, HashKey: q.scan.HashKey}
		key := code.ReplayKey()
		replay = &key
	}
	s.Phase, s.Attempt, s.Refusal, s.Another = Asking, a, Refusal{}, false
	d := saleDraft(&s, q.Context, &payment.Asked{
		Amount: a.Amount, Wallet: a.Wallet, Ref: a.Ref, NotAfter: a.NotAfter.UnixMilli(), Format: string(q.scan.Read.Format),
		CodeHash: q.scan.Hash, HashKey: q.scan.HashKey, Replay: replay,
	})
	d.Payment = a.Payment
	return Decision{State: s, Drafts: []Draft{d}, Answer: Answer{
		Kind: Asked, Payment: a.Payment, Sale: s.Sale.ID, Amount: a.Amount, Wallet: a.Wallet,
	}}
}

func underWay(s *State) Answer {
	a := &s.Attempt
	return Answer{Kind: UnderWay, Outcome: a.Outcome, Payment: a.Payment, Sale: s.Sale.ID, Amount: a.Amount, Wallet: a.Wallet}
}

// samePurchase finds an attempt of another sale of this lane, of the same amount and not a minute old, that may still come
// to a charge: perhaps the same customer stands there again.
func samePurchase(s *State, c Context) (Answer, bool) {
	if s.Another {
		return Answer{}, false
	}
	recent := func(since time.Duration) bool { return c.Now.Boot >= since && c.Now.Boot-since < SameFor }
	if w := s.Waived; !w.Sale.IsZero() && w.Sale != s.Sale.ID && w.Amount == s.Sale.Due() && recent(w.Since) {
		return Answer{Kind: SamePurchase, Sale: w.Sale, Amount: w.Amount, Outcome: payment.Unknown}, true
	}
	for _, p := range s.Parked {
		if p.Outcome != payment.NotPaid && p.Amount == s.Sale.Due() && recent(p.Since) {
			return Answer{Kind: SamePurchase, Payment: p.Payment, Sale: p.Sale.ID, Amount: p.Amount, Wallet: p.Wallet, Outcome: p.Outcome}, true
		}
	}
	return Answer{}, false
}

// AttemptDue is what time alone has brought about the lane's attempts: nil for nothing yet. An attempt is given up after
// WaitFor, parked or not, for nothing must stay unknown at a lane for ever; and one that HQ has said nothing about goes
// on the screen as not known after AskFor.
func AttemptDue(s State, c Context) Event {
	lasted := func(a *Attempt) time.Duration {
		if c.Now.Boot < a.Since { // the machine restarted: then everything is parked, from then on
			return 0
		}
		return c.Now.Boot - a.Since
	}
	if s.Phase.Asked() {
		switch d := lasted(&s.Attempt); {
		case d >= WaitFor:
			return GiveUp{Ref: s.Attempt.Ref, Cause: payment.WaivedSilent}
		case d >= IssuerFor && s.Attempt.Offline != nil:
			return FallBack{Ref: s.Attempt.Ref}
		case d >= AskFor && s.Phase == Asking:
			return Late{Ref: s.Attempt.Ref}
		}
	}
	for i := range s.Parked {
		if p := &s.Parked[i]; !p.Settled() && lasted(&p.Attempt) >= WaitFor {
			return GiveUp{Ref: p.Ref, Cause: payment.WaivedSilent}
		}
	}
	return nil
}

func late(s State, e Late) (Decision, error) {
	if s.Phase != Asking || s.Attempt.Ref != e.Ref {
		return Decision{State: s}, nil
	}
	s.Phase = Unknown
	return Decision{State: s, Answer: waits(&s, payment.Unknown)}, nil
}

func waits(s *State, o payment.Outcome) Answer {
	a := &s.Attempt
	return Answer{Kind: Waits, Outcome: o, Payment: a.Payment, Sale: s.Sale.ID, Amount: a.Amount, Wallet: a.Wallet}
}

// heard takes HQ's word. Of an attempt that is not open any more (given up, or settled before) nothing changes: HQ takes
// back what was given up, and says so to nobody.
func heard(s State, e Heard, c Context) (Decision, error) {
	if s.Phase.Asked() && s.Attempt.Ref == e.Ref {
		return heardPresent(s, e, c)
	}
	i := parkedAt(&s, e.Ref)
	if i < 0 || s.Parked[i].Settled() {
		return Decision{State: s}, nil
	}
	return heardParked(s, i, e, c)
}

func heardPresent(s State, e Heard, c Context) (Decision, error) {
	switch e.Outcome {
	case payment.Paid, payment.NotPaid:
		if err := canWrite(c); err != nil {
			return Decision{}, err
		}
	case payment.Pending:
		s.Phase, s.Attempt.Outcome = Pending, e.Outcome
		return Decision{State: s, Answer: waits(&s, e.Outcome)}, nil
	case payment.Unknown: // HQ has heard of it, and is finding out: "asking" lasts as long as it always does
		s.Attempt.Outcome = e.Outcome
		if s.Phase != Asking {
			s.Phase = Unknown
		}
		return Decision{State: s, Answer: waits(&s, e.Outcome)}, nil
	default:
		return Decision{}, payment.Errorf(payment.Internal, op, "HQ says %q of an attempt", e.Outcome)
	}
	a, sale := &s.Attempt, &s.Sale
	d := Decision{Drafts: []Draft{ending(&s, c, a, sale, e)}}
	if e.Outcome == payment.NotPaid && a.Offline != nil && notAsked[e.Why] {
		if instead, ok := offline(s, e.Known, c); ok {
			instead.Drafts = append(d.Drafts, instead.Drafts...)
			return instead, nil
		}
	}
	a.Outcome, a.Offline, s.Touched = e.Outcome, nil, c.Now.Boot
	if e.Outcome == payment.Paid {
		s.Phase, s.Refusal = Paid, Refusal{}
		s.Last = Taken{Payment: a.Payment, Sale: sale.ID, Amount: a.Amount, Wallet: a.Wallet, Hash: a.Hash, Code: a.Code}
		d.State, d.Answer = s, Answer{Kind: Approved, Outcome: payment.Paid, Payment: a.Payment, Sale: sale.ID, Amount: a.Amount, Wallet: a.Wallet}
		return d, nil
	}
	why := ReasonOf(e.Why)
	s.Phase, s.Refusal = Refused, Refusal{Reason: why}
	d.State, d.Answer = s, Answer{Kind: NotTaken, Outcome: payment.NotPaid, Reason: why, Advice: AdviceFor(why), Wallet: a.Wallet}
	return d, nil
}

func heardParked(s State, i int, e Heard, c Context) (Decision, error) {
	s.Parked = slices.Clone(s.Parked)
	p := &s.Parked[i]
	d := Decision{Answer: Answer{Kind: Told, Outcome: e.Outcome, Payment: p.Payment, Sale: p.Sale.ID, Amount: p.Amount, Wallet: p.Wallet}}
	switch e.Outcome {
	case payment.Paid, payment.NotPaid:
		if err := canWrite(c); err != nil {
			return Decision{}, err
		}
		d.Drafts = []Draft{ending(&s, c, &p.Attempt, &p.Sale, e)}
	case payment.Pending, payment.Unknown:
	default:
		return Decision{}, payment.Errorf(payment.Internal, op, "HQ says %q of an attempt", e.Outcome)
	}
	p.Outcome = e.Outcome
	if e.Outcome == payment.NotPaid {
		p.Why = ReasonOf(e.Why)
		d.Answer.Reason = p.Why
		d.Drafts = append(d.Drafts, endParked(&s, c, p))
	}
	d.State = s
	return d, nil
}

// ending is the entry that ends an attempt by HQ's word.
func ending(s *State, c Context, a *Attempt, sale *payment.Sale, e Heard) Draft {
	var f payment.Fact = &payment.Declined{Amount: a.Amount, Wallet: a.Wallet, Ref: a.Ref, Why: e.Why}
	if e.Outcome == payment.Paid {
		f = &payment.Authorised{Amount: a.Amount, Wallet: a.Wallet, Ref: a.Ref, Transaction: e.Transaction, At: e.At.UnixMilli()}
	}
	d := draft(s, c, f)
	d.Sale, d.Payment, d.Training = sale.ID, a.Payment, sale.Training
	if e.Outcome == payment.Paid && sale.Cashier != "" {
		d.Body = &payment.Body{Cashier: sale.Cashier}
	}
	return d
}

// endParked ends a parked sale that nobody paid: whoever still wants the goods is rung up again.
func endParked(s *State, c Context, p *Parked) Draft {
	d := draft(s, c, &payment.SaleCancelled{})
	d.Sale, d.Training = p.Sale.ID, p.Sale.Training
	return d
}

// giveUp lets the customer pay otherwise: the sale waits for another code, and HQ takes back whatever came of the attempt.
func giveUp(s State, e GiveUp, c Context) (Decision, error) {
	present := s.Phase.Asked() && s.Attempt.Ref == e.Ref
	i := parkedAt(&s, e.Ref)
	if !present && (i < 0 || s.Parked[i].Settled()) {
		return Decision{}, payment.Errorf(payment.Conflict, op, "attempt %s is not open at this lane", e.Ref)
	}
	if err := canWrite(c); err != nil {
		return Decision{}, err
	}
	a, sale := &s.Attempt, &s.Sale
	if !present {
		s.Parked = slices.Clone(s.Parked)
		a, sale = &s.Parked[i].Attempt, &s.Parked[i].Sale
	}
	r := draft(&s, c, &payment.Reversed{Amount: a.Amount, Wallet: a.Wallet, Ref: a.Ref, Cause: e.Cause})
	r.Sale, r.Payment, r.Training = sale.ID, a.Payment, sale.Training
	d := Decision{Drafts: []Draft{r}, Answer: Answer{
		Kind: NotTaken, Outcome: payment.NotPaid, Reason: payment.TakenBack, Advice: AdviceFor(payment.TakenBack), Wallet: a.Wallet,
	}}
	s.Waived = Waived{Sale: sale.ID, Amount: a.Amount, Since: c.Now.Boot}
	if present {
		s.Phase, s.Refusal, s.Attempt, s.Touched = Refused, Refusal{Reason: payment.TakenBack}, Attempt{}, c.Now.Boot
		d.State = s
		return d, nil
	}
	p := &s.Parked[i]
	p.Outcome, p.Why = payment.NotPaid, payment.TakenBack
	d.Drafts = append(d.Drafts, endParked(&s, c, p))
	d.State, d.Answer.Kind, d.Answer.Sale, d.Answer.Payment, d.Answer.Amount = s, Told, p.Sale.ID, p.Payment, p.Amount
	return d, nil
}

// park needs no entry: the intent is in the journal, and a lane that is started anew finds it there.
func park(s State, e Park, c Context) (Decision, error) {
	if e.Sale != s.Sale.ID || !s.Phase.Asked() {
		return Decision{}, payment.Errorf(payment.Conflict, op, "sale %s does not wait for its wallet: only that can be parked: %w", e.Sale, ErrPhase)
	}
	s.Attempt.Offline = nil // who waits for HQ, waits for HQ
	s.Parked = append(slices.Clone(s.Parked), Parked{Attempt: s.Attempt, Sale: s.Sale, Date: s.Day})
	s.Phase, s.Sale, s.Attempt, s.Refusal, s.Touched, s.Offer = Idle, payment.Sale{}, Attempt{}, Refusal{}, c.Now.Boot, Offered{}
	s.Members = nil
	return Decision{State: s}, nil
}

// dismiss takes a settled sale off the list. One that was paid and opened here is completed by that, as on the screen.
func dismiss(s State, e Dismiss, c Context) (Decision, error) {
	i := parkedAt(&s, e.Ref)
	switch {
	case i < 0:
		return Decision{State: s}, nil // somebody did before
	case !s.Parked[i].Settled():
		return Decision{}, payment.Errorf(payment.Conflict, op, "it is not known yet whether sale %s is paid", s.Parked[i].Sale.ID)
	}
	p := s.Parked[i]
	d := Decision{}
	if p.Outcome == payment.Paid && !e.FromPOS {
		if err := canWrite(c); err != nil {
			return Decision{}, err
		}
		done := draft(&s, c, &payment.SaleCompleted{})
		done.Sale, done.Training = p.Sale.ID, p.Sale.Training
		d.Drafts = []Draft{done}
	}
	s.Parked = slices.Delete(slices.Clone(s.Parked), i, i+1)
	d.State = s
	return d, nil
}

func parkedAt(s *State, ref string) int {
	return slices.IndexFunc(s.Parked, func(p Parked) bool { return p.Ref == ref })
}

// whys are HQ's short codes: package operator's Why on HQ's side, which names what each means.
var whys = map[string]payment.Reason{
	"code_invalid": payment.MalformedCode, "code_expired": payment.CodeExpired, "code_used": payment.CodeUsed,
	"no_funds": payment.NoFunds, "over_limit": payment.OverWalletLimit, "customer_said_no": payment.CustomerSaidNo,
	"customer_too_slow": payment.CustomerTooSlow, "account_stopped": payment.AccountStopped,
	"shop_not_allowed": payment.ShopNotAllowed, "not_enabled": payment.ShopNotAllowed, "busy": payment.OperatorBusy,
	"late": payment.AskedTooLate, "terminal_revoked": payment.TerminalRevoked,
}

// ReasonOf is the reason that HQ's short code of a declined attempt stands for. One of a later release, and those that
// mean nothing to a cashier, are OperatorDeclined.
func ReasonOf(why string) payment.Reason {
	if r, ok := whys[why]; ok {
		return r
	}
	return payment.OperatorDeclined
}
