package checkout

import (
	"errors"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/agent/policy"
)

// refundLane is a lane whose policy lets it give back through HQ, which answers.
func refundLane(t testing.TB, edit func(*policy.Document)) Context {
	d := document()
	d.Features = []string{policy.Refund}
	if edit != nil {
		edit(d)
	}
	c := lane(t, d)
	c.Online = true
	return c
}

// back is a wish to give 1000 yen back that HQ has, and the record of it.
func back(s *State) GiveBack {
	return GiveBack{ID: id(90), Payment: id(9), Supervisor: "Abe", Acked: 20,
		Found: &Record{Payment: id(9), Sale: id(8), Amount: jpy(1_000), Wallet: "paypay", Date: s.Day, Seq: 20, ThisEpoch: true}}
}

// TestGiveBack: what becomes of a wish to give money back.
func TestGiveBack(t *testing.T) {
	none := payment.Money{}
	for name, tt := range map[string]struct {
		edit func(*State, *GiveBack, *Context)
		want payment.Kind // 0: refused
		code payment.Code
		back payment.Money
	}{
		"HQ has it":                   {func(*State, *GiveBack, *Context) {}, payment.KindRefundAsked, "", jpy(1_000)},
		"a part":                      {func(_ *State, e *GiveBack, _ *Context) { e.Amount = jpy(1) }, payment.KindRefundAsked, "", jpy(1)},
		"the rest":                    {func(_ *State, e *GiveBack, _ *Context) { e.Given = 400 }, payment.KindRefundAsked, "", jpy(600)},
		"of another day":              {func(_ *State, e *GiveBack, _ *Context) { e.Found.Date-- }, payment.KindRefundAsked, "", jpy(1_000)},
		"of another lane":             {func(_ *State, e *GiveBack, _ *Context) { e.Found, e.Amount = nil, jpy(5) }, payment.KindRefundAsked, "", jpy(5)},
		"of an earlier journal":       {func(_ *State, e *GiveBack, _ *Context) { e.Found.ThisEpoch, e.Acked = false, 0 }, payment.KindRefundAsked, "", jpy(1_000)},
		"HQ has not got it":           {func(_ *State, e *GiveBack, _ *Context) { e.Acked = 19 }, payment.KindVoided, "", none},
		"and is away":                 {func(_ *State, e *GiveBack, c *Context) { e.Acked, c.Online = 19, false }, payment.KindVoided, "", none},
		"practice that HQ hasn't got": {func(_ *State, e *GiveBack, _ *Context) { e.Acked, e.Found.Training = 19, true }, payment.KindVoided, "", none},
		"a part HQ hasn't got":        {func(_ *State, e *GiveBack, _ *Context) { e.Acked, e.Amount = 19, jpy(1) }, 0, payment.Retry, none},
		"the rest HQ hasn't got":      {func(_ *State, e *GiveBack, _ *Context) { e.Acked, e.Given = 19, 1 }, 0, payment.Retry, none},
		"yesterday's HQ hasn't got":   {func(s *State, e *GiveBack, _ *Context) { e.Acked, e.Found.Date = 19, s.Day-1 }, 0, payment.Retry, none},
		"nobody for what HQ lacks":    {func(_ *State, e *GiveBack, _ *Context) { e.Acked, e.Supervisor = 19, "" }, 0, payment.Forbidden, none},
		"HQ away":                     {func(_ *State, _ *GiveBack, c *Context) { c.Online = false }, 0, payment.Retry, none},
		"switched off":                {func(_ *State, _ *GiveBack, c *Context) { c.Bundle = believing(t, document()) }, 0, payment.NotAllowed, none},
		"practice":                    {func(_ *State, e *GiveBack, _ *Context) { e.Found.Training = true }, 0, payment.NotAllowed, none},
		"voided":                      {func(_ *State, e *GiveBack, _ *Context) { e.Found.Voided = true }, 0, payment.Conflict, none},
		"too much":                    {func(_ *State, e *GiveBack, _ *Context) { e.Amount = jpy(1_001) }, 0, payment.Conflict, none},
		"more than is left":           {func(_ *State, e *GiveBack, _ *Context) { e.Given, e.Amount = 400, jpy(601) }, 0, payment.Conflict, none},
		"nothing left":                {func(_ *State, e *GiveBack, _ *Context) { e.Given = 1_000 }, 0, payment.Conflict, none},
		"another currency":            {func(_ *State, e *GiveBack, _ *Context) { e.Amount = payment.Of(5, "TWD") }, 0, payment.Conflict, none},
		"how much?":                   {func(_ *State, e *GiveBack, _ *Context) { e.Found = nil }, 0, payment.Invalid, none},
		"nobody approved":             {func(_ *State, e *GiveBack, _ *Context) { e.Supervisor = " " }, 0, payment.Forbidden, none},
		"the journal":                 {func(_ *State, _ *GiveBack, c *Context) { c.Stopped = true }, 0, payment.Retry, none},
		"too many":                    {func(s *State, _ *GiveBack, _ *Context) { s.Refunds = make([]Refund, maxRefunds) }, 0, payment.Retry, none},
	} {
		s, c := opened(500), refundLane(t, nil)
		e := back(&s)
		tt.edit(&s, &e, &c)
		d, err := Apply(s, e, c)
		if tt.want == 0 {
			if payment.CodeOf(err) != tt.code || d.Drafts != nil {
				t.Errorf("%s: %v, %v", name, err, kinds(d.Drafts))
			}
			continue
		}
		if err != nil || len(d.Drafts) != 1 || d.Drafts[0].Fact.Kind() != tt.want || d.Drafts[0].Payment != e.Payment {
			t.Fatalf("%s: %v, %v", name, err, kinds(d.Drafts))
		}
		f, ok := d.Drafts[0].Fact.(*payment.RefundAsked)
		if !ok {
			continue
		}
		if f.Amount != tt.back || f.Ref != e.ID.RefundRef() || f.Alone || d.Drafts[0].Body.Supervisor != "Abe" || d.State.Phase != s.Phase || len(d.State.Refunds) != 1 {
			t.Errorf("%s: %+v, %+v", name, f, d.State.Refunds)
		}
	}
}

// TestAlone: what the policy lets a cashier give back without the manager, and no more.
func TestAlone(t *testing.T) {
	for name, tt := range map[string]struct {
		most   int64
		count  uint64
		amount int64
		before uint64
		alone  bool
	}{
		"as a rule": {0, 0, 1, 0, false},
		"up to it":  {500, 3, 500, 2, true},
		"above it":  {500, 3, 501, 0, false},
		"too often": {500, 3, 1, 3, false},
		"no number": {500, 0, 1, 0, false},
		"no amount": {0, 3, 1, 0, false},
	} {
		s := opened(500)
		c := refundLane(t, func(d *policy.Document) { d.RefundAlone, d.RefundAloneCount = tt.most, tt.count })
		e := back(&s)
		e.Supervisor, e.Amount, e.Alone = "", jpy(tt.amount), tt.before
		d, err := Apply(s, e, c)
		if (err == nil) != tt.alone {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && (!d.Drafts[0].Fact.(*payment.RefundAsked).Alone || d.Drafts[0].Body != nil) {
			t.Errorf("%s: %+v", name, d.Drafts[0])
		}
	}
}

// TestHQsWordOfRefunds: each outcome, and each of HQ's short codes, where it leads.
func TestHQsWordOfRefunds(t *testing.T) {
	c := refundLane(t, nil)
	s := opened(500)
	e := back(&s)
	e.Found, e.Amount = nil, jpy(5) // another lane's: HQ says by which wallet
	s = mustApply(t, s, e, c).State
	ref := e.ID.RefundRef()
	done := RefundHeard{Ref: ref, Outcome: payment.Paid, Wallet: "paypay", Transaction: "R-1", At: noon}
	d := mustApply(t, s, done, c)
	if f := d.Drafts[0].Fact.(*payment.Refunded); *f != (payment.Refunded{Amount: jpy(5), Ref: ref, Wallet: "paypay", Transaction: "R-1", At: noon.UnixMilli()}) || d.Drafts[0].Payment != e.Payment {
		t.Errorf("%+v", f)
	}
	if d.State.Refunds[0].Outcome != payment.Paid || len(mustApply(t, d.State, done, c).Drafts) != 0 {
		t.Errorf("%+v", d.State.Refunds)
	}
	if gone := mustApply(t, d.State, DismissRefund{ref}, c).State.Refunds; len(gone) != 0 {
		t.Errorf("still there: %+v", gone)
	}
	nameless := done
	nameless.Wallet = ""
	if _, err := Apply(s, nameless, c); payment.CodeOf(err) != payment.Internal {
		t.Errorf("no wallet: %v", err)
	}
	for why, want := range refundWhys {
		d := mustApply(t, s, RefundHeard{Ref: ref, Outcome: payment.NotPaid, Why: why}, c)
		if r := d.State.Refunds[0]; r.Why != want || AdviceFor(want) == NoAdvice || d.Drafts[0].Fact.(*payment.RefundDeclined).Why != why {
			t.Errorf("%q: %+v", why, r)
		}
	}
	if d := mustApply(t, s, RefundHeard{Ref: ref, Outcome: payment.NotPaid, Why: "of_later"}, c); d.State.Refunds[0].Why != payment.RefundRefused {
		t.Errorf("%+v", d.State.Refunds)
	}
	stopped := c
	stopped.Stopped = true
	if _, err := Apply(s, done, stopped); err == nil {
		t.Error("HQ's word was taken without a journal")
	}
}

// TestRefundUnknown: what HQ has not said in time goes on unseen, and comes back when it is declined.
func TestRefundUnknown(t *testing.T) {
	c := refundLane(t, nil)
	s := opened(500)
	s = mustApply(t, s, back(&s), c).State
	ref := s.Refunds[0].Ref
	if d := mustApply(t, s, RefundHeard{Ref: ref, Outcome: payment.Unknown}, c); d.State.Refunds[0].Outcome != payment.NoOutcome || RefundDue(s, c) != nil {
		t.Errorf("asking ended: %+v", d.State.Refunds)
	}
	if _, err := Apply(s, DismissRefund{ref}, c); payment.CodeOf(err) != payment.Conflict {
		t.Errorf("dismissed while it is asked: %v", err)
	}
	c.Now.Boot += AskFor
	e := RefundDue(s, c)
	if e == nil {
		t.Fatal("it is asked for ever")
	}
	s = mustApply(t, s, e, c).State
	s = mustApply(t, s, DismissRefund{ref}, c).State
	if r := s.Refunds[0]; r.Outcome != payment.Unknown || !r.Seen || RefundDue(s, c) != nil {
		t.Fatalf("%+v", r)
	}
	if d := mustApply(t, s, RefundHeard{Ref: ref, Outcome: payment.Paid, At: noon.Add(time.Hour)}, c); len(d.State.Refunds) != 0 || len(d.Drafts) != 1 {
		t.Errorf("given back behind the screen: %+v", d.State.Refunds)
	}
	d := mustApply(t, s, RefundHeard{Ref: ref, Outcome: payment.NotPaid, Why: "over_payment"}, c)
	if r := d.State.Refunds[0]; r.Seen || r.Why != payment.RefundOver {
		t.Errorf("declined unseen: %+v", r)
	}
	if _, err := Apply(s, RefundHeard{Ref: ref, Outcome: 99}, c); err == nil || errors.Is(err, ErrPhase) {
		t.Errorf("an outcome of the future: %v", err)
	}
}

// TestRefundsNobodySees: a lane without a cashier keeps so many refunds to be seen, and drops none that was declined while
// there are others.
func TestRefundsNobodySees(t *testing.T) {
	s, c := opened(500), refundLane(t, nil)
	for i := range 5 * maxShown {
		e := back(&s)
		e.ID, e.Payment, e.Found, e.Amount = payment.ID{1, byte(i >> 8), byte(i)}, payment.ID{2, byte(i >> 8), byte(i)}, nil, jpy(5)
		d, err := Apply(s, e, c)
		if err != nil {
			t.Fatalf("refund %d: %v", i, err)
		}
		heard := RefundHeard{Ref: e.ID.RefundRef(), Outcome: payment.Paid, Wallet: "paypay", At: noon}
		if i == 3 {
			heard.Outcome = payment.NotPaid
		}
		if d, err = Apply(d.State, heard, c); err != nil {
			t.Fatal(err)
		}
		s = d.State
	}
	if n := len(s.Refunds); n != maxShown || s.Refunds[0].Outcome != payment.NotPaid || s.Refunds[n-1].Payment != (payment.ID{2, byte((5*maxShown - 1) >> 8), byte((5*maxShown - 1) & 255)}) {
		t.Errorf("%d refunds, first %+v", n, s.Refunds[0])
	}
}
