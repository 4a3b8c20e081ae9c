package lane

import (
	"context"
	"time"

	"tilld/agent/journal"
	"tilld/agent/lane"
	"tilld/agent/payment"
	"tilld/ui/manager"
)

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
