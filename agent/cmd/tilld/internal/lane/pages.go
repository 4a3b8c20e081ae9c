package lane

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tilld/agent/checkout"
	"tilld/agent/journal"
	"tilld/agent/lane"
	"tilld/agent/paycode"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/ui/cashier"
	"tilld/ui/customer"
	"tilld/ui/manager"
	"tilld/ui/web"
)

func (n *Node) openPages() error {
	var err error
	if n.pages, err = net.Listen("tcp", n.cfg.Listen.Pages); err != nil {
		return fmt.Errorf("listen.pages: %w", err)
	}
	if n.pos, err = net.Listen("tcp", n.cfg.Listen.POS); err != nil {
		return fmt.Errorf("listen.pos: %w", err)
	}
	zone := func() *time.Location { return n.lane.Place().Zone } // a policy may move it
	n.pin = web.NewPIN(PINStore(n.cfg.Data), time.Now, rand.Reader)
	screen := screen{n}
	cashierPage, err := cashier.New(screen, n.pin, n.cfg.Language, zone, n.log)
	if err != nil {
		return err
	}
	sessions := web.NewSessions(cookieName(n.id.Terminal), false, time.Now, rand.Reader)
	managerPage, err := manager.New(screen, n.pin, sessions, n.cfg.Language, zone, n.log)
	if err != nil {
		return err
	}
	customerPage, err := customer.New(screen, n.cfg.Language, zone, n.log)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	cashierPage.Register(mux)
	customerPage.Register(mux)
	managerPage.Register(mux)
	mux.Handle("GET /assets/", web.Assets())
	mux.HandleFunc("GET /healthz", n.health)
	mux.Handle("GET /metrics", promhttp.HandlerFor(n.metrics(), promhttp.HandlerOpts{}))
	n.site = web.Guard(nil, mux)
	return n.openAPI()
}

// health says 200 while the lane can sell, and 503 with the reason while it can't.
func (n *Node) health(w http.ResponseWriter, _ *http.Request) {
	sayHealth(w, standstill(n.lane.View()))
}

func sayHealth(w http.ResponseWriter, why payment.Reason) {
	switch why {
	case payment.ReasonNone:
		fmt.Fprintln(w, "ok")
	case payment.StorageFull:
		http.Error(w, "storage full", http.StatusServiceUnavailable)
	default:
		http.Error(w, "the journal has stopped", http.StatusServiceUnavailable)
	}
}

// standstill is why no sale can begin, for want of a journal; ReasonNone: one can.
func standstill(v lane.View) payment.Reason {
	switch {
	case errors.Is(v.Room, journal.ErrNoRoom):
		return payment.StorageFull
	case v.Stopped != nil || v.Room != nil:
		return payment.JournalStopped
	}
	return payment.ReasonNone
}

// screen is the lane as the pages see it.
type screen struct{ *Node }

// Changes ticks with the lane's.
func (s screen) Changes(ctx context.Context) <-chan struct{} { return s.lane.Changes(ctx) }

// Currency is the policy's, and before there is one the join answer's.
func (s screen) Currency() payment.Currency {
	if c := s.lane.View().Currency; c != "" {
		return c
	}
	return s.join.Currency
}

// Most is the policy's cap for one payment.
func (s screen) Most() payment.Money {
	v := s.lane.View()
	if v.Currency == "" || asks(v) && v.Reach.Up { // an operator has limits of its own
		return payment.Money{}
	}
	return payment.Of(v.Most, v.Currency)
}

// View is the cashier's.
func (s screen) View() cashier.View { return viewOf(s.lane.View()) }

func viewOf(v lane.View) cashier.View {
	c := cashier.View{
		Store: v.Place.Store, Lane: v.Place.Lane, BusinessDate: v.Day,
		Sale: v.Sale.ID, Reference: v.Sale.Reference, FromPOS: v.FromPOS, Amount: v.Sale.Due(),
		Wallet: v.Answer.Wallet, Payment: v.Answer.Payment, Reason: v.Answer.Reason,
		Already: v.Answer.Kind == checkout.Again, Surplus: v.Answer.Kind == checkout.Surplus, Notice: string(v.Notice), NoticeNo: v.NoticeNo,
		Scanner: cashier.Scanner(v.Scanner.State), ScannerSince: v.Scanner.Since,
		Online: v.Online.Up || (asks(v) || asksHouse(v)) && v.Reach.Up, HQSince: v.Online.Since, Works: works(v), Risk: risk(v),
		Asks: asks(v), AsksHouse: asksHouse(v), Down: v.Reach.Down, Parked: parked(v), Refunds: refunds(v), Refund: v.Refund, Alone: v.Alone,
		Unsent: int(v.UsedCount), Uncompleted: int(v.Stats.NotCompleted - v.Stats.Practice), Twice: v.Twice, Lost: v.Online.Lost,
	}
	c.CanCarry, c.Carried = v.CanOffer, v.Carried
	c.State = state(v, &c)
	if onScreen(v) || v.Phase.Asked() {
		c.Members = v.Members
	}
	c.Training = v.Sale.Training && onScreen(v) // the next sale is a real one unless it says so itself
	if v.Phase.Asked() {
		c.Wallet = v.Attempt.Wallet
	}
	if c.State == cashier.Paid {
		c.Amount = v.Answer.Amount
		c.Authorised = v.Attempt.Ref != "" && v.Attempt.Payment == v.Answer.Payment
		if (!v.FromPOS || v.Phase == checkout.Paid) && !v.Sale.Training {
			c.Uncompleted = max(c.Uncompleted-1, 0) // the sale on the screen is not left behind yet
		}
	}
	return c
}

func state(v lane.View, c *cashier.View) cashier.State {
	switch {
	case v.Stopped != nil:
		c.Reason = standstill(v)
		return cashier.Stopped
	case v.Revoked || v.Blocked == payment.TerminalRevoked:
		c.Reason = payment.TerminalRevoked
		return cashier.Stopped
	case v.Phase.Waiting() && v.Answer.Kind == checkout.SamePurchase:
		return cashier.Same
	case v.Phase == checkout.Asking:
		return cashier.Asking
	case v.Phase == checkout.Pending:
		return cashier.Pending
	case v.Phase == checkout.Unknown:
		return cashier.Unknown
	case v.Phase.Waiting() && v.Offer != "" && v.Answer.Kind == checkout.Showing:
		return cashier.Showing
	case v.Phase == checkout.Open, v.Phase == checkout.Refused && v.Answer.Reason == payment.ReasonNone:
		return cashier.Waiting
	case v.Phase == checkout.Refused:
		return cashier.Refused
	case onScreen(v):
		return cashier.Paid
	case v.Room != nil: // what has begun may end
		c.Reason = standstill(v)
		return cashier.Stopped
	}
	return cashier.Idle
}

// onScreen says whether the screen is still about the last sale: it waits for a code, or was paid, and nobody has
// cleared it.
func onScreen(v lane.View) bool {
	return v.Phase.Waiting() || !v.Cleared && (v.Phase == checkout.Paid || v.Phase == checkout.Completed)
}

// asksHouse says whether the house wallet's issuer is asked, while HQ answers: policy and clock let the lane, and the issuer
// is not known to be away.
func asksHouse(v lane.View) bool {
	return v.House && v.Blocked != payment.ClockUntrusted && !slices.Contains(v.Reach.Down, paycode.HouseWallet)
}

// asks says whether this lane takes operators' wallets, while HQ answers: policy and clock let it.
func asks(v lane.View) bool { return v.Asks && v.Blocked != payment.ClockUntrusted }

func parked(v lane.View) (list []cashier.Parked) {
	for _, p := range v.Parked {
		list = append(list, cashier.Parked{Ref: p.Ref, Amount: p.Amount, Wallet: p.Wallet, Reference: p.Sale.Reference, FromPOS: p.FromPOS, Outcome: p.Outcome, Reason: p.Why})
	}
	return list
}

func works(v lane.View) cashier.Works {
	switch {
	case v.Tier == policy.TierNone || v.ShareSum <= v.UsedSum || v.ShareCount <= v.UsedCount:
		return cashier.None
	case v.Tier == policy.TierFull:
		return cashier.Full
	}
	return cashier.Small
}

// risk is how much of the share is used, by sum or by count, whichever is nearer its end.
func risk(v lane.View) cashier.Risk {
	return cashier.Risk(web.RiskLevel(v.UsedSum, v.ShareSum, v.UsedCount, v.ShareCount))
}

// OpenSale opens a sale for an amount that the cashier typed: all of it may be paid by a wallet.
func (s screen) OpenSale(ctx context.Context, amount payment.Money, who string) error {
	_, _, err := s.lane.OpenSale(ctx, lane.NewSale{Sale: payment.Sale{
		Total: amount, Cashier: who, Eligible: payment.Eligible{Wallet: amount.Minor, Points: amount.Minor, Rebate: amount.Minor},
	}})
	return err
}

// CancelSale ends the sale on the screen.
func (s screen) CancelSale(ctx context.Context) error {
	_, err := s.lane.CancelSale(ctx, payment.ID{})
	return err
}

// Next clears the screen.
func (s screen) Next(ctx context.Context) error { return s.lane.Next(ctx) }

// Park puts the sale on the screen aside.
func (s screen) Park(ctx context.Context) error { return s.lane.Park(ctx, payment.ID{}) }

// TakeBack gives an attempt up.
func (s screen) TakeBack(ctx context.Context, ref string) error { return s.lane.TakeBack(ctx, ref) }

// Dismiss takes a settled sale off the list of those put aside.
func (s screen) Dismiss(ctx context.Context, ref string) error { return s.lane.Dismiss(ctx, ref) }

// Another says that it is another purchase.
func (s screen) Another(ctx context.Context) error { return s.lane.Another(ctx) }

// Carry shows the sale to the customer's phone.
func (s screen) Carry(ctx context.Context) error { return s.lane.Offer(ctx, payment.ID{}) }

// CustomerView is the second screen's.
func (s screen) CustomerView() customer.View { return customerView(s.lane.View()) }

// customerStates are what the cashier's screen is to the customer.
var customerStates = map[cashier.State]customer.State{
	cashier.Waiting: customer.Waiting, cashier.Showing: customer.Offered, cashier.Paid: customer.Paid, cashier.Refused: customer.Refused,
	cashier.Asking: customer.Asking, cashier.Pending: customer.Pending, cashier.Unknown: customer.Unknown, cashier.Same: customer.Asking,
	cashier.Stopped: customer.Closed, cashier.Idle: customer.Idle,
}

func customerView(v lane.View) customer.View {
	c := viewOf(v)
	out := customer.View{State: customerStates[c.State], Amount: c.Amount, Training: c.Training}
	switch {
	case v.Offer != "" && v.Phase.Waiting(): // it stays there when something else was scanned
		out.State, out.Offer, out.Until = customer.Offered, v.Offer, v.OfferUntil
	case c.State == cashier.Idle && c.NoWallet():
		out.State = customer.Closed
	}
	return out
}

// Void takes back a payment.
func (s screen) Void(ctx context.Context, id payment.ID, supervisor string) error {
	return s.lane.Void(ctx, id, supervisor)
}

// SendNow asks HQ at once.
func (s screen) SendNow(ctx context.Context) (cashier.Sent, error) {
	ctx, cancel := context.WithTimeout(ctx, sendPatience)
	defer cancel()
	asked := time.Now()
	s.uplink.SendNow()
	return sent(ctx, func() bool { return s.uplink.Status().LastAck.After(asked) }, func() (bool, error) {
		stats, err := s.journal.Stats(ctx)
		return stats.Pending == 0, err
	})
}

// mostLeft is how many payments of earlier dates the cashier's list takes.
const mostLeft = 500

// Today is the business date's list, and what earlier ones left unfinished at the till.
func (s screen) Today(ctx context.Context) ([]cashier.Row, error) {
	v := s.lane.View()
	list, err := s.journal.Payments(ctx, v.Day)
	if err != nil {
		return nil, err
	}
	open, err := s.journal.NotCompleted(ctx)
	if err != nil {
		return nil, err
	}
	back, err := s.givenBack(ctx, v)
	if err != nil {
		return nil, err
	}
	left := map[payment.ID]bool{}
	for _, o := range open {
		left[o.ID] = true
	}
	behind, err := s.journal.LeftBehind(ctx, v.Day, mostLeft)
	if err != nil {
		return nil, err
	}
	rows := make([]cashier.Row, 0, len(list)+len(behind))
	for _, p := range list {
		r := rowOf(p)
		back.fill(&r, &p)
		r.Voidable, r.Uncompleted = p.Progress == journal.Waiting && !p.Voided, left[p.Sale] && !p.Voided && !p.Training
		rows = append(rows, r)
	}
	for _, p := range behind {
		if p.Training { // no customer has paid anything
			continue
		}
		r := rowOf(p)
		r.Date, r.Uncompleted = p.Date, true
		rows = append(rows, r)
	}
	return rows, nil
}

func rowOf(p journal.Payment) cashier.Row {
	return cashier.Row{At: time.UnixMilli(p.Wall), Payment: p.ID, Amount: p.Amount, Wallet: p.Wallet, Note: p.Reason, State: rowState(p), Training: p.Training}
}

func rowState(p journal.Payment) cashier.RowState {
	switch {
	case p.Voided:
		return cashier.Voided
	case p.Training: // wherever its record is
		return cashier.Practice
	case p.Progress == journal.AtHQ:
		return cashier.AtHQ
	case p.Progress == journal.Settling:
		return cashier.Posted
	case p.Progress == journal.Suspense || p.Progress == journal.Rejected:
		return cashier.Held
	case p.Progress == journal.Borne:
		return cashier.Borne
	}
	return cashier.AtLane
}

// Board is the manager's.
func (s screen) Board(ctx context.Context) (manager.Board, error) {
	v := s.lane.View()
	money := func(minor int64) payment.Money { return payment.Of(minor, s.Currency()) }
	b := manager.Board{
		Store: v.Place.Store, Lane: v.Place.Lane, BusinessDate: v.Day, NextRoll: v.NextRoll,
		AtRisk: money(v.UsedSum), Share: money(v.ShareSum), RiskCount: v.UsedCount, ShareCount: v.ShareCount,
		FullLeft: v.FullLeft, SmallLeft: v.SmallLeft, Unsent: v.UsedCount, UnsentSum: money(v.UsedSum), Entries: v.Stats.Pending,
		Online: v.Online.Up, HQSince: v.Online.Since, Policy: v.Policy, Scanner: string(v.Scanner.State), ScannerAt: v.Scanner.Since, Second: "off",
		Twice: v.Twice, Lost: v.Online.Lost,
	}
	if v.Stats.Second {
		b.Second = "ok"
	}
	b.Stopped, b.Blocked = standstill(v), blocked(v)
	if b.Blocked == payment.TerminalRevoked { // it has no right at all, however fresh HQ's word
		b.FullLeft, b.SmallLeft = 0, 0
	}
	if v.Stopped != nil {
		if v.Stats.Second {
			b.Second = "failed"
		}
		return b, nil // what the journal would show now may be gone after the next power cut
	}
	err := s.fillBoard(ctx, &b, v, money)
	return b, err
}

// blocked is why no wallet works, for want of a right and not of a journal.
func blocked(v lane.View) payment.Reason {
	if v.Revoked { // HQ's answer says it before the policy does
		return payment.TerminalRevoked
	}
	return v.Blocked
}

func (s screen) fillBoard(ctx context.Context, b *manager.Board, v lane.View, money func(int64) payment.Money) error {
	day, err := s.journal.Day(ctx, v.Day)
	if err != nil {
		return err
	}
	for _, t := range day.Totals {
		b.Wallets = append(b.Wallets, manager.Wallet{
			Name: t.Wallet, Count: int(t.Count), VoidCount: int(t.VoidCount),
			Sum: money(t.Sum), VoidSum: money(t.VoidSum), Net: money(t.Sum - t.VoidSum),
		})
	}
	list, err := s.journal.Payments(ctx, v.Day)
	if err != nil {
		return err
	}
	b.Hours = hours(list, v.Place.Zone)
	held, err := s.journal.Exceptions(ctx)
	if err != nil {
		return err
	}
	b.Held = heldRows(held)
	open, err := s.journal.NotCompleted(ctx)
	if err != nil {
		return err
	}
	for _, o := range open {
		if o.Training { // nobody was charged, and nobody will be
			continue
		}
		b.Open = append(b.Open, manager.Open{At: time.UnixMilli(o.Wall), Reference: o.Reference, Amount: o.Paid})
	}
	return nil
}

// maxBorne bounds how many of HQ's decisions against the store the manager is shown; what waits is shown whole.
const maxBorne = 20

func heldRows(list []journal.Payment) (rows []manager.Held) {
	borne := 0
	for _, p := range list {
		row := manager.Held{At: time.UnixMilli(p.Wall), Payment: p.ID, Amount: p.Amount, Note: p.Reason, Borne: p.Progress == journal.Borne}
		if row.Borne {
			borne++
		}
		if borne <= maxBorne {
			rows = append(rows, row)
		}
	}
	return rows
}

// hours sums payments by the hour of the store's day, from the first to the last that has any.
func hours(list []journal.Payment, zone *time.Location) []manager.Hour {
	var out []manager.Hour
	var at time.Time
	for i := len(list) - 1; i >= 0; i-- { // oldest first
		p := list[i]
		if p.Voided || p.Training {
			continue
		}
		hour := time.UnixMilli(p.Wall).In(zone).Truncate(time.Hour)
		for len(out) > 0 && at.Before(hour) && len(out) < 48 {
			at = at.Add(time.Hour)
			out = append(out, manager.Hour{Label: at.Format("15")})
		}
		if len(out) == 0 {
			at = hour
			out = append(out, manager.Hour{Label: at.Format("15")})
		}
		out[len(out)-1].Sum += p.Amount.Minor
	}
	return out
}
