package lane

import (
	"testing"
	"time"

	"tilld/agent/checkout"
	"tilld/agent/payment"
	"tilld/agent/policy"
)

// TestTimeLeftAfterARestart: what the manager is told agrees with what the lane takes.
func TestTimeLeftAfterARestart(t *testing.T) {
	r := newRig(t, nil)
	r.stop()
	r.pass(10 * time.Minute)
	r.bootID, r.booted = "boot-2", r.time().Add(-time.Minute)
	r.open()
	v := r.lane.View()
	if v.Tier != policy.TierRestart || v.Blocked != payment.ReasonNone {
		t.Fatalf("after a restart: %v, %v", v.Tier, v.Blocked)
	}
	whole := r.lane.Bundle().Policy().Tiers.RestartFor.Duration()
	if v.FullLeft != 0 || v.SmallLeft <= whole-time.Hour || v.SmallLeft > whole-10*time.Minute {
		t.Errorf("of %v are left %v in full and %v for small amounts", whole, v.FullLeft, v.SmallLeft)
	}
}

// TestMostForOnePayment: the page refuses what the rules would, and nothing else.
func TestMostForOnePayment(t *testing.T) {
	r := newRig(t, func(d *policy.Document) { d.Caps.Payment, d.Caps.Small = 5000, 2000 })
	for _, tt := range []struct {
		pass time.Duration
		most int64
	}{{0, 5000}, {r.doc.Tiers.FullFor.Duration() + time.Minute, 2000}, {r.doc.Tiers.SmallFor.Duration(), 5000}} {
		r.pass(tt.pass)
		r.sale(tt.most) // the view is made anew
		p := r.phone(1)
		v := r.scan(p.code())
		if v.Most != tt.most || (v.Phase == checkout.Paid) != (v.Tier != policy.TierNone) {
			t.Errorf("in tier %v: %d at most, want %d; a sale of that is %v: %v", v.Tier, v.Most, tt.most, v.Phase, v.Answer.Reason)
		}
		if v.Tier == policy.TierNone {
			break // the page says that no wallet works
		}
		r.ok(r.lane.Next(t.Context()))
		r.sale(tt.most + 1)
		if v = r.scan(p.code()); v.Answer.Reason != payment.OverPaymentCap {
			t.Errorf("in tier %v one more is %v: %v", v.Tier, v.Phase, v.Answer.Reason)
		}
		_, err := r.lane.CancelSale(t.Context(), payment.ID{})
		r.ok(err)
	}
}
