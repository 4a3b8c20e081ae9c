package checkout

import (
	"testing"

	"pgregory.net/rapid"

	"tilld/agent/paycode"
	"tilld/agent/payment"
	"tilld/agent/policy"
)

// card is a scan of a loyalty number.
func card(programme string, hash byte) Scan {
	return Scan{Payment: id(90), Hash: []byte{hash}, HashKey: 3, Read: Read{
		Kind: paycode.Loyalty, Reason: payment.NotPaymentCode, Programme: programme, Text: Secret("7600123456789012"),
	}}
}

// pointsLane is a lane whose policy has two programmes.
func pointsLane(t testing.TB) Context {
	d := document()
	d.Features = []string{policy.Points, policy.Training, policy.Online}
	d.Programmes = []policy.Programme{{Name: "nanaco", Points: 1, Per: 200}, {Name: "vpoint", Points: 1, Per: 200}}
	return lane(t, d)
}

// selling is a sale in a phase, of which 900 yen earn points.
func selling(p Phase) State {
	s := opened(1_000)
	s.Phase, s.Sale.Eligible.Points = p, 900
	switch p {
	case Paid, Completed:
		s.Last = Taken{Payment: id(50), Sale: s.Sale.ID}
	case Asking, Pending, Unknown:
		s.Attempt = Attempt{Payment: id(50), Ref: id(50).AttemptRef(0), Amount: jpy(1_000)}
	}
	return s
}

func TestMemberIsAttachedWhileTheSaleIsOnTheScreen(t *testing.T) {
	for p := Idle; p <= Unknown; p++ {
		for _, cleared := range []bool{false, true} {
			e := card("nanaco", 1)
			e.Cleared = cleared
			s := selling(p)
			if p == Idle {
				s.Sale = payment.Sale{}
			}
			d := mustApply(t, s, e, pointsLane(t))
			want := p.Waiting() || p.Asked() || p == Paid && !cleared
			if got := d.Answer.Kind == Noted; got != want || got != (len(d.Drafts) == 1) || got != (len(d.State.Members) == 1) || d.State.Phase != p {
				t.Errorf("%s, cleared %v: %v, %v", p, cleared, d.Answer.Kind, kinds(d.Drafts))
			}
			if !want {
				if d.Answer.Kind != ForPOS {
					t.Errorf("%s: %v", p, d.Answer.Kind)
				}
				continue
			}
			f := d.Drafts[0].Fact.(*payment.Member)
			if f.Programme != "nanaco" || string(f.Number) != "\x01" || f.HashKey != 3 || f.Eligible != 900 || f.Currency != "JPY" ||
				d.Drafts[0].Sale != s.Sale.ID || string(d.Drafts[0].Evidence) != "7600123456789012" || d.Drafts[0].Policy != 1 {
				t.Errorf("%s: %+v of %+v", p, f, d.Drafts[0])
			}
			if of := d.Drafts[0].Payment; (of == id(50)) != (p == Paid) {
				t.Errorf("%s: of payment %s", p, of)
			}
		}
	}
}

func TestMemberIsThePOSs(t *testing.T) {
	for name, change := range map[string]func(*State, *Scan, *Context){
		"no leave":              func(_ *State, _ *Scan, c *Context) { c.Bundle = believing(t, document()) },
		"no policy":             func(_ *State, _ *Scan, c *Context) { c.Bundle = believing(t, nil) },
		"another programme":     func(_ *State, e *Scan, _ *Context) { e.Read.Programme = "dpoint" },
		"no number":             func(_ *State, e *Scan, _ *Context) { e.Read.Programme = "" },
		"nothing earns points":  func(s *State, _ *Scan, _ *Context) { s.Sale.Eligible.Points = 0 },
		"the journal":           func(_ *State, _ *Scan, c *Context) { c.Stopped = true },
		"of another currency":   func(s *State, _ *Scan, _ *Context) { s.Sale.Total.Currency = "TWD" },
		"nobody to seal it for": func(_ *State, _ *Scan, c *Context) { c.Now.Time = noon.AddDate(3, 0, 0) },
	} {
		s, e, c := selling(Open), card("nanaco", 1), pointsLane(t)
		change(&s, &e, &c)
		d := mustApply(t, s, e, c)
		if d.Answer.Kind != ForPOS || len(d.Drafts) != 0 || len(d.State.Members) != 0 {
			t.Errorf("%s: %v, %v", name, d.Answer.Kind, kinds(d.Drafts))
		}
	}
}

// TestMemberOnce: the same card again changes nothing, another one of the programme is not attached, one of another
// programme is; the next sale begins with none, and so does whoever comes behind a sale that was put aside.
func TestMemberOnce(t *testing.T) {
	c := pointsLane(t)
	d := mustApply(t, selling(Open), card("nanaco", 1), c)
	for _, tt := range []struct {
		e      Scan
		answer Kind
		drafts int
	}{{card("nanaco", 1), Noted, 0}, {card("nanaco", 2), OtherMember, 0}, {card("vpoint", 2), Noted, 1}} {
		next := mustApply(t, d.State, tt.e, c)
		if next.Answer.Kind != tt.answer || next.Answer.Programme != tt.e.Read.Programme || len(next.Drafts) != tt.drafts {
			t.Errorf("%s %v: %v, %v", tt.e.Read.Programme, tt.e.Hash, next.Answer.Kind, kinds(next.Drafts))
		}
	}
	paid := mustApply(t, d.State, goodScan(), c)
	if paid.State.Phase != Paid || len(paid.State.Members) != 1 {
		t.Fatalf("%v, %v", paid.State.Phase, paid.State.Members)
	}
	if next := mustApply(t, paid.State, OpenSale{Sale: sale(2, 500)}, c); len(next.State.Members) != 0 {
		t.Errorf("the next sale has %v", next.State.Members)
	}
	asking := selling(Asking)
	asking.Members = d.State.Members
	if next := mustApply(t, asking, Park{Sale: asking.Sale.ID}, c); len(next.State.Members) != 0 {
		t.Errorf("behind a parked sale there is %v", next.State.Members)
	}
}

// TestMemberNeverPays: whatever is scanned in whatever phase, a loyalty number changes nothing of the sale but its members,
// and moves no money.
func TestMemberNeverPays(t *testing.T) {
	c := pointsLane(t)
	rapid.Check(t, func(t *rapid.T) {
		s := selling(Phase(rapid.IntRange(int(Idle), int(Unknown)).Draw(t, "phase")))
		s.Sale.Training = rapid.Bool().Draw(t, "training")
		e := card(rapid.SampledFrom([]string{"", "nanaco", "vpoint", "dpoint"}).Draw(t, "programme"), rapid.Byte().Draw(t, "number"))
		e.Cleared = rapid.Bool().Draw(t, "cleared")
		d, err := Apply(s, e, c)
		if err != nil {
			t.Fatal(err)
		}
		if d.State.Phase != s.Phase || d.State.Last != s.Last || d.State.Attempt != s.Attempt || d.Answer.Outcome != payment.NoOutcome {
			t.Fatalf("%v: %+v, %+v", s.Phase, d.State, d.Answer)
		}
		for _, draft := range d.Drafts {
			if draft.Fact.Kind() != payment.KindMember || draft.Training != s.Sale.Training {
				t.Fatalf("%v wrote %v", s.Phase, kinds(d.Drafts))
			}
		}
	})
}
