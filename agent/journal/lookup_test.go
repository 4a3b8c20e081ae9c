package journal

import (
	"bytes"
	"errors"
	"testing"

	"tilld/agent/payment"
)

func TestKnown(t *testing.T) {
	j := newJournal(t)
	phone := payment.ReplayKey{Phone: bytes.Repeat([]byte{1}, 8), Counter: 5}
	q := Question{Replay: phone, Wallet: "house", Account: []byte{'a', 1}, Date: today, Currency: "JPY"}
	ask := func(f func(*Question)) Known {
		t.Helper()
		q := q
		f(&q)
		k, err := j.Known(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	if k := ask(func(*Question) {}); k.PhoneKnown || !k.CodeUsed.IsZero() || k.AccountSpent != 0 || k.ExposureCount != 0 || k.Last != 1 || k.Epoch == 0 {
		t.Errorf("a new journal: %+v", k)
	}
	mustAppend(t, j, opened(1, 100), approved(t, 1, 100, 1, 5))
	r := mustAppend(t, j, opened(2, 30), approved(t, 2, 30, 1, 9))
	tests := []struct {
		name string
		f    func(*Question)
		want Known
	}{
		{"a code again", func(*Question) {}, Known{PhoneKnown: true, LastCounter: 9, CodeUsed: *id(10), AccountSpent: 130, AccountCount: 2, ExposureSum: 130, ExposureCount: 2}},
		{"a counter between", func(q *Question) { q.Replay.Counter = 7 }, Known{PhoneKnown: true, LastCounter: 9, AccountSpent: 130, AccountCount: 2, ExposureSum: 130, ExposureCount: 2}},
		{"another phone", func(q *Question) { q.Replay.Phone = []byte{2} }, Known{AccountSpent: 130, AccountCount: 2, ExposureSum: 130, ExposureCount: 2}},
		{"another day", func(q *Question) { q.Date = today.Next() }, Known{PhoneKnown: true, LastCounter: 9, CodeUsed: *id(10), ExposureSum: 130, ExposureCount: 2}},
		{"another account", func(q *Question) { q.Account = nil }, Known{PhoneKnown: true, LastCounter: 9, CodeUsed: *id(10), ExposureSum: 130, ExposureCount: 2}},
		{"another wallet", func(q *Question) { q.Wallet = "x" }, Known{PhoneKnown: true, LastCounter: 9, CodeUsed: *id(10), ExposureSum: 130, ExposureCount: 2}},
		{"another currency", func(q *Question) { q.Currency = "TWD" }, Known{PhoneKnown: true, LastCounter: 9, CodeUsed: *id(10)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.want.Epoch, tt.want.Last = r[0].Entry.Epoch, 5
			if k := ask(tt.f); k != tt.want {
				t.Errorf("%+v, want %+v", k, tt.want)
			}
		})
	}
	mustAppend(t, j, voided(r[1]))
	if k := ask(func(*Question) {}); k.AccountSpent != 100 || k.ExposureSum != 100 || k.LastCounter != 9 {
		t.Errorf("after a void: %+v: money comes back, the counter does not", k)
	}
	training := opened(3, 50)
	training.Training = true
	a := approved(t, 3, 50, 1, 11)
	a.Training = true
	mustAppend(t, j, training, a)
	if k := ask(func(*Question) {}); k.AccountSpent != 100 || k.ExposureSum != 100 || k.LastCounter != 11 {
		t.Errorf("after training: %+v: no money, but the code is used", k)
	}
}

func TestSales(t *testing.T) {
	j := newJournal(t)
	request, digest := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	d := saleFact(&payment.SaleOpened{Reference: "R-1", Total: yen(150), Due: yen(100), Request: request, Digest: digest}, 1)
	mustAppend(t, j, d)
	d.Sale = id(2)
	if _, err := j.Append(ctx, d); !errors.Is(err, ErrRequestUsed) {
		t.Errorf("an idempotency key again: %v", err)
	}
	s, ok, err := j.SaleByRequest(ctx, request)
	if err != nil || !ok || s.ID != *id(1) || s.State != SaleOpen || !bytes.Equal(s.Digest, digest) || s.Total != yen(150) || s.Due != yen(100) {
		t.Errorf("by request: %+v, %v, %v", s, ok, err)
	}
	if _, ok, err := j.SaleByRequest(ctx, nil); ok || err != nil {
		t.Errorf("by no request: %v, %v", ok, err)
	}
	first := approved(t, 1, 60, 1, 1)
	r := mustAppend(t, j, first)
	state := func(want SaleState, paid int64) {
		t.Helper()
		if s, ok, err := j.SaleByID(ctx, *id(1)); err != nil || !ok || s.State != want || s.Paid != yen(paid) {
			t.Errorf("%+v, %v, %v, want %s with %d paid", s, ok, err, want, paid)
		}
	}
	state(SaleOpen, 60)
	second := approved(t, 1, 40, 1, 2)
	second.Payment = id(11)
	mustAppend(t, j, second)
	state(SalePaid, 100)
	more := approved(t, 1, 1, 1, 3)
	more.Payment = id(12)
	if _, err := j.Append(ctx, more); !errors.Is(err, ErrSaleState) {
		t.Errorf("paid twice over: %v", err)
	}
	if list, err := j.NotCompleted(ctx); err != nil || len(list) != 1 || list[0].ID != *id(1) {
		t.Errorf("not completed: %+v, %v", list, err)
	}
	behind := func(on payment.Date, most int) int {
		t.Helper()
		list, err := j.LeftBehind(ctx, on, most)
		if err != nil || len(list) > 0 && list[0].Seq < list[len(list)-1].Seq {
			t.Errorf("left behind: %+v, %v", list, err)
		}
		return len(list)
	}
	if a, b, c := behind(20261123, 9), behind(20261123, 1), behind(first.Moment.Date, 9); a != 2 || b != 1 || c != 0 {
		t.Errorf("left behind: %d on the next date, %d if one is wanted, %d on the date itself", a, b, c)
	}
	mustAppend(t, j, voided(r[0]))
	state(SaleOpen, 40)
	if n := behind(20261123, 9); n != 1 {
		t.Errorf("left behind after a void: %d", n)
	}
	mustAppend(t, j, saleFact(&payment.SaleCompleted{}, 1))
	state(SaleCompleted, 40)
	if n := behind(20261123, 9); n != 0 {
		t.Errorf("left behind after all: %d", n)
	}
	if list, err := j.NotCompleted(ctx); err != nil || len(list) != 0 {
		t.Errorf("not completed: %+v, %v", list, err)
	}
	if list, err := j.PaymentsOf(ctx, *id(1)); err != nil || len(list) != 2 || !list[0].Voided || list[1].Voided || list[1].ID != *id(11) {
		t.Errorf("payments %+v, %v", list, err)
	}

	d = saleFact(&payment.SaleOpened{Reference: "R-1", Total: yen(10), Due: yen(10)}, 3)
	mustAppend(t, j, d, saleFact(&payment.SaleCancelled{}, 3), opened(4, 5))
	if list, err := j.SalesByReference(ctx, "R-1"); err != nil || len(list) != 2 || list[0].ID != *id(3) || list[0].State != SaleCancelled {
		t.Errorf("by reference: %+v, %v", list, err)
	}
	if list, err := j.SalesByReference(ctx, ""); err != nil || len(list) != 0 {
		t.Errorf("by no reference: %+v, %v", list, err)
	}
	if list, err := j.OpenSales(ctx); err != nil || len(list) != 1 || list[0].ID != *id(4) {
		t.Errorf("open: %+v, %v", list, err)
	}
	if _, err := j.Append(ctx, approved(t, 3, 10, 1, 20)); !errors.Is(err, ErrSaleState) {
		t.Errorf("paying a cancelled sale: %v", err)
	}
}

func TestDays(t *testing.T) {
	j := newJournal(t)
	mustAppend(t, j, draft(&payment.DayOpened{}))
	r := sell(t, j, 1, 3)
	mustAppend(t, j, voided(r[0]))
	d, err := j.Day(ctx, today)
	if err != nil || !d.Open() || d.FirstSeq != 2 {
		t.Fatalf("%+v, %v", d, err)
	}
	want := payment.DayTotal{Wallet: "house", Currency: "JPY", Count: 3, Sum: 300, VoidCount: 1, VoidSum: 100}
	if len(d.Totals) != 1 || d.Totals[0] != want {
		t.Fatalf("totals %+v, want %+v", d.Totals, want)
	}
	wrong := want
	wrong.Sum++
	for name, f := range map[string]*payment.DayClosed{
		"another sum":   {FirstSeq: 2, Totals: []payment.DayTotal{wrong}},
		"no totals":     {FirstSeq: 2},
		"another start": {FirstSeq: 3, Totals: d.Totals},
	} {
		if _, err := j.Append(ctx, draft(f)); !errors.Is(err, ErrDay) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := mustAppend(t, j, draft(&payment.DayClosed{FirstSeq: 2, Totals: d.Totals}))
	if d, err := j.Day(ctx, today); err != nil || d.Open() || d.ClosedSeq != c[0].Entry.Seq {
		t.Errorf("%+v, %v", d, err)
	}
	// A fork in the middle of the next day: it has two parts.
	next := today.Next()
	day := draft(&payment.DayOpened{})
	day.Moment = moment(next)
	sale := func(n int) []Draft {
		o, a := opened(n, 100), approved(t, n, 100, 2, uint64(1000+n))
		o.Moment, a.Moment = moment(next), moment(next)
		return []Draft{o, a}
	}
	mustAppend(t, j, append([]Draft{day}, sale(20)...)...)
	if _, err := j.NewEpoch(ctx, payment.CauseFork); err != nil {
		t.Fatal(err)
	}
	if d, err := j.Day(ctx, next); err != nil || d.Open() || len(d.Totals) != 0 {
		t.Errorf("in the new epoch: %+v, %v", d, err)
	}
	mustAppend(t, j, append([]Draft{day}, sale(21)...)...)
	list, err := j.Days(ctx, today)
	if err != nil || len(list) != 3 || list[1].Date != next || list[2].Date != next || list[1].Epoch == list[2].Epoch || list[2].FirstSeq != 2 {
		t.Errorf("days %+v, %v", list, err)
	}
	if list, err := j.Days(ctx, next.Next()); err != nil || len(list) != 0 {
		t.Errorf("days to come: %+v, %v", list, err)
	}
}

func TestStats(t *testing.T) {
	j := newSecond(t)
	r := sell(t, j, 1, 3)
	mustAppend(t, j, saleFact(&payment.SaleCompleted{}, 1))
	mustAck(t, j, ackFor(r[1], 1))
	s, err := j.Stats(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if s.Entries != 8 || s.Epochs != 1 || s.Last != 8 || s.Acked != 5 || s.Pending != 3 || s.NotCompleted != 2 || s.Practice != 0 || s.Bytes < 4096 || !s.Second || s.Stopped {
		t.Errorf("%+v", s)
	}
}

func TestDocuments(t *testing.T) {
	j := newJournal(t)
	if v, raw, err := j.Document(ctx, PolicyDocument); v != 0 || raw != nil || err != nil {
		t.Errorf("none: %d, %q, %v", v, raw, err)
	}
	steps := []struct {
		version uint64
		raw     string
		err     error
		held    string
	}{
		{3, "three", nil, "three"},
		{3, "three", nil, "three"},
		{3, "another three", ErrVersion, "three"},
		{2, "two", ErrVersion, "three"},
		{4, "four", nil, "four"},
		{3, "three", ErrVersion, "four"},
	}
	for _, s := range steps {
		if err := j.SetDocument(ctx, PolicyDocument, s.version, []byte(s.raw)); !errors.Is(err, s.err) {
			t.Errorf("setting %q: %v, want %v", s.raw, err, s.err)
		}
		if _, raw, err := j.Document(ctx, PolicyDocument); err != nil || string(raw) != s.held {
			t.Errorf("after %q: %q, %v", s.raw, raw, err)
		}
	}
	for _, v := range []uint64{0, 1 << 63} {
		if err := j.SetDocument(ctx, TrustDocument, v, []byte("x")); payment.CodeOf(err) != payment.Invalid {
			t.Errorf("version %d: %v", v, err)
		}
	}
	reopen(t, &j)
	if v, raw, err := j.Document(ctx, PolicyDocument); v != 4 || string(raw) != "four" || err != nil {
		t.Errorf("after a restart: %d, %q, %v", v, raw, err)
	}
	if v, _, err := j.Document(ctx, TrustDocument); v != 0 || err != nil {
		t.Errorf("the other document: %d, %v", v, err)
	}
}

func TestClockAnchorAndBeats(t *testing.T) {
	j := newJournal(t)
	if a, err := j.ClockAnchor(ctx); a != nil || err != nil {
		t.Errorf("none: %v, %v", a, err)
	}
	for _, v := range []string{"one", "two"} {
		if err := j.SetClockAnchor(ctx, []byte(v)); err != nil {
			t.Fatal(err)
		}
	}
	beats := []struct {
		wall int64
		want uint64
	}{{1000, 1000}, {1000, 1001}, {5000, 5000}, {10, 5001}, {-10, 5002}}
	for _, b := range beats {
		if n, err := j.NextBeat(ctx, b.wall); n != b.want || err != nil {
			t.Errorf("beat at %d: %d, %v, want %d", b.wall, n, err, b.want)
		}
	}
	reopen(t, &j)
	if n, err := j.NextBeat(ctx, 0); n != 5003 || err != nil {
		t.Errorf("beat after a restart: %d, %v", n, err)
	}
	if a, err := j.ClockAnchor(ctx); string(a) != "two" || err != nil {
		t.Errorf("anchor after a restart: %q, %v", a, err)
	}
}

// TestNewestSaleByPlace: a clock that was set back makes identifiers that sort before older ones.
func TestNewestSaleByPlace(t *testing.T) {
	j := newJournal(t)
	for i, sale := range []int{2, 1} {
		mustAppend(t, j, saleFact(&payment.SaleOpened{Reference: "R", Total: yen(100), Due: yen(100)}, sale))
		paid := approved(t, sale, 100, 1, uint64(i+1))
		paid.Payment = id(10 + sale)
		mustAppend(t, j, paid)
	}
	if list, err := j.NotCompleted(ctx); err != nil || len(list) != 2 || list[0].ID != *id(1) {
		t.Errorf("not completed: %+v, %v; want the sale that was opened last first", list, err)
	}
}
