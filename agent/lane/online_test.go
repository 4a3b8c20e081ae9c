package lane

import (
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tilld/agent/checkout"
	"tilld/agent/journal"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/wire"
)

// road is an asker that notes what it is given.
type road struct {
	r     *rig
	mu    sync.Mutex
	calls []string
	last  Attempt
	code  string
	held  int // attempts that were in the journal when the charge left
}

func (d *road) note(what string, a Attempt) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls, d.last = append(d.calls, what), a
}

func (d *road) Charge(a Attempt, code []byte) {
	list, err := d.r.journal.OpenAttempts(context.Background())
	d.r.ok(err)
	d.held, d.code = len(list), string(code)
	d.note("charge", a)
}
func (d *road) Watch(a Attempt)   { d.note("watch", a) }
func (d *road) Reverse(a Attempt) { d.note("reverse", a) }
func (d *road) Refund(a Attempt)  { d.note("refund", a) }
func (d *road) Forget(ref string) { d.note("forget", Attempt{Ref: ref}) }
func (d *road) Probe()            { d.note("probe", Attempt{}) }

// take is what was asked since it was taken last.
func (d *road) take() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := strings.Join(d.calls, " ")
	d.calls = nil
	return s
}

const opaqueCode = "900081818812345678901234" // PayPay's form

// onlineRig is a lane that may ask, and whose HQ answers.
func onlineRig(t *testing.T, edit func(*rig)) (*rig, *road) {
	t.Helper()
	r := bare(t)
	d := &road{r: r}
	r.asker = d
	if edit != nil {
		edit(r)
	}
	r.begin(func(doc *policy.Document) {
		doc.Features, doc.Wallets, doc.Market = []string{policy.Online}, []string{"house", "paypay"}, "JP"
	})
	r.lane.SetReach(Reach{Up: true})
	return r, d
}

// ask opens a sale and shows PayPay's code.
func (r *rig) ask(amount int64) (journal.Sale, checkout.Attempt) {
	r.t.Helper()
	s := r.sale(amount)
	v := r.scan(opaqueCode)
	if v.Phase != checkout.Asking || v.Answer.Kind != checkout.Asked {
		r.t.Fatalf("%v: %+v", v.Phase, v.Answer)
	}
	return s, v.Attempt
}

// says is HQ's word about an attempt.
func (r *rig) says(ref string, o payment.Outcome, why string) View {
	r.t.Helper()
	r.lane.Answered(r.t.Context(), wire.Answer{Ref: ref, Outcome: o, Why: why, Transaction: "0412", Time: r.time().UnixMilli()})
	return r.lane.View()
}

func (r *rig) kinds() (list []EventKind) {
	r.t.Helper()
	all, err := r.lane.EventsAfter(r.t.Context(), 0)
	r.ok(err)
	for _, e := range all {
		list = append(list, e.Kind)
	}
	return list
}

// TestChargeLeavesBehindTheIntent: HQ is asked once the intent is on the disk, and no disk holds the code.
func TestChargeLeavesBehindTheIntent(t *testing.T) {
	r, d := onlineRig(t, nil)
	s, a := r.ask(700)
	if got := d.take(); got != "probe charge" || d.held != 1 || d.code != opaqueCode {
		t.Fatalf("%q with %d in the journal, code %q", got, d.held, d.code)
	}
	if at := d.last; at.Ref != a.Ref || at.Sale != s.ID || at.Amount != payment.Of(700, "JPY") || at.Wallet != "paypay" || at.Policy == 0 || at.NotAfter.IsZero() {
		t.Errorf("%+v", at)
	}
	v := r.says(a.Ref, payment.Paid, "")
	if v.Phase != checkout.Paid || v.Answer.Kind != checkout.Approved || v.Answer.Payment != a.Payment || d.take() != "forget" {
		t.Fatalf("%v: %+v", v.Phase, v.Answer)
	}
	found, list, err := r.lane.Sale(t.Context(), s.ID)
	if err != nil || found.State != journal.SalePaid || len(list) != 1 || list[0].Ref != a.Ref || list[0].Amount.Minor != 700 {
		t.Errorf("%+v, %+v, %v", found, list, err)
	}
	if v := r.lane.View(); v.UsedSum != 0 {
		t.Errorf("an online payment took %d of the offline share", v.UsedSum)
	}
	if want := []EventKind{SaleOpened, SalePaid}; !slices.Equal(r.kinds(), want) {
		t.Errorf("events %v", r.kinds())
	}
	r.stop()
	r.ok(filepath.WalkDir(r.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(opaqueCode)) {
			t.Errorf("%s holds the code", path)
		}
		return err
	}))
}

func TestDeclinedIsTriedAgain(t *testing.T) {
	r, _ := onlineRig(t, nil)
	_, a := r.ask(700)
	v := r.says(a.Ref, payment.NotPaid, "no_funds")
	if v.Phase != checkout.Refused || v.Answer.Reason != payment.NoFunds {
		t.Fatalf("%v: %+v", v.Phase, v.Answer)
	}
	v = r.scan(opaqueCode)
	if v.Phase != checkout.Asking || v.Attempt.Ref != a.Payment.AttemptRef(1) {
		t.Fatalf("%v: %+v", v.Phase, v.Attempt)
	}
	if v = r.says(a.Ref, payment.Paid, ""); v.Phase != checkout.Asking {
		t.Errorf("a word about the one before: %v", v.Phase)
	}
}

// TestSilenceAtTheLane: the screen says after some seconds that it is not known, and after minutes the attempt is given up.
func TestSilenceAtTheLane(t *testing.T) {
	r, d := onlineRig(t, nil)
	_, a := r.ask(700)
	d.take()
	tick := func(after time.Duration) View {
		r.pass(after)
		r.ok(r.lane.do(t.Context(), func(ctx context.Context) error { r.lane.onTick(ctx); return nil }))
		return r.lane.View()
	}
	if v := tick(checkout.AskFor); v.Phase != checkout.Unknown || v.Answer.Outcome != payment.Unknown {
		t.Fatalf("%v: %+v", v.Phase, v.Answer)
	}
	if v := r.says(a.Ref, payment.Pending, ""); v.Phase != checkout.Pending {
		t.Fatalf("%v", v.Phase)
	}
	v := tick(checkout.WaitFor)
	if v.Phase != checkout.Refused || v.Answer.Reason != payment.TakenBack || d.take() != "reverse" || d.last.Ref != a.Ref {
		t.Fatalf("%v: %+v", v.Phase, v.Answer)
	}
	if v := r.says(a.Ref, payment.Paid, ""); v.Phase != checkout.Refused || d.take() != "forget" {
		t.Errorf("HQ's word after it was given up: %v", v.Phase)
	}
	want := []EventKind{SaleOpened, PaymentUnknown, PaymentPending, CodeRefused}
	if !slices.Equal(r.kinds(), want) {
		t.Errorf("events %v", r.kinds())
	}
}

// TestRestartOverAnAttempt: nobody knows who stands at the till now, so the sale is parked, HQ is asked, and its word counts.
func TestRestartOverAnAttempt(t *testing.T) {
	for _, o := range []payment.Outcome{payment.Paid, payment.NotPaid} {
		r, d := onlineRig(t, nil)
		s, a := r.ask(700)
		r.restart()
		r.lane.SetReach(Reach{Up: true})
		v := r.lane.View()
		if v.Phase.Asked() || len(v.Parked) != 1 || v.Parked[0].Ref != a.Ref || v.Parked[0].Sale.ID != s.ID || !strings.HasSuffix(d.take(), "watch") || d.last.Ref != a.Ref {
			t.Fatalf("%v: %+v", v.Phase, v.Parked)
		}
		r.says(a.Ref, o, "")
		found, _, err := r.lane.Sale(t.Context(), s.ID)
		want := map[payment.Outcome]journal.SaleState{payment.Paid: journal.SalePaid, payment.NotPaid: journal.SaleCancelled}[o]
		if err != nil || found.State != want || r.lane.View().Parked[0].Outcome != o {
			t.Fatalf("%v: %v, %v, %+v", o, found.State, err, r.lane.View().Parked)
		}
		r.ok(r.lane.Dismiss(t.Context(), a.Ref))
		if found, _, _ = r.lane.Sale(t.Context(), s.ID); o == payment.Paid && found.State != journal.SaleCompleted || len(r.lane.View().Parked) != 0 {
			t.Errorf("%v: %v, %+v", o, found.State, r.lane.View().Parked)
		}
	}
}

// TestParkedServesTheNext, and the sale of the shop's POS is completed by that alone.
func TestParkedServesTheNext(t *testing.T) {
	r, d := onlineRig(t, nil)
	first, _, err := r.lane.OpenSale(t.Context(), NewSale{Sale: newSale(700), FromPOS: true})
	r.ok(err)
	a := r.scan(opaqueCode).Attempt
	if err := r.lane.Next(t.Context()); payment.CodeOf(err) != payment.Conflict {
		t.Errorf("the next customer over an attempt: %v", err)
	}
	if _, err := r.lane.CancelSale(t.Context(), first.ID); payment.CodeOf(err) != payment.Conflict {
		t.Errorf("cancelled over an attempt: %v", err)
	}
	r.ok(r.lane.Park(t.Context(), payment.ID{}))
	second := r.sale(700)
	if v := r.scan(r.phone(1).code()); v.Answer.Kind != checkout.SamePurchase || v.Answer.Sale != first.ID {
		t.Fatalf("%+v", v.Answer)
	}
	r.ok(r.lane.Another(t.Context()))
	if v := r.scan(r.phone(1).code()); v.Phase != checkout.Paid || v.Sale.ID != second.ID {
		t.Fatalf("%v: %+v", v.Phase, v.Answer)
	}
	if v := r.says(a.Ref, payment.Paid, ""); v.Sale.ID != second.ID || v.Parked[0].Outcome != payment.Paid {
		t.Fatalf("%+v", v.Parked)
	}
	r.ok(r.lane.Dismiss(t.Context(), a.Ref))
	if found, _, _ := r.lane.Sale(t.Context(), first.ID); found.State != journal.SalePaid {
		t.Errorf("its POS did not complete it, and it is %v", found.State)
	}
	_ = d.take()
}

// TestTakeBackParked: the customer went and is not charged in the end.
func TestTakeBackParked(t *testing.T) {
	r, d := onlineRig(t, nil)
	s, a := r.ask(700)
	r.ok(r.lane.Park(t.Context(), payment.ID{}))
	r.ok(r.lane.TakeBack(t.Context(), a.Ref))
	if got := d.take(); !strings.HasSuffix(got, "reverse") {
		t.Errorf("%q", got)
	}
	if found, _, _ := r.lane.Sale(t.Context(), s.ID); found.State != journal.SaleCancelled || r.lane.View().Parked[0].Why != payment.TakenBack {
		t.Errorf("%v, %+v", found.State, r.lane.View().Parked)
	}
	if err := r.lane.TakeBack(t.Context(), a.Ref); payment.CodeOf(err) != payment.Conflict {
		t.Errorf("twice: %v", err)
	}
}

// TestPaidIsNotShownBeforeItIsKept: a bad disk at the moment of HQ's word. Nothing is shown as paid; HQ is asked again when
// the journal is open, and then it is.
func TestPaidIsNotShownBeforeItIsKept(t *testing.T) {
	var armed atomic.Bool
	r, d := onlineRig(t, func(r *rig) {
		r.wrap = func(c driver.Connector) driver.Connector { return failing{c, &armed} }
	})
	s, a := r.ask(700)
	armed.Store(true)
	if v := r.says(a.Ref, payment.Paid, ""); v.Phase == checkout.Paid || v.Answer.Kind == checkout.Approved {
		t.Fatalf("%v: %+v", v.Phase, v.Answer)
	}
	for range 5 {
		r.says(a.Ref, payment.Paid, "") // HQ says it again
	}
	if got := d.take(); strings.Contains(got, "watch") {
		t.Errorf("%q: HQ is asked at full speed while the disk is bad", got)
	}
	armed.Store(false)
	r.ok(r.lane.do(t.Context(), func(ctx context.Context) error {
		_, err := r.journal.Reopen(ctx)
		return errors.Join(err, r.lane.load(ctx))
	}))
	if got := d.take(); got != "watch" {
		t.Errorf("%q", got)
	}
	r.says(a.Ref, payment.Paid, "")
	if found, _, _ := r.lane.Sale(t.Context(), s.ID); found.State != journal.SalePaid {
		t.Errorf("%v", found.State)
	}
}
