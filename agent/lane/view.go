package lane

import (
	"context"
	"errors"
	"slices"
	"time"

	"tilld/agent/checkout"
	"tilld/agent/clock"
	"tilld/agent/journal"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/drivers/port"
	"tilld/drivers/scanner"
)

// Notice is a passing remark on the screen.
type Notice string

// The remarks.
const (
	NoticeBadRead   Notice = "badread"
	NoticeTwoCodes  Notice = "tworeads"
	NoticeGoods     Notice = "goods"
	NoticeNoSale    Notice = "nosale"
	NoticeUsed      Notice = "used"      // the code has paid for the sale before this one
	NoticeReturned  Notice = "returned"  // an approval for a sale that has ended: the issuer gives the money back
	NoticeElsewhere Notice = "elsewhere" // an approval for another lane's sale
	NoticeSpent     Notice = "spent"     // an approval that has paid already
	NoticeUnderWay  Notice = "underway"  // HQ is asked about a code: another one was not looked at

	NoticeOtherMember Notice = "othermember" // the sale has another member's card of that programme already
)

// ScannerState is whether the scanner can be heard.
type ScannerState string

// The scanner's states.
const (
	ScannerStart  ScannerState = "start"
	ScannerOK     ScannerState = "ok"
	ScannerLost   ScannerState = "lost"
	ScannerBusy   ScannerState = "busy"
	ScannerDenied ScannerState = "denied"
)

// Scanner is the scanner's state.
type Scanner struct {
	State  ScannerState
	Since  time.Time
	Device string
}

// Online is whether HQ answers.
type Online struct {
	Up    bool
	Since time.Time
	Lost  bool // HQ holds less than it acknowledged, and has not said that it was restored from a backup
}

// View is what screens show, at one moment.
type View struct {
	Place    checkout.Place
	Day      payment.Date
	NextRoll time.Time

	Phase    checkout.Phase
	Sale     payment.Sale
	Answer   checkout.Answer // the last, about Sale
	Cleared  bool            // the screen is free for the next customer
	FromPOS  bool
	Notice   Notice
	NoticeNo uint64

	Attempt checkout.Attempt  // in Asking, Pending and Unknown; in Paid the one that paid, if one did
	Parked  []Parked          // the oldest first
	Members []string          // loyalty programmes whose member is attached to Sale, in the order of the scans
	Refunds []checkout.Refund // under way, and settled ones that nobody has seen, the oldest first
	Refund  bool              // the policy lets this lane give back through HQ
	Alone   bool              // and cashiers some of it without the manager
	Asks    bool              // the policy lets this lane ask wallets' operators
	House   bool              // and the house wallet's issuer about signed codes
	Reach   Reach

	Offer      string    // the sale as the customer's phone reads it, to be drawn as a QR code; empty: it isn't offered
	OfferUntil time.Time // until when issuers take it
	CanOffer   bool      // the sale could be paid through the customer's phone, and something else can't be
	Carried    bool      // in Paid: it was

	Scanner Scanner
	Online  Online

	Tier     policy.Tier    // what may be taken without HQ
	Blocked  payment.Reason // why nothing may; ReasonNone with a tier
	Stopped  error          // the journal's; nil: it works
	Room     error          // why no sale can begin, such as journal.ErrNoRoom; nil: there is room on the disks
	Revoked  bool
	Twice    bool // this lane's journal exists twice, says HQ: its directory was copied, or its disk put back
	Policy   uint64
	Currency payment.Currency

	ShareSum, UsedSum     int64 // of the full tier's share
	ShareCount, UsedCount uint64
	Most                  int64         // for one payment now, by any wallet; with no tier, were there the full one; 0: there is no policy
	FullLeft, SmallLeft   time.Duration // of the offline right, if HQ stays silent from now
	LastContact           time.Duration // age of HQ's word; meaningless when Ever is false
	Ever                  bool

	Stats journal.Stats
}

// Parked is a sale that was put aside.
type Parked struct {
	checkout.Parked
	FromPOS bool // the shop's POS opened it, and completes it
}

// figures are the journal's, read when it changed.
type figures struct {
	stale bool
	read  bool
	at    time.Duration // when they were read, by the boot-time clock
	known journal.Known
	stats journal.Stats
}

// View is the present one.
func (l *Lane) View() View {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := l.view
	v.Scanner, v.Online, v.Reach = l.scanner, l.online, l.reach
	return v
}

// Changes ticks after each change of the view until ctx ends; ticks are merged.
func (l *Lane) Changes(ctx context.Context) <-chan struct{} {
	c := make(chan struct{}, 1)
	l.mu.Lock()
	l.watch[c] = true
	l.mu.Unlock()
	context.AfterFunc(ctx, func() {
		l.mu.Lock()
		delete(l.watch, c)
		l.mu.Unlock()
	})
	return c
}

// SetOnline says whether HQ answers; the uplink knows.
func (l *Lane) SetOnline(o Online) {
	l.mu.Lock()
	changed := l.online != o
	l.online = o
	l.mu.Unlock()
	if changed {
		l.tell()
	}
}

func (l *Lane) setScanner(s Scanner) {
	l.mu.Lock()
	l.scanner = s
	l.mu.Unlock()
	l.tell()
}

func (l *Lane) lost(e scanner.Lost) {
	s := Scanner{State: ScannerLost, Since: e.At, Device: e.Device}
	switch {
	case errors.Is(e.Err, port.ErrBusy):
		s.State = ScannerBusy
	case errors.Is(e.Err, port.ErrPermission):
		s.State = ScannerDenied
	}
	l.cfg.Log.Warn("no scanner", "device", e.Device, "error", e.Err)
	l.setScanner(s)
}

func (l *Lane) tell() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.watch {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// refresh makes the view anew.
func (l *Lane) refresh(ctx context.Context) {
	l.readFigures(ctx)
	c := l.context()
	r := l.cfg.Clock.Read()
	tier, why := checkout.Standing(c)
	attempt := l.state.Attempt
	attempt.Offline = nil // the customer's code is nobody's to see
	v := View{
		Place: c.Place, Day: l.state.Day, NextRoll: l.nextRoll(c.Place),
		Phase: l.state.Phase, Sale: l.state.Sale, Answer: l.shown.answer, Cleared: l.shown.done, FromPOS: l.shown.fromPOS,
		Notice: l.shown.notice, NoticeNo: l.shown.number, Attempt: attempt, Parked: l.parked(), Refunds: l.shownRefunds(),
		Tier: tier, Blocked: why, Stopped: l.cfg.Journal.Stopped(), Room: l.room, Revoked: l.standing.Revoked, Twice: l.twice, Policy: c.Bundle.PolicyVersion(),
		UsedSum: l.figures.known.ExposureSum, UsedCount: l.figures.known.ExposureCount,
		LastContact: r.Age, Ever: r.Ever, Stats: l.figures.stats,
	}
	if v.Offer = l.offerText(); v.Offer != "" {
		v.OfferUntil = l.state.Offer.Until
	}
	v.CanOffer = l.canOffer(c)
	v.Carried = v.Phase == checkout.Paid && l.state.Offer.Payment == l.state.Last.Payment && !l.state.Last.Payment.IsZero()
	if doc := c.Bundle.Policy(); doc != nil {
		terms := doc.Terms(c.Place.Store, c.Place.Lane)
		v.Currency = terms.Currency
		v.Asks, v.House = doc.Feature(policy.Online), doc.Feature(policy.HouseOnline)
		v.Refund, v.Alone = doc.Feature(policy.Refund), !checkout.MustApprove(doc, payment.Of(1, doc.Currency), 0)
		v.ShareSum, v.ShareCount = terms.Share(max(tier, policy.TierFull))
		v.Most = terms.PaymentCap(max(tier, policy.TierFull), true, payment.MaxMinor)
		v.FullLeft, v.SmallLeft = left(terms, r)
	}
	for _, m := range l.state.Members {
		v.Members = append(v.Members, m.Programme)
	}
	l.mu.Lock()
	same := sameView(l.view, v)
	l.view = v
	l.mu.Unlock()
	if !same {
		l.tell()
	}
}

// sameView says whether nothing that a screen shows has changed. Running times are shown to the minute.
func sameView(a, b View) bool {
	for _, v := range []*View{&a, &b} {
		v.FullLeft, v.SmallLeft = v.FullLeft.Truncate(time.Minute), v.SmallLeft.Truncate(time.Minute)
		v.LastContact, v.Place, v.Stopped = 0, checkout.Place{}, nil
		v.Sale.Tax, v.Sale.Lines = nil, nil
	}
	if a.Attempt != b.Attempt || a.Asks != b.Asks || a.House != b.House || a.Refund != b.Refund || a.Alone != b.Alone || !slices.Equal(a.Refunds, b.Refunds) || !slices.Equal(a.Members, b.Members) || !slices.EqualFunc(a.Parked, b.Parked, sameParked) {
		return false
	}
	if a.Offer != b.Offer || a.CanOffer != b.CanOffer || a.Carried != b.Carried || !a.OfferUntil.Equal(b.OfferUntil) {
		return false
	}
	return a.Phase == b.Phase && a.Sale.ID == b.Sale.ID && a.Answer == b.Answer && a.Cleared == b.Cleared && a.NoticeNo == b.NoticeNo &&
		a.Day == b.Day && a.Tier == b.Tier && a.Blocked == b.Blocked && a.Revoked == b.Revoked && a.Twice == b.Twice && a.Policy == b.Policy &&
		a.ShareSum == b.ShareSum && a.UsedSum == b.UsedSum && a.UsedCount == b.UsedCount && a.FullLeft == b.FullLeft &&
		a.SmallLeft == b.SmallLeft && a.NextRoll.Equal(b.NextRoll) && a.Stats == b.Stats && a.FromPOS == b.FromPOS && (a.Room == nil) == (b.Room == nil)
}

func sameParked(a, b Parked) bool {
	return a.Attempt == b.Attempt && a.Sale.ID == b.Sale.ID && a.Why == b.Why
}

func (l *Lane) readFigures(ctx context.Context) {
	now := l.cfg.Clock.Boot()
	if l.figures.read && (!l.figures.stale || now-l.figures.at < settleDown && now >= l.figures.at) || l.cfg.Journal.Stopped() != nil {
		l.figures.stats.Stopped = l.cfg.Journal.Stopped() != nil
		return
	}
	currency := payment.Currency("")
	if doc := l.Bundle().Policy(); doc != nil {
		currency = doc.Currency
	}
	known, err := l.cfg.Journal.Known(ctx, journal.Question{Currency: currency, Date: l.state.Day})
	if err == nil {
		l.figures.stats, err = l.cfg.Journal.Stats(ctx)
	}
	if err != nil {
		if ctx.Err() == nil {
			l.cfg.Log.Error("the journal's figures can't be read", "error", err)
		}
		return
	}
	l.figures.known, l.figures.read, l.figures.stale, l.figures.at = known, true, false, now
}

// left is how long the full and the small tier stay open if HQ stays silent; since a restart without HQ, it is
// the restart tier that counts as the small one. It agrees with policy.LaneTerms.Tier.
func left(t policy.LaneTerms, r clock.Reading) (full, small time.Duration) {
	switch {
	case !r.Ever || r.Trust == clock.Untrusted:
		return 0, 0
	case r.Trust != clock.Anchored:
		return 0, max(t.Tiers.RestartFor.Duration()-r.Age, 0)
	}
	return max(t.Tiers.FullFor.Duration()-r.Age, 0), max(t.Tiers.SmallFor.Duration()-r.Age, 0)
}

// nextRoll is when the next business date begins, should nothing change.
func (l *Lane) nextRoll(p checkout.Place) time.Time {
	if l.state.Day == 0 {
		return time.Time{}
	}
	y, m, d := l.state.Day.Next().Time().Date()
	return time.Date(y, m, d, 0, 0, 0, 0, p.Zone).Add(p.Roll)
}
