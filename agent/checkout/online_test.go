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

// opaque is a scan of an operator's code.
func opaque(n byte) Scan {
	return Scan{Payment: id(n), Hash: []byte{n}, HashKey: 1, Read: Read{
		Kind: paycode.Payment, Format: "digits", Wallets: []string{"paypay"}, Text: Secret("281234567890123456"),
	}}
}

// onlineLane is a lane whose policy lets it ask, and whose HQ answers.
func onlineLane(t testing.TB) Context {
	d := document()
	d.Features = []string{policy.Online}
	c := lane(t, d)
	c.Online = true
	return c
}

// asked is a lane that asks about 1000 yen, and what it knows.
func asked(t testing.TB) (State, Context) {
	t.Helper()
	c := onlineLane(t)
	d := mustApply(t, opened(1_000), opaque(100), c)
	if d.State.Phase != Asking || d.Answer.Kind != Asked {
		t.Fatalf("%v: %+v", d.State.Phase, d.Answer)
	}
	return d.State, c
}

func TestAskOrRefuse(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*State, *Context)
		want   payment.Reason
	}{
		"all is well":      {func(*State, *Context) {}, payment.ReasonNone},
		"HQ is away":       {func(_ *State, c *Context) { c.Online = false }, payment.HQAway},
		"clock":            {func(_ *State, c *Context) { c.Now.Trusted = false }, payment.ClockUntrusted},
		"no leave":         {func(_ *State, c *Context) { c.Bundle = believing(t, document()) }, payment.OnlineOnly},
		"practice":         {func(s *State, _ *Context) { s.Sale.Training = true }, payment.OnlineOnly},
		"not this wallet":  {func(_ *State, c *Context) { d := document(); d.Wallets = []string{"house"}; c.Bundle = believing(t, d) }, payment.WalletDisabled},
		"revoked":          {func(_ *State, c *Context) { c.Revoked = true }, payment.TerminalRevoked},
		"journal":          {func(_ *State, c *Context) { c.Stopped = true }, payment.JournalStopped},
		"nothing eligible": {func(s *State, _ *Context) { s.Sale.Eligible.Wallet = 999 }, payment.AmountNotEligible},
	} {
		s, c := opened(1_000), onlineLane(t)
		tt.change(&s, &c)
		d := mustApply(t, s, opaque(100), c)
		if d.Answer.Reason != tt.want || (d.State.Phase == Asking) != (tt.want == payment.ReasonNone) {
			t.Errorf("%s: %v, %+v", name, d.State.Phase, d.Answer)
		}
	}
}

// TestIntent: what is asked is written down, without the code, before anybody is asked.
func TestIntent(t *testing.T) {
	s, _ := asked(t)
	c := onlineLane(t)
	d := mustApply(t, opened(1_000), opaque(100), c)
	f, ok := d.Drafts[0].Fact.(*payment.Asked)
	if !ok || len(d.Drafts) != 1 {
		t.Fatalf("%v", kinds(d.Drafts))
	}
	if f.Amount != jpy(1_000) || f.Wallet != "paypay" || f.Ref != id(100).String()+"00" || f.NotAfter != c.Now.Time.Add(AskValid).UnixMilli() ||
		d.Drafts[0].Payment != id(100) || d.Drafts[0].Evidence != nil || d.Drafts[0].Body != nil {
		t.Errorf("%+v of %+v", f, d.Drafts[0])
	}
	if s.Attempt.Ref != f.Ref || len(s.Attempt.Ref) != 28 {
		t.Errorf("%+v", s.Attempt)
	}
}

// TestHQsWord: each outcome, and each of HQ's short codes, where it leads.
func TestHQsWord(t *testing.T) {
	at := noon.Add(2 * time.Second)
	for name, tt := range map[string]struct {
		word   Heard
		phase  Phase
		answer Kind
		drafts []payment.Kind
	}{
		"paid":     {Heard{Outcome: payment.Paid, Transaction: "04123", At: at}, Paid, Approved, []payment.Kind{payment.KindAuthorised}},
		"not paid": {Heard{Outcome: payment.NotPaid, Why: "no_funds", At: at}, Refused, NotTaken, []payment.Kind{payment.KindDeclined}},
		"pending":  {Heard{Outcome: payment.Pending, At: at}, Pending, Waits, nil},
		"unknown":  {Heard{Outcome: payment.Unknown, At: at}, Asking, Waits, nil},
	} {
		s, c := asked(t)
		tt.word.Ref = s.Attempt.Ref
		d := mustApply(t, s, tt.word, c)
		if d.State.Phase != tt.phase || d.Answer.Kind != tt.answer || !slices.Equal(kinds(d.Drafts), tt.drafts) {
			t.Errorf("%s: %v, %v, %v", name, d.State.Phase, d.Answer.Kind, kinds(d.Drafts))
		}
		if name == "paid" {
			if f := d.Drafts[0].Fact.(*payment.Authorised); *f != (payment.Authorised{Amount: jpy(1_000), Wallet: "paypay", Ref: s.Attempt.Ref, Transaction: "04123", At: at.UnixMilli()}) {
				t.Errorf("%+v", f)
			}
		}
		other := tt.word
		other.Ref = id(77).AttemptRef(0)
		if d := mustApply(t, s, other, c); d.State.Phase != Asking || d.Drafts != nil {
			t.Errorf("%s, of an attempt that nobody knows: %v, %v", name, d.State.Phase, kinds(d.Drafts))
		}
	}
	for why, want := range whys {
		s, c := asked(t)
		d := mustApply(t, s, Heard{Ref: s.Attempt.Ref, Outcome: payment.NotPaid, Why: why}, c)
		if d.Answer.Reason != want || d.Answer.Advice != AdviceFor(want) {
			t.Errorf("%q: %+v", why, d.Answer)
		}
	}
	if ReasonOf("of a later release") != payment.OperatorDeclined || ReasonOf("") != payment.OperatorDeclined {
		t.Error("an unknown code")
	}
	s, c := asked(t)
	if _, err := Apply(s, Heard{Ref: s.Attempt.Ref}, c); err == nil {
		t.Error("a word without an outcome was taken")
	}
}

// TestPaidWaitsForTheJournal: PAID is not shown while the journal can't keep it.
func TestPaidWaitsForTheJournal(t *testing.T) {
	s, c := asked(t)
	c.Stopped = true
	if _, err := Apply(s, Heard{Ref: s.Attempt.Ref, Outcome: payment.Paid}, c); payment.CodeOf(err) != payment.Retry {
		t.Errorf("%v", err)
	}
	if _, err := Apply(s, GiveUp{Ref: s.Attempt.Ref}, c); payment.CodeOf(err) != payment.Retry {
		t.Errorf("%v", err)
	}
}

// TestWhileAsked: nobody opens, cancels, completes or pays a sale whose outcome is not known, and the day waits for it.
func TestWhileAsked(t *testing.T) {
	s, c := asked(t)
	for name, e := range map[string]Event{"open": OpenSale{Sale: sale(2, 500)}, "cancel": Cancel{Sale: s.Sale.ID}, "complete": Complete{Sale: s.Sale.ID}} {
		if _, err := Apply(s, e, c); !errors.Is(err, ErrPhase) || payment.CodeOf(err) != payment.Conflict {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, e := range []Scan{opaque(100), opaque(101), goodScan()} {
		if d := mustApply(t, s, e, c); d.Answer.Kind != UnderWay || d.Drafts != nil || d.State.Phase != Asking {
			t.Errorf("%+v", d.Answer)
		}
	}
	c.Now.Time = c.Now.Time.Add(48 * time.Hour)
	if RollDue(s, c) {
		t.Error("the date rolls under an attempt")
	}
}

// TestSilence: after AskFor the screen says that it is not known; after WaitFor the attempt is given up, present or parked.
func TestSilence(t *testing.T) {
	s, c := asked(t)
	if e := AttemptDue(s, c); e != nil {
		t.Errorf("at once: %+v", e)
	}
	c.Now.Boot += AskFor
	e, ok := AttemptDue(s, c).(Late)
	if !ok {
		t.Fatalf("%+v", AttemptDue(s, c))
	}
	s = mustApply(t, s, e, c).State
	if s.Phase != Unknown || AttemptDue(s, c) != nil {
		t.Fatalf("%v", s.Phase)
	}
	parked := mustApply(t, s, Park{Sale: s.Sale.ID}, c).State
	c.Now.Boot += WaitFor
	for name, s := range map[string]State{"present": s, "parked": parked} {
		g, ok := AttemptDue(s, c).(GiveUp)
		if !ok || g.Cause != payment.WaivedSilent {
			t.Fatalf("%s: %+v", name, AttemptDue(s, c))
		}
		d := mustApply(t, s, g, c)
		if d.Drafts[0].Fact.Kind() != payment.KindReversed || AttemptDue(d.State, c) != nil {
			t.Errorf("%s: %v", name, kinds(d.Drafts))
		}
	}
}

// TestGiveUp: the sale waits for another code, and that is another payment.
func TestGiveUp(t *testing.T) {
	s, c := asked(t)
	d := mustApply(t, s, GiveUp{Ref: s.Attempt.Ref, Cause: payment.WaivedByCashier}, c)
	if d.State.Phase != Refused || d.Answer.Reason != payment.TakenBack || !slices.Equal(kinds(d.Drafts), []payment.Kind{payment.KindReversed}) {
		t.Fatalf("%v, %+v, %v", d.State.Phase, d.Answer, kinds(d.Drafts))
	}
	late := mustApply(t, d.State, Heard{Ref: s.Attempt.Ref, Outcome: payment.Paid}, c)
	if late.State.Phase != Refused || late.Drafts != nil {
		t.Errorf("paid after it was given up: %v, %v", late.State.Phase, kinds(late.Drafts))
	}
	again := mustApply(t, d.State, opaque(101), c)
	if again.State.Attempt.Ref != id(101).AttemptRef(0) {
		t.Errorf("%+v", again.State.Attempt)
	}
}

// TestNextAttempt: what was declined is tried again under its own identifier, and a code that paid twice in a row is told.
func TestNextAttempt(t *testing.T) {
	s, c := asked(t)
	s = mustApply(t, s, Heard{Ref: s.Attempt.Ref, Outcome: payment.NotPaid, Why: "code_expired"}, c).State
	s = mustApply(t, s, opaque(101), c).State
	if s.Attempt.Ref != id(100).AttemptRef(1) || s.Attempt.Payment != id(100) {
		t.Fatalf("%+v", s.Attempt)
	}
	s = mustApply(t, s, Heard{Ref: s.Attempt.Ref, Outcome: payment.Paid}, c).State
	if d := mustApply(t, s, opaque(101), c); d.Answer.Kind != Again || d.Answer.Outcome != payment.Paid {
		t.Errorf("the same code: %+v", d.Answer)
	}
	if d := mustApply(t, s, opaque(102), c); d.Answer.Kind != Surplus {
		t.Errorf("another code: %+v", d.Answer)
	}
}

// TestPark: the next customer is served, and the sale ends by HQ's word.
func TestPark(t *testing.T) {
	s, c := asked(t)
	ref := s.Attempt.Ref
	if _, err := Apply(opened(1), Park{Sale: id(1)}, c); !errors.Is(err, ErrPhase) {
		t.Errorf("a sale that nobody asked about: %v", err)
	}
	s = mustApply(t, s, Park{Sale: s.Sale.ID}, c).State
	if s.Phase != Idle || len(s.Parked) != 1 {
		t.Fatalf("%v, %+v", s.Phase, s.Parked)
	}
	s = mustApply(t, s, OpenSale{Sale: sale(2, 500)}, c).State
	if _, err := Apply(s, Dismiss{Ref: ref}, c); payment.CodeOf(err) != payment.Conflict {
		t.Errorf("taken off before it is known: %v", err)
	}
	paid := mustApply(t, s, Heard{Ref: ref, Outcome: payment.Paid, Transaction: "1"}, c)
	if paid.State.Phase != Open || paid.Answer.Kind != Told || !slices.Equal(kinds(paid.Drafts), []payment.Kind{payment.KindAuthorised}) || paid.Drafts[0].Sale != id(1) {
		t.Errorf("%v, %+v, %v", paid.State.Phase, paid.Answer, paid.Drafts)
	}
	if s.Parked[0].Outcome != payment.NoOutcome {
		t.Error("the state that was given has changed")
	}
	done := mustApply(t, paid.State, Dismiss{Ref: ref}, c)
	if len(done.State.Parked) != 0 || !slices.Equal(kinds(done.Drafts), []payment.Kind{payment.KindSaleCompleted}) {
		t.Errorf("%+v, %v", done.State.Parked, kinds(done.Drafts))
	}
	if d := mustApply(t, paid.State, Dismiss{Ref: ref, FromPOS: true}, c); d.Drafts != nil {
		t.Errorf("its POS completes it: %v", kinds(d.Drafts))
	}
	no := mustApply(t, s, Heard{Ref: ref, Outcome: payment.NotPaid, Why: "no_funds"}, c)
	if !slices.Equal(kinds(no.Drafts), []payment.Kind{payment.KindDeclined, payment.KindSaleCancelled}) || no.State.Parked[0].Why != payment.NoFunds {
		t.Errorf("%v, %+v", kinds(no.Drafts), no.State.Parked)
	}
}

// TestSamePurchase: the same amount at the same lane within a minute is asked about, once.
func TestSamePurchase(t *testing.T) {
	s, c := asked(t)
	parked := mustApply(t, s, Park{Sale: s.Sale.ID}, c).State
	waived := mustApply(t, s, GiveUp{Ref: s.Attempt.Ref, Cause: payment.WaivedByCashier}, c).State
	waived = mustApply(t, waived, Cancel{Sale: s.Sale.ID}, c).State
	for name, s := range map[string]State{"parked": parked, "given up": waived} {
		for _, e := range []Scan{opaque(102), goodScan()} {
			open := mustApply(t, s, OpenSale{Sale: sale(2, 1_000)}, c).State
			if d := mustApply(t, open, e, c); d.Answer.Kind != SamePurchase || d.Answer.Sale != id(1) || d.Drafts != nil || !d.State.Phase.Waiting() {
				t.Errorf("%s: %+v, %v", name, d.Answer, kinds(d.Drafts))
			}
			yes := mustApply(t, open, Another{}, c).State
			if d := mustApply(t, yes, e, c); d.Answer.Kind != Asked && d.Answer.Kind != Approved {
				t.Errorf("%s, another purchase: %+v", name, d.Answer)
			}
			later := c
			later.Now.Boot += SameFor
			if d := mustApply(t, open, e, later); d.Answer.Kind == SamePurchase {
				t.Errorf("%s: a minute later", name)
			}
			less := mustApply(t, s, OpenSale{Sale: sale(2, 999)}, c).State
			if d := mustApply(t, less, e, c); d.Answer.Kind == SamePurchase {
				t.Errorf("%s: another amount", name)
			}
		}
	}
}

// TestAttempts: whatever HQ says in whatever order, and whatever the cashier does meanwhile, an attempt ends once, what is
// shown as paid was written as authorised, no sale is paid twice or cancelled over an open attempt, and nothing stays open
// for ever.
func TestAttempts(t *testing.T) {
	base := onlineLane(t)
	for range 5 {
		rapid.Check(t, func(t *rapid.T) { attemptsStory(t, base) })
	}
}

func attemptsStory(t *rapid.T, c Context) {
	m := &model{state: State{Day: today, Opened: noon}}
	var refs []string
	say := func(t *rapid.T) {
		if len(refs) == 0 {
			t.Skip("nobody was asked")
		}
		e := Heard{Ref: rapid.SampledFrom(refs).Draw(t, "ref"), At: c.Now.Time,
			Outcome: rapid.SampledFrom([]payment.Outcome{payment.Paid, payment.NotPaid, payment.Pending, payment.Unknown}).Draw(t, "outcome")}
		before := m.state
		d := apply(t, m, e, c)
		if d.Answer.Kind == Approved && (before.Attempt.Ref != e.Ref || !slices.Contains(kinds(d.Drafts), payment.KindAuthorised)) {
			t.Fatalf("%+v was shown as paid, with %v", e, kinds(d.Drafts))
		}
	}
	due := func() {
		for e := AttemptDue(m.state, c); e != nil; e = AttemptDue(m.state, c) {
			apply(t, m, e, c)
		}
	}
	t.Repeat(map[string]func(*rapid.T){
		"": func(t *rapid.T) { checkAttempts(t, m) },
		"pay": func(t *rapid.T) {
			if m.state.Phase.Asked() {
				t.Skip("HQ is asked")
			}
			m.sale(t, c)
			e := opaque(0)
			e.Payment, e.Hash = m.id(), []byte{byte(m.next)}
			d := apply(t, m, e, c)
			if d.Answer.Kind == SamePurchase {
				apply(t, m, Another{}, c)
				d = apply(t, m, e, c)
			}
			if d.Answer.Kind == Asked {
				refs = append(refs, m.state.Attempt.Ref)
			}
		},
		"say": say, "say more": say,
		"park":   func(*rapid.T) { m.attempt(Park{Sale: m.state.Sale.ID}, c) },
		"cancel": func(*rapid.T) { m.attempt(Cancel{Sale: m.state.Sale.ID}, c) },
		"give up": func(t *rapid.T) {
			if len(refs) > 0 {
				m.attempt(GiveUp{Ref: rapid.SampledFrom(refs).Draw(t, "ref"), Cause: payment.WaivedByCashier}, c)
			}
		},
		"dismiss": func(t *rapid.T) {
			if len(m.state.Parked) > 0 {
				m.attempt(Dismiss{Ref: rapid.SampledFrom(m.state.Parked).Draw(t, "parked").Ref, FromPOS: rapid.Bool().Draw(t, "of the POS")}, c)
			}
		},
		"line": func(t *rapid.T) { c.Online = rapid.Bool().Draw(t, "online") },
		"time": func(t *rapid.T) {
			c.Now.Boot += time.Duration(rapid.IntRange(0, 400).Draw(t, "s")) * time.Second
			due()
		},
	})
	c.Now.Boot += WaitFor
	due()
	if m.state.Phase.Asked() || slices.ContainsFunc(m.state.Parked, func(p Parked) bool { return !p.Settled() }) {
		t.Fatalf("something is open for ever: %v, %+v", m.state.Phase, m.state.Parked)
	}
	checkAttempts(t, m)
}

func checkAttempts(t *rapid.T, m *model) {
	open, ended, paid := map[string]payment.ID{}, map[string]bool{}, map[payment.ID]bool{}
	end := func(ref string, d Draft) {
		if open[ref] != d.Sale || ended[ref] {
			t.Fatalf("attempt %s of sale %s ended twice, or was never asked", ref, d.Sale)
		}
		delete(open, ref)
		ended[ref] = true
	}
	for _, d := range m.entries {
		switch f := d.Fact.(type) {
		case *payment.Asked:
			if open[f.Ref] != (payment.ID{}) || ended[f.Ref] || paid[d.Sale] {
				t.Fatalf("attempt %s twice, or sale %s is paid", f.Ref, d.Sale)
			}
			open[f.Ref] = d.Sale
		case *payment.Authorised:
			end(f.Ref, d)
			if paid[d.Sale] {
				t.Fatalf("sale %s is paid twice", d.Sale)
			}
			paid[d.Sale] = true
		case *payment.Declined:
			end(f.Ref, d)
		case *payment.Reversed:
			end(f.Ref, d)
		case *payment.SaleCancelled:
			for ref, sale := range open {
				if sale == d.Sale {
					t.Fatalf("sale %s was cancelled over attempt %s", sale, ref)
				}
			}
			if paid[d.Sale] {
				t.Fatalf("sale %s was cancelled and is paid", d.Sale)
			}
		}
	}
	if s := m.state; s.Phase == Paid && !paid[s.Sale.ID] {
		t.Fatalf("sale %s shows as paid", s.Sale.ID)
	}
}
