package lane

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"

	"tilld/agent/checkout"
	"tilld/agent/journal"
	"tilld/agent/paycode"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/drivers/scanner"
)

// hashSize is how much of a code's keyed hash is kept.
const hashSize = 16

// Scanned takes what the scanner has to tell, in order. It returns when the lane has dealt with it.
func (l *Lane) Scanned(ctx context.Context, e scanner.Event) {
	err := l.do(ctx, func(ctx context.Context) error {
		switch e := e.(type) {
		case scanner.Symbol:
			return l.symbol(ctx, e)
		case scanner.BadRead:
			l.badRead(e)
		case scanner.Blanked:
			l.blanked(e)
		case scanner.Lost:
			l.lost(e)
		case scanner.Returned:
			l.setScanner(Scanner{State: ScannerOK, Since: e.At, Device: e.Device})
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		l.cfg.Log.Error("a scan was not dealt with", "error", err)
	}
}

// symbol decides on a code, and passes on what is none. That comes first: the shop has one scanner, so goods are
// its POS's whatever becomes of this lane's journal.
func (l *Lane) symbol(ctx context.Context, sym scanner.Symbol) error {
	c := l.context()
	e := checkout.Scan{Read: l.examine(sym, c), HashKey: l.cfg.HashKey.Epoch, Cleared: l.shown.done}
	l.passOn(&e.Read, sym)
	e.Hash = l.hash(sym.Text)
	var err error
	if e.Payment, err = l.cfg.IDs.Next(); err != nil {
		return err
	}
	if e.Read.Code != nil {
		if e.Known, err = l.known(ctx, e.Read); err != nil {
			l.remark(NoticeBadRead)
			return err
		}
	}
	if e.Read.Approval != nil {
		if e.Known, err = l.knownOffer(ctx, e.Read.Approval); err != nil {
			l.remark(NoticeBadRead)
			return err
		}
	}
	d, err := l.apply(ctx, e)
	if err != nil {
		return err
	}
	if d.Answer.Kind == checkout.Asked { // the intent is on the disk
		l.cfg.Asker.Charge(l.attempt(&l.state.Attempt, &l.state.Sale), e.Read.Text)
	}
	l.answer(d)
	return nil
}

func (l *Lane) examine(sym scanner.Symbol, c checkout.Context) checkout.Read {
	opts := paycode.Options{AIM: sym.AIM, On: l.state.Day}
	if doc := c.Bundle.Policy(); doc != nil {
		opts.Table = &doc.Codes
		terms := doc.Terms(c.Place.Store, c.Place.Lane)
		opts.Wallets, opts.Market = terms.Wallets, terms.Market
	} else {
		opts.Table = paycode.DefaultTable() // takes nothing, but tells wallets' codes from what the POS may see
	}
	class := paycode.Classify(sym.Text, opts)
	trust := c.Bundle.Trust()
	if trust == nil && (class.Signed != nil || class.Approval != nil) {
		// Without keys nothing can be checked; the rules refuse for want of a policy before they look.
		return checkout.Read{Kind: class.Kind, Format: class.Format, Reason: payment.NoPolicy, Text: checkout.Secret(class.Text)}
	}
	return checkout.Examine(class, trust, believed(c.Now))
}

// hash is the code's keyed hash: it tells two codes apart and gives nothing away.
func (l *Lane) hash(text string) []byte {
	mac := hmac.New(sha256.New, l.cfg.HashKey.Key)
	mac.Write([]byte(text))
	return mac.Sum(nil)[:hashSize]
}

func (l *Lane) known(ctx context.Context, r checkout.Read) (checkout.Known, error) {
	var k checkout.Known
	due := l.state.Sale.Due()
	if due.Currency == "" {
		return k, nil // no sale: nothing will be approved
	}
	wallet := ""
	if len(r.Wallets) > 0 {
		wallet = r.Wallets[0]
	}
	found, err := l.cfg.Journal.Known(ctx, journal.Question{
		Replay: r.Code.ReplayKey(), Wallet: wallet, Account: r.Code.Account[:], Date: l.state.Day, Currency: due.Currency,
	})
	if err != nil {
		return k, unread(err)
	}
	k.Used, k.By = !found.CodeUsed.IsZero(), found.CodeUsed
	if found.PhoneKnown {
		k.Counter = found.LastCounter
	}
	k.Spent = policy.Used{Account: found.AccountSpent, AccountCount: found.AccountCount, Sum: found.ExposureSum, Count: found.ExposureCount}
	return k, nil
}

// passOn hands the POS a text that is for it.
func (l *Lane) passOn(r *checkout.Read, sym scanner.Symbol) {
	if r.ForPOS() {
		l.feed.publish(Event{Kind: ScanPassed, Text: sym.Text, AIM: sym.AIM})
	}
}

// answer puts a decision on the screen and on the POS's event stream. What was remarked on a scan before it is over
// then: beside PAID nobody must be told to scan again.
func (l *Lane) answer(d checkout.Decision) {
	a := d.Answer
	switch a.Kind {
	case checkout.Approved:
		l.shown.answer = a
		l.forget()
		l.feed.publish(Event{
			Kind: SalePaid, Sale: a.Sale, Payment: a.Payment, Amount: a.Amount, Wallet: a.Wallet, Reference: l.state.Sale.Reference, Training: l.state.Sale.Training,
		})
	case checkout.NotTaken:
		l.shown.answer = a
		l.forget()
		l.feed.publish(Event{Kind: CodeRefused, Sale: l.state.Sale.ID, Reason: a.Reason, Reference: l.state.Sale.Reference, Training: l.state.Sale.Training})
	case checkout.Again:
		if a.Outcome != payment.Paid || l.shown.done { // another sale waits, or none does: that code has paid before
			l.remark(NoticeUsed)
			break
		}
		l.shown.answer = a
	case checkout.Surplus:
		if l.shown.done { // nothing is on the screen any more
			l.remark(NoticeNoSale)
			break
		}
		l.shown.answer = a
	case checkout.Asked, checkout.SamePurchase:
		l.shown.answer = a
		l.forget()
	case checkout.Waits:
		l.waits(a)
	case checkout.UnderWay:
		l.remark(NoticeUnderWay)
	case checkout.Told:
		l.told(a)
	case checkout.Noted:
		l.feed.publish(Event{Kind: MemberNoted, Sale: a.Sale, Programme: a.Programme, Reference: l.state.Sale.Reference, Training: l.state.Sale.Training})
	case checkout.OtherMember:
		if l.state.Phase != checkout.Paid { // beside PAID nothing is remarked; whose points they are stands there
			l.remark(NoticeOtherMember)
		}
	case checkout.ForPOS:
		if l.state.Phase.Waiting() {
			l.remark(NoticeGoods)
		}
	case checkout.NoSale:
		l.remark(NoticeNoSale)
	case checkout.Unwanted:
		l.unwanted(a)
	case checkout.Done, checkout.Showing:
	}
}

// waits puts on the screen that nothing is final, and tells the POS once.
func (l *Lane) waits(a checkout.Answer) {
	same := l.shown.answer.Kind == checkout.Waits && l.shown.answer.Outcome == a.Outcome
	if l.state.Phase == checkout.Asking { // HQ has heard of it: that is no news yet
		return
	}
	l.shown.answer = a
	l.forget()
	if same {
		return
	}
	kind := PaymentUnknown
	if a.Outcome == payment.Pending {
		kind = PaymentPending
	}
	l.feed.publish(Event{Kind: kind, Sale: a.Sale, Payment: a.Payment, Amount: a.Amount, Wallet: a.Wallet, Reference: l.state.Sale.Reference})
}

// told tells the POS what became of a parked sale; the screens show the list.
func (l *Lane) told(a checkout.Answer) {
	e := Event{Kind: SalePaid, Sale: a.Sale, Payment: a.Payment, Amount: a.Amount, Wallet: a.Wallet, Reason: a.Reason}
	for i := range l.state.Parked {
		if p := &l.state.Parked[i]; p.Sale.ID == a.Sale {
			e.Reference, e.Training = p.Sale.Reference, p.Sale.Training
		}
	}
	switch a.Outcome {
	case payment.Paid:
	case payment.NotPaid:
		e.Kind = SaleCancelled
	default:
		return
	}
	l.feed.publish(e)
}

func (l *Lane) badRead(e scanner.BadRead) {
	l.cfg.Log.Info("bad read", "reason", e.Reason.String(), "length", e.Length)
	switch {
	case !l.state.Phase.Waiting(): // nobody is to scan anything again
	case e.Reason == scanner.ReasonTwoCodes:
		l.remark(NoticeTwoCodes)
	default:
		l.remark(NoticeBadRead)
	}
}

// blanked is a second code hard upon a first one, which counted. The same again is a scanner's stutter.
func (l *Lane) blanked(e scanner.Blanked) {
	if e.Same {
		return
	}
	read := l.examine(e.Symbol, l.context())
	l.passOn(&read, e.Symbol)
	if !read.ForPOS() && l.state.Phase.Waiting() { // else the first one has paid
		l.remark(NoticeTwoCodes)
	}
}

// remark puts a passing notice on the screen.
func (l *Lane) remark(n Notice) {
	l.shown.notice = n
	l.shown.number++
}

// forget takes the notice off the screen.
func (l *Lane) forget() {
	if l.shown.notice != "" {
		l.remark("")
	}
}
