package lane

import (
	"context"
	"slices"
	"time"

	"tilld/agent/checkout"
	"tilld/agent/lane"
	"tilld/agent/paycode"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/ui/cashier"
	"tilld/ui/customer"
	"tilld/ui/web"
)

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
