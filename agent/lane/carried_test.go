package lane

import (
	"testing"
	"time"

	"tilld/agent/checkout"
	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/wire"
)

func carrying(d *policy.Document) { d.Features = []string{policy.Carried} }

// vouch gives the lane HQ's paper about its till, as an acknowledgement does.
func (r *rig) vouch(change func(*signed.Till)) {
	r.t.Helper()
	till := signed.Till{Chain: "kita", Terminal: r.id, Key: r.signer.Public(), Store: "0001", Lane: "1", Until: r.time().Add(72 * time.Hour)}
	if change != nil {
		change(&till)
	}
	raw, err := signed.VouchFor(r.policy, till)
	r.ok(err)
	r.lane.Acked(r.t.Context(), &wire.Ack{Till: raw})
}

// pays is what the customer's phone gets of the issuer for what is shown.
func (r *rig) pays(text string, change func(*signed.Approval)) string {
	r.t.Helper()
	o, err := signed.ParseOffer(text)
	r.ok(err)
	r.ok(o.Verify(wire.OneKey(r.policy.Public())))
	a := signed.Approval{Payment: o.Payment, Terminal: o.Till.Terminal, Amount: o.Amount, Account: signed.Account{7}, At: r.time()}
	if change != nil {
		change(&a)
	}
	out, err := signed.Approve(r.issuer, a)
	r.ok(err)
	return out
}

// TestCarried: HQ is away for a day, a code is refused, the sale is shown, and the customer's phone pays it. What is on the
// screen is on the disk: a restart finds it, and the approval pays nothing more.
func TestCarried(t *testing.T) {
	r := newRig(t, carrying)
	r.vouch(nil)
	events := r.lane.LastEvent()
	r.pass(25 * time.Hour)
	sale := r.sale(8_400)
	if v := r.scan(r.phone(1).code()); v.Answer.Reason != payment.OfflineTooLong || !v.CanOffer {
		t.Fatalf("%+v", v.Answer)
	}
	r.ok(r.lane.Offer(t.Context(), payment.ID{}))
	v := r.lane.View()
	if v.Offer == "" || !v.OfferUntil.Equal(r.time().Add(checkout.OfferFor).Truncate(time.Second)) {
		t.Fatalf("shown %q until %v", v.Offer, v.OfferUntil)
	}
	offer, err := signed.ParseOffer(v.Offer)
	r.ok(err)
	if o, ok, err := r.journal.OfferOf(t.Context(), offer.Payment); err != nil || !ok || o.Sale != sale.ID || o.Taken {
		t.Errorf("journalled %+v, %v, %v", o, ok, err)
	}
	shown := v.Offer
	if v := r.scan(r.pays(shown, func(a *signed.Approval) { a.Terminal = payment.ID{9} })); v.Answer.Reason != payment.ApprovalElsewhere {
		t.Errorf("another lane's: %+v", v.Answer)
	}
	if v := r.scan(r.pays(shown, func(a *signed.Approval) { a.Amount.Minor-- })); v.Answer.Reason != payment.ApprovalDiffers {
		t.Errorf("a yen less: %+v", v.Answer)
	}
	forged := r.issuer
	r.issuer = ecSigner(t)
	if v := r.scan(r.pays(shown, nil)); v.Answer.Reason != payment.UnknownIssuer {
		t.Errorf("a stranger's: %+v", v.Answer)
	}
	r.issuer = forged
	approval := r.pays(shown, nil)
	if v := r.scan(approval); v.Phase != checkout.Paid || v.Answer.Outcome != payment.Paid || v.Offer != "" || !v.Carried || v.UsedSum != 0 {
		t.Fatalf("%v %+v", v.Phase, v.Answer)
	}
	if v := r.scan(approval); v.Answer.Kind != checkout.Again {
		t.Errorf("shown twice: %+v", v.Answer)
	}
	r.restart()
	if v := r.lane.View(); v.Phase != checkout.Paid || !v.Carried || v.Answer.Amount.Minor != 8_400 {
		t.Errorf("after a restart: %v %+v", v.Phase, v.Answer)
	}
	r.ok(r.lane.Next(t.Context()))
	if v := r.scan(approval); v.Answer.Kind != checkout.Approved || v.Notice != NoticeUsed && v.Notice != NoticeSpent {
		t.Errorf("with no sale: %+v %q", v.Answer, v.Notice)
	}
	r.sale(8_400)
	if v := r.scan(approval); v.Phase == checkout.Paid {
		t.Errorf("for the next sale: %v %+v", v.Phase, v.Answer)
	}
	r.restart()
	r.sale(8_400)
	if v := r.scan(approval); v.Phase == checkout.Paid {
		t.Errorf("for the next sale, after another restart: %v %+v", v.Phase, v.Answer)
	}
	if events != 0 {
		t.Errorf("%d events before anything", events)
	}
}

// An approval of a sale that was cancelled is known, and the customer is told.
func TestCarriedTooLate(t *testing.T) {
	r := newRig(t, carrying)
	r.vouch(nil)
	r.sale(900)
	r.ok(r.lane.Offer(t.Context(), payment.ID{}))
	approval := r.pays(r.lane.View().Offer, nil)
	if _, err := r.lane.CancelSale(t.Context(), payment.ID{}); err != nil {
		t.Fatal(err)
	}
	if v := r.scan(approval); v.Notice != NoticeReturned || v.Offer != "" {
		t.Errorf("notice %q", v.Notice)
	}
	r.sale(900)
	if v := r.scan(approval); v.Answer.Reason != payment.ApprovalEnded {
		t.Errorf("%+v", v.Answer)
	}
	r.ok(r.lane.Offer(t.Context(), payment.ID{}))
	second := r.pays(r.lane.View().Offer, nil)
	r.pass(checkout.OfferFor)
	if v := r.scan("4901234567894"); v.Offer != "" {
		t.Error("shown for too long")
	}
	if v := r.scan(second); v.Phase != checkout.Paid { // it was paid in the last moment
		t.Errorf("%+v", v.Answer)
	}
}

// Without HQ's own paper about this very till nothing is shown, for no issuer would know whose sale it is.
func TestOfferNeedsPaper(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*signed.Till)
		after  time.Duration
		ok     bool
	}{
		{"its own", nil, 0, true}, {"another terminal's", func(p *signed.Till) { p.Terminal = payment.ID{9} }, 0, false},
		{"of a key of before", func(p *signed.Till) { p.Key = edSigner(t).Public() }, 0, false}, {"ended", nil, 73 * time.Hour, false},
	} {
		r := newRig(t, carrying)
		if r.lane.TillUntil() != 1 {
			t.Errorf("%s: wants %d", tt.name, r.lane.TillUntil())
		}
		r.vouch(tt.change)
		r.restart()
		r.pass(tt.after)
		r.sale(900)
		err := r.lane.Offer(t.Context(), payment.ID{})
		if (err == nil) != tt.ok || err != nil && payment.CodeOf(err) != payment.NotAllowed {
			t.Errorf("%s: %v", tt.name, err)
		}
		if (r.lane.TillUntil() > 1) != (tt.ok || tt.after > 0) {
			t.Errorf("%s: has one until %d", tt.name, r.lane.TillUntil())
		}
	}
	off := newRig(t, nil)
	off.vouch(nil)
	if off.sale(900); off.lane.TillUntil() != 0 || payment.CodeOf(off.lane.Offer(t.Context(), payment.ID{})) != payment.NotAllowed {
		t.Error("the policy has it switched off")
	}
}
