package lane

import (
	"crypto/sha256"
	"testing"
	"time"

	"tilld/agent/checkout"
	"tilld/agent/journal"
	"tilld/agent/payment"
	"tilld/agent/policy"
)

// uncompleted is how many sales the POS is told to look after.
func (r *rig) uncompleted() int {
	r.t.Helper()
	list, err := r.journal.NotCompleted(r.t.Context())
	r.ok(err)
	return len(list)
}

// TestOnlyThePOSCompletesItsSales: a restart does not make them the cashier's, and Next leaves them on the POS's list.
func TestOnlyThePOSCompletesItsSales(t *testing.T) {
	key := sha256.Sum256([]byte("key"))
	for name, tt := range map[string]struct {
		n    NewSale
		left int
	}{
		"with a key":       {NewSale{Sale: newSale(700), Request: key[:], Digest: key[:], FromPOS: true}, 1},
		"without a key":    {NewSale{Sale: newSale(700), FromPOS: true}, 1},
		"the cashier's":    {NewSale{Sale: newSale(700)}, 0},
		"of a lane before": {NewSale{Sale: func() payment.Sale { s := newSale(700); s.Reference = "R-1"; return s }()}, 1},
	} {
		r := newRig(t, nil)
		sale, _, err := r.lane.OpenSale(t.Context(), tt.n)
		r.ok(err)
		r.scan(r.phone(1).code())
		r.restart()
		if v := r.lane.View(); v.Phase != checkout.Paid || v.Cleared || v.FromPOS != (tt.left > 0) {
			t.Fatalf("%s: after a restart %v, cleared %v, of the POS %v", name, v.Phase, v.Cleared, v.FromPOS)
		}
		r.ok(r.lane.Next(t.Context()))
		if got := r.uncompleted(); got != tt.left || !r.lane.View().Cleared {
			t.Errorf("%s: after Next %d sales wait for the POS, want %d", name, got, tt.left)
		}
		if tt.left == 0 {
			continue
		}
		r.ok(r.lane.do(t.Context(), r.lane.load)) // as after a stop of the journal
		if v := r.lane.View(); !v.Cleared || !v.FromPOS {
			t.Errorf("%s: when the journal was read again the cashier's screen went back: cleared %v", name, v.Cleared)
		}
		done, err := r.lane.CompleteSale(t.Context(), sale.ID)
		if err != nil || done.State != journal.SaleCompleted {
			t.Errorf("%s: %v, %v", name, done.State, err)
		}
	}
}

// TestASaleOfBeforeIsNotShownAgain: once the next customer's sale was opened, a restart shows nothing of the one that
// the POS has left behind. It stays on the POS's list.
func TestASaleOfBeforeIsNotShownAgain(t *testing.T) {
	r := newRig(t, nil)
	_, _, err := r.lane.OpenSale(t.Context(), NewSale{Sale: newSale(700), FromPOS: true})
	r.ok(err)
	p := r.phone(1)
	r.scan(p.code())
	r.ok(r.lane.Next(t.Context()))
	r.sale(300)
	r.scan(p.code())
	r.ok(r.lane.Next(t.Context()))
	r.restart()
	if v := r.lane.View(); v.Phase != checkout.Idle || !v.Cleared || r.uncompleted() != 1 {
		t.Errorf("after a restart %v, cleared %v, and %d sales wait for the POS", v.Phase, v.Cleared, r.uncompleted())
	}
}

// TestEventsOfTraining: the POS hears of every step of a practice sale that it is practice.
func TestEventsOfTraining(t *testing.T) {
	for _, training := range []bool{true, false} {
		r := newRig(t, func(d *policy.Document) { d.Features = append(d.Features, policy.Training) })
		sale := newSale(700)
		sale.Training = training
		opened, _, err := r.lane.OpenSale(t.Context(), NewSale{Sale: sale, FromPOS: true})
		r.ok(err)
		p := r.phone(1)
		old := p.code()
		r.pass(5 * time.Minute)
		r.scan(old)
		r.scan(p.code())
		paid := r.lane.View().Answer.Payment
		_, err = r.lane.CompleteSale(t.Context(), opened.ID)
		r.ok(err)
		r.ok(r.lane.Void(t.Context(), paid, "Ito"))
		_, _, err = r.lane.OpenSale(t.Context(), NewSale{Sale: sale, FromPOS: true})
		r.ok(err)
		_, err = r.lane.CancelSale(t.Context(), payment.ID{})
		r.ok(err)
		list, err := r.lane.EventsAfter(t.Context(), 0)
		r.ok(err)
		heard := map[EventKind]bool{}
		for _, e := range list {
			heard[e.Kind] = true
			if e.Training != training {
				t.Errorf("%s: training %v, want %v", e.Kind, e.Training, training)
			}
		}
		for _, kind := range []EventKind{SaleOpened, SalePaid, CodeRefused, SaleCompleted, PaymentVoided, SaleCancelled} {
			if !heard[kind] {
				t.Errorf("training %v: no %s", training, kind)
			}
		}
	}
}
