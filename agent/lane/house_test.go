package lane

import (
	"context"
	"testing"
	"time"

	"tilld/agent/checkout"
	"tilld/agent/journal"
	"tilld/agent/payment"
	"tilld/agent/policy"
)

// houseRig is a lane that asks about signed codes too, and whose HQ answers.
func houseRig(t *testing.T) (*rig, *road) {
	t.Helper()
	r := bare(t)
	d := &road{r: r}
	r.asker = d
	r.begin(func(doc *policy.Document) { doc.Features = []string{policy.HouseOnline} })
	r.lane.SetReach(Reach{Up: true})
	return r, d
}

// TestSignedCodeOnline: asked, and paid by HQ's word; the share is not touched, and the code pays nothing more here, with
// HQ away and behind a restart too.
func TestSignedCodeOnline(t *testing.T) {
	r, d := houseRig(t)
	p := r.phone(1)
	s, code := r.sale(700), p.code()
	if v := r.scan(code); v.Phase != checkout.Asking || d.take() != "probe charge" || d.code != code {
		t.Fatalf("%v: %+v, %q", v.Phase, v.Answer, d.code)
	}
	a := r.lane.View().Attempt
	if v := r.says(a.Ref, payment.Paid, ""); v.Phase != checkout.Paid || v.UsedSum != 0 {
		t.Fatalf("%v, %d of the share", v.Phase, v.UsedSum)
	}
	if _, list, err := r.lane.Sale(t.Context(), s.ID); err != nil || len(list) != 1 || list[0].Ref != a.Ref {
		t.Fatalf("%+v, %v", list, err)
	}
	r.lane.SetReach(Reach{})
	r.ok(r.lane.Next(t.Context()))
	for range 2 {
		r.sale(300)
		if v := r.scan(code); v.Phase == checkout.Paid || v.Answer.Kind == checkout.Approved {
			t.Fatalf("one code paid twice: %+v", v.Answer)
		}
		if v := r.scan(p.code()); v.Phase != checkout.Paid {
			t.Fatalf("a fresh code: %+v", v.Answer)
		}
		r.restart()
		r.ok(r.lane.Next(t.Context()))
	}
}

// TestSignedCodeFallsBack: HQ says nothing, so the lane decides; the journal has both in one breath, and the sale is paid
// once, before and behind a restart.
func TestSignedCodeFallsBack(t *testing.T) {
	r, d := houseRig(t)
	s := r.sale(700)
	r.scan(r.phone(1).code())
	a := r.lane.View().Attempt
	d.take()
	r.pass(checkout.IssuerFor + 100*time.Millisecond)
	r.ok(r.lane.do(t.Context(), func(ctx context.Context) error { r.lane.onTick(ctx); return nil }))
	if v := r.lane.View(); v.Phase != checkout.Paid || v.Answer.Kind != checkout.Approved {
		t.Fatalf("%v: %+v", v.Phase, v.Answer)
	}
	if got := d.take(); got != "reverse" || d.last.Ref != a.Ref {
		t.Errorf("%q of %q", got, d.last.Ref)
	}
	check := func() {
		t.Helper()
		sale, list, err := r.lane.Sale(t.Context(), s.ID)
		if err != nil || sale.State != journal.SalePaid || len(list) != 1 || list[0].Ref != "" || list[0].ID != a.Payment {
			t.Fatalf("%+v, %+v, %v", sale, list, err)
		}
		at, ok, err := r.journal.Attempt(t.Context(), a.Ref)
		if err != nil || !ok || at.State != journal.AttemptReversed {
			t.Fatalf("%+v, %v", at, err)
		}
	}
	check()
	if v := r.says(a.Ref, payment.Paid, ""); v.Phase != checkout.Paid || v.UsedSum != 700 {
		t.Errorf("%v, %d of the share", v.Phase, v.UsedSum)
	}
	check()
	r.restart()
	check()
}

// TestRestartOverASignedCode: nobody has the code any more, so the sale is parked like any other.
func TestRestartOverASignedCode(t *testing.T) {
	r, d := houseRig(t)
	s := r.sale(700)
	code := r.phone(1).code()
	r.scan(code)
	a := r.lane.View().Attempt
	r.restart()
	if v := r.lane.View(); len(v.Parked) != 1 || v.Parked[0].Ref != a.Ref {
		t.Fatalf("%+v", v.Parked)
	}
	d.take()
	r.lane.SetReach(Reach{})
	r.sale(300)
	if v := r.scan(code); v.Phase == checkout.Paid {
		t.Errorf("the code of an open attempt paid: %+v", v.Answer)
	}
	r.pass(2 * checkout.AskFor)
	r.says(a.Ref, payment.Paid, "")
	if sale, _, err := r.lane.Sale(t.Context(), s.ID); err != nil || sale.State != journal.SalePaid {
		t.Errorf("%+v, %v", sale, err)
	}
}

// TestIssuerIsNotEnabled: HQ has nobody to ask, and says so; the lane decides.
func TestIssuerIsNotEnabled(t *testing.T) {
	r, _ := houseRig(t)
	s := r.sale(700)
	r.scan(r.phone(1).code())
	a := r.lane.View().Attempt
	if v := r.says(a.Ref, payment.NotPaid, "not_enabled"); v.Phase != checkout.Paid {
		t.Fatalf("%v: %+v", v.Phase, v.Answer)
	}
	if _, list, err := r.lane.Sale(t.Context(), s.ID); err != nil || len(list) != 1 || list[0].Ref != "" {
		t.Errorf("%+v, %v", list, err)
	}
}
