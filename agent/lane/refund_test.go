package lane

import (
	"slices"
	"testing"

	"tilld/agent/checkout"
	"tilld/agent/journal"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/wire"
)

// refundRig is a lane with an online payment that HQ has acknowledged.
func refundRig(t *testing.T) (*rig, *road, payment.ID) {
	t.Helper()
	r := bare(t)
	d := &road{r: r}
	r.asker = d
	r.begin(func(doc *policy.Document) {
		doc.Features, doc.Wallets, doc.Market = []string{policy.Online, policy.Refund}, []string{"house", "paypay"}, "JP"
	})
	r.lane.SetReach(Reach{Up: true})
	_, a := r.ask(700)
	r.says(a.Ref, payment.Paid, "")
	r.ok(r.lane.Next(t.Context()))
	r.ackAll()
	d.take()
	return r, d, a.Payment
}

// TestGiveBack: the intent is on the disk before HQ is asked, HQ's word ends it, and the day counts it on its own.
func TestGiveBack(t *testing.T) {
	r, d, id := refundRig(t)
	key, err := r.ids.Next()
	r.ok(err)
	wish := GiveBack{ID: key, Payment: id, Amount: payment.Of(300, "JPY"), Supervisor: "Abe"}
	for range 2 { // the same wish again is the same refund
		back, err := r.lane.GiveBack(t.Context(), wish)
		if err != nil || back.Voided || back.Refund.State != journal.RefundAsked || back.Refund.Ref != key.RefundRef() {
			t.Fatalf("%+v, %v", back, err)
		}
	}
	if got := d.take(); got != "refund" || d.last.Ref != key.RefundRef() || d.last.Payment != id || !d.last.NotAfter.IsZero() {
		t.Fatalf("%q: %+v", got, d.last)
	}
	other := wish
	other.Amount.Minor++
	if _, err := r.lane.GiveBack(t.Context(), other); payment.CodeOf(err) != payment.Conflict {
		t.Errorf("another wish under the same name: %v", err)
	}
	if v := r.lane.View(); len(v.Refunds) != 1 || v.Refunds[0].Outcome != payment.NoOutcome {
		t.Errorf("%+v", v.Refunds)
	}
	r.says(key.RefundRef(), payment.Paid, "")
	if v := r.lane.View(); len(v.Refunds) != 1 || v.Refunds[0].Outcome != payment.Paid || d.take() != "forget" {
		t.Errorf("%+v", v.Refunds)
	}
	if _, err := r.lane.GiveBack(t.Context(), GiveBack{Payment: id, Amount: payment.Of(401, "JPY"), Supervisor: "Abe"}); payment.CodeOf(err) != payment.Conflict {
		t.Errorf("more than is left: %v", err)
	}
	rest, err := r.lane.GiveBack(t.Context(), GiveBack{Payment: id, Supervisor: "Abe"})
	if err != nil || rest.Refund.Amount.Minor != 400 {
		t.Fatalf("%+v, %v", rest, err)
	}
	r.says(rest.Refund.Ref, payment.NotPaid, "too_late_back")
	day, err := r.journal.Day(t.Context(), r.lane.View().Day)
	if err != nil || len(day.Refunds) != 1 || day.Refunds[0] != (payment.RefundTotal{Wallet: "paypay", Currency: "JPY", Count: 1, Sum: 300}) {
		t.Errorf("%+v, %v", day.Refunds, err)
	}
	if day.Totals[0].Sum != 700 || day.Totals[0].VoidSum != 0 {
		t.Errorf("%+v", day.Totals)
	}
	want := []EventKind{RefundAsked, PaymentRefunded, RefundAsked, RefundDeclined}
	if got := r.kinds(); !slices.Equal(got[len(got)-4:], want) {
		t.Errorf("events %v", got)
	}
}

// TestRefundOverRestart: an open refund is asked again under the same reference, and another lane's payment needs HQ to say
// by which wallet it was.
func TestRefundOverRestart(t *testing.T) {
	r, d, _ := refundRig(t)
	theirs, err := r.ids.Next()
	r.ok(err)
	back, err := r.lane.GiveBack(t.Context(), GiveBack{Payment: theirs, Amount: payment.Of(50, "JPY"), Supervisor: "Abe"})
	r.ok(err)
	d.take()
	r.restart()
	if got := d.take(); got != "refund" || d.last.Ref != back.Refund.Ref || d.last.Wallet != "" {
		t.Fatalf("%q: %+v", got, d.last)
	}
	if v := r.lane.View(); len(v.Refunds) != 1 || v.Refunds[0].Outcome != payment.Unknown {
		t.Errorf("%+v", v.Refunds)
	}
	r.ok(r.lane.DismissRefund(t.Context(), back.Refund.Ref))
	if v := r.lane.View(); len(v.Refunds) != 0 {
		t.Errorf("%+v", v.Refunds)
	}
	r.says(back.Refund.Ref, payment.NotPaid, "over_payment")
	if v := r.lane.View(); len(v.Refunds) != 1 || v.Refunds[0].Why != payment.RefundOver {
		t.Errorf("a declined refund is not shown: %+v", v.Refunds)
	}
}

// TestGiveBackBeforeHQ: what HQ has not acknowledged is voided, with or without HQ.
func TestGiveBackBeforeHQ(t *testing.T) {
	r, d, _ := refundRig(t)
	r.contact()
	r.sale(90)
	a := r.scan(r.phone(1).code()).Answer
	r.lane.SetReach(Reach{})
	d.take()
	back, err := r.lane.GiveBack(t.Context(), GiveBack{Payment: a.Payment, Supervisor: "Abe"})
	if err != nil || !back.Voided || d.take() != "" {
		t.Fatalf("%+v, %v", back, err)
	}
	if v := r.lane.View(); v.Phase != checkout.Voided || len(v.Refunds) != 0 {
		t.Errorf("%v, %+v", v.Phase, v.Refunds)
	}
	if _, err := r.lane.GiveBack(t.Context(), GiveBack{Payment: a.Payment, Supervisor: "Abe"}); payment.CodeOf(err) != payment.Conflict {
		t.Errorf("twice: %v", err)
	}
}

// ackAll is HQ's word that it holds everything.
func (r *rig) ackAll() {
	r.t.Helper()
	at, err := r.journal.State(r.t.Context())
	r.ok(err)
	ack := &wire.Ack{Version: wire.MessageVersion, HQEpoch: 1, Time: r.time().UnixMilli(), Terminal: r.id, Epoch: at.Current.Epoch,
		Acked: at.Current.Last, Head: at.Current.Head}
	_, err = r.journal.Acknowledge(r.t.Context(), ack, nil)
	r.ok(err)
}
