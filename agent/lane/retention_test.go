package lane

import (
	"testing"
	"time"

	"tilld/agent/checkout"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/wire"
)

// TestRetain: retention works once on a business date, not while a sale waits, and takes only what HQ has.
func TestRetain(t *testing.T) {
	r := newRig(t, func(d *policy.Document) { d.Retention = 1 })
	r.sale(800)
	r.scan(r.phone(1).code())
	r.ok(r.lane.Next(t.Context()))
	today := r.lane.View().Day
	done, err := r.lane.Retain(t.Context(), 0)
	r.ok(err)
	if done != today {
		t.Fatalf("done on %v, want %v", done, today)
	}
	r.pass(72 * time.Hour)
	if kept, err := r.lane.Retain(t.Context(), done); err != nil || kept != done {
		t.Errorf("without a word of HQ for three days: done on %v, %v", kept, err)
	}
	r.contact()
	r.sale(200)
	if done, err = r.lane.Retain(t.Context(), done); err != nil || done != today {
		t.Errorf("with a sale that waits: done on %v, %v", done, err)
	}
	if _, err := r.lane.CancelSale(t.Context(), payment.ID{}); err != nil {
		t.Fatal(err)
	}
	at, err := r.journal.State(t.Context())
	r.ok(err)
	for _, acked := range []uint64{0, at.Current.Last} {
		if acked > 0 {
			ack := &wire.Ack{Version: 1, HQEpoch: 5, Terminal: r.id, Epoch: at.Current.Epoch, Acked: acked, Head: at.Current.Head}
			_, err = r.journal.Acknowledge(t.Context(), ack, nil)
			r.ok(err)
		}
		if done, err = r.lane.Retain(t.Context(), today); err != nil || done != r.lane.View().Day || done == today {
			t.Errorf("done on %v, %v", done, err)
		}
		now, err := r.journal.State(t.Context())
		r.ok(err)
		if gone := now.Current.Pruned > 0; gone != (acked > 0) {
			t.Errorf("pruned up to %d, acknowledged up to %d", now.Current.Pruned, now.Current.Acked)
		}
	}
	r.sale(300)
	if v := r.scan(r.phone(1).code()); v.Phase != checkout.Paid {
		t.Errorf("after retention: %v %v", v.Phase, v.Answer.Reason)
	}
}
