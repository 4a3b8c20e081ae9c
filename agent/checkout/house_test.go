package checkout

import (
	"slices"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/agent/policy"
)

// houseLane is a lane that asks about signed codes too, and whose HQ answers.
func houseLane(t testing.TB) Context {
	d := document()
	d.Features = []string{policy.HouseOnline}
	c := lane(t, d)
	c.Online = true
	return c
}

// houseAsked is a lane that asks about a signed code for 1000 yen.
func houseAsked(t testing.TB) (State, Context) {
	t.Helper()
	c := houseLane(t)
	d := mustApply(t, opened(1_000), goodScan(), c)
	if d.State.Phase != Asking || d.State.Attempt.Offline == nil {
		t.Fatalf("%v: %+v", d.State.Phase, d.Answer)
	}
	return d.State, c
}

// heldBy is what the journal knows of goodScan's code once it was asked about.
func heldBy(s State) Known {
	return Known{Counter: 7, Used: true, By: s.Attempt.Payment}
}

// TestWhoDecidesOnASignedCode: the issuer while it can be asked, the lane else, and nobody what is wrong in itself.
func TestWhoDecidesOnASignedCode(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*State, *Scan, *Context)
		phase  Phase
		why    payment.Reason
	}{
		"all is well":                    {func(*State, *Scan, *Context) {}, Asking, 0},
		"HQ is away":                     {func(_ *State, _ *Scan, c *Context) { c.Online = false }, Paid, 0},
		"the issuer is away":             {func(_ *State, _ *Scan, c *Context) { c.Down = []string{"house"} }, Paid, 0},
		"another operator is away":       {func(_ *State, _ *Scan, c *Context) { c.Down = []string{"paypay"} }, Asking, 0},
		"no leave":                       {func(_ *State, _ *Scan, c *Context) { c.Bundle = believing(t, document()) }, Paid, 0},
		"practice":                       {func(s *State, _ *Scan, _ *Context) { s.Sale.Training = true }, Paid, 0},
		"above the offline cap":          {func(s *State, _ *Scan, _ *Context) { s.Sale = sale(1, 9_000) }, Asking, 0},
		"and HQ away":                    {func(s *State, _ *Scan, c *Context) { s.Sale = sale(1, 9_000); c.Online = false }, Refused, payment.OverPaymentCap},
		"and the issuer away":            {func(s *State, _ *Scan, c *Context) { s.Sale = sale(1, 9_000); c.Down = []string{"house"} }, Asking, 0},
		"the share is used up":           {func(_ *State, e *Scan, _ *Context) { e.Known.Spent.Sum = 100_000 }, Asking, 0},
		"the account's day is":           {func(_ *State, e *Scan, _ *Context) { e.Known.Spent.Account = 10_000 }, Asking, 0},
		"a certificate of a cooling-off": {func(_ *State, e *Scan, _ *Context) { e.Read.Code.NotBefore = noon.Add(time.Hour) }, Asking, 0},
		"of another place, besides": {func(_ *State, e *Scan, _ *Context) {
			e.Read.Code.NotBefore, e.Read.Code.Store = noon.Add(time.Hour), "0002"
		}, Refused, payment.CertificateNotYet},
		"used, besides":              {func(_ *State, e *Scan, _ *Context) { e.Read.Code.NotBefore, e.Known.Used = noon.Add(time.Hour), true }, Refused, payment.CertificateNotYet},
		"used":                       {func(_ *State, e *Scan, _ *Context) { e.Known.Used = true }, Refused, payment.CodeUsed},
		"stale":                      {func(_ *State, e *Scan, _ *Context) { e.Read.Code.Time = noon.Add(-time.Hour) }, Refused, payment.CodeExpired},
		"another place":              {func(_ *State, e *Scan, _ *Context) { e.Read.Code.Store = "0002" }, Refused, payment.OtherPlace},
		"a certificate that is over": {func(_ *State, e *Scan, _ *Context) { e.Read.Code.Expiry = noon }, Refused, payment.CertificateExpired},
		"the clock":                  {func(_ *State, _ *Scan, c *Context) { c.Now.Trusted = false }, Refused, payment.ClockUntrusted},
		"not this wallet":            {func(_ *State, e *Scan, _ *Context) { e.Read.Wallets = []string{"points"} }, Refused, payment.WalletDisabled},
	} {
		s, e, c := opened(1_000), goodScan(), houseLane(t)
		code := *e.Read.Code
		e.Read.Code = &code
		tt.change(&s, &e, &c)
		d := mustApply(t, s, e, c)
		if d.State.Phase != tt.phase || d.Answer.Reason != tt.why {
			t.Errorf("%s: %v, %v", name, d.State.Phase, d.Answer.Reason)
		}
		if d.State.Phase != Asking {
			continue
		}
		f := d.Drafts[0].Fact.(*payment.Asked)
		if len(d.Drafts) != 1 || f.Replay == nil || f.Replay.Counter != 7 || d.Drafts[0].Evidence != nil {
			t.Errorf("%s: %+v", name, d.Drafts)
		}
	}
}

// TestFallBack: nobody answers, so one transaction gives the attempt up and approves the same payment offline.
func TestFallBack(t *testing.T) {
	s, c := houseAsked(t)
	c.Now.Boot += IssuerFor - 1
	if e := AttemptDue(s, c); e != nil {
		t.Fatalf("too soon: %+v", e)
	}
	c.Now.Boot++
	c.Now.Time = c.Now.Time.Add(IssuerFor)
	due, ok := AttemptDue(s, c).(FallBack)
	if !ok || due.Ref != s.Attempt.Ref {
		t.Fatalf("%+v", AttemptDue(s, c))
	}
	due.Known = heldBy(s)
	for _, phase := range []Phase{Asking, Unknown} {
		s.Phase = phase
		d := mustApply(t, s, due, c)
		if !slices.Equal(kinds(d.Drafts), []payment.Kind{payment.KindReversed, payment.KindApproved}) || d.State.Phase != Paid || d.Answer.Kind != Approved {
			t.Fatalf("%v: %v, %+v", d.State.Phase, kinds(d.Drafts), d.Answer)
		}
		r, a := d.Drafts[0].Fact.(*payment.Reversed), d.Drafts[1].Fact.(*payment.Approved)
		if r.Ref != s.Attempt.Ref || r.Cause != payment.WaivedOffline || d.Drafts[0].Payment != s.Attempt.Payment || d.Drafts[1].Payment != s.Attempt.Payment ||
			a.Amount != jpy(1_000) || a.Replay.Counter != 7 || string(d.Drafts[1].Evidence) != "ZY:1 the code" {
			t.Errorf("%+v, %+v", r, a)
		}
		if d.State.Attempt.Ref != "" || AttemptDue(d.State, c) != nil {
			t.Errorf("the attempt is still open: %+v", d.State.Attempt)
		}
		// HQ's word comes too late, whatever it is.
		for _, o := range []payment.Outcome{payment.Paid, payment.NotPaid, payment.Pending, payment.Unknown} {
			if late := mustApply(t, d.State, Heard{Ref: s.Attempt.Ref, Outcome: o}, c); len(late.Drafts) != 0 || late.State.Phase != Paid {
				t.Errorf("%v: %v, %v", o, late.State.Phase, kinds(late.Drafts))
			}
		}
	}
	c.Stopped = true
	if _, err := Apply(s, due, c); err == nil {
		t.Error("with a journal that can't be written to")
	}
}

// TestNoFallBack: where the lane may not decide by itself it goes on asking, as about an opaque code.
func TestNoFallBack(t *testing.T) {
	for name, change := range map[string]func(*State, *Known, *Context){
		"the share is used up":         func(_ *State, k *Known, _ *Context) { k.Spent.Sum = 100_000 },
		"the code is stale by now":     func(_ *State, _ *Known, c *Context) { c.Now.Time = c.Now.Time.Add(time.Hour) },
		"it paid something else":       func(_ *State, k *Known, _ *Context) { k.By = id(77) },
		"a later one came":             func(_ *State, k *Known, _ *Context) { k.Counter = 8 },
		"HQ has revoked this terminal": func(_ *State, _ *Known, c *Context) { c.Revoked = true },
	} {
		s, c := houseAsked(t)
		c.Now.Boot += IssuerFor
		e := FallBack{Ref: s.Attempt.Ref, Known: heldBy(s)}
		change(&s, &e.Known, &c)
		d := mustApply(t, s, e, c)
		if len(d.Drafts) != 0 || d.State.Phase != Asking || d.State.Attempt.Ref != s.Attempt.Ref {
			t.Errorf("%s: %v, %v", name, d.State.Phase, kinds(d.Drafts))
		}
		if _, again := AttemptDue(d.State, c).(FallBack); again {
			t.Errorf("%s: tried again and again", name)
		}
		c.Now.Boot += AskFor
		if _, late := AttemptDue(d.State, c).(Late); !late {
			t.Errorf("%s: the cashier is never told", name)
		}
	}
	s, c := houseAsked(t)
	if d := mustApply(t, s, FallBack{Ref: "another", Known: heldBy(s)}, c); len(d.Drafts) != 0 {
		t.Errorf("of another attempt: %v", kinds(d.Drafts))
	}
}

// TestIssuerSaysNo: what the issuer declines is not taken offline; what it was never asked is.
func TestIssuerSaysNo(t *testing.T) {
	for why, want := range map[string][]payment.Kind{
		"account_stopped": {payment.KindDeclined}, "no_funds": {payment.KindDeclined}, "code_used": {payment.KindDeclined}, "": {payment.KindDeclined},
		"not_enabled": {payment.KindDeclined, payment.KindApproved}, "busy": {payment.KindDeclined, payment.KindApproved},
		"late": {payment.KindDeclined, payment.KindApproved},
	} {
		s, c := houseAsked(t)
		d := mustApply(t, s, Heard{Ref: s.Attempt.Ref, Outcome: payment.NotPaid, Why: why, Known: heldBy(s)}, c)
		if !slices.Equal(kinds(d.Drafts), want) || (d.State.Phase == Paid) != (len(want) == 2) {
			t.Errorf("%q: %v, %v", why, d.State.Phase, kinds(d.Drafts))
		}
		if d.State.Phase == Refused && d.State.Attempt.Offline != nil {
			t.Errorf("%q: it may be taken offline yet", why)
		}
	}
	s, c := houseAsked(t)
	known := heldBy(s)
	known.Spent.Sum = 100_000
	d := mustApply(t, s, Heard{Ref: s.Attempt.Ref, Outcome: payment.NotPaid, Why: "busy", Known: known}, c)
	if !slices.Equal(kinds(d.Drafts), []payment.Kind{payment.KindDeclined}) || d.Answer.Reason != payment.OperatorBusy {
		t.Errorf("%v, %+v", kinds(d.Drafts), d.Answer)
	}
	s, c = houseAsked(t)
	paid := mustApply(t, s, Heard{Ref: s.Attempt.Ref, Outcome: payment.Paid, At: noon}, c)
	if again := mustApply(t, paid.State, goodScan(), c); again.Answer.Kind != Again || again.Answer.Outcome != payment.Paid {
		t.Errorf("the same code again: %+v", again.Answer)
	}
	if parked := mustApply(t, s, Park{Sale: s.Sale.ID}, c); parked.State.Parked[0].Offline != nil {
		t.Error("a parked sale keeps the code")
	}
}
