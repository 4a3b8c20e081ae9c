package lane

import (
	"context"
	"time"

	"tilld/agent/checkout"
	"tilld/agent/clock"
	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
	"tilld/agent/policy"
)

// tillPaper is HQ's word about this till, by which an issuer knows whose offer it is given.
type tillPaper struct {
	raw   []byte
	until time.Time
}

// TillUntil is what a beat says of HQ's paper about this till: until when it is good, in Unix seconds; 1 when none is
// held, and 0 when the policy lets no customer pay through the own phone.
func (l *Lane) TillUntil() uint64 {
	if doc := l.Bundle().Policy(); doc == nil || !doc.Feature(policy.Carried) {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.till.raw) == 0 {
		return 1
	}
	return uint64(max(l.till.until.Unix(), 1))
}

// takeTill keeps HQ's paper about this till, if it is that: it came in a signed acknowledgement, and is signed by itself.
func (l *Lane) takeTill(ctx context.Context, raw []byte) error {
	p, ok := l.ownTill(raw)
	if !ok {
		l.cfg.Log.Error("HQ's paper about this till is not about it, or of no key of HQ's")
		return nil
	}
	if err := l.cfg.Journal.SetTillPaper(ctx, raw); err != nil {
		return err
	}
	l.setTill(p)
	return nil
}

// recallTill reads what takeTill has kept. One that is of a key of before is of no use any more.
func (l *Lane) recallTill(ctx context.Context) error {
	raw, err := l.cfg.Journal.TillPaper(ctx)
	if err != nil || len(raw) == 0 {
		return err
	}
	if p, ok := l.ownTill(raw); ok {
		l.setTill(p)
	}
	return nil
}

// ownTill says whether a paper is about this till and its key.
func (l *Lane) ownTill(raw []byte) (tillPaper, bool) {
	p, err := signed.ParseTill(raw)
	if err != nil || p.Terminal != l.cfg.Place.Terminal || p.Key.KID() != l.cfg.Journal.Signer().Public().KID() || p.Verify(l.Keys()) != nil {
		return tillPaper{}, false
	}
	return tillPaper{raw, p.Until}, true
}

func (l *Lane) setTill(p tillPaper) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.till = p
}

// vouched is HQ's paper about this till while it is good; nil when there is none. A clock that can't be trusted is not
// asked: issuers have their own.
func (l *Lane) vouched() []byte {
	r := l.cfg.Clock.Read()
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.Trust != clock.Untrusted && !r.Now.Before(l.till.until) {
		return nil
	}
	return l.till.raw
}

// Offer shows the present sale on the customer's screen, to be paid at a wallet's issuer by the customer's own phone. That
// it is shown is journalled first: from then on somebody may pay it. The zero ID means the sale on the screen.
func (l *Lane) Offer(ctx context.Context, sale payment.ID) error {
	const op = "lane.Offer"
	return l.do(ctx, func(ctx context.Context) error {
		if !sale.IsZero() && sale != l.state.Sale.ID {
			return payment.Errorf(payment.Conflict, op, "sale %s is not the present one: only that can be shown", sale)
		}
		paper := l.vouched()
		if paper == nil {
			return payment.Errorf(payment.NotAllowed, op, "HQ has not vouched for this till, or too long ago: wallets would not know whose sale it is")
		}
		id, err := l.cfg.IDs.Next()
		if err != nil {
			return payment.Errorf(payment.Internal, op, "no identifier: %w", err)
		}
		d, err := l.apply(ctx, checkout.Offer{Payment: id})
		if err != nil {
			return err
		}
		o := l.state.Offer
		text, err := signed.SignOffer(l.cfg.Journal.Signer(), paper, signed.Offer{Payment: o.Payment, Amount: d.Answer.Amount, Until: o.Until})
		if err != nil {
			return payment.Errorf(payment.Internal, op, "the sale could not be signed: %w", err)
		}
		l.shown.offer, l.shown.answer = text, d.Answer
		l.forget()
		l.feed.publish(Event{Kind: SaleOffered, Sale: l.state.Sale.ID, Payment: o.Payment, Amount: d.Answer.Amount, Reference: l.state.Sale.Reference})
		return nil
	})
}

// offerText is what the customer's screen shows now; empty: nothing.
func (l *Lane) offerText() string {
	if !l.state.Phase.Waiting() || !l.state.Offer.Shows(l.cfg.Clock.Boot()) {
		return ""
	}
	return l.shown.offer
}

// canOffer says whether the cashier is shown a way through the customer's phone: it would work, and something else does
// not. HQ is away, or a code was refused for a reason that an issuer's approval cures.
func (l *Lane) canOffer(c checkout.Context) bool {
	if !l.state.Phase.Waiting() || l.vouched() == nil || checkout.CanOffer(&l.state, c) != payment.ReasonNone {
		return false
	}
	return l.state.Phase == checkout.Refused && checkout.CuredByApproval(l.state.Refusal.Reason) || !l.hqUp() && !c.Online
}

// hqUp says whether the uplink hears HQ.
func (l *Lane) hqUp() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.online.Up
}

// knownOffer is what the journal knows of an approval's payment.
func (l *Lane) knownOffer(ctx context.Context, a *checkout.Approval) (k checkout.Known, err error) {
	o, ok, err := l.cfg.Journal.OfferOf(ctx, a.Payment)
	if err != nil {
		return k, unread(err)
	}
	if ok && o.Taken {
		k.Used, k.By = true, a.Payment
	}
	return k, nil
}

// unwanted remarks what becomes of an approval that no sale waits for.
func (l *Lane) unwanted(a checkout.Answer) {
	switch a.Reason {
	case payment.ApprovalElsewhere:
		l.remark(NoticeElsewhere)
	case payment.ApprovalUsed:
		l.remark(NoticeSpent)
	default:
		l.remark(NoticeReturned)
	}
	l.cfg.Log.Info("an approval that no sale waits for", "payment", a.Payment.String(), "reason", a.Reason.String())
}
