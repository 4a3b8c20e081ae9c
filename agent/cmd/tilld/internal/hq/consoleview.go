package hq

import (
	"sync"
	"time"

	"tilld/agent/payment"
	"tilld/sync/ledger"
	pages "tilld/ui/hq"
)

func (c *console) viewTerminal(t *ledger.TerminalStatus) pages.Terminal {
	now := c.now()
	v := pages.Terminal{
		ID: t.ID, Entity: t.Entity, Store: t.Store, Lane: t.Lane, LastSeen: t.LastSeen, Behind: t.Behind(), BehindFor: c.lag.of(t, now),
		Forked: t.Forked(), Twice: t.Twice, Revoked: t.RevokedWhy, Exceptions: t.Exceptions, Software: t.Software, Policy: t.Policy, LastClosed: t.LastClosed,
	}
	if !t.LastSeen.IsZero() {
		v.Silent = max(now.Sub(t.LastSeen), 0)
	}
	for _, e := range t.Epochs {
		if e.Lost > 0 {
			v.Gone = append(v.Gone, pages.Gone{Gap: pages.Gap{Epoch: uint64(e.Epoch), From: e.Held + 1, To: e.Lost}, Again: e.Restored})
		}
		if e.Known > max(e.Held, e.Lost) {
			v.Gaps = append(v.Gaps, pages.Gap{Epoch: uint64(e.Epoch), From: e.Held + 1, To: e.Known})
		}
		v.Waiting += e.Held - min(e.Judged, e.Held)
	}
	return v
}

// lag remembers since when terminals have been behind. The books don't: they know when a terminal was last
// heard, which is when it became behind for one that has been silent since.
type lag struct {
	mu    sync.Mutex
	since map[payment.ID]time.Time
}

func (l *lag) of(t *ledger.TerminalStatus, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.Behind() == 0 {
		delete(l.since, t.ID)
		return 0
	}
	since, known := l.since[t.ID]
	if !known {
		if since = now; !t.LastSeen.IsZero() && t.LastSeen.Before(now) {
			since = t.LastSeen
		}
		if l.since == nil {
			l.since = map[payment.ID]time.Time{}
		}
		l.since[t.ID] = since
	}
	return max(now.Sub(since), 0)
}

func viewPayment(p *ledger.Payment) pages.Payment {
	v := pages.Payment{
		Number: p.Pos, ReceivedAt: p.ReceivedAt, ID: p.ID, State: string(p.State), Amount: p.Money(), Wallet: p.Wallet, Entity: p.Entity, Store: p.Store, Lane: p.Lane,
		BusinessDate: p.BusinessDate, TakenAt: p.TakenAt, Policy: p.Policy, Entry: p.Entry, EntryHash: p.EntryHash[:],
	}
	if p.Void != nil {
		v.VoidedBy = p.Void.Seq
	}
	for _, l := range p.Lines {
		v.Settled = append(v.Settled, pages.Settled{Batch: l.Batch, Kind: string(l.Kind), Amount: payment.Of(l.Amount, p.Currency)})
	}
	return v
}

func viewException(x *ledger.Exception) pages.Exception {
	return pages.Exception{
		ID: x.ID, Kind: string(x.Kind), Owner: x.Owner, Store: x.Store, Lane: x.Lane, Entry: x.Entry, Payment: x.Payment, Amount: x.Amount,
		Detail: x.Detail, Opened: x.OpenedAt, Outcome: string(x.Decision), ResolvedAt: x.ResolvedAt, ResolvedBy: x.ResolvedBy, Why: x.Why,
	}
}

func viewBatch(b *ledger.BatchRef, lacks laneCount) pages.Batch {
	return pages.Batch{
		ID: b.ID, Wallet: b.Wallet, SettlementDate: b.SettlementDate, Number: b.Number, Cause: string(b.Cause),
		Count: b.Count, Sum: payment.Of(b.Sum, b.Currency), Hash: b.Root[:], Missing: lacks.missing, DayOpen: lacks.open,
	}
}
