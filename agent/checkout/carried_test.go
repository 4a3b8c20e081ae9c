package checkout

import (
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tilld/agent/paycode"
	"tilld/agent/payment"
	"tilld/agent/policy"
)

// carryingLane is a lane whose policy lets customers pay through their own phones. HQ is away.
func carryingLane(t testing.TB) Context {
	d := document()
	d.Features = []string{policy.Carried}
	return lane(t, d)
}

// approvalScan is a scan of an issuer's verified approval.
func approvalScan(pay payment.ID, amount int64) Scan {
	return Scan{
		Payment: id(200), Hash: []byte("fedcba9876543210"), HashKey: 1,
		Read: Read{
			Kind: paycode.Payment, Format: paycode.IssuerApproval, Wallets: []string{"house"}, Text: Secret("ZY:A the approval"),
			Approval: &Approval{Payment: pay, Terminal: id(9), Amount: jpy(amount), Account: account, Issuer: issuer, At: noon},
		},
	}
}

func offered(t testing.TB, s State, c Context, n byte) State {
	t.Helper()
	return mustApply(t, s, Offer{Payment: id(n)}, c).State
}

// The sale is journalled as offered before it is shown; its approval pays it, whatever the amount and however long HQ is
// away, and uses nothing of the lane's share.
func TestCarried(t *testing.T) {
	c := carryingLane(t)
	c.Now.Age, c.Now.EntryAge = 25*time.Hour, 25*3_600_000+1
	s := opened(90_000)
	d := mustApply(t, s, Offer{Payment: id(50)}, c)
	if got := kinds(d.Drafts); !slices.Equal(got, []payment.Kind{payment.KindOffered}) {
		t.Fatalf("journalled %v", got)
	}
	f := d.Drafts[0].Fact.(*payment.Offered)
	if d.Drafts[0].Payment != id(50) || f.Amount != jpy(90_000) || f.Until != noon.Add(OfferFor).UnixMilli() || d.Answer.Kind != Showing || d.State.Phase != Open {
		t.Errorf("%+v %+v %+v", d.Drafts[0], f, d.Answer)
	}
	if code := mustApply(t, d.State, goodScan(), c); code.Answer.Reason != payment.OverPaymentCap && code.Answer.Reason != payment.OfflineTooLong {
		t.Errorf("a code in hour 25: %+v", code.Answer)
	}
	d = mustApply(t, d.State, approvalScan(id(50), 90_000), c)
	if got := kinds(d.Drafts); !slices.Equal(got, []payment.Kind{payment.KindCarried}) {
		t.Fatalf("journalled %v, %+v", got, d.Answer)
	}
	paid := d.Drafts[0]
	if a := paid.Fact.(*payment.Carried); a.Amount != jpy(90_000) || a.Wallet != "house" || string(a.Issuer) != string(issuer[:]) || a.At != noon.Unix() {
		t.Errorf("%+v", a)
	}
	if paid.Payment != id(50) || paid.Sale != id(1) || string(paid.Evidence) != "ZY:A the approval" || string(paid.Body.Account) != string(account[:]) || paid.Body.Cashier != "Sato" {
		t.Errorf("%+v", paid)
	}
	if d.State.Phase != Paid || d.Answer.Kind != Approved || d.Answer.Outcome != payment.Paid || d.Answer.Payment != id(50) {
		t.Errorf("%v %+v", d.State.Phase, d.Answer)
	}
	again := mustApply(t, d.State, approvalScan(id(50), 90_000), c)
	if again.Answer.Kind != Again || again.Answer.Outcome != payment.Paid || len(again.Drafts) != 0 {
		t.Errorf("shown twice: %+v", again.Answer)
	}
}

// An untrusted clock and a certificate that ran out don't matter: the payment's own name is fresh.
func TestCarriedNeedsNoClock(t *testing.T) {
	c := carryingLane(t)
	c.Now.Trusted = false
	s := offered(t, opened(1_000), c, 50)
	if d := mustApply(t, s, approvalScan(id(50), 1_000), c); d.State.Phase != Paid {
		t.Errorf("%+v", d.Answer)
	}
}

func TestApprovalRefused(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(s *State, e *Scan, c *Context)
		want   payment.Reason
	}{
		{"of another lane", func(s *State, e *Scan, c *Context) { e.Read.Approval.Terminal = id(8) }, payment.ApprovalElsewhere},
		{"of another payment", func(s *State, e *Scan, c *Context) { e.Read.Approval.Payment = id(51) }, payment.ApprovalEnded},
		{"of none, for nothing was offered", func(s *State, e *Scan, c *Context) { s.Offer = Offered{} }, payment.ApprovalEnded},
		{"used before", func(s *State, e *Scan, c *Context) { e.Known.Used, e.Known.By = true, id(50) }, payment.ApprovalUsed},
		{"a yen less", func(s *State, e *Scan, c *Context) { e.Read.Approval.Amount = jpy(8_399) }, payment.ApprovalDiffers},
		{"a yen more", func(s *State, e *Scan, c *Context) { e.Read.Approval.Amount = jpy(8_401) }, payment.ApprovalDiffers},
		{"other money", func(s *State, e *Scan, c *Context) { e.Read.Approval.Amount.Currency = "USD" }, payment.ApprovalDiffers},
		{"too late", func(s *State, e *Scan, c *Context) { c.Now.Boot += OfferFor + TakeFor }, payment.ApprovalEnded},
		{"behind a restart", func(s *State, e *Scan, c *Context) { c.Now.Boot = 0 }, payment.ApprovalEnded},
		{"unknown issuer", func(s *State, e *Scan, c *Context) {
			e.Read.Kind, e.Read.Reason, e.Read.Approval = paycode.Invalid, payment.UnknownIssuer, nil
		}, payment.UnknownIssuer},
		{"wrong signature", func(s *State, e *Scan, c *Context) {
			e.Read.Kind, e.Read.Reason, e.Read.Approval = paycode.Invalid, payment.BadSignature, nil
		}, payment.BadSignature},
		{"malformed", func(s *State, e *Scan, c *Context) {
			e.Read.Kind, e.Read.Reason, e.Read.Approval = paycode.Invalid, payment.MalformedCode, nil
		}, payment.MalformedCode},
		{"a wallet that is not taken", func(s *State, e *Scan, c *Context) { e.Read.Wallets = []string{"linepay"} }, payment.WalletDisabled},
		{"journal stopped", func(s *State, e *Scan, c *Context) { c.Stopped = true }, payment.JournalStopped},
		{"terminal revoked", func(s *State, e *Scan, c *Context) { c.Revoked = true }, payment.TerminalRevoked},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := carryingLane(t)
			s, e := offered(t, opened(8_400), c, 50), approvalScan(id(50), 8_400)
			c.Now.Boot += OfferFor + TakeFor - time.Second // the last moment
			if d := mustApply(t, s, e, c); d.State.Phase != Paid {
				t.Fatalf("unchanged: %+v", d.Answer)
			}
			tt.change(&s, &e, &c)
			d := mustApply(t, s, e, c)
			if d.Answer.Reason != tt.want || d.Answer.Kind != NotTaken || d.State.Phase != Refused || d.Answer.Advice != AdviceFor(tt.want) {
				t.Fatalf("%v, %+v", d.State.Phase, d.Answer)
			}
			if want := []payment.Kind{payment.KindRefused}; !c.Stopped && !slices.Equal(kinds(d.Drafts), want) {
				t.Errorf("journalled %v", kinds(d.Drafts))
			}
		})
	}
	t.Run("issuer revoked", func(t *testing.T) {
		doc := document()
		doc.Features, doc.Revoked.Issuers = []string{policy.Carried}, []policy.Hex{issuer[:]}
		c := lane(t, doc)
		if d := mustApply(t, offered(t, opened(8_400), c, 50), approvalScan(id(50), 8_400), c); d.Answer.Reason != payment.IssuerRevoked {
			t.Errorf("%+v", d.Answer)
		}
	})
}

// An approval that no sale waits for is told what becomes of it, and changes nothing.
func TestApprovalUnwanted(t *testing.T) {
	c := carryingLane(t)
	cancelled := mustApply(t, offered(t, opened(8_400), c, 50), Cancel{Sale: id(1)}, c).State
	byCode := mustApply(t, offered(t, opened(1_000), c, 50), goodScan(), c).State
	elsewhere := approvalScan(id(50), 8_400)
	elsewhere.Read.Approval.Terminal = id(8)
	used := approvalScan(id(50), 8_400)
	used.Known.Used = true
	broken := approvalScan(id(50), 8_400)
	broken.Read.Kind, broken.Read.Reason, broken.Read.Approval = paycode.Invalid, payment.BadSignature, nil
	for _, tt := range []struct {
		name string
		s    State
		e    Scan
		kind Kind
		want payment.Reason
	}{
		{"of a cancelled sale", cancelled, approvalScan(id(50), 8_400), Unwanted, payment.ApprovalEnded},
		{"of one paid by a code", byCode, approvalScan(id(50), 1_000), Unwanted, payment.ApprovalEnded},
		{"of another lane", cancelled, elsewhere, Unwanted, payment.ApprovalElsewhere},
		{"that paid an earlier sale", State{Day: today}, used, Unwanted, payment.ApprovalUsed},
		{"broken", cancelled, broken, Unreadable, payment.BadSignature},
	} {
		d := mustApply(t, tt.s, tt.e, c)
		if d.Answer.Kind != tt.kind || d.Answer.Reason != tt.want || len(d.Drafts) != 0 || d.State.Phase != tt.s.Phase {
			t.Errorf("%s: %v %+v", tt.name, d.State.Phase, d.Answer)
		}
	}
	next := mustApply(t, cancelled, OpenSale{Sale: sale(2, 8_400)}, c).State
	if d := mustApply(t, next, approvalScan(id(50), 8_400), c); d.Answer.Reason != payment.ApprovalEnded || d.State.Phase != Refused {
		t.Errorf("for the next sale: %+v", d.Answer)
	}
}

// Shown again a sale stays the same payment; at some time it has to be rung up anew.
func TestOfferAgain(t *testing.T) {
	c := carryingLane(t)
	s := offered(t, opened(8_400), c, 50)
	c.Now.Boot, c.Now.Time = c.Now.Boot+OfferMost-1, c.Now.Time.Add(OfferMost-1)
	if s.Offer.Shows(c.Now.Boot) {
		t.Error("shown for too long")
	}
	s = offered(t, s, c, 51)
	if s.Offer.Payment != id(50) || !s.Offer.Shows(c.Now.Boot) || s.Offer.Shows(0) {
		t.Errorf("%+v", s.Offer)
	}
	c.Now.Boot++
	if _, err := Apply(s, Offer{Payment: id(52)}, c); payment.CodeOf(err) != payment.Conflict {
		t.Errorf("error %v", err)
	}
}

func TestCantOffer(t *testing.T) {
	c := carryingLane(t)
	practice := opened(100)
	practice.Sale.Training = true
	bills := opened(100)
	bills.Sale.Eligible.Wallet = 0
	stopped, off := c, lane(t, document())
	stopped.Stopped = true
	for _, tt := range []struct {
		name string
		s    State
		c    Context
		code payment.Code
	}{
		{"no sale", State{Day: today}, c, payment.Conflict}, {"practice", practice, c, payment.NotAllowed}, {"not for a wallet", bills, c, payment.NotAllowed},
		{"switched off", opened(100), off, payment.NotAllowed}, {"stopped", opened(100), stopped, payment.Retry},
		{"paid", State{Phase: Paid, Day: today, Sale: sale(1, 100)}, c, payment.Conflict},
	} {
		if d, err := Apply(tt.s, Offer{Payment: id(50)}, tt.c); payment.CodeOf(err) != tt.code || len(d.Drafts) != 0 {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if _, err := Apply(opened(100), Offer{}, c); payment.CodeOf(err) != payment.Internal {
		t.Errorf("without a name: %v", err)
	}
	if _, err := Apply(State{}, Offer{Payment: id(5)}, c); !errors.Is(err, ErrPhase) {
		t.Errorf("idle: %v", err)
	}
}

// TestCarriedModel: whatever is scanned, offered, cancelled and forgotten, and in whatever order, each approval pays at
// most once, only the very sale that was offered as its payment, the whole of it, and a sale is paid once.
func TestCarriedModel(t *testing.T) {
	base, carried := carryingLane(t), 0
	for range 5 {
		rapid.Check(t, func(t *rapid.T) { carried += carriedStory(t, base) })
	}
	if t.Logf("%d carried", carried); carried < 100 {
		t.Error("the stories get nowhere")
	}
}

type offerMade struct {
	pay, sale payment.ID
	amount    int64
}

func carriedStory(t *rapid.T, c Context) (carried int) {
	m := &model{state: State{Day: today}}
	var offers []offerMade
	known := func(a *Approval) (k Known) {
		for _, d := range m.entries {
			k.Used = k.Used || d.Fact.Kind() == payment.KindCarried && d.Payment == a.Payment
		}
		return k
	}
	t.Repeat(map[string]func(*rapid.T){
		"sale": func(t *rapid.T) { m.sale(t, c) },
		"offer": func(t *rapid.T) {
			m.sale(t, c)
			before := len(m.entries)
			if m.attempt(Offer{Payment: m.id()}, c); len(m.entries) > before {
				offers = append(offers, offerMade{m.entries[before].Payment, m.state.Sale.ID, m.state.Sale.Due().Minor})
			}
		},
		"code": func(t *rapid.T) { m.pay(t, c) },
		"approval": func(t *rapid.T) {
			if len(offers) == 0 {
				t.Skip("nothing was offered")
			}
			o := offers[len(offers)-1-rapid.IntRange(0, min(3, len(offers)-1)).Draw(t, "back")]
			e := approvalScan(o.pay, o.amount+rapid.SampledFrom([]int64{0, 0, 0, 1}).Draw(t, "more"))
			e.Payment, e.Known = m.id(), known(e.Read.Approval)
			if rapid.IntRange(0, 5).Draw(t, "elsewhere") == 0 {
				e.Read.Approval.Terminal = id(8)
			}
			was := m.state
			d := apply(t, m, e, c)
			if d.Answer.Kind != Approved {
				return
			}
			carried++
			if was.Sale.ID != o.sale || was.Sale.Due().Minor != o.amount || e.Read.Approval.Amount.Minor != o.amount || e.Read.Approval.Terminal != id(9) {
				t.Fatalf("sale %v of %v was paid by %+v", was.Sale.ID, was.Sale.Due(), e.Read.Approval)
			}
		},
		"cancel or complete": func(t *rapid.T) {
			e := Event(Complete{Sale: m.state.Sale.ID})
			if m.state.Phase.Waiting() {
				e = Cancel{Sale: m.state.Sale.ID}
			}
			m.attempt(e, c)
		},
		"time": func(t *rapid.T) {
			by := time.Duration(rapid.SampledFrom([]int{1, 30, 599, 600, 899, 901, 1800}).Draw(t, "s")) * time.Second
			c.Now.Time, c.Now.Boot = c.Now.Time.Add(by), c.Now.Boot+by
		},
		"restart": func(t *rapid.T) {
			m.state = State{Day: m.state.Day}
			c.Now.Boot = time.Duration(rapid.IntRange(0, 60).Draw(t, "boot")) * time.Second
		},
		"": func(t *rapid.T) {
			paid, used := map[payment.ID]int{}, map[payment.ID]int{}
			for _, d := range m.entries {
				switch d.Fact.(type) {
				case *payment.Carried:
					used[d.Payment]++
					paid[d.Sale]++
				case *payment.Approved:
					paid[d.Sale]++
				}
			}
			for p, n := range used {
				if n > 1 {
					t.Fatalf("payment %v was made %d times", p, n)
				}
			}
			for s, n := range paid {
				if n > 1 {
					t.Fatalf("sale %v was paid %d times", s, n)
				}
			}
		},
	})
	return carried
}
