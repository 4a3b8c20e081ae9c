package checkout

import (
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tilld/agent/paycode"
	"tilld/agent/payment"
	"tilld/agent/policy"
)

// model is a lane whose journal is a list: projections are computed anew from its entries for every lookup,
// so that they can't be wrong in the way in which the real ones could.
type model struct {
	state   State
	entries []Draft // sequence is the index plus one
	acked   int
	next    int
}

func (m *model) approvals(f func(seq int, d Draft, a *payment.Approved)) {
	for i, d := range m.entries {
		if a, ok := d.Fact.(*payment.Approved); ok {
			f(i+1, d, a)
		}
	}
}

func (m *model) voided(p payment.ID) bool {
	return slices.ContainsFunc(m.entries, func(d Draft) bool { return d.Payment == p && d.Fact.Kind() == payment.KindVoided })
}

// known is what a journal looks up for a code.
func (m *model) known(code *Code) Known {
	var k Known
	m.approvals(func(seq int, d Draft, a *payment.Approved) {
		if [8]byte(a.Replay.Phone) == code.Phone {
			k.Counter = max(k.Counter, a.Replay.Counter)
			k.Used = k.Used || a.Replay.Counter == code.Counter
		}
		if m.voided(d.Payment) {
			return
		}
		if slices.Equal(d.Body.Account, code.Account[:]) && d.Date == m.state.Day {
			k.Spent.Account += a.Amount.Minor
			k.Spent.AccountCount++
		}
		if seq > m.acked {
			k.Spent.Sum += a.Amount.Minor
			k.Spent.Count++
		}
	})
	return k
}

// figures are a day's, as a journal's projection would have them.
func (m *model) figures() DayRoll {
	var e DayRoll
	sums := map[string]*payment.DayTotal{}
	for i, d := range m.entries {
		if d.Date != m.state.Day {
			continue
		}
		if d.Fact.Kind() == payment.KindDayOpened {
			e.First, sums = uint64(i+1), map[string]*payment.DayTotal{}
		}
		switch f := d.Fact.(type) {
		case *payment.Approved:
			t := sums[f.Wallet]
			if t == nil {
				t = &payment.DayTotal{Wallet: f.Wallet, Currency: f.Amount.Currency}
				sums[f.Wallet] = t
			}
			t.Count, t.Sum = t.Count+1, t.Sum+f.Amount.Minor
		case *payment.Voided:
			sums[f.Wallet].VoidCount++
			sums[f.Wallet].VoidSum += f.Amount.Minor
		}
	}
	for _, w := range slices.Sorted(maps.Keys(sums)) {
		e.Totals = append(e.Totals, *sums[w])
	}
	return e
}

// restart loses all but the journal and rebuilds the state from it, as agent/lane does.
func (m *model) restart() {
	old := m.state
	m.state = State{Opened: old.Opened}
	for _, d := range m.entries {
		switch f := d.Fact.(type) {
		case *payment.DayOpened:
			m.state.Day = d.Date
		case *payment.SaleOpened:
			m.state.Phase, m.state.Sale = Open, old.Sale
			m.state.Sale.ID, m.state.Sale.Total, m.state.Sale.Eligible = d.Sale, f.Total, f.Eligible
		case *payment.Approved:
			m.state.Phase = Paid
			m.state.Last = Taken{Payment: d.Payment, Sale: d.Sale, Amount: f.Amount, Wallet: f.Wallet, Code: CodeID{[8]byte(f.Replay.Phone), f.Replay.Counter}}
		case *payment.Voided:
			if d.Payment == m.state.Last.Payment {
				m.state.Last.Voided = true
			}
			if d.Sale == m.state.Sale.ID {
				m.state.Phase = Voided
			}
		case *payment.SaleCompleted:
			if d.Sale == m.state.Sale.ID {
				m.state.Phase = Completed
			}
		case *payment.SaleCancelled:
			m.state.Phase = Cancelled
		}
	}
}

func (m *model) id() payment.ID {
	m.next++
	return payment.ID{14: byte(m.next >> 8), 15: byte(m.next)}
}

func (m *model) sale(t *rapid.T, c Context) {
	if m.state.Phase.Waiting() {
		return
	}
	s := sale(0, rapid.OneOf(rapid.Int64Range(1, 2_000), rapid.Int64Range(1, 6_000)).Draw(t, "amount"))
	s.ID = m.id()
	apply(t, m, OpenSale{Sale: s}, c)
}

// pay shows a code, mostly to a sale, and returns how many payments came of it.
func (m *model) pay(t *rapid.T, c Context) int {
	if rapid.IntRange(0, 9).Draw(t, "without a sale") > 0 {
		m.sale(t, c)
	}
	code := drawCode(t, c.Now.Time)
	e := Scan{Payment: m.id(), Hash: []byte{1}, Known: m.known(code), Read: Read{
		Kind: paycode.Payment, Format: paycode.Signed, Wallets: []string{"house"}, Code: code, Text: Secret("x"),
	}}
	if apply(t, m, e, c).Answer.Kind == Approved {
		return 1
	}
	return 0
}

// exposure is a lane that everything is thrown at: codes of any counter, time and place, acknowledgements, voids,
// restarts and clocks.
type exposure struct {
	base              Context
	approvals, closes int
}

func newExposure(t *testing.T) *exposure {
	d := document()
	d.Default = policy.StoreDefault{Cap: 12_000, Lanes: 1, Sum: 12_000, Count: 5}
	d.Tiers.RestartPercent, d.Caps.AccountDay, d.Caps.AccountCount = 50, 6_000, 4
	return &exposure{base: lane(t, d)}
}

// TestExposure: whatever comes, what is approved and not acknowledged never exceeds the share of the tier, no
// code pays twice, no account exceeds its day, and every day closes with just what was approved on it.
func TestExposure(t *testing.T) {
	x := newExposure(t)
	for range 10 { // a story is short and cheap: a thousand instead of a hundred
		rapid.Check(t, x.story)
	}
	t.Logf("%d approvals, %d closes", x.approvals, x.closes)
}

// TestExposureGetsSomewhere: the stories approve payments and close days. They are the same ones every time, so
// that chance can't fail it.
func TestExposureGetsSomewhere(t *testing.T) {
	x := newExposure(t)
	stories := rapid.Custom(func(t *rapid.T) int { x.story(t); return 0 })
	for seed := range 200 {
		stories.Example(seed)
	}
	if x.approvals < 100 || x.closes == 0 {
		t.Errorf("%d approvals and %d closes in 200 stories", x.approvals, x.closes)
	}
}

func (x *exposure) story(t *rapid.T) {
	m := &model{}
	c := x.base
	roll := func() {
		if RollDue(m.state, c) {
			apply(t, m, m.figures(), c)
		}
	}
	pay := func(t *rapid.T) { roll(); x.approvals += m.pay(t, c) }
	roll()
	t.Repeat(map[string]func(*rapid.T){
		"":              func(t *rapid.T) { m.check(t) },
		"sale":          func(t *rapid.T) { roll(); m.sale(t, c) },
		"pay":           pay,
		"pay again":     pay,
		"pay once more": pay,
		"void":          func(t *rapid.T) { roll(); m.void(t, c) },
		"cancel or complete": func(t *rapid.T) {
			e := Event(Complete{Sale: m.state.Sale.ID})
			if m.state.Phase.Waiting() {
				e = Cancel{Sale: m.state.Sale.ID}
			}
			m.attempt(e, c)
		},
		"acknowledge": func(t *rapid.T) {
			m.acked = rapid.IntRange(m.acked, len(m.entries)).Draw(t, "acked")
			c.Now.Trusted, c.Now.Restarted, c.Now.Age, c.Now.EntryAge = true, false, 0, 1
		},
		"restart": func(t *rapid.T) {
			m.restart()
			c.Now.Restarted, c.Now.EntryAge = true, 0
			c.Now.Trusted = rapid.Bool().Draw(t, "trusted")
			c.Now.Boot = 0
		},
		"time": func(t *rapid.T) {
			most := rapid.SampledFrom([]int64{60, 3600, 8 * 3600, 30 * 3600}).Draw(t, "most")
			by := time.Duration(rapid.Int64Range(0, most).Draw(t, "s")) * time.Second
			c.Now.Time, c.Now.Boot, c.Now.Age = c.Now.Time.Add(by), c.Now.Boot+by, c.Now.Age+by
			if c.Now.EntryAge > 0 {
				c.Now.EntryAge += by.Milliseconds()
			}
		},
	})
	for _, e := range m.entries {
		if e.Fact.Kind() == payment.KindDayClosed {
			x.closes++
		}
	}
}

// void tries to take some payment back.
func (m *model) void(t *rapid.T, c Context) {
	var found *Record
	m.approvals(func(seq int, d Draft, a *payment.Approved) {
		if found == nil || rapid.Bool().Draw(t, "this one") {
			found = &Record{Payment: d.Payment, Sale: d.Sale, Amount: a.Amount, Wallet: a.Wallet, Date: d.Date, Seq: uint64(seq), ThisEpoch: true, Voided: m.voided(d.Payment)}
		}
	})
	if found == nil {
		t.Skip("nothing to void")
	}
	m.attempt(Void{Payment: found.Payment, Supervisor: "Ito", Found: found, Acked: uint64(m.acked)}, c)
}

// attempt does what may be refused.
func (m *model) attempt(e Event, c Context) {
	if dec, err := Apply(m.state, e, c); err == nil {
		m.keep(dec)
	}
}

func drawCode(t *rapid.T, now time.Time) *Code {
	n := rapid.Uint8Range(1, 3).Draw(t, "phone")
	return &Code{
		CodeID:  CodeID{Phone: [8]byte{n}, Counter: rapid.Uint64Range(1, 9).Draw(t, "counter")},
		Account: [16]byte{n / 2}, // two phones of one account
		Time:    now.Add(time.Duration(rapid.IntRange(-63, 125).Draw(t, "age")) * time.Second),
		Store:   rapid.SampledFrom([]string{"0001", "0001", "0001", "0001", "0001", "0001", "", "0002"}).Draw(t, "store"),
		Cap:     jpy(rapid.Int64Range(4_000, 9_000).Draw(t, "cap")), NotBefore: now.Add(-time.Hour), Expiry: now.Add(time.Hour),
	}
}

func apply(t *rapid.T, m *model, e Event, c Context) Decision {
	dec, err := Apply(m.state, e, c)
	if err != nil {
		t.Fatalf("%T in %v: %v", e, m.state.Phase, err)
	}
	m.keep(dec)
	return dec
}

func (m *model) keep(d Decision) {
	m.state = d.State
	m.entries = append(m.entries, d.Drafts...)
}

// check holds the invariants over the whole journal.
func (m *model) check(t *rapid.T) {
	counters := map[[8]byte]uint64{}
	type day struct {
		account [16]byte
		date    payment.Date
	}
	spent, often := map[day]int64{}, map[day]int{}
	var sum int64
	var count uint64
	m.approvals(func(seq int, d Draft, a *payment.Approved) {
		if phone := [8]byte(a.Replay.Phone); a.Replay.Counter > counters[phone] {
			counters[phone] = a.Replay.Counter
		} else {
			t.Fatalf("phone %x paid with counter %d after %d", phone, a.Replay.Counter, counters[phone])
		}
		share, most := int64(12_000), uint64(5)
		if a.Limits.Tier == uint8(policy.TierRestart) {
			share, most = 6_000, 2
		}
		if a.Limits.ShareUsed > share || a.Limits.CountUsed > most || a.Amount.Minor > a.Limits.Payment {
			t.Fatalf("approved beyond the limits: %+v", a)
		}
		if m.voided(d.Payment) {
			return
		}
		if seq > m.acked {
			sum, count = sum+a.Amount.Minor, count+1
		}
		at := day{[16]byte(d.Body.Account), d.Date}
		spent[at], often[at] = spent[at]+a.Amount.Minor, often[at]+1
		if spent[at] > 6_000 || often[at] > 4 {
			t.Fatalf("account %x spent %d in %d payments on %v", at.account, spent[at], often[at], at.date)
		}
	})
	if sum > 12_000 || count > 5 {
		t.Fatalf("exposure of %d in %d payments", sum, count)
	}
	m.checkDays(t)
}

// checkDays holds every close against the entries that it closes: the run from its DayOpened to itself,
// nothing of another date within, and all money of the run in its totals.
func (m *model) checkDays(t *rapid.T) {
	for i, d := range m.entries {
		closed, ok := d.Fact.(*payment.DayClosed)
		if !ok {
			continue
		}
		var want, got payment.DayTotal
		for _, e := range m.entries[closed.FirstSeq-1 : i] {
			if e.Date != d.Date {
				t.Fatalf("an entry of %v within the day %v", e.Date, d.Date)
			}
			switch f := e.Fact.(type) {
			case *payment.Approved:
				want.Count, want.Sum = want.Count+1, want.Sum+f.Amount.Minor
			case *payment.Voided:
				want.VoidCount, want.VoidSum = want.VoidCount+1, want.VoidSum+f.Amount.Minor
			}
		}
		for _, w := range closed.Totals {
			got.Count, got.Sum = got.Count+w.Count, got.Sum+w.Sum
			got.VoidCount, got.VoidSum = got.VoidCount+w.VoidCount, got.VoidSum+w.VoidSum
		}
		if got != want {
			t.Fatalf("the close of %v says %+v, its entries %+v", d.Date, got, want)
		}
		if m.entries[closed.FirstSeq-1].Fact.Kind() != payment.KindDayOpened || m.entries[i+1].Fact.Kind() != payment.KindDayOpened {
			t.Fatalf("the close of %v is not between two openings", d.Date)
		}
	}
}
