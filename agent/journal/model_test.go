package journal

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// model is the journal as simply as it can be said: lists and maps in memory.
type model struct {
	*rapid.T
	tb     testing.TB
	j      *Journal
	keys   byte // keys used so far
	epochs []*modelEpoch
	sales  []*modelSale
	pays   []*modelPay
	tries  []*modelTry
	spent  map[string]bool // phone and counter
	last   map[byte]uint64 // a phone's highest counter
	offers int
}

type modelEpoch struct {
	id             uint64
	records        []Record
	acked, hqEpoch uint64
	pruned         uint64
	days           map[payment.Date]*[2]uint64 // first and closing sequence
}

type modelSale struct {
	due, paid, asked     int64 // asked: by attempts that are open
	completed, cancelled bool
	training             bool
	gone                 bool // pruned
}

type modelPay struct {
	rec            Record
	epoch          *modelEpoch
	sale           *modelSale
	amount         int64
	date           payment.Date
	phone          byte
	void, training bool
	gone           bool // pruned
	online         bool
	carried        bool
}

// modelTry is an attempt at an online payment.
type modelTry struct {
	n, pay int // of its sale and its payment
	sale   *modelSale
	amount int64
	asked  Record
	epoch  *modelEpoch
	state  AttemptState
	gone   bool
}

func (m *model) cur() *modelEpoch { return m.epochs[len(m.epochs)-1] }

// append wants exactly the error that the model foresees.
func (m *model) append(want error, drafts ...Draft) []Record {
	list, err := m.j.Append(ctx, drafts...)
	if !errors.Is(err, want) {
		m.Fatalf("append: %v, want %v", err, want)
	}
	m.cur().records = append(m.cur().records, list...)
	return list
}

func (m *model) date() payment.Date {
	return rapid.SampledFrom([]payment.Date{20261121, 20261122, 20261123}).Draw(m.T, "date")
}

func on(d Draft, date payment.Date) Draft {
	d.Moment = moment(date)
	return d
}

func (m *model) OpenSale(t *rapid.T) {
	m.T = t
	s := &modelSale{due: rapid.Int64Range(1, 1000).Draw(t, "due"), training: rapid.IntRange(0, 5).Draw(t, "training") == 0}
	d := on(opened(len(m.sales), s.due), m.date())
	d.Training = s.training
	m.append(nil, d)
	m.append(ErrSaleExists, d)
	m.sales = append(m.sales, s)
}

func (m *model) sale() (int, *modelSale) {
	if len(m.sales) == 0 {
		m.Skip("no sales")
	}
	n := rapid.IntRange(0, len(m.sales)-1).Draw(m.T, "sale")
	if m.sales[n].gone {
		m.Skip("pruned")
	}
	return n, m.sales[n]
}

func (m *model) Pay(t *rapid.T) {
	m.T = t
	n, s := m.sale()
	p := &modelPay{
		sale: s, amount: rapid.Int64Range(1, 400).Draw(t, "amount"), date: m.date(), epoch: m.cur(), training: s.training,
		phone: rapid.ByteRange(1, 3).Draw(t, "phone"),
	}
	counter := rapid.OneOf(rapid.Uint64Range(0, 20), rapid.Uint64Range(1<<63-2, 1<<63+2)).Draw(t, "counter")
	d := on(approved(m.tb, n, p.amount, p.phone, counter), p.date)
	d.Payment, d.Training = id(1_000_000+len(m.pays)), s.training
	key := fmt.Sprint(p.phone, "/", counter)
	switch {
	case m.spent[key]:
		m.append(ErrCodeUsed, d)
		return
	case s.completed || s.cancelled || s.paid+s.asked+p.amount > s.due:
		m.append(ErrSaleState, d)
		return
	}
	p.rec = m.append(nil, d)[0]
	m.pays, s.paid = append(m.pays, p), s.paid+p.amount
	m.spent[key], m.last[p.phone] = true, max(m.last[p.phone], counter)
}

// Carry offers a sale, and mostly takes the approval of it, once.
func (m *model) Carry(t *rapid.T) {
	m.T = t
	n, s := m.sale()
	m.offers++
	pay := 3_000_000 + m.offers
	d := on(offeredDraft(n, pay, s.due, 5), m.date())
	d.Training = s.training
	if s.completed || s.cancelled || s.training || s.paid > 0 {
		m.append(ErrSaleState, d)
		return
	}
	m.append(nil, d)
	if rapid.Bool().Draw(t, "again") {
		m.append(nil, d)
	}
	if rapid.IntRange(0, 3).Draw(t, "left") == 0 {
		return
	}
	c := on(carriedDraft(m.tb, n, pay, s.due), m.date())
	if s.asked > 0 {
		m.append(ErrSaleState, c)
		return
	}
	r := m.append(nil, c)[0]
	m.append(ErrPaymentExists, c)
	m.pays = append(m.pays, &modelPay{rec: r, sale: s, amount: s.due, date: c.Moment.Date, epoch: m.cur(), carried: true})
	s.paid += s.due
}

func (m *model) Ask(t *rapid.T) {
	m.T = t
	n, s := m.sale()
	a := &modelTry{n: n, pay: 2_000_000 + len(m.tries), sale: s, amount: rapid.Int64Range(1, 400).Draw(t, "amount"), epoch: m.cur(), state: AttemptAsked}
	d := on(asked(n, a.pay, 1, a.amount), m.date())
	d.Training = s.training
	if s.completed || s.cancelled || s.paid+s.asked+a.amount > s.due {
		m.append(ErrSaleState, d)
		return
	}
	a.asked = m.append(nil, d)[0]
	m.append(ErrAttemptOpen, d)
	m.tries, s.asked = append(m.tries, a), s.asked+a.amount
}

// EndAttempt ends an attempt, whose Asked may lie in an epoch that is over, or be pruned.
func (m *model) EndAttempt(t *rapid.T) {
	m.T = t
	if len(m.tries) == 0 {
		t.Skip("no attempts")
	}
	a := m.tries[rapid.IntRange(0, len(m.tries)-1).Draw(t, "attempt")]
	end := rapid.IntRange(0, 2).Draw(t, "end")
	d := on([]func(sale, pay, n int, amount int64) Draft{authorised, declined, reversed}[end](a.n, a.pay, 1, a.amount), m.date())
	d.Training = a.sale.training
	if a.state != AttemptAsked {
		m.append(ErrAttemptState, d)
		return
	}
	r := m.append(nil, d)[0]
	a.state, a.sale.asked = []AttemptState{AttemptAuthorised, AttemptDeclined, AttemptReversed}[end], a.sale.asked-a.amount
	if end == 0 {
		a.sale.paid += a.amount
		m.pays = append(m.pays, &modelPay{
			rec: r, sale: a.sale, amount: a.amount, date: d.Moment.Date, epoch: m.cur(), training: d.Training, online: true,
		})
	}
}

func (m *model) Void(t *rapid.T) {
	m.T = t
	if len(m.pays) == 0 {
		t.Skip("no payments")
	}
	p := m.pays[rapid.IntRange(0, len(m.pays)-1).Draw(t, "payment")]
	if p.gone {
		t.Skip("pruned")
	}
	d := voided(p.rec)
	d.Training = p.training
	if p.void || p.epoch != m.cur() {
		m.append(ErrNotVoidable, d)
		return
	}
	if rapid.Bool().Draw(t, "wrong") {
		d.Moment.Date = d.Moment.Date.Next()
		m.append(ErrNotVoidable, d)
		return
	}
	m.append(nil, d)
	p.void, p.sale.paid = true, p.sale.paid-p.amount
}

func (m *model) EndSale(t *rapid.T) {
	m.T = t
	n, s := m.sale()
	if rapid.Bool().Draw(t, "complete") {
		var want error
		if s.completed || s.asked > 0 {
			want = ErrSaleState
		}
		m.append(want, on(saleFact(&payment.SaleCompleted{}, n), m.date()))
		s.completed = s.completed || want == nil
		return
	}
	var want error
	if s.cancelled || s.completed || s.paid+s.asked > 0 {
		want = ErrSaleState
	}
	m.append(want, on(saleFact(&payment.SaleCancelled{}, n), m.date()))
	s.cancelled = s.cancelled || want == nil
}

func (m *model) Day(t *rapid.T) {
	m.T = t
	date := m.date()
	day, open := m.cur().days[date]
	if rapid.Bool().Draw(t, "open") {
		r := m.append(nil, on(draft(&payment.DayOpened{}), date))
		if open {
			day[1] = 0
		} else {
			m.cur().days[date] = &[2]uint64{r[0].Entry.Seq, 0}
		}
		return
	}
	f := &payment.DayClosed{Totals: m.totals(date)}
	var want error
	if open {
		f.FirstSeq = day[0]
	}
	if wrong := rapid.IntRange(0, 3).Draw(t, "wrong") == 0; wrong || !open || day[1] != 0 {
		want = ErrDay
		if wrong {
			f.Totals = append(f.Totals, payment.DayTotal{Wallet: "zzz", Currency: "JPY", Count: 1, Sum: 1})
		}
	}
	r := m.append(want, on(draft(f), date))
	if want == nil {
		day[1] = r[0].Entry.Seq
	}
}

// totals sums a day of the current epoch up from the payments.
func (m *model) totals(date payment.Date) []payment.DayTotal {
	sums := []payment.DayTotal{{Wallet: "house", Currency: "JPY"}, {Wallet: "paypay", Currency: "JPY"}}
	for _, p := range m.pays {
		if p.training || p.date != date || p.epoch != m.cur() {
			continue
		}
		sum := &sums[0]
		if p.online {
			sum = &sums[1]
		}
		sum.Count, sum.Sum = sum.Count+1, sum.Sum+p.amount
		if p.void {
			sum.VoidCount, sum.VoidSum = sum.VoidCount+1, sum.VoidSum+p.amount
		}
	}
	return slices.DeleteFunc(sums, func(sum payment.DayTotal) bool { return sum.Count == 0 })
}

func (m *model) Acknowledge(t *rapid.T) {
	m.T = t
	e := m.epochs[rapid.IntRange(0, len(m.epochs)-1).Draw(t, "epoch")]
	a := &wire.Ack{Version: 1, Terminal: terminal, Epoch: e.id, HQEpoch: rapid.Uint64Range(1, 4).Draw(t, "hq"), Acked: rapid.Uint64Range(0, uint64(len(e.records))+1).Draw(t, "acked")}
	foreign := a.Acked > uint64(len(e.records))
	if a.Acked > 0 && !foreign {
		hash := e.records[a.Acked-1].Hash
		a.Head = hash[:]
		if known := a.Acked >= e.pruned; known && rapid.IntRange(0, 9).Draw(t, "foreign") == 0 {
			a.Head, foreign = bytes.Repeat([]byte{1}, 32), true
		}
	}
	a.Judged = rapid.Uint64Range(0, a.Acked).Draw(t, "judged")
	highest := uint64(0)
	for _, e := range m.epochs {
		highest = max(highest, e.hqEpoch)
	}
	restored := e.hqEpoch != 0 && a.HQEpoch > e.hqEpoch
	lost := foreign && restored && a.HQEpoch >= highest // an HQ that was restored knows another history only
	taken := a.HQEpoch >= highest && !foreign && (restored || a.Acked >= e.acked) || lost
	got, err := m.j.Acknowledge(ctx, a, sealAck(m.tb, newSigner(m.tb, 9), a))
	if err != nil {
		t.Fatal(err)
	}
	before := e.acked
	behind := !foreign && a.HQEpoch >= highest && a.HQEpoch == e.hqEpoch && a.Acked < e.acked
	if taken {
		e.acked, e.hqEpoch = max(a.Acked, e.pruned), a.HQEpoch
	}
	if lost {
		e.acked, a.Acked = e.pruned, e.pruned
	}
	want := AckResult{Taken: taken, Acked: e.acked, Fork: foreign && a.HQEpoch >= highest && e == m.cur(), Behind: behind}
	if taken {
		want.Lost = e.acked - a.Acked
		want.Moved, want.Rewound = e.acked-min(before, e.acked), before-min(before, e.acked)
	}
	if got != want {
		t.Fatalf("%+v, want %+v", got, want)
	}
}

func (m *model) NewEpoch(t *rapid.T) {
	m.T = t
	r, err := m.j.NewEpoch(ctx, payment.CauseFork)
	if err != nil {
		t.Fatal(err)
	}
	m.epochs = append(m.epochs, &modelEpoch{id: r.Entry.Epoch, records: []Record{r}, days: map[payment.Date]*[2]uint64{}})
}

func (m *model) ChangeKey(t *rapid.T) {
	m.T = t
	m.keys++
	r, err := m.j.ChangeKey(ctx, newSigner(m.tb, m.keys))
	if err != nil {
		t.Fatal(err)
	}
	m.cur().records = append(m.cur().records, r)
}

func (m *model) Restart(t *rapid.T) {
	m.T = t
	if rapid.Bool().Draw(t, "reopen") {
		if found, err := m.j.Reopen(ctx); err != nil || len(found) != 0 {
			t.Fatalf("found %v, %v", found, err)
		}
		return
	}
	if err := m.j.Close(); err != nil {
		t.Fatal(err)
	}
	var err error
	if m.j, err = Open(ctx, m.j.cfg); err != nil {
		t.Fatal(err)
	}
	if back := mustCheckAcks(m.tb, m.j); len(back) > 0 {
		t.Fatalf("HQ said it, and it is taken back: %+v", back)
	}
}

func (m *model) Prune(t *rapid.T) {
	m.T = t
	before := m.date()
	p, err := m.j.Prune(ctx, Retention{Entries: before})
	if err != nil {
		t.Fatal(err)
	}
	want := int64(0)
	for _, e := range m.epochs {
		was := e.pruned
		for e.pruned < e.acked && e.pruned+1 < uint64(len(e.records)) && e.records[e.pruned].Entry.BusinessDate < before {
			e.pruned++
			want++
		}
		for _, a := range m.tries { // what is over goes when something of its epoch does
			a.gone = a.gone || (e == a.epoch && e.pruned > was && a.asked.Entry.Seq <= e.pruned && a.state != AttemptAsked)
		}
	}
	if p.Entries != want {
		t.Fatalf("pruned %d, want %d", p.Entries, want)
	}
	m.forget()
}

// forget drops payments and sales whose entries are pruned.
func (m *model) forget() {
	kept := map[*modelSale]bool{}
	for _, p := range m.pays {
		p.gone = p.rec.Entry.Seq <= p.epoch.pruned
		kept[p.sale] = kept[p.sale] || !p.gone
	}
	for _, a := range m.tries {
		kept[a.sale] = kept[a.sale] || !a.gone
	}
	for _, e := range m.epochs {
		for _, r := range e.records[:e.pruned] {
			if r.Entry.Kind == payment.KindSaleOpened {
				for n, s := range m.sales {
					if *id(n) == *r.Entry.Sale {
						s.gone = !kept[s]
					}
				}
			}
		}
	}
}

// Check compares everything that the journal can be asked.
func (m *model) Check(t *rapid.T) {
	m.T = t
	st := mustState(t, m.j)
	if len(st.Epochs) != len(m.epochs) {
		t.Fatalf("%d epochs, want %d", len(st.Epochs), len(m.epochs))
	}
	pending := uint64(0)
	for i, e := range m.epochs {
		g := st.Epochs[i]
		last := e.records[len(e.records)-1]
		if g.Epoch != e.id || g.Last != last.Entry.Seq || !bytes.Equal(g.Head, last.Hash[:]) || g.Acked != e.acked || g.HQEpoch != e.hqEpoch || g.Pruned != e.pruned {
			t.Fatalf("epoch %+v, want acked %d by %d, pruned %d, %d entries", g, e.acked, e.hqEpoch, e.pruned, len(e.records))
		}
		pending += g.Last - e.acked
	}
	if p := mustPending(t, m.j); p.Entries != pending {
		t.Fatalf("%d pending, want %d", p.Entries, pending)
	}
	m.checkMoney()
	m.checkSales()
	for _, date := range []payment.Date{20261121, 20261122, 20261123} {
		d, err := m.j.Day(ctx, date)
		if err != nil || !slices.Equal(d.Totals, m.totals(date)) {
			t.Fatalf("%s: %+v, %v, want %+v", date, d, err, m.totals(date))
		}
	}
}

func (m *model) checkMoney() {
	var sum, count int64
	spent := map[string]int64{}
	for _, p := range m.pays {
		if p.training || p.void || p.online || p.carried {
			continue
		}
		spent[fmt.Sprint(p.phone, p.date)] += p.amount
		if p.rec.Entry.Seq > p.epoch.acked {
			sum, count = sum+p.amount, count+1
		}
	}
	for phone := byte(1); phone <= 3; phone++ {
		q := Question{
			Replay: payment.ReplayKey{Phone: bytes.Repeat([]byte{phone}, 8), Counter: m.last[phone]},
			Wallet: "house", Account: []byte{'a', phone}, Date: 20261122, Currency: "JPY",
		}
		k, err := m.j.Known(ctx, q)
		if err != nil {
			m.Fatal(err)
		}
		_, known := m.last[phone]
		if k.ExposureSum != sum || int64(k.ExposureCount) != count || k.LastCounter != m.last[phone] || k.PhoneKnown != known ||
			k.CodeUsed.IsZero() == known || k.AccountSpent != spent[fmt.Sprint(phone, q.Date)] {
			m.Fatalf("phone %d: %+v, want exposure %d of %d, counter %d", phone, k, sum, count, m.last[phone])
		}
	}
}

func (m *model) checkSales() {
	for n, s := range m.sales {
		g, ok, err := m.j.SaleByID(ctx, *id(n))
		if err != nil || ok == s.gone {
			m.Fatalf("sale %d: found %v, %v, pruned %v", n, ok, err, s.gone)
		}
		want := SaleOpen
		switch {
		case s.completed:
			want = SaleCompleted
		case s.cancelled:
			want = SaleCancelled
		case s.paid == s.due:
			want = SalePaid
		}
		if ok && (g.State != want || g.Paid.Minor != s.paid || g.Due.Minor != s.due) {
			m.Fatalf("sale %d: %+v, want %s with %d paid", n, g, want, s.paid)
		}
	}
	for _, a := range m.tries {
		g, ok, err := m.j.Attempt(ctx, refOf(a.pay, 1))
		if err != nil || ok == a.gone || (ok && (g.State != a.state || g.Amount.Minor != a.amount)) {
			m.Fatalf("attempt %+v, found %v, %v, want %+v", g, ok, err, a)
		}
	}
}

// checkDrained reads every epoch's outbox, and verifies the copy with the first key alone.
func (m *model) checkDrained() {
	for _, e := range m.epochs {
		after := max(e.acked, e.pruned)
		for after < uint64(len(e.records)) {
			b, err := m.j.NextBatch(ctx, e.id, after, 7, 4000)
			if err != nil || b == nil {
				m.Fatalf("batch behind %d: %v, %v", after, b, err)
			}
			hashes, err := b.VerifyChain()
			if err != nil || hashes[len(hashes)-1] != e.records[b.Last()-1].Hash {
				m.Fatalf("batch behind %d: %v", after, err)
			}
			after = b.Last()
		}
	}
	sameSecond(m.tb, m.j)
	all := func(yield func(wire.PublicKey) bool) {
		for k := byte(1); k <= m.keys; k++ {
			if !yield(newSigner(m.tb, k).Public()) {
				return
			}
		}
	}
	verifyCopy(m.tb, m.j, slices.Collect(all)...)
	if !slices.ContainsFunc(m.epochs, func(e *modelEpoch) bool { return e.pruned > 0 }) {
		sameRebuilt(m.tb, m.j)
	}
}

// TestModel: whatever is done in whatever order, the journal and the model say the same.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		j := newSecond(t)
		m := &model{T: rt, tb: t, j: j, keys: 1, spent: map[string]bool{}, last: map[byte]uint64{}}
		first := mustState(t, j).Current
		rec, err := j.recordsAfter(ctx, 0)
		if err != nil {
			rt.Fatal(err)
		}
		m.epochs = []*modelEpoch{{id: first.Epoch, records: rec, days: map[payment.Date]*[2]uint64{}}}
		defer func() { _ = m.j.Close() }()
		rt.Repeat(map[string]func(*rapid.T){
			"": m.Check, "open sale": m.OpenSale, "open another sale": m.OpenSale, "pay": m.Pay, "pay again": m.Pay, "ask": m.Ask, "end attempt": m.EndAttempt, "void": m.Void,
			"end sale": m.EndSale, "day": m.Day, "acknowledge": m.Acknowledge, "new epoch": m.NewEpoch, "change key": m.ChangeKey,
			"restart": m.Restart, "prune": m.Prune,
		})
		m.T = rt
		m.checkDrained()
	})
}
