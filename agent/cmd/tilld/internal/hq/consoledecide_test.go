package hq

import (
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/wire"
	pages "tilld/ui/hq"
)

func TestConsoleExceptions(t *testing.T) {
	d := newDesk(t)
	o := d.office()
	l, p := d.Lane("s1", "1"), d.Chain.Phone()
	code := p.Code("s1", "")
	first := l.SellWith(p, 100, ingesttest.Change{Code: code})
	twice := l.SellWith(p, 200, ingesttest.Change{Code: code})
	odd := l.AddUnknown()
	d.SendAll(l, 0)
	d.JudgeAll()
	list, err := o.Exceptions(d.Ctx, pages.ExceptionQuery{State: "open", Limit: 5})
	d.Must(err)
	if len(list.Rows) != 2 {
		t.Fatalf("exceptions %+v", list.Rows)
	}
	name := func(seq uint64) wire.Name { return wire.Name{Terminal: l.ID, Epoch: l.Epoch, Seq: seq} }
	aside := pages.Exception{ID: list.Rows[0].ID, Kind: "set_aside", Owner: pages.OwnerOperations, Store: "s1", Lane: "1", Entry: name(odd), Opened: ingesttest.Noon}
	spent := pages.Exception{ID: list.Rows[1].ID, Kind: "code_spent_twice", Owner: "issuer-disputes", Store: "s1", Lane: "1", Entry: name(twice.Seq),
		Payment: twice.Payment, Amount: payment.Of(200, "JPY"), Detail: list.Rows[1].Detail, Opened: ingesttest.Noon}
	same(t, "exceptions", list, pages.ExceptionList{Rows: []pages.Exception{aside, spent}})
	if want := "the code paid for " + first.Payment.String() + " first"; spent.Detail != want {
		t.Errorf("detail %q, want %q", spent.Detail, want)
	}
	page, err := o.Exceptions(d.Ctx, pages.ExceptionQuery{Limit: 1})
	d.Must(err)
	rest, err := o.Exceptions(d.Ctx, pages.ExceptionQuery{Limit: 1, After: page.Older})
	d.Must(err)
	same(t, "the second page", rest, pages.ExceptionList{Rows: []pages.Exception{spent}})
	for _, q := range []pages.ExceptionQuery{{Kind: "code_spent_twice"}, {Owner: "issuer-disputes"}, {State: "open", Kind: "code_spent_twice", Owner: "issuer-disputes"}, {Payment: twice.Payment}, {Kind: "code_spent_twice", Terminal: l.ID}} {
		q.Limit = 5
		if got, err := o.Exceptions(d.Ctx, q); err != nil || len(got.Rows) != 1 || got.Rows[0].ID != spent.ID {
			t.Errorf("%+v: %+v, %v", q, got, err)
		}
	}

	d.Chain.Now = d.Chain.Now.Add(time.Minute)
	d.wantCode("money noted", o.Resolve(d.Ctx, "who", spent.ID, pages.Noted, "why"), payment.Invalid)
	d.wantCode("nothing lost", o.Resolve(d.Ctx, "who", aside.ID, pages.Loss, "why"), payment.Invalid)
	d.wantCode("no such exception", o.Resolve(d.Ctx, "who", d.Chain.ID(), pages.Noted, "why"), payment.NotFound)
	d.Must(o.Resolve(d.Ctx, "Aoki", spent.ID, pages.Loss, "not to be found"))
	d.Must(o.Resolve(d.Ctx, "Aoki", aside.ID, pages.Noted, "seen"))
	d.wantCode("decided twice", o.Resolve(d.Ctx, "Baba", spent.ID, pages.Receivable, "no"), payment.Conflict)
	spent.Outcome, spent.ResolvedAt, spent.ResolvedBy, spent.Why = "loss", d.Chain.Now, "Aoki", "not to be found"
	got, err := o.Exception(d.Ctx, spent.ID)
	d.Must(err)
	same(t, "decided", got, spent)
	_, err = o.Exception(d.Ctx, d.Chain.ID())
	d.wantCode("no such exception", err, payment.NotFound)
	d.WantState(twice, ledger.Lost)
	if list, err = o.Exceptions(d.Ctx, pages.ExceptionQuery{State: "resolved", Limit: 5}); err != nil || len(list.Rows) != 2 {
		t.Errorf("resolved: %+v, %v", list.Rows, err)
	}
}
