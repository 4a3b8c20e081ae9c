package ingesttest

import (
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/wire"
)

// Sold is a payment that a lane took.
type Sold struct {
	Seq     uint64
	Payment payment.ID
	Sale    payment.ID
	Amount  int64
	Account []byte
}

// Change is what a test wants to be wrong with an approval.
type Change struct {
	Code     string                  // instead of a fresh code of the phone
	Fact     func(*payment.Approved) // the last word on the fact
	Extra    func(*Extra)            // the last word on the rest
	Payment  payment.ID              // instead of a fresh identifier
	Sale     payment.ID              // instead of a fresh identifier
	Training bool
}

// accountDay is what an account spent at a lane on a date, and how often.
type accountDay struct {
	sum   int64
	count uint64
}

// Sell writes an approval of a code that the phone shows for the lane's store.
func (l *Lane) Sell(p *Phone, amount int64) Sold { return l.SellWith(p, amount, Change{}) }

// SellWith writes an approval with something wrong.
func (l *Lane) SellWith(p *Phone, amount int64, ch Change) Sold {
	c := l.chain
	s := Sold{Payment: ch.Payment, Sale: c.ID(), Amount: amount, Account: p.Account[:]}
	if s.Payment.IsZero() {
		s.Payment = c.ID()
	}
	if !ch.Sale.IsZero() {
		s.Sale = ch.Sale
	}
	code := ch.Code
	if code == "" {
		code = p.Code(l.Store, "")
	}
	kid, issuer := p.Key.Public().KID(), c.Issuer.Public().KID()
	spent := l.spent[string(s.Account)]
	used := policy.Used{Account: spent.sum, AccountCount: spent.count, Sum: l.out.Sum, Count: l.out.Count}
	terms := c.Doc.Terms(l.Store, l.Name)
	f := &payment.Approved{
		Amount: payment.Of(amount, "JPY"), Wallet: Wallet, CodeHash: c.bytes(16), HashKey: 1,
		Replay: payment.ReplayKey{Phone: kid[:], Counter: p.counter}, Issuer: issuer[:],
		Limits: terms.Limits(policy.Tier(l.Tier), true, p.Cap, amount, used), AccountCount: terms.AccountCount(used),
	}
	x := Extra{Sale: &s.Sale, Payment: &s.Payment, Code: code, Training: ch.Training, Body: &payment.Body{Cashier: "c1", Account: s.Account}}
	if ch.Fact != nil {
		ch.Fact(f)
	}
	if ch.Extra != nil {
		ch.Extra(&x)
	}
	s.Seq = l.Add(f, x)
	if !x.Training {
		l.spent[string(s.Account)] = accountDay{spent.sum + amount, spent.count + 1}
		l.out.Sum, l.out.Count = l.out.Sum+f.Amount.Minor, l.out.Count+1
		t := l.total(f.Wallet)
		t.Count, t.Sum = t.Count+1, t.Sum+f.Amount.Minor
	}
	return s
}

func (l *Lane) total(wallet string) *payment.DayTotal {
	if l.totals[wallet] == nil {
		l.totals[wallet] = &payment.DayTotal{Wallet: wallet, Currency: "JPY"}
	}
	return l.totals[wallet]
}

// Void takes a payment back.
func (l *Lane) Void(s Sold) uint64 {
	spent := l.spent[string(s.Account)]
	l.spent[string(s.Account)] = accountDay{spent.sum - s.Amount, spent.count - 1}
	if s.Seq > l.acked {
		l.out.Sum, l.out.Count = l.out.Sum-s.Amount, l.out.Count-1
	}
	t := l.total(Wallet)
	t.VoidCount, t.VoidSum = t.VoidCount+1, t.VoidSum+s.Amount
	return l.Add(&payment.Voided{Amount: payment.Of(s.Amount, "JPY"), Wallet: Wallet, Of: s.Seq}, Extra{Sale: &s.Sale, Payment: &s.Payment})
}

// Beat is a signed beat, framed, that says the lane holds up to last of its present epoch.
func (l *Lane) Beat(count uint64, edit func(*wire.Beat)) []byte {
	b := wire.Beat{Version: wire.MessageVersion, Terminal: l.ID, Epoch: l.Epoch, Last: l.Last(), Head: l.Head(), Policy: l.Policy,
		Challenge: l.chain.bytes(wire.NonceSize), Wall: l.chain.Now.UnixMilli(), Software: "test", Count: count}
	if edit != nil {
		edit(&b)
	}
	raw, err := wire.Seal(l.signer, wire.TypBeat, b)
	l.chain.must(err)
	return wire.FrameSigned(raw)
}
