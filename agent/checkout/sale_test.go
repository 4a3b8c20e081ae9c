package checkout

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"

	"tilld/agent/paycode"
	"tilld/agent/payment"
	"tilld/agent/policy"
)

// A step of a sale's story, and what must come of it.
type step struct {
	event Event
	phase Phase
	facts []payment.Kind
	kind  Kind
	err   payment.Code // "": none
}

func TestSale(t *testing.T) {
	late := goodScan()
	late.Read.Code = &Code{CodeID: CodeID{phone, 7}, Account: account, Time: noon.Add(-1e15), Store: "0001", Cap: jpy(8000), NotBefore: noon, Expiry: noon.Add(1)}
	other := goodScan()
	code := *other.Read.Code
	code.Counter = 8
	other.Read.Code, other.Payment = &code, id(101)
	goods := Scan{Read: Read{Kind: paycode.NotPayment, Format: paycode.EAN13, Reason: payment.NotPaymentCode}}
	points := Scan{Read: Read{Kind: paycode.Loyalty, Reason: payment.NotPaymentCode}}
	unknown := Scan{Payment: id(102), Read: Read{Kind: paycode.Unknown, Reason: payment.UnknownCode}}
	broken := Scan{Payment: id(103), Read: Read{Kind: paycode.Invalid, Reason: payment.MalformedCode}}
	opaque := Scan{Payment: id(105), Read: Read{Kind: paycode.Payment, Wallets: []string{"paypay"}}}
	found := &Record{Payment: id(100), Sale: id(1), Amount: jpy(1000), Wallet: "house", Date: today, Seq: 5, ThisEpoch: true}

	open1, open2 := OpenSale{Sale: sale(1, 1000)}, OpenSale{Sale: sale(2, 500)}
	tests := []struct {
		name  string
		steps []step
	}{
		{"paid and completed", []step{
			{open1, Open, []payment.Kind{payment.KindSaleOpened}, Done, ""},
			{goodScan(), Paid, []payment.Kind{payment.KindApproved}, Approved, ""},
			{Complete{Sale: id(1)}, Completed, []payment.Kind{payment.KindSaleCompleted}, Done, ""},
			{Complete{Sale: id(1)}, Completed, nil, Done, ""},
			{open2, Open, []payment.Kind{payment.KindSaleOpened}, Done, ""},
		}},
		{"refused, then paid", []step{
			{open1, Open, []payment.Kind{payment.KindSaleOpened}, Done, ""},
			{late, Refused, []payment.Kind{payment.KindRefused}, NotTaken, ""},
			{late, Refused, nil, NotTaken, ""}, // the same code, the same answer: said again, journalled once
			{broken, Refused, []payment.Kind{payment.KindRefused}, NotTaken, ""},
			{late, Refused, []payment.Kind{payment.KindRefused}, NotTaken, ""},
			{goodScan(), Paid, []payment.Kind{payment.KindApproved}, Approved, ""},
		}},
		{"cancelled", []step{
			{open1, Open, []payment.Kind{payment.KindSaleOpened}, Done, ""},
			{Cancel{Sale: id(2)}, Open, nil, Done, payment.NotFound},
			{Cancel{Sale: id(1)}, Cancelled, []payment.Kind{payment.KindSaleCancelled}, Done, ""},
			{Cancel{Sale: id(1)}, Cancelled, nil, Done, ""},
			{Complete{Sale: id(1)}, Cancelled, nil, Done, payment.Conflict},
			{goodScan(), Cancelled, nil, NoSale, ""},
			{open2, Open, []payment.Kind{payment.KindSaleOpened}, Done, ""},
		}},
		{"cancelled after a refusal", []step{
			{open1, Open, []payment.Kind{payment.KindSaleOpened}, Done, ""},
			{late, Refused, []payment.Kind{payment.KindRefused}, NotTaken, ""},
			{Cancel{Sale: id(1)}, Cancelled, []payment.Kind{payment.KindSaleCancelled}, Done, ""},
		}},
		{"the same code again", []step{
			{open1, Open, []payment.Kind{payment.KindSaleOpened}, Done, ""},
			{goodScan(), Paid, []payment.Kind{payment.KindApproved}, Approved, ""},
			{goodScan(), Paid, nil, Again, ""},
			{other, Paid, nil, Surplus, ""}, // a fresh code of the same phone: the sale is paid
			{opaque, Paid, nil, Surplus, ""},
			{goodScan(), Paid, nil, Again, ""},
			{Complete{Sale: id(1)}, Completed, []payment.Kind{payment.KindSaleCompleted}, Done, ""},
			{goodScan(), Completed, nil, Again, ""},
			{other, Completed, nil, Surplus, ""},
			{open2, Open, []payment.Kind{payment.KindSaleOpened}, Done, ""},
			{goodScan(), Open, nil, Again, ""}, // still before the reader when the next sale begins
			{other, Paid, []payment.Kind{payment.KindApproved}, Approved, ""},
		}},
		{"two sales at once", []step{
			{open1, Open, []payment.Kind{payment.KindSaleOpened}, Done, ""},
			{open2, Open, nil, Done, payment.Conflict},
			{OpenSale{Sale: sale(1, 9)}, Open, nil, Done, payment.Internal},
			{Complete{Sale: id(1)}, Open, nil, Done, payment.Conflict},
		}},
		{"paid, and the next one before the POS has it", []step{
			{open1, Open, []payment.Kind{payment.KindSaleOpened}, Done, ""},
			{goodScan(), Paid, []payment.Kind{payment.KindApproved}, Approved, ""},
			{Cancel{Sale: id(1)}, Paid, nil, Done, payment.Conflict},
			{open2, Open, []payment.Kind{payment.KindSaleOpened}, Done, ""},
			{Complete{Sale: id(1), Phase: Paid}, Open, []payment.Kind{payment.KindSaleCompleted}, Done, ""},
			{Complete{Sale: id(1), Phase: Completed}, Open, nil, Done, ""},
			{Complete{Sale: id(7), Phase: Idle}, Open, nil, Done, payment.NotFound},
			{Complete{Sale: id(7), Phase: Voided}, Open, nil, Done, payment.Conflict},
			{Complete{Sale: id(7), Phase: 99}, Open, nil, Done, payment.Internal},
			{Complete{Sale: id(2), Phase: Paid}, Open, nil, Done, payment.Conflict}, // the present one knows better
		}},
		{"voided", []step{
			{open1, Open, []payment.Kind{payment.KindSaleOpened}, Done, ""},
			{goodScan(), Paid, []payment.Kind{payment.KindApproved}, Approved, ""},
			{Void{Payment: id(100), Supervisor: "Ito", Found: found, Acked: 4}, Voided, []payment.Kind{payment.KindVoided}, Done, ""},
			{Complete{Sale: id(1)}, Voided, nil, Done, payment.Conflict},
			{goodScan(), Voided, nil, NoSale, ""}, // its payment is gone: "already taken" would be a lie
			{open2, Open, []payment.Kind{payment.KindSaleOpened}, Done, ""},
			{usedScan(), Refused, []payment.Kind{payment.KindRefused}, NotTaken, ""},
		}},
		{"not for us", []step{
			{goods, Idle, nil, ForPOS, ""},
			{points, Idle, nil, ForPOS, ""},
			{unknown, Idle, nil, ForPOS, ""},
			{broken, Idle, nil, Unreadable, ""},
			{goodScan(), Idle, nil, NoSale, ""},
			{open1, Open, []payment.Kind{payment.KindSaleOpened}, Done, ""},
			{goods, Open, nil, ForPOS, ""},
			{points, Open, nil, ForPOS, ""},
			{unknown, Refused, []payment.Kind{payment.KindRefused}, NotTaken, ""},
			{goodScan(), Paid, []payment.Kind{payment.KindApproved}, Approved, ""},
			{goods, Paid, nil, ForPOS, ""},
			{unknown, Paid, nil, ForPOS, ""},
			{broken, Paid, nil, Unreadable, ""},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, c := State{Day: today}, lane(t, document())
			for i, want := range tt.steps {
				if e, ok := want.event.(Scan); ok && e.Hash == nil {
					e.Hash = fmt.Appendf(nil, "%v", e.Payment)
					want.event = e
				}
				d, err := Apply(s, want.event, c)
				if payment.CodeOf(err) != want.err || err != nil && !reflect.DeepEqual(d, Decision{}) {
					t.Fatalf("step %d, %T: %v, want %q", i, want.event, err, want.err)
				}
				if err == nil {
					s = d.State
				}
				if s.Phase != want.phase || d.Answer.Kind != want.kind || !slices.Equal(kinds(d.Drafts), want.facts) {
					t.Fatalf("step %d, %T: %v, %v, %v; want %v, %v, %v", i, want.event, s.Phase, d.Answer.Kind, kinds(d.Drafts), want.phase, want.kind, want.facts)
				}
				for _, draft := range d.Drafts {
					if draft.Date != today || draft.Sale.IsZero() || draft.Policy != 1 {
						t.Errorf("step %d: draft %+v", i, draft)
					}
				}
			}
		})
	}
}

func usedScan() Scan {
	e := goodScan()
	e.Known.Used, e.Payment = true, id(104)
	return e
}

// TestAgain looks at what the screen gets: the outcome of the present sale is never another sale's.
func TestAgain(t *testing.T) {
	c := lane(t, document())
	s := mustApply(t, opened(1000), goodScan(), c).State
	a := mustApply(t, s, goodScan(), c).Answer
	if a.Kind != Again || a.Outcome != payment.Paid || a.Payment != id(100) || a.Amount != jpy(1000) || a.Reason != payment.ReasonNone || a.Advice != NoAdvice {
		t.Errorf("in the same sale: %+v", a)
	}
	s = mustApply(t, s, OpenSale{Sale: sale(2, 500)}, c).State
	a = mustApply(t, s, goodScan(), c).Answer
	if a.Kind != Again || a.Outcome != payment.NoOutcome || a.Payment != id(100) || a.Sale != id(1) || a.Advice != FreshCode {
		t.Errorf("in the next sale: %+v", a)
	}
	restarted := opened(1000) // the lane's last payment is known, and its code is not
	restarted.Phase, restarted.Last = Paid, Taken{Payment: id(100), Sale: id(1), Amount: jpy(1000), Wallet: "house"}
	e := goodScan()
	for by, want := range map[payment.ID]Kind{id(100): Again, id(99): Surplus} {
		e.Known.Used, e.Known.By = true, by
		if a = mustApply(t, restarted, e, c).Answer; a.Kind != want || a.Outcome != payment.Paid || a.Payment != id(100) {
			t.Errorf("after a restart, a code of payment %v: %+v", by, a)
		}
	}
	forged := goodScan()
	forged.Read.Code, forged.Read.Reason = nil, payment.BadSignature
	if a = mustApply(t, s, forged, c).Answer; a.Kind != NotTaken || a.Reason != payment.BadSignature {
		t.Errorf("a forgery of the last code: %+v", a)
	}
}

// Practice sales are for lanes whose policy switches them on.
func TestTrainingIsSwitched(t *testing.T) {
	practice := sale(1, 1000)
	practice.Training = true
	other := document()
	other.Features = []string{"trainings"}
	bare := lane(t, document())
	bare.Bundle = &policy.Bundle{}
	for name, c := range map[string]Context{"off": lane(t, document()), "another switch": lane(t, other), "no policy": bare} {
		_, err := Apply(State{Day: today}, OpenSale{Sale: practice}, c)
		var e *payment.Error
		if !errors.As(err, &e) || e.Code != payment.NotAllowed || !strings.Contains(e.Msg, "training") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOpenSale(t *testing.T) {
	trains := document()
	trains.Features = []string{policy.Training}
	c := lane(t, trains)
	full := sale(1, 1000)
	full.Reference, full.Tax = "R-1", []payment.TaxLine{{Rate: 800, Amount: 1000, Tax: 74}}
	full.Lines, full.Training = []payment.Line{{Text: "tea", Count: 1, Amount: 1000, Rate: 800}}, true
	full.Wallet = jpy(600)
	d := mustApply(t, State{Day: today}, OpenSale{Sale: full, Request: []byte{1}, Digest: []byte{2}}, c)
	want := &payment.SaleOpened{Reference: "R-1", Total: jpy(1000), Due: jpy(600), Tax: full.Tax, Eligible: full.Eligible, Request: []byte{1}, Digest: []byte{2}}
	draft := d.Drafts[0]
	if !reflect.DeepEqual(draft.Fact, want) || !draft.Training || !reflect.DeepEqual(draft.Body, &payment.Body{Cashier: "Sato", Lines: full.Lines}) {
		t.Errorf("draft %+v", draft)
	}
	nobody := sale(1, 1000)
	nobody.Cashier = ""
	if d := mustApply(t, State{Day: today}, OpenSale{Sale: nobody}, c); d.Drafts[0].Body != nil {
		t.Error("a body with nothing in it")
	}

	foreign, negative, over := sale(1, 1000), sale(1, -1), sale(1, payment.MaxMinor+1)
	foreign.Total.Currency = "USD"
	stopped, undated := c, c
	stopped.Stopped = true
	undated.Now.Time, undated.Now.Trusted = noon.AddDate(-56, 0, 0), false
	tests := []struct {
		name string
		s    State
		c    Context
		sale payment.Sale
		err  error // matched with errors.Is when set
		code payment.Code
		msg  string
	}{
		{"foreign currency", State{Day: today}, c, foreign, nil, payment.Invalid, "sells in JPY, not USD"},
		{"negative", State{Day: today}, c, negative, payment.ErrRange, payment.Invalid, "total"},
		{"more than any sale", State{Day: today}, c, over, payment.ErrRange, payment.Invalid, "total"},
		{"no identifier", State{Day: today}, c, payment.Sale{Total: jpy(1)}, nil, payment.Internal, "identifier"},
		{"journal stopped", State{Day: today}, stopped, sale(1, 1), nil, payment.Retry, "journal"},
		{"no day", State{}, c, sale(1, 1), ErrRollFirst, payment.Retry, "roll"},
		{"yesterday", State{Day: today - 1}, c, sale(1, 1), ErrRollFirst, payment.Retry, "roll"},
		{"a clock of 1970", State{}, undated, sale(1, 1), nil, payment.NotAllowed, "this machine's clock says 1970-11-22"},
		{"another is open", opened(5), c, sale(2, 1), ErrPhase, payment.Conflict, "finish or cancel"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Apply(tt.s, OpenSale{Sale: tt.sale}, tt.c)
			if payment.CodeOf(err) != tt.code || tt.err != nil && !errors.Is(err, tt.err) || !strings.Contains(payment.MessageOf(err), tt.msg) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestVoid(t *testing.T) {
	good := Record{Payment: id(100), Sale: id(1), Amount: jpy(1000), Wallet: "house", Date: today, Seq: 5, ThisEpoch: true, Training: true}
	paid := mustApply(t, opened(1000), goodScan(), lane(t, document())).State
	tests := []struct {
		name   string
		change func(*Void, *Record, *Context)
		code   payment.Code
		msg    string
	}{
		{"as it should be", func(*Void, *Record, *Context) {}, "", ""},
		{"not this lane's", func(v *Void, _ *Record, _ *Context) { v.Found = nil }, payment.NotFound, "no payment"},
		{"another payment", func(v *Void, r *Record, _ *Context) { r.Payment = id(3) }, payment.NotFound, "no payment"},
		{"nobody decided", func(v *Void, _ *Record, _ *Context) { v.Supervisor = " " }, payment.Invalid, "supervisor"},
		{"twice", func(_ *Void, r *Record, _ *Context) { r.Voided = true }, payment.Conflict, "voided before"},
		{"yesterday's", func(_ *Void, r *Record, _ *Context) { r.Date = today - 1 }, payment.NotAllowed, "of 2026-11-21"},
		{"HQ has it", func(v *Void, _ *Record, _ *Context) { v.Acked = 5 }, payment.NotAllowed, "HQ has payment"},
		{"an earlier epoch's", func(_ *Void, r *Record, _ *Context) { r.ThisEpoch = false }, payment.NotAllowed, "earlier journal"},
		{"journal stopped", func(_ *Void, _ *Record, c *Context) { c.Stopped = true }, payment.Retry, "journal"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, c := good, lane(t, document())
			v := Void{Payment: id(100), Supervisor: "Ito", Found: &r, Acked: 4}
			tt.change(&v, &r, &c)
			d, err := Apply(paid, v, c)
			if payment.CodeOf(err) != tt.code || !strings.Contains(payment.MessageOf(err), tt.msg) && err != nil {
				t.Fatalf("got %v", err)
			}
			if err != nil {
				return
			}
			want := Draft{Fact: &payment.Voided{Amount: jpy(1000), Wallet: "house", Of: 5, Acked: 4}, Sale: id(1), Payment: id(100), Date: today,
				Policy: 1, Training: true, Body: &payment.Body{Supervisor: "Ito"}}
			if len(d.Drafts) != 1 || !reflect.DeepEqual(d.Drafts[0], want) || d.State.Phase != Voided || !d.State.Last.Voided {
				t.Errorf("got %+v in %+v", d.Drafts, d.State)
			}
		})
	}
	v := Void{Payment: id(50), Supervisor: "Ito", Found: &Record{Payment: id(50), Sale: id(40), Amount: jpy(1), Wallet: "house", Date: today, Seq: 2, ThisEpoch: true}}
	if d := mustApply(t, paid, v, lane(t, document())); d.State.Phase != Paid || d.State.Last.Voided {
		t.Errorf("a void of an earlier sale's payment touched the present one: %+v", d.State)
	}
}

func TestSecretDoesNotPrint(t *testing.T) {
	e := goodScan()
	d := mustApply(t, opened(1000), e, lane(t, document()))
	asJSON, err := json.Marshal(e.Read)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("a test", "read", e.Read, "text", e.Read.Text)
	for _, text := range []string{
		string(asJSON), log.String(), fmt.Sprint(e), fmt.Sprintf("%v %+v %#v %s", e.Read, e.Read, e.Read.Text, e.Read.Text), fmt.Sprintf("%+v", d.Drafts),
	} {
		if strings.Contains(text, "the code") || strings.Contains(text, fmt.Sprint([]byte("the code"))) {
			t.Errorf("a customer's code in %q", text)
		}
	}
}

func TestLookedUpNonsense(t *testing.T) {
	for name, spoil := range map[string]func(*Known){
		"a negative account": func(k *Known) { k.Spent.Account = -1 },
		"a negative sum":     func(k *Known) { k.Spent.Sum = -1 },
		"a sum beyond all":   func(k *Known) { k.Spent.Sum = 1<<63 - 1 },
		"too many payments":  func(k *Known) { k.Spent.AccountCount = 1<<64 - 1 },
		"a count beyond all": func(k *Known) { k.Spent.Count = 1<<64 - 1 },
	} {
		e := goodScan()
		spoil(&e.Known)
		if _, err := Apply(opened(1000), e, lane(t, document())); payment.CodeOf(err) != payment.Internal {
			t.Errorf("%s: %v", name, err)
		}
	}
	e := goodScan()
	e.Payment = payment.ID{}
	if _, err := Apply(opened(1000), e, lane(t, document())); payment.CodeOf(err) != payment.Internal {
		t.Errorf("a payment without identifier: %v", err)
	}
}
