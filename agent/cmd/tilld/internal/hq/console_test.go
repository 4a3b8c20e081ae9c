package hq

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/authorise"
	"tilld/sync/hqapi"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/ledger/ledgertest"
	"tilld/sync/operator"
	"tilld/sync/settle"
	"tilld/sync/wire"
	pages "tilld/ui/hq"
)

// desk is the console over a real ledger, archive and settler, with a chain of lanes around it. Its clock is
// the chain's.
type desk struct {
	*ledgertest.Bench
	*console
	dir    string
	beats  uint64
	up     bool
	full   bool
	stands time.Time
	why    string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	c := ingesttest.NewChain(t)
	d := &desk{dir: t.TempDir(), up: true}
	now := func() time.Time { return c.Now }
	store, err := ledger.Open(t.Context(), filepath.Join(d.dir, "hq.db"), now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	d.Bench = &ledgertest.Bench{T: t, Ledger: store, Chain: c, Ctx: t.Context()}
	archive, err := settle.OpenArchive(filepath.Join(d.dir, "archive"))
	d.Must(err)
	zone, err := time.LoadLocation(ingesttest.Zone)
	d.Must(err)
	settler := &settle.Settler{Store: store, Archive: archive, Now: now, Log: slog.New(slog.DiscardHandler),
		Schedules: func(context.Context) ([]settle.Schedule, error) {
			return []settle.Schedule{{Account: settle.Account{Wallet: ingesttest.Wallet, Currency: "JPY"}, Zone: zone, After: 28 * time.Hour}}, nil
		}}
	d.Must(store.AddDocument(d.Ctx, ledger.Document{Kind: ledger.PolicyDocument, Version: c.Doc.Version, Sealed: c.SignedPolicy()}))
	d.console = &console{
		desk:  authorise.New(authorise.Config{Store: store.Attempts(), Operators: map[string]operator.Operator{"paypay": mute{}}, Now: now, Log: slog.New(slog.DiscardHandler)}),
		books: store, archive: archive, settler: settler, chain: "kita", now: now, zone: zone,
		policy: func(context.Context) (*policy.Document, error) { return c.Doc, nil },
		broker: func() (bool, time.Time) { return d.up, ingesttest.Noon },
		full:   func() bool { return d.full },
		stands: func() (time.Time, string) { return d.stands, d.why },
	}
	return d
}

// The console's methods that the ledger has under the same name.
func (d *desk) office() pages.Office { return d.console }

func (d *desk) beat(l *ingesttest.Lane, last uint64) {
	d.Helper()
	d.beats++
	_, _, err := d.Record(d.Ctx, nil, []*wire.Beat{{Terminal: l.ID, Epoch: l.Epoch, Count: d.beats, Last: last, Policy: 1, Software: "v1"}})
	d.Must(err)
}

func (d *desk) wantCode(what string, err error, want payment.Code) {
	d.Helper()
	if payment.CodeOf(err) != want {
		d.Errorf("%s: %v, want the code %q", what, err, want)
	}
}

// same compares by value and shows both.
func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func TestConsoleTerminals(t *testing.T) {
	d := newDesk(t)
	o := d.office()
	never, lane, gone := d.Lane("s2", "1"), d.Lane("s1", "2"), d.Lane("s1", "1")
	lane.Sell(d.Chain.Phone(), 100)
	lane.CloseDay()
	d.Send(lane, 1, 4)
	d.JudgeAll()
	lane.Sell(d.Chain.Phone(), 200)
	d.Send(lane, 5, 5)
	d.beat(lane, 9)
	d.Must(d.RevokeTerminal(d.Ctx, gone.ID, "ops", "stolen"))
	d.Chain.Now = d.Chain.Now.Add(90 * time.Second)
	want := []pages.Terminal{
		{ID: gone.ID, Entity: "kita-s1", Store: "s1", Lane: "1", Revoked: "stolen"},
		{ID: lane.ID, Entity: "kita-s1", Store: "s1", Lane: "2", LastSeen: ingesttest.Noon, Silent: 90 * time.Second, Behind: 4, BehindFor: 90 * time.Second,
			Waiting: 1, Gaps: []pages.Gap{{Epoch: lane.Epoch, From: 6, To: 9}}, Software: "v1", Policy: 1, LastClosed: ingesttest.Today},
		{ID: never.ID, Entity: "kita-s2", Store: "s2", Lane: "1"},
	}
	list, err := o.Terminals(d.Ctx, pages.TerminalQuery{Limit: 5})
	d.Must(err)
	same(t, "terminals", list, pages.TerminalList{Rows: want, PolicyLast: 1})
	for only, n := range map[pages.Only]int{pages.OnlyBehind: 1, pages.OnlySilent: 1, pages.OnlyForked: 0, pages.OnlyOpen: 0, pages.OnlyRevoked: 1} {
		if list, err := o.Terminals(d.Ctx, pages.TerminalQuery{Only: only, Limit: 5}); err != nil || len(list.Rows) != n {
			t.Errorf("%s: %+v, %v", only, list.Rows, err)
		}
	}
	first, err := o.Terminals(d.Ctx, pages.TerminalQuery{Limit: 2})
	d.Must(err)
	d.Lane("s1", "1") // before where the page ended
	rest, err := o.Terminals(d.Ctx, pages.TerminalQuery{Limit: 2, After: first.Older})
	d.Must(err)
	same(t, "the second page", rest.Rows, want[2:])
	if rest.Older != "" {
		t.Errorf("something follows the last: %q", rest.Older)
	}
}

// TestLag: a terminal is behind since it was last heard, or since somebody saw that it is, until it is not.
func TestLag(t *testing.T) {
	at := ingesttest.Noon
	status := func(seen time.Duration, known uint64) *ledger.TerminalStatus {
		st := &ledger.TerminalStatus{Terminal: ledger.Terminal{ID: payment.ID{1}}, Epochs: []ledger.EpochStatus{{Known: known, Held: 5}}}
		if seen >= 0 {
			st.LastSeen = at.Add(seen)
		}
		return st
	}
	var l lag
	for i, step := range []struct {
		after time.Duration
		of    *ledger.TerminalStatus
		want  time.Duration
	}{
		{0, status(-1, 6), 0},
		{time.Minute, status(time.Minute, 9), time.Minute}, // heard again, and still behind
		{2 * time.Minute, status(time.Minute, 5), 0},
		{9 * time.Minute, status(3*time.Minute, 6), 6 * time.Minute},
		{10 * time.Minute, status(3*time.Minute, 7), 7 * time.Minute},
	} {
		if got := l.of(step.of, at.Add(step.after)); got != step.want {
			t.Errorf("step %d: behind for %v, want %v", i, got, step.want)
		}
	}
}

// TestConsolePayments: every field of a payment in every state.
func TestConsolePayments(t *testing.T) {
	d := newDesk(t)
	o := d.office()
	l, p := d.Lane("s1", "1"), d.Chain.Phone()
	code := p.Code("s1", "")
	posted := l.SellWith(p, 100, ingesttest.Change{Code: code})
	twice := l.SellWith(p, 200, ingesttest.Change{Code: code})
	voided := l.Sell(p, 300)
	d.Chain.Now = d.Chain.Now.Add(time.Second) // on the way
	received := d.Chain.Now
	d.SendAll(l, 0)
	d.JudgeAll()
	n, err := o.CutNow(d.Ctx, "who")
	d.Must(err)
	after := l.Last()
	void := l.Void(voided)
	d.SendAll(l, after)
	d.JudgeAll()
	d.Chain.Now = d.Chain.Now.Add(time.Minute)
	m, err := o.CutNow(d.Ctx, "who")
	if err != nil || n != 1 || m != 1 { // the day before was due and took what was there
		t.Fatalf("%d and %d batches, %v", n, m, err)
	}
	batches, err := o.Batches(d.Ctx, pages.BatchQuery{Limit: 5})
	d.Must(err)
	open, err := o.Exceptions(d.Ctx, pages.ExceptionQuery{Limit: 5})
	d.Must(err)
	row := func(no uint64, s ingesttest.Sold, state string) pages.Payment {
		return pages.Payment{Number: no, ReceivedAt: received, ID: s.Payment, State: state, Amount: payment.Of(s.Amount, "JPY"), Wallet: ingesttest.Wallet, Entity: "kita-s1", Store: "s1", Lane: "1",
			BusinessDate: ingesttest.Today, TakenAt: ingesttest.Noon, Policy: 1,
			Entry: wire.Name{Terminal: l.ID, Epoch: l.Epoch, Seq: s.Seq}, EntryHash: l.Hash(s.Seq)}
	}
	want := []pages.Payment{row(3, voided, "voided"), row(2, twice, "suspense"), row(1, posted, "posted")}
	want[0].VoidedBy = void
	list, err := o.Payments(d.Ctx, pages.PaymentQuery{Limit: 5})
	d.Must(err)
	same(t, "payments", list, pages.PaymentList{Rows: want})

	latest, first := batches.Rows[0].ID, batches.Rows[1].ID
	want[0].Settled = []pages.Settled{{Batch: first, Kind: "payment", Amount: payment.Of(300, "JPY")}, {Batch: latest, Kind: "void", Amount: payment.Of(-300, "JPY")}}
	want[1].Exceptions = open.Rows
	want[2].Settled = []pages.Settled{{Batch: first, Kind: "payment", Amount: payment.Of(100, "JPY")}}
	for i := range want {
		got, err := o.Payment(d.Ctx, want[i].ID)
		d.Must(err)
		same(t, "payment", got, want[i:i+1])
	}
	_, err = o.Payment(d.Ctx, d.Chain.ID())
	d.wantCode("no such payment", err, payment.NotFound)
	for _, q := range []pages.PaymentQuery{{State: "voided"}, {Store: "s1", State: "voided"}, {Wallet: ingesttest.Wallet, Date: ingesttest.Today, State: "voided"}} {
		q.Limit = 5
		if got, err := o.Payments(d.Ctx, q); err != nil || len(got.Rows) != 1 || got.Rows[0].ID != voided.Payment {
			t.Errorf("%+v: %+v, %v", q, got, err)
		}
	}
	byEnd := pages.PaymentQuery{End: posted.Payment.String()[20:], Limit: 5}
	list, err = o.Payments(d.Ctx, byEnd)
	d.Must(err)
	same(t, "by the end of the identifier", list, pages.PaymentList{Rows: []pages.Payment{row(1, posted, "posted")}})
	d.Chain.Now = d.Chain.Now.Add(pages.FindBack + 24*time.Hour)
	if list, err := o.Payments(d.Ctx, byEnd); err != nil || len(list.Rows) != 0 {
		t.Errorf("too long ago: %+v, %v", list, err)
	}
	for _, q := range []pages.PaymentQuery{{Store: "s2"}, {Wallet: "none"}, {Date: 20200101}, {State: "lost"}} {
		q.Limit = 5
		if got, err := o.Payments(d.Ctx, q); err != nil || len(got.Rows) != 0 {
			t.Errorf("%+v: %+v, %v", q, got, err)
		}
	}
}

// TestConsolePages turns pages while payments come in, and tries cursors from nowhere.
func TestConsolePages(t *testing.T) {
	d := newDesk(t)
	o := d.office()
	l, p := d.Lane("s1", "1"), d.Chain.Phone()
	d.SendAll(l, 0)
	var sold []ingesttest.Sold
	sell := func() {
		after := l.Last()
		sold = append(sold, l.Sell(p, int64(100+len(sold))))
		d.SendAll(l, after)
		d.JudgeAll()
	}
	for range 7 {
		sell()
	}
	var seen []payment.ID
	after := ""
	for range 4 {
		list, err := o.Payments(d.Ctx, pages.PaymentQuery{Limit: 2, After: after})
		d.Must(err)
		for _, r := range list.Rows {
			seen = append(seen, r.ID)
		}
		after = list.Older
		sell()
	}
	for i := range 7 {
		if len(seen) != 7 || seen[i] != sold[6-i].Payment {
			t.Fatalf("seen %v", seen)
		}
	}
	if after != "" {
		t.Errorf("something follows the last: %q", after)
	}
	list, err := o.Payments(d.Ctx, pages.PaymentQuery{Limit: 2})
	d.Must(err)
	epoch, err := d.HQEpoch(d.Ctx)
	d.Must(err)
	for name, cursor := range map[string]string{
		"no cursor":              "p4",
		"another list's":         hqapi.Place{List: listBatches, Epoch: epoch, Pos: 1, ID: sold[0].Payment}.Cursor(),
		"of another life":        hqapi.Place{List: listPayments, Epoch: epoch - 1, Pos: 1, ID: sold[0].Payment}.Cursor(),
		"of no payment":          hqapi.Place{List: listPayments, Epoch: epoch, Pos: 1, ID: d.Chain.ID()}.Cursor(),
		"of another's position":  hqapi.Place{List: listPayments, Epoch: epoch, Pos: 2, ID: sold[0].Payment}.Cursor(),
		"with something behind":  list.Older + "A",
		"another list's, as is":  hqapi.Place{List: 'p', Epoch: epoch, Pos: 1, ID: sold[0].Payment}.Cursor(),
		"of a position too high": hqapi.Place{List: listPayments, Epoch: epoch, Pos: 1 << 63, ID: sold[0].Payment}.Cursor(),
	} {
		_, err := o.Payments(d.Ctx, pages.PaymentQuery{Limit: 2, After: cursor})
		d.wantCode(name, err, payment.Invalid)
		_, err = o.Terminals(d.Ctx, pages.TerminalQuery{Limit: 2, After: cursor})
		d.wantCode(name+" (terminals)", err, payment.Invalid)
		_, err = o.Exceptions(d.Ctx, pages.ExceptionQuery{Limit: 2, After: cursor})
		d.wantCode(name+" (exceptions)", err, payment.Invalid)
		if name != "another list's" {
			_, err = o.Batches(d.Ctx, pages.BatchQuery{Limit: 2, After: cursor})
			d.wantCode(name+" (batches)", err, payment.Invalid)
		}
	}
	_, err = d.Restored(d.Ctx)
	d.Must(err)
	_, err = o.Payments(d.Ctx, pages.PaymentQuery{Limit: 2, After: list.Older})
	d.wantCode("from before a restore", err, payment.Invalid)
}

func readAll(t testing.TB, r io.ReadCloser, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	return string(b)
}
