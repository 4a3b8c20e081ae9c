package hq

import (
	"context"
	"slices"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	pages "tilld/ui/hq"
	"tilld/ui/web"
)

func TestConsoleOverview(t *testing.T) {
	d := newDesk(t)
	o := d.office()
	epoch, err := d.HQEpoch(d.Ctx)
	d.Must(err)
	empty, err := o.Overview(d.Ctx)
	d.Must(err)
	want := pages.Overview{Chain: "kita", Epoch: epoch, EpochAt: ingesttest.Noon, Date: ingesttest.Today, Broker: true, BrokerSince: ingesttest.Noon,
		Day: web.Bars{Currency: "JPY"}, PolicyLast: 1}
	same(t, "an empty chain", empty, want)

	l, far := d.Lane("s1", "1"), d.Lane("s1", "2")
	p := d.Chain.Phone()
	code := p.Code("s1", "")
	l.SellWith(p, 100, ingesttest.Change{Code: code})
	l.SellWith(p, 200, ingesttest.Change{Code: code})
	l.Void(l.Sell(p, 300))
	d.Chain.Now = d.Chain.Now.Add(2 * time.Hour)
	l.Sell(p, 500)
	l.SellWith(p, 50, ingesttest.Change{Fact: func(f *payment.Approved) { f.Wallet = "guest" }})
	lost := l.SellWith(p, 7, ingesttest.Change{Code: code})
	l.OpenDay(ingesttest.Today + 1)
	l.Sell(p, 9000) // of tomorrow
	d.SendAll(l, 0)
	d.JudgeAll()
	for _, x := range d.OpenExceptions() {
		if x.Payment == lost.Payment {
			d.Must(o.Resolve(d.Ctx, "who", x.ID, pages.Loss, "why"))
		}
	}
	after := l.Last()
	l.CloseDay()
	d.SendAll(l, after)
	d.beat(far, 9)
	d.Chain.Now = d.Chain.Now.Add(3 * time.Minute)
	d.beat(l, l.Last())
	if n, err := o.CutNow(d.Ctx, "who"); n != 1 || err != nil {
		t.Fatalf("%d batches, %v", n, err)
	}
	d.up = false

	got, err := o.Overview(d.Ctx)
	d.Must(err)
	batches, err := o.Batches(d.Ctx, pages.BatchQuery{Limit: 1})
	d.Must(err)
	behind, err := o.Terminals(d.Ctx, pages.TerminalQuery{Only: pages.OnlyBehind, Limit: 5})
	d.Must(err)
	want.Broker, want.Terminals, want.Heard, want.Behind, want.Unjudged, want.Open = false, 2, 1, 1, 1, 1
	want.OpenMoney, want.Worst, want.Last = []payment.Money{yen(200)}, behind.Rows, &batches.Rows[0]
	want.Wallets = []pages.WalletDay{
		{Wallet: ingesttest.Wallet, Posted: total(2, 600), Suspense: total(1, 200), Voided: total(1, 300)},
		{Wallet: "guest", Posted: total(1, 50), Suspense: total(0, 0), Voided: total(0, 0)},
	}
	hour := ingesttest.Noon.In(d.zone).Hour()
	labels := []string{hourLabel(hour), hourLabel(hour + 1), hourLabel(hour + 2)}
	want.Day = web.Bars{Labels: labels, Sums: []int64{100, 0, 550}, Currency: "JPY"}
	same(t, "a day", got, want)
	if len(got.Worst) != 1 || got.Worst[0].Behind != 9 {
		t.Errorf("worst: %+v", got.Worst)
	}
}

func hourLabel(hour int) string { return time.Date(2026, 1, 1, hour, 0, 0, 0, time.UTC).Format("15") }

// TestToday: the business date runs on until the policy's roll.
func TestToday(t *testing.T) {
	d := newDesk(t)
	for at, want := range map[string]payment.Date{"2026-11-22T18:59:59Z": 20261122, "2026-11-22T19:00:00Z": 20261123} {
		var err error
		d.Chain.Now, err = time.Parse(time.RFC3339, at)
		d.Must(err)
		if got := d.today(d.Chain.Doc); got != want {
			t.Errorf("%s is %s, want %s", at, got, want)
		}
	}
}

// TestMemo: what took a second to read is kept for ten, and an error not at all.
func TestMemo(t *testing.T) {
	at := ingesttest.Noon
	now := func() time.Time { return at }
	var m memo[int, int]
	reads := 0
	get := func(key int, cost time.Duration, fail error) (int, error) {
		return m.get(now, key, func() (int, error) { reads++; at = at.Add(cost); return reads, fail })
	}
	for i, step := range []struct {
		after time.Duration
		key   int
		cost  time.Duration
		fail  error
		want  int
	}{
		{0, 1, time.Second, context.Canceled, 1},
		{0, 1, time.Second, nil, 2},
		{10*time.Second - 1, 1, time.Second, nil, 2},
		{0, 2, 0, nil, 3},
		{0, 2, 0, nil, 4}, // it cost nothing
		{1, 1, time.Second, nil, 5},
	} {
		at = at.Add(step.after)
		if got, err := get(step.key, step.cost, step.fail); got != step.want || err != step.fail {
			t.Errorf("step %d: %d, %v, want %d", i, got, err, step.want)
		}
	}
	for key := range 5 * maxMemo {
		if _, err := get(key, time.Hour, nil); err != nil || len(m.kept) > maxMemo {
			t.Fatalf("%d kept, %v", len(m.kept), err)
		}
	}
}

func TestChart(t *testing.T) {
	load := func(name string) *time.Location {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		return zone
	}
	sum := func(at string, sum int64) ledger.DaySum {
		from, err := time.Parse("2006-01-02 15:04Z07", at)
		if err != nil {
			t.Fatal(err)
		}
		return ledger.DaySum{Wallet: "house", Currency: "JPY", State: ledger.Posted, From: from.UTC(), Count: 1, Sum: sum}
	}
	with := func(d ledger.DaySum, edit func(*ledger.DaySum)) ledger.DaySum { edit(&d); return d }
	for _, tt := range []struct {
		name   string
		zone   string
		sums   []ledger.DaySum
		labels []string
		bars   []int64
	}{
		{"nothing", "UTC", nil, nil, nil},
		{"over midnight", "Asia/Tokyo", []ledger.DaySum{sum("2026-11-22 22:45+09", 1), sum("2026-11-22 22:00+09", 2), sum("2026-11-23 01:15+09", 4)},
			[]string{"22", "23", "00", "01"}, []int64{3, 0, 0, 4}},
		{"a zone of quarters", "Asia/Kathmandu", []ledger.DaySum{sum("2026-11-22 04:15Z", 1), sum("2026-11-22 05:00Z", 2)}, []string{"10"}, []int64{3}},
		{"an hour that comes twice", "Europe/Berlin", []ledger.DaySum{sum("2026-11-22 00:30Z", 1), sum("2026-11-22 01:30Z", 2)}, []string{"01", "02"}, []int64{1, 2}},
		{"wrong clocks", "UTC", []ledger.DaySum{sum("1970-01-01 00:00Z", 1), sum("2026-11-22 09:00Z", 2), sum("2026-11-26 00:00Z", 4), sum("2026-11-20 23:45Z", 8)},
			[]string{"09"}, []int64{2}},
		{"only posted", "UTC", []ledger.DaySum{sum("2026-11-22 09:00Z", 1), with(sum("2026-11-22 10:00Z", 2), func(d *ledger.DaySum) { d.State = ledger.Suspended })},
			[]string{"09"}, []int64{1}},
		{"only one currency", "UTC", []ledger.DaySum{sum("2026-11-22 09:00Z", 1), with(sum("2026-11-22 10:00Z", 2), func(d *ledger.DaySum) { d.Currency = "EUR" })},
			[]string{"09"}, []int64{1}},
	} {
		got := chart(tt.sums, 20261122, load(tt.zone), "JPY")
		if got.Currency != "JPY" || !slices.Equal(got.Labels, tt.labels) || !slices.Equal(got.Sums, tt.bars) {
			t.Errorf("%s: %+v, want %v %v", tt.name, got, tt.labels, tt.bars)
		}
	}
	// Two hours that the clocks show as one are one bar.
	back := chart([]ledger.DaySum{sum("2026-10-25 00:30Z", 1), sum("2026-10-25 01:30Z", 2)}, 20261025, load("Europe/Berlin"), "JPY")
	if !slices.Equal(back.Labels, []string{"02"}) || !slices.Equal(back.Sums, []int64{3}) {
		t.Errorf("clocks put back: %+v", back)
	}
	euros := with(sum("2026-11-22 10:00Z", 2), func(d *ledger.DaySum) { d.Currency, d.Count = "EUR", 2 })
	if got := chart([]ledger.DaySum{sum("2026-11-22 09:00Z", 9), euros}, 20261122, time.UTC, "JPY"); got.Currency != "EUR" || !slices.Equal(got.Sums, []int64{2}) {
		t.Errorf("mostly euros: %+v", got)
	}
}

func TestWalletDays(t *testing.T) {
	sum := func(wallet string, currency payment.Currency, state ledger.State, count int, sum int64) ledger.DaySum {
		return ledger.DaySum{Wallet: wallet, Currency: currency, State: state, Count: count, Sum: sum}
	}
	got := walletDays([]ledger.DaySum{
		sum("a", "EUR", ledger.Posted, 1, 10), sum("a", "JPY", ledger.Lost, 9, 900), sum("a", "JPY", ledger.Posted, 2, 20), sum("a", "JPY", ledger.Posted, 3, 30),
		sum("b", "JPY", ledger.Suspended, 1, 5), sum("c", "JPY", ledger.Posted, 1, 70), sum("c", "JPY", ledger.Voided, 1, 7),
	})
	of := func(wallet string, currency payment.Currency, totals ...int64) pages.WalletDay {
		at := func(i int) pages.Total {
			return pages.Total{Count: int(totals[2*i]), Sum: payment.Of(totals[2*i+1], currency)}
		}
		return pages.WalletDay{Wallet: wallet, Posted: at(0), Suspense: at(1), Voided: at(2)}
	}
	same(t, "wallets", got, []pages.WalletDay{
		of("c", "JPY", 1, 70, 0, 0, 1, 7), of("a", "JPY", 5, 50, 0, 0, 0, 0), of("a", "EUR", 1, 10, 0, 0, 0, 0), of("b", "JPY", 0, 0, 1, 5, 0, 0),
	})
}
