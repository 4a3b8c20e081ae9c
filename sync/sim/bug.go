package sim

import (
	"tilld/sync/authorise"
	"tilld/sync/ingest"
	"tilld/sync/ledger"
	"tilld/sync/uplink"
	"tilld/sync/wire"
)

// Bug is a deliberate fault of the system, put between its parts, to see whether the checks find it. The zero
// Bug is none. Every function may be nil.
type Bug struct {
	Name     string
	Starting func(*till)                // before a lane's program opens its disk
	StartHQ  func(*office)              // before HQ does
	Scanning func(*program, *shownCode) // before a code is held under the scanner
	Outbox   func(*program, uplink.Outbox) uplink.Outbox
	Link     func(*program, uplink.Link) uplink.Link
	Keys     func(*program, func() wire.Keys) func() wire.Keys
	Ledger   func(*office, *ledger.Store) ingest.Ledger
	Restored func(*office) error                   // in the place of what is done behind a restore
	Keeps    func(*program) bool                   // whether a lane passes over papers that HQ sends
	Retains  func(*program)                        // before retention works
	Decides  func(ledger.Decision) ledger.Decision // what is recorded of a decision
	Attempts func(authorise.Store) authorise.Store // what HQ writes down of what it asks
	Hears    func(*wire.Answer)                    // what a lane makes of HQ's word about an attempt
}

func (b *Bug) attempts(s authorise.Store) authorise.Store {
	if b.Attempts != nil {
		return b.Attempts(s)
	}
	return s
}

func (b *Bug) hears(a *wire.Answer) {
	if b.Hears != nil {
		b.Hears(a)
	}
}

func (b *Bug) starting(t *till) {
	if b.Starting != nil {
		b.Starting(t)
	}
}

func (b *Bug) scanning(p *program, c *shownCode) {
	if b.Scanning != nil {
		b.Scanning(p, c)
	}
}

func (b *Bug) startingHQ(o *office) {
	if b.StartHQ != nil {
		b.StartHQ(o)
	}
}

func (b *Bug) outbox(p *program, real uplink.Outbox) uplink.Outbox {
	if b.Outbox == nil {
		return real
	}
	return b.Outbox(p, real)
}

func (b *Bug) link(p *program, real uplink.Link) uplink.Link {
	if b.Link == nil {
		return real
	}
	return b.Link(p, real)
}

func (b *Bug) keys(p *program, real func() wire.Keys) func() wire.Keys {
	if b.Keys == nil {
		return real
	}
	return b.Keys(p, real)
}

func (b *Bug) ledger(o *office, real *ledger.Store) ingest.Ledger {
	if b.Ledger == nil {
		return real
	}
	return b.Ledger(o, real)
}

func (b *Bug) keepsPolicy(p *program) bool { return b.Keeps != nil && b.Keeps(p) }

func (b *Bug) retains(p *program) {
	if b.Retains != nil {
		b.Retains(p)
	}
}

func (b *Bug) decision(d ledger.Decision) ledger.Decision {
	if b.Decides == nil {
		return d
	}
	return b.Decides(d)
}

func (b *Bug) restored(o *office) error {
	if b.Restored != nil {
		return b.Restored(o)
	}
	_, err := o.books.Restored(o.w.ctx)
	return err
}
