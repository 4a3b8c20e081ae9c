package ledger_test

import (
	"context"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/ledger/ledgertest"
	"tilld/sync/wire"
)

// yard is a chain with a terminal for every trouble.
type yard struct {
	*ledgertest.Bench
	books                                       *ledger.Store
	fine, behind, worse, silent, forked, healed *ingesttest.Lane
	revoked, gone                               *ingesttest.Lane // the second is behind as well
	count                                       uint64
}

func newYard(t *testing.T) *yard {
	t.Helper()
	c := ingesttest.NewChain(t)
	y := &yard{books: openAt(t, filepath.Join(t.TempDir(), "hq.db"), func() time.Time { return c.Now })}
	y.Bench = &ledgertest.Bench{T: t, Ledger: y.books, Chain: c, Ctx: context.Background()}
	for _, at := range []struct {
		lane        **ingesttest.Lane
		store, name string
	}{
		{&y.silent, "s3", "1"}, {&y.fine, "s1", "2"}, {&y.behind, "s1", "1"}, {&y.worse, "s2", "1"}, {&y.forked, "s2", "2"},
		{&y.healed, "s2", "3"}, {&y.revoked, "s1", "3"}, {&y.gone, "s1", "4"},
	} {
		*at.lane = y.Lane(at.store, at.name)
	}
	p := c.Phone()
	for _, l := range []*ingesttest.Lane{y.fine, y.behind, y.worse, y.gone, y.revoked} {
		l.Sell(p, 100)
	}
	y.SendAll(y.fine, 0)
	y.Send(y.behind, 1, 2)
	y.Send(y.worse, 1, 1)
	y.Send(y.gone, 1, 1)
	y.SendAll(y.revoked, 0)
	for _, l := range []*ingesttest.Lane{y.forked, y.healed} {
		y.fork(l, p)
	}
	y.JudgeAll()
	y.heal()
	y.Must(y.RevokeTerminal(y.Ctx, y.revoked.ID, "ops", "stolen"))
	y.Must(y.RevokeTerminal(y.Ctx, y.gone.ID, "ops", "burnt"))
	y.beat(y.worse, 3)
	c.Now = c.Now.Add(time.Hour)
	y.beat(y.fine, y.fine.Last())
	y.beat(y.behind, 3)
	y.beat(y.gone, 3)
	return y
}

func (y *yard) beat(l *ingesttest.Lane, last uint64) {
	y.Helper()
	y.count++
	_, _, err := y.Record(y.Ctx, nil, []*wire.Beat{{Terminal: l.ID, Epoch: l.Epoch, Count: y.count, Last: last, Policy: 1, Software: "v1"}})
	y.Must(err)
}

// fork makes two histories, each with a sale.
func (y *yard) fork(l *ingesttest.Lane, p *ingesttest.Phone) {
	y.Helper()
	at := l.Last()
	twin := l.Clone()
	l.Sell(p, 20)
	twin.Sell(p, 3000)
	y.SendAll(l, 0)
	y.Send(twin, at+1, twin.Last())
}

// heal decides everything of the healed lane, which goes on in a new epoch.
func (y *yard) heal() {
	y.Helper()
	y.healed.NewEpoch(payment.CauseFork)
	y.SendAll(y.healed, 0)
	y.JudgeAll()
	for _, x := range y.OpenExceptions() {
		to := ledger.Receivable
		if x.Payment.IsZero() {
			to = ledger.Noted
		}
		if x.Entry.Terminal == y.healed.ID {
			y.Must(y.Resolve(y.Ctx, []payment.ID{x.ID}, to, "ops", "seen"))
		}
	}
}

func (y *yard) names(list []ledger.TerminalStatus, err error) []string {
	y.Helper()
	y.Must(err)
	var names []string
	for _, t := range list {
		names = append(names, t.Store+"/"+t.Lane)
	}
	return names
}

func TestTerminalsByPlace(t *testing.T) {
	y := newYard(t)
	lately := y.Chain.Now.Add(-2 * time.Minute)
	for _, tt := range []struct {
		name string
		f    ledger.TerminalFilter
		want []string
	}{
		{"all", ledger.TerminalFilter{}, []string{"s1/1", "s1/2", "s1/3", "s1/4", "s2/1", "s2/2", "s2/3", "s3/1"}},
		{"a store", ledger.TerminalFilter{Store: "s2"}, []string{"s2/1", "s2/2", "s2/3"}},
		{"no such store", ledger.TerminalFilter{Store: "s"}, nil},
		{"behind", ledger.TerminalFilter{Trouble: ledger.TroubleBehind}, []string{"s1/1", "s1/4", "s2/1"}},
		{"behind in a store", ledger.TerminalFilter{Trouble: ledger.TroubleBehind, Store: "s2"}, []string{"s2/1"}},
		{"silent", ledger.TerminalFilter{Trouble: ledger.TroubleSilent, Since: lately}, []string{"s2/1", "s2/2", "s2/3", "s3/1"}},
		{"forked", ledger.TerminalFilter{Trouble: ledger.TroubleForked}, []string{"s2/2"}},
		{"open", ledger.TerminalFilter{Trouble: ledger.TroubleOpen}, []string{"s2/2"}},
		{"revoked", ledger.TerminalFilter{Trouble: ledger.TroubleRevoked}, []string{"s1/3", "s1/4"}},
	} {
		whole, err := y.books.TerminalsByPlace(y.Ctx, tt.f, payment.ID{}, 100)
		if got := y.names(whole, err); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
		var paged []ledger.TerminalStatus
		for after := (payment.ID{}); ; after = paged[len(paged)-1].ID {
			page, err := y.books.TerminalsByPlace(y.Ctx, tt.f, after, 2)
			y.Must(err)
			if paged = append(paged, page...); len(page) < 2 {
				break
			}
		}
		if !reflect.DeepEqual(paged, whole) {
			t.Errorf("%s in pages: %+v, want %+v", tt.name, paged, whole)
		}
		for i := range whole {
			if got := whole[i].Forked(); got != (whole[i].ID == y.forked.ID) {
				t.Errorf("%s: %s/%s is forked: %v", tt.name, whole[i].Store, whole[i].Lane, got)
			}
		}
	}
	if _, err := y.books.TerminalsByPlace(y.Ctx, ledger.TerminalFilter{Trouble: "tired"}, payment.ID{}, 1); payment.CodeOf(err) != payment.Invalid {
		t.Errorf("no such trouble: %v", err)
	}
	// A terminal that is added in the middle moves nothing.
	first, err := y.books.TerminalsByPlace(y.Ctx, ledger.TerminalFilter{}, payment.ID{}, 3)
	y.Must(err)
	y.Lane("s1", "1")
	rest := y.names(y.books.TerminalsByPlace(y.Ctx, ledger.TerminalFilter{}, first[2].ID, 100))
	if !slices.Equal(rest, []string{"s1/4", "s2/1", "s2/2", "s2/3", "s3/1"}) {
		t.Errorf("behind the third: %v", rest)
	}
}

func TestMostBehind(t *testing.T) {
	y := newYard(t)
	if got := y.names(y.books.MostBehind(y.Ctx, 5)); !slices.Equal(got, []string{"s2/1", "s1/1"}) {
		t.Errorf("most behind: %v", got)
	}
	if got := y.names(y.books.MostBehind(y.Ctx, 1)); !slices.Equal(got, []string{"s2/1"}) {
		t.Errorf("the worst: %v", got)
	}
}

func TestGlance(t *testing.T) {
	y := newYard(t)
	after := y.fine.Last()
	y.fine.Sell(y.Chain.Phone(), 5)
	y.SendAll(y.fine, after)
	got, err := y.books.Glance(y.Ctx, y.Chain.Now.Add(-2*time.Minute))
	y.Must(err)
	waiting := len(y.OpenExceptions())
	want := ledger.Glance{Terminals: 6, Heard: 2, Behind: 2, Forked: 1, Unjudged: 1, Open: waiting, Waiting: []payment.Money{payment.Of(3020, "JPY")}}
	if !reflect.DeepEqual(got, want) || waiting != 3 {
		t.Errorf("glance %+v, want %+v", got, want)
	}
	empty, err := open(t, time.Now).Glance(y.Ctx, y.Chain.Now)
	if err != nil || !reflect.DeepEqual(empty, ledger.Glance{}) {
		t.Errorf("of an empty chain: %+v, %v", empty, err)
	}
}

// TestDaySums compares the sums with the payments themselves.
func TestDaySums(t *testing.T) {
	s := newShop(t)
	states := map[ledger.State]bool{}
	for day := range 4 {
		date := ingesttest.Today + payment.Date(day)
		list, err := s.Payments(s.Ctx, ledger.PaymentFilter{BusinessDate: date}, 0, 1000)
		s.Must(err)
		want := map[ledger.DaySum][2]int64{}
		for _, p := range list {
			key := ledger.DaySum{Wallet: p.Wallet, Currency: p.Currency, State: p.State, From: p.TakenAt.Truncate(ledger.Slot)}
			want[key] = [2]int64{want[key][0] + 1, want[key][1] + p.Amount}
		}
		got, err := s.books.DaySums(s.Ctx, date)
		s.Must(err)
		for _, d := range got {
			states[d.State] = true
			key := d
			key.Count, key.Sum = 0, 0
			if want[key] != [2]int64{int64(d.Count), d.Sum} {
				t.Errorf("%s: %+v, want %v", date, d, want[key])
			}
		}
		if len(got) != len(want) || (day < 3) != (len(got) > 3) {
			t.Errorf("%s: %d sums, want %d", date, len(got), len(want))
		}
	}
	if len(states) != 4 {
		t.Errorf("only the states %v were seen", states)
	}
}

func TestTokenByID(t *testing.T) {
	s := open(t, func() time.Time { return ingesttest.Noon })
	tok := ledger.Token{ID: payment.ID{1}, Name: "erp", Hash: [32]byte{2}, Scopes: []string{"read"}, Expires: ingesttest.Noon.Add(time.Hour)}
	if err := s.AddToken(t.Context(), tok); err != nil {
		t.Fatal(err)
	}
	if got, err := s.TokenByID(t.Context(), tok.ID); err != nil || got.Hash != tok.Hash || got.Name != "erp" || !got.Revoked.IsZero() {
		t.Errorf("token %+v, %v", got, err)
	}
	if err := s.RevokeToken(t.Context(), tok.ID); err != nil {
		t.Fatal(err)
	}
	if got, err := s.TokenByID(t.Context(), tok.ID); err != nil || !got.Revoked.Equal(ingesttest.Noon) {
		t.Errorf("revoked: %+v, %v", got, err)
	}
	if _, err := s.TokenByID(t.Context(), payment.ID{9}); payment.CodeOf(err) != payment.NotFound {
		t.Errorf("no such token: %v", err)
	}
}

// TestGlanceAlarms: what HQ lost, what it waits for after a restore, and tills that live twice are counted and found.
func TestGlanceAlarms(t *testing.T) {
	c := ingesttest.NewChain(t)
	books := open(t, func() time.Time { return c.Now })
	b := &ledgertest.Bench{T: t, Ledger: books, Chain: c, Ctx: context.Background()}
	lost, twice := b.Lane("s1", "1"), b.Lane("s1", "2")
	b.Lane("s1", "3")
	hq, err := b.HQEpoch(b.Ctx)
	b.Must(err)
	beat := func(l *ingesttest.Lane, count uint64, acked uint64) {
		t.Helper()
		_, _, err := b.Record(b.Ctx, nil, []*wire.Beat{{Terminal: l.ID, Epoch: l.Epoch, Last: l.Last(), Head: l.Head(), Acked: acked, HQEpoch: hq, Count: count}})
		b.Must(err)
	}
	twin := twice.Clone()
	twin.NewEpoch(payment.CauseFork)
	for i := range uint64(2) {
		beat(twice, 2*i+1, 0)
		beat(twin, 2*i+2, 0)
	}
	beat(lost, 1, lost.Last())
	want := func(lost, awaited int) {
		t.Helper()
		g, err := books.Glance(b.Ctx, c.Now)
		if b.Must(err); g.Terminals != 3 || g.Twice != 1 || g.Lost != lost || g.Awaited != awaited {
			t.Errorf("%+v", g)
		}
	}
	found := func(trouble ledger.Trouble, want *ingesttest.Lane) {
		t.Helper()
		list, err := books.TerminalsByPlace(b.Ctx, ledger.TerminalFilter{Trouble: trouble}, payment.ID{}, 10)
		if b.Must(err); len(list) != 1 || list[0].ID != want.ID {
			t.Errorf("%s: %+v", trouble, list)
		}
	}
	want(1, 0)
	found(ledger.TroubleLost, lost)
	found(ledger.TroubleForked, twice)
	c.Now = c.Now.Add(time.Second)
	_, err = b.Restored(b.Ctx)
	b.Must(err)
	want(0, 1)
	b.SendAll(lost, 0)
	want(0, 0)
}
