package hqapi

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/settle"
	"tilld/sync/wire"
)

// spendTwice takes one code at two lanes that can't hear each other, and gives the exception.
func (b *bench) spendTwice(t *testing.T) payment.ID {
	t.Helper()
	p := b.chain.Phone()
	one, two := b.hq.Lane("s1", "twice-1"), b.hq.Lane("s1", "twice-2")
	code := p.Code("s1", "")
	one.SellWith(p, 500, ingesttest.Change{Code: code})
	two.SellWith(p, 700, ingesttest.Change{Code: code})
	b.take(t, one, 0)
	b.take(t, two, 0)
	open := b.hq.OpenExceptions()
	if len(open) != 1 || open[0].Kind != ledger.SpentTwice {
		t.Fatalf("open exceptions: %+v", open)
	}
	return open[0].ID
}

type batchPage = page[SettlementView]

// TestCursors pulls a list in small steps, then asks again with the last cursor when there is more.
func TestCursors(t *testing.T) {
	b := newBench(t)
	empty := into[batchPage](t, b.get(t, "/v1/settlements"))
	if empty.Items == nil || len(empty.Items) != 0 || empty.More {
		t.Errorf("%+v", empty)
	}
	for n := range 5 {
		b.sellAndCut(t, int64(n+1))
	}
	var got []int64
	after := empty.Next // a client that came too early can go on from there
	pull := func(limit int) bool {
		p := into[batchPage](t, b.get(t, fmt.Sprintf("/v1/settlements?limit=%d&after=%s", limit, after)))
		for _, s := range p.Items {
			got = append(got, s.Sum)
		}
		after = p.Next
		return p.More
	}
	for pull(2) {
	}
	if fmt.Sprint(got) != "[1 2 3 4 5]" {
		t.Fatalf("pulled %v", got)
	}
	if pull(2) || len(got) != 5 {
		t.Errorf("nothing new, and pulled %v", got)
	}
	b.sellAndCut(t, 6)
	if pull(1) || len(got) != 6 || got[5] != 6 {
		t.Errorf("one new, and pulled %v", got)
	}
}

func TestCursorFromNowhere(t *testing.T) {
	b := newBench(t)
	first, _ := b.sellAndCut(t, 1)
	second, _ := b.sellAndCut(t, 2)
	epoch := first.HQEpoch
	tests := map[string]struct {
		cursor string
		status int
		kind   string
	}{
		"words":            {"yesterday", 400, "cursor"},
		"random bytes":     {base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("x", cursorSize))), 400, "cursor"},
		"another list's":   {cursor{list: listTerminals, epoch: epoch, pos: 1, id: first.ID}.String(), 400, "cursor"},
		"another's place":  {cursor{list: listBatches, epoch: epoch, pos: 1, id: second.ID}.String(), 400, "cursor"},
		"no such batch":    {cursor{list: listBatches, epoch: epoch, pos: 1, id: payment.ID{1}}.String(), 400, "cursor"},
		"nothing with ID":  {cursor{list: listBatches, epoch: epoch, id: first.ID}.String(), 400, "cursor"},
		"an HQ to come":    {cursor{list: listBatches, epoch: epoch + 1, pos: 1, id: first.ID}.String(), 400, "cursor"},
		"before a restore": {cursor{list: listBatches, epoch: epoch - 1, pos: 1, id: first.ID}.String(), 410, "cursor_outdated"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			wantProblem(t, b.get(t, "/v1/settlements?after="+tt.cursor), tt.status, tt.kind, "after: ")
		})
	}
	for path, list := range map[string]byte{"/v1/terminals": listTerminals, "/v1/exceptions": listExceptions} {
		nobody := cursor{list: list, epoch: epoch, pos: 1, id: payment.ID{1}}.String()
		wantProblem(t, b.get(t, path+"?after="+nobody), 400, "cursor", "after: ")
	}
	for _, query := range []string{"limit=0", "limit=1001", "limit=-1", "limit=many", "before=x"} {
		wantProblem(t, b.get(t, "/v1/settlements?"+query), 422, "", "")
	}
}

// TestCursorAfterRestore: positions of another life of the ledger mean nothing, and the client is told so.
func TestCursorAfterRestore(t *testing.T) {
	b := newBench(t)
	b.sellAndCut(t, 1)
	next := into[batchPage](t, b.get(t, "/v1/settlements")).Next
	if _, err := b.books.Restored(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantProblem(t, b.get(t, "/v1/settlements?after="+next), 410, "cursor_outdated", "begin without a cursor")
	if p := into[batchPage](t, b.get(t, "/v1/settlements")); len(p.Items) != 1 {
		t.Errorf("%+v", p)
	}
}

// oneBatch is a ledger with a single batch, for fuzzing without a disk.
type oneBatch struct{ Books }

func (oneBatch) HQEpoch(context.Context) (uint64, error) { return 7, nil }
func (oneBatch) Batches(context.Context, uint64, int) ([]ledger.BatchRef, error) {
	return []ledger.BatchRef{{Pos: 1, Ref: settle.Ref{ID: payment.ID{1}}}}, nil
}
func (o oneBatch) Batch(_ context.Context, id payment.ID) (ledger.BatchRef, error) {
	if id != (payment.ID{1}) {
		return ledger.BatchRef{}, payment.Errorf(payment.NotFound, "test", "no such batch")
	}
	return ledger.BatchRef{Pos: 1, Ref: settle.Ref{ID: id}}, nil
}

// FuzzAfter: whatever a client sends as a cursor, it gets an answer, and never a fault of ours.
func FuzzAfter(f *testing.F) {
	f.Add("")
	f.Add("AWI")
	f.Add(cursor{list: listBatches, epoch: 7, pos: 1, id: payment.ID{1}}.String())
	f.Add(cursor{list: listBatches, epoch: 7}.String())
	a := &API{books: oneBatch{}}
	f.Fuzz(func(t *testing.T, text string) {
		out, err := a.listSettlements(t.Context(), &PageInput{After: text, Limit: 1})
		var answer interface{ GetStatus() int }
		switch {
		case err == nil && len(out.Body.Items) != 1:
			t.Fatalf("%q: %+v", text, out.Body)
		case err != nil && (!errors.As(err, &answer) || answer.GetStatus() != 400 && answer.GetStatus() != 410):
			t.Fatalf("%q: %v", text, err)
		}
	})
}

func TestCut(t *testing.T) {
	b := newBench(t)
	l := b.hq.Lane("s1", "lane-1")
	l.Sell(b.chain.Phone(), 1200)
	b.take(t, l, 0)
	cut := func(body string) CutResult {
		return into[CutResult](t, b.do(t, "POST", "/v1/settlements", b.finance, body))
	}
	got := cut(`{}`)
	if len(got.Items) != 1 || got.Items[0].Sum != 1200 || got.Items[0].Cause != settle.CauseDay {
		t.Errorf("%+v", got)
	}
	if again := cut(`{}`); again.Items == nil || len(again.Items) != 0 {
		t.Errorf("with nothing new: %+v", again)
	}
	l.Sell(b.chain.Phone(), 34)
	b.take(t, l, l.Last()-1)
	got = cut(`{"wallet":"` + account.Wallet + `","currency":"JPY"}`)
	if len(got.Items) != 1 || got.Items[0].Sum != 34 || got.Items[0].Cause != settle.CauseNow {
		t.Errorf("%+v", got)
	}
	b.hq.Balance()
	post := func(body string) answer { return b.do(t, "POST", "/v1/settlements", b.finance, body) }
	wantProblem(t, post(`{"wallet":"house"}`), 422, "invalid", "currency")
	wantProblem(t, post(`{"currency":"JPY"}`), 422, "invalid", "wallet")
	wantProblem(t, post(`{"wallet":"nobody","currency":"JPY"}`), 404, "not_found", "")
	b.cut = func(context.Context, ...settle.Account) ([]settle.Ref, error) {
		return nil, errors.Join(fmt.Errorf("cutting a: %w", settle.ErrNobody), fmt.Errorf("cutting b: %w", settle.ErrCut))
	}
	wantProblem(t, post(`{}`), 500, "internal", "log")
	if !strings.Contains(b.log.String(), "does not add up") {
		t.Error("why it failed is not in the log")
	}
}

// TestCutGoesOn: a client that hangs up does not leave a cut half way.
func TestCutGoesOn(t *testing.T) {
	b := newBench(t)
	gone, hangUp := context.WithCancel(context.WithValue(t.Context(), tokenKey{}, &ledger.Token{}))
	hangUp()
	b.cut = func(ctx context.Context, _ ...settle.Account) ([]settle.Ref, error) { return nil, ctx.Err() }
	if _, err := b.cutSettlements(gone, &cutInput{}); err != nil {
		t.Error(err)
	}
}

// TestPaymentsLife follows one payment: posted, settled, taken back, settled again, with a proof for both.
func TestPaymentsLife(t *testing.T) {
	b := newBench(t)
	l := b.hq.Lane("s1", "lane-1")
	sold := l.Sell(b.chain.Phone(), 1200)
	path := "/v1/payments/" + sold.Payment.String()
	wantProblem(t, b.get(t, path), 404, "not_found", "")
	b.take(t, l, 0)
	got := into[PaymentView](t, b.get(t, path))
	if got.State != "posted" || got.Amount != (MoneyView{1200, "JPY", "1200"}) || got.Entry.Seq != sold.Seq || got.Sale != sold.Sale ||
		got.Store != "s1" || got.Lane != "lane-1" || got.Entity != "kita-s1" || got.TakenAt != "2026-11-22T03:00:00.000Z" || len(got.Settled) != 0 {
		t.Errorf("posted: %+v", got)
	}
	cut, err := b.cut(b.hq.Ctx)
	b.hq.Must(err)
	l.Void(sold)
	b.take(t, l, l.Last()-1)
	back, err := b.cut(b.hq.Ctx)
	b.hq.Must(err)
	got = into[PaymentView](t, b.get(t, path))
	if got.State != "voided" || got.Void == nil || got.Void.Seq != l.Last() || len(got.Settled) != 2 {
		t.Fatalf("taken back: %+v", got)
	}
	for i, want := range []struct {
		root   settle.EntryHash
		kind   settle.Kind
		amount int64
	}{{cut[0].Root, settle.KindPayment, 1200}, {back[0].Root, settle.KindVoid, -1200}} {
		line := got.Settled[i]
		proof := into[ProofView](t, b.get(t, line.Proof))
		if line.Kind != want.kind || line.Amount != want.amount || proof.ContentHash != want.root || proof.Proofs[0].Kind != want.kind {
			t.Errorf("%+v is proved by %+v", line, proof)
		}
	}
	wantProblem(t, b.get(t, "/v1/payments/12345"), 422, "invalid", "id: ")
	b.hq.Balance()
}

// TestPaymentRepeated: a second entry under the same identifier is shown, and does not hide the first.
func TestPaymentRepeated(t *testing.T) {
	b := newBench(t)
	l := b.hq.Lane("s1", "lane-1")
	sold := l.Sell(b.chain.Phone(), 100)
	l.SellWith(b.chain.Phone(), 200, ingesttest.Change{Payment: sold.Payment})
	b.take(t, l, 0)
	got := into[PaymentView](t, b.get(t, "/v1/payments/"+sold.Payment.String()))
	if got.State != "posted" || got.Amount.Minor != 100 || len(got.Repeats) != 1 || got.Repeats[0].State != "suspense" || len(got.Repeats[0].Exceptions) != 1 {
		t.Errorf("%+v", got)
	}
}

func TestTerminals(t *testing.T) {
	b := newBench(t)
	heard, silent := b.hq.Lane("s1", "lane-1"), b.hq.Lane("s2", "lane-2")
	heard.Sell(b.chain.Phone(), 100)
	b.take(t, heard, 0)
	held := heard.Last()
	heard.Sell(b.chain.Phone(), 100)
	heard.Sell(b.chain.Phone(), 100)
	beat := &wire.Beat{Version: 1, Terminal: heard.ID, Epoch: heard.Epoch, Last: heard.Last(), Head: heard.Head(), Policy: 4, Count: 1, Software: "tilld 1.2",
		Wall: testNow.Add(3 * time.Second).UnixMilli(), Challenge: make([]byte, wire.NonceSize)}
	_, _, err := b.books.Record(t.Context(), nil, []*wire.Beat{beat})
	b.hq.Must(err)
	b.hq.Must(b.books.RevokeTerminal(t.Context(), silent.ID, "ops", "stolen"))
	got := into[page[TerminalView]](t, b.get(t, "/v1/terminals"))
	if len(got.Items) != 2 {
		t.Fatalf("%+v", got)
	}
	one, two := got.Items[0], got.Items[1]
	if one.ID != heard.ID || one.Behind != 2 || one.Waiting != 0 || one.Policy != 4 || one.Software != "tilld 1.2" || one.LastSeen != stamp(testNow) ||
		one.SkewMS != 3000 || len(one.Epochs) != 1 || *one.Epochs[0].Missing != (GapView{held + 1, held + 2}) {
		t.Errorf("%+v", one)
	}
	if two.LastSeen != "" || two.RevokedWhy != "stolen" || two.RevokedBy != "ops" || two.RevokedAt == "" || two.Epochs == nil || len(two.Epochs) != 0 {
		t.Errorf("%+v", two)
	}
	next := into[page[TerminalView]](t, b.get(t, "/v1/terminals?limit=1"))
	if p := into[page[TerminalView]](t, b.get(t, "/v1/terminals?after="+next.Next)); !next.More || len(p.Items) != 1 || p.Items[0].ID != silent.ID {
		t.Errorf("%+v", p)
	}
}

func TestExceptions(t *testing.T) {
	b := newBench(t)
	twice := b.spendTwice(t)
	l := b.hq.Lane("s1", "lane-1")
	sold := l.Sell(b.chain.Phone(), 100)
	sold.Amount = 7
	l.Void(sold) // of another amount: about a machine, with no money in it
	l.SellWith(b.chain.Phone(), 10, ingesttest.Change{Payment: sold.Payment})
	b.take(t, l, 0)
	list := func(query string) []ExceptionView {
		return into[page[ExceptionView]](t, b.get(t, "/v1/exceptions"+query)).Items
	}
	all := list("")
	if len(all) != 3 || all[0].ID != twice || all[0].State != "open" || all[0].Amount.Minor != 700 || all[0].Entry.Terminal.IsZero() || all[1].Amount != nil {
		t.Fatalf("%+v", all)
	}
	resolve := func(id payment.ID, token, body string) answer {
		return b.do(t, "POST", "/v1/exceptions/"+id.String()+"/resolve", token, body)
	}
	wantProblem(t, resolve(twice, b.operates, `{"outcome":"loss","why":"w"}`), 403, "scope", "finance")
	wantProblem(t, resolve(all[2].ID, b.operates, `{"outcome":"loss","why":"w"}`), 403, "scope", "finance") // its own, but with money
	wantProblem(t, resolve(twice, b.finance, `{"outcome":"noted","why":"w"}`), 422, "invalid", "can't be decided")
	x := into[ExceptionView](t, resolve(twice, b.finance, `{"outcome":"receivable","why":"the issuer agreed"}`))
	if x.State != "resolved" || x.Outcome != "receivable" || x.Why != "the issuer agreed" || !strings.HasPrefix(x.ResolvedBy, "of finance (token ") || x.ResolvedAt != stamp(testNow) {
		t.Errorf("%+v", x)
	}
	wantProblem(t, resolve(twice, b.finance, `{"outcome":"loss","why":"w"}`), 409, "conflict", "already")
	if x := into[ExceptionView](t, resolve(all[1].ID, b.operates, `{"outcome":"noted","why":"seen"}`)); x.State != "resolved" {
		t.Errorf("%+v", x)
	}
	for _, body := range []string{`{}`, `{"outcome":"loss"}`, `{"outcome":"loss","why":""}`, `{"outcome":"voided","why":"w"}`, `{"outcome":"loss","why":"w","by":"me"}`} {
		wantProblem(t, resolve(all[2].ID, b.finance, body), 422, "", "")
	}
	wantProblem(t, resolve(payment.ID{1}, b.finance, `{"outcome":"loss","why":"w"}`), 404, "not_found", "")
	wantProblem(t, b.do(t, "POST", "/v1/exceptions/x/resolve", b.finance, `{"outcome":"loss","why":"w"}`), 422, "invalid", "id: ")
	for query, want := range map[string]int{"?state=open": 1, "?state=resolved": 2, "?kind=code_spent_twice": 1, "?owner=operations": 2, "?owner=nobody": 0, "?limit=2": 2} {
		if got := list(query); len(got) != want {
			t.Errorf("%q lists %d", query, len(got))
		}
	}
	wantProblem(t, b.get(t, "/v1/exceptions?state=closed"), 422, "", "state")
	next := into[page[ExceptionView]](t, b.get(t, "/v1/exceptions?limit=1"))
	if got := list("?after=" + url.QueryEscape(next.Next)); len(got) != 2 || !next.More {
		t.Errorf("after the first: %+v", got)
	}
	b.hq.Balance()
}
