package hq

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/settle"
	pages "tilld/ui/hq"
)

// settled is a desk with a batch of everything: lines of the day before, of the day and of the day after, one
// taken back, one decided, and lanes from which something is missing.
func settled(t *testing.T) (d *desk, lane, never *ingesttest.Lane, sold []ingesttest.Sold) {
	t.Helper()
	d = newDesk(t)
	o := d.office()
	lane, never = d.Lane("s1", "1"), d.Lane("s2", "1")
	if n, err := o.CutNow(d.Ctx, "who"); n != 1 || err != nil { // the day before
		t.Fatalf("%d batches, %v", n, err)
	}
	p := d.Chain.Phone()
	lane.OpenDay(ingesttest.Today - 1)
	sold = append(sold, lane.Sell(p, 100))
	lane.OpenDay(ingesttest.Today)
	code := p.Code("s1", "")
	sold = append(sold, lane.SellWith(p, 200, ingesttest.Change{Code: code}), lane.SellWith(p, 400, ingesttest.Change{Code: code}))
	lane.OpenDay(ingesttest.Today + 1)
	sold = append(sold, lane.Sell(p, 800), lane.Sell(p, 1600))
	lane.Void(sold[4])
	d.SendAll(lane, 0)
	d.JudgeAll()
	for _, x := range d.OpenExceptions() {
		d.Must(o.Resolve(d.Ctx, "who", x.ID, pages.Receivable, "why"))
	}
	d.beat(lane, lane.Last()+3)
	if n, err := o.CutNow(d.Ctx, "who"); n != 1 || err != nil {
		t.Fatalf("%d batches, %v", n, err)
	}
	return d, lane, never, sold
}

func yen(n int64) payment.Money { return payment.Of(n, "JPY") }

func total(count int, sum int64) pages.Total { return pages.Total{Count: count, Sum: yen(sum)} }

func TestConsoleBatch(t *testing.T) {
	d, lane, never, sold := settled(t)
	o := d.office()
	ref, err := d.console.books.NewestBatches(d.Ctx, ledger.BatchFilter{}, 0, 1)
	d.Must(err)
	list, err := o.Batches(d.Ctx, pages.BatchQuery{Limit: 5})
	d.Must(err)
	batch := pages.Batch{ID: ref[0].ID, Wallet: ingesttest.Wallet, SettlementDate: ingesttest.Today, Number: 1, Cause: "now",
		Count: 6, Sum: yen(1500), Hash: ref[0].Root[:], Missing: 2}
	before := pages.Batch{ID: list.Rows[1].ID, Wallet: ingesttest.Wallet, SettlementDate: ingesttest.Today - 1, Number: 1, Cause: "day",
		Sum: yen(0), Hash: list.Rows[1].Hash} // of before there were lanes
	same(t, "batches", list.Rows, []pages.Batch{batch, before})

	place := func(l *ingesttest.Lane, x pages.Lack) pages.Lack {
		x.Terminal, x.Store, x.Lane = l.ID, l.Store, l.Name
		return x
	}
	line := func(s ingesttest.Sold, kind string, seq uint64, date payment.Date, amount int64) pages.Line {
		return pages.Line{Payment: s.Payment, Kind: kind, Store: "s1", Lane: "1", BusinessDate: date, Seq: seq, Amount: yen(amount)}
	}
	lines := []pages.Line{
		line(sold[0], "payment", sold[0].Seq, ingesttest.Today-1, 100), line(sold[1], "payment", sold[1].Seq, ingesttest.Today, 200),
		line(sold[2], "adjustment", sold[2].Seq, ingesttest.Today, 400), line(sold[3], "payment", sold[3].Seq, ingesttest.Today+1, 800),
		line(sold[4], "payment", sold[4].Seq, ingesttest.Today+1, 1600), line(sold[4], "void", lane.Last(), ingesttest.Today+1, -1600),
	}
	want := pages.BatchDetail{
		Batch: batch, CutAt: ingesttest.Noon, Expected: total(2, 600), Late: total(1, 100), Early: total(3, 800),
		Parts: []pages.Part{{Terminal: lane.ID, Store: "s1", Lane: "1", First: sold[0].Seq, Last: lane.Last(), Total: total(6, 1500)}},
		Lacking: []pages.Lack{
			place(lane, pages.Lack{Reason: pages.LackDayOpen}),
			place(lane, pages.Lack{Reason: "entries_missing", From: lane.Last() + 1, To: lane.Last() + 3}),
			place(never, pages.Lack{Reason: "never_heard"}),
		},
		Lines: lines,
	}
	for _, tt := range []struct{ from, limit, first, last int }{{0, 10, 0, 6}, {0, 6, 0, 6}, {2, 3, 2, 5}, {5, 10, 5, 6}, {6, 10, 6, 6}, {99, 10, 6, 6}, {-1, 1, 0, 1}} {
		got, err := o.Batch(d.Ctx, batch.ID, tt.from, tt.limit)
		d.Must(err)
		want.From, want.Lines = tt.first, append([]pages.Line(nil), lines[tt.first:tt.last]...)
		same(t, "batch", got, want)
	}
	_, err = o.Batch(d.Ctx, d.Chain.ID(), 0, 1)
	d.wantCode("no such batch", err, payment.NotFound)
}

// TestConsoleLacks: a lane that sent everything and whose day ran on is not missing, one that had not closed its day
// when that was over is, and one that was not there yet is not named. What is archived names them all.
func TestConsoleLacks(t *testing.T) {
	d := newDesk(t)
	o := d.office()
	lane, p := d.Lane("s1", "1"), d.Chain.Phone()
	if n, err := o.CutNow(d.Ctx, "who"); n != 1 || err != nil { // the day before there was a lane
		t.Fatalf("%d batches, %v", n, err)
	}
	lane.Sell(p, 100)
	d.SendAll(lane, 0)
	d.JudgeAll()
	if n, err := o.CutNow(d.Ctx, "who"); n != 1 || err != nil {
		t.Fatalf("%d batches, %v", n, err)
	}
	d.Chain.Now = d.Chain.Now.Add(24 * time.Hour)
	late := d.Lane("s1", "2")                                   // enrolled on the day after
	if n, err := o.CutNow(d.Ctx, "who"); n == 0 || err != nil { // Today is over, and the lane has not closed it
		t.Fatalf("%d batches, %v", n, err)
	}
	list, err := o.Batches(d.Ctx, pages.BatchQuery{Limit: 5})
	d.Must(err)
	type lacks struct {
		date          payment.Date
		cause         string
		missing, open int
		reasons       string
		archived      int
	}
	var got []lacks
	for _, b := range list.Rows {
		detail, err := o.Batch(d.Ctx, b.ID, 0, 9)
		d.Must(err)
		row := lacks{b.SettlementDate, b.Cause, b.Missing, b.DayOpen, "", 0}
		for _, l := range detail.Lacking {
			if row.reasons += l.Reason + " "; l.Terminal == late.ID {
				t.Errorf("%+v names a lane that came later", row)
			}
		}
		file, err := d.archive.Load(b.ID)
		d.Must(err)
		row.archived = len(file.Manifest.Missing)
		same(t, "what the list counts", detail.Batch, b)
		got = append(got, row)
	}
	same(t, "batches", got, []lacks{
		{ingesttest.Today, "day", 1, 0, "day_not_closed ", 2},
		{ingesttest.Today, "now", 0, 1, "day_open ", 1},
		{ingesttest.Today - 1, "day", 0, 0, "", 1},
	})
}

func TestConsoleBatchList(t *testing.T) {
	d, _, _, _ := settled(t)
	o := d.office()
	first, err := o.Batches(d.Ctx, pages.BatchQuery{Limit: 1})
	d.Must(err)
	rest, err := o.Batches(d.Ctx, pages.BatchQuery{Limit: 1, After: first.Older})
	if err != nil || len(rest.Rows) != 1 || rest.Rows[0].SettlementDate != ingesttest.Today-1 || rest.Older != "" {
		t.Errorf("the second page: %+v, %v", rest, err)
	}
	if first.Date != ingesttest.Today || len(first.Day.Sums) != 1 || first.Day.Sums[0] != 600 || first.Day.Currency != "JPY" {
		t.Errorf("the day: %s %+v", first.Date, first.Day)
	}
	other, err := o.Batches(d.Ctx, pages.BatchQuery{Limit: 5, Date: ingesttest.Today - 1})
	if err != nil || len(other.Rows) != 1 || other.Date != ingesttest.Today-1 || len(other.Day.Sums) != 1 || other.Day.Sums[0] != 100 {
		t.Errorf("the day before: %+v, %v", other, err)
	}
	if none, err := o.Batches(d.Ctx, pages.BatchQuery{Limit: 5, Wallet: "none"}); err != nil || len(none.Rows) != 0 {
		t.Errorf("of no wallet: %+v, %v", none, err)
	}
}

// TestConsoleArchived: the console sends what lies in the archive, and only what the books list.
func TestConsoleArchived(t *testing.T) {
	d, _, _, _ := settled(t)
	o := d.office()
	list, err := o.Batches(d.Ctx, pages.BatchQuery{Limit: 1})
	d.Must(err)
	id := list.Rows[0].ID
	for form, name := range map[pages.Form]settle.Form{pages.JSON: settle.FormJSON, pages.CSV: settle.FormCSV} {
		want, err := os.ReadFile(filepath.Join(d.dir, "archive", list.Rows[0].SettlementDate.String(), id.String(), string(name)))
		d.Must(err)
		for range 2 {
			r, err := o.Archived(d.Ctx, id, form)
			if got := readAll(t, r, err); got != string(want) || got == "" {
				t.Errorf("%s: %q, want %q", form, got, want)
			}
		}
	}
	_, err = o.Archived(d.Ctx, id, "xml")
	d.wantCode("no such form", err, payment.NotFound)

	cut, _, err := d.ReadCut(d.Ctx, settle.Account{Wallet: "guest", Currency: "JPY"}, ingesttest.Today, 10)
	d.Must(err)
	cut.Cause, cut.At = settle.CauseDay, time.UnixMilli(d.Chain.Now.UnixMilli())
	hidden, err := settle.Build(cut)
	d.Must(err)
	d.Must(d.archive.Put(hidden))
	_, err = o.Archived(d.Ctx, hidden.ID, pages.JSON)
	d.wantCode("not in the books yet", err, payment.NotFound)
	_, err = o.Batch(d.Ctx, hidden.ID, 0, 1)
	d.wantCode("not in the books yet", err, payment.NotFound)
}

// TestConsoleArchiveLost: without the archive nothing is said of a batch, rather than something wrong.
func TestConsoleArchiveLost(t *testing.T) {
	d, _, _, _ := settled(t)
	o := d.office()
	list, err := o.Batches(d.Ctx, pages.BatchQuery{Limit: 5})
	d.Must(err)
	d.Must(os.RemoveAll(filepath.Join(d.dir, "archive")))
	if again, err := o.Batches(d.Ctx, pages.BatchQuery{Limit: 5}); err != nil || again.Rows[0].Missing != list.Rows[0].Missing {
		t.Errorf("what was read once: %+v, %v", again.Rows, err)
	}
	d.lacking.count = nil
	_, err = o.Batches(d.Ctx, pages.BatchQuery{Limit: 5})
	d.wantCode("list", err, payment.Internal)
	_, err = o.Batch(d.Ctx, list.Rows[0].ID, 0, 1)
	d.wantCode("batch", err, payment.Internal)
	_, err = o.Archived(d.Ctx, list.Rows[0].ID, pages.CSV)
	d.wantCode("archived", err, payment.Internal)
}
