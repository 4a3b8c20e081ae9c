package ledger_test

import (
	"context"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tilld/agent/payment"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/ledger/ledgertest"
)

// shop is a ledger with payments of two stores, two wallets and three days, in every state.
type shop struct {
	*ledgertest.Bench
	books *ledger.Store
	lanes []*ingesttest.Lane
	path  string
}

func newShop(t *testing.T) *shop {
	t.Helper()
	c := ingesttest.NewChain(t)
	s := &shop{path: filepath.Join(t.TempDir(), "hq.db")}
	s.books = openAt(t, s.path, func() time.Time { return c.Now })
	s.Bench = &ledgertest.Bench{T: t, Ledger: s.books, Chain: c, Ctx: context.Background()}
	for _, at := range [][2]string{{"s2", "1"}, {"s1", "2"}, {"s1", "1"}} {
		s.lanes = append(s.lanes, s.Lane(at[0], at[1]))
	}
	sent := make([]uint64, len(s.lanes))
	for day := range 3 {
		for i, l := range s.lanes {
			if day > 0 {
				l.OpenDay(ingesttest.Today + payment.Date(day))
			}
			s.trade(l, i+day)
			s.SendAll(l, sent[i])
			sent[i] = l.Last()
			s.JudgeAll()
		}
	}
	for i, x := range s.OpenExceptions() {
		if i%3 > 0 && !x.Payment.IsZero() {
			s.Must(s.Resolve(s.Ctx, []payment.ID{x.ID}, []ledger.Decision{ledger.Receivable, ledger.LossTaken}[i%3-1], "who", "why"))
		}
	}
	s.Balance()
	s.wantEveryState()
	return s
}

// wantEveryState holds the shop to what its comment says, so that no test has to see every state by chance.
func (s *shop) wantEveryState() {
	s.Helper()
	for _, state := range []ledger.State{ledger.Posted, ledger.Suspended, ledger.Lost, ledger.Voided} {
		if list, err := s.Payments(s.Ctx, ledger.PaymentFilter{State: state}, 0, 1); err != nil || len(list) != 1 {
			s.Fatalf("no payment of the shop is %s: %v", state, err)
		}
	}
}

// trade sells n+3 times to the house wallet, once by a code that was used, takes one back, and sells once to
// another wallet.
func (s *shop) trade(l *ingesttest.Lane, n int) {
	p := s.Chain.Phone()
	code := p.Code(l.Store, "")
	for i := range n + 3 {
		s.Chain.Now = s.Chain.Now.Add(7 * time.Minute)
		sold := l.SellWith(p, int64(100+i), ingesttest.Change{Code: map[bool]string{true: code}[i < 2]})
		if i == 2 {
			l.Void(sold)
		}
	}
	l.SellWith(p, 50, ingesttest.Change{Fact: func(f *payment.Approved) { f.Wallet = "guest" }})
}

// descend pulls a list in pages and wants it to be the given one, turned round.
func descend[T any](t interface{ Fatalf(string, ...any) }, what string, up []T, limit int, pos func(*T) uint64, page func(before uint64) ([]T, error)) {
	var got []T
	for before := uint64(0); ; {
		rows, err := page(before)
		if err != nil || len(rows) > limit {
			t.Fatalf("%s: %d rows below %d, %v", what, len(rows), before, err)
		}
		got = append(got, rows...)
		if len(rows) < limit {
			break
		}
		before = pos(&rows[limit-1])
	}
	want := slices.Clone(up)
	slices.Reverse(want)
	if len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Fatalf("%s: %d rows, want %d:\n%+v\n%+v", what, len(got), len(want), got, want)
	}
}

// TestNewestPayments compares the downward lists with the upward one, for every way to narrow them.
func TestNewestPayments(t *testing.T) {
	s := newShop(t)
	terminals := []payment.ID{{}, s.lanes[0].ID, s.lanes[2].ID, {1}}
	rapid.Check(t, func(t *rapid.T) {
		f := ledger.PaymentFilter{
			Terminal:     rapid.SampledFrom(terminals).Draw(t, "terminal"),
			Store:        rapid.SampledFrom([]string{"", "s1", "s2", "nowhere"}).Draw(t, "store"),
			Wallet:       rapid.SampledFrom([]string{"", ingesttest.Wallet, "guest", "none"}).Draw(t, "wallet"),
			BusinessDate: rapid.SampledFrom([]payment.Date{0, ingesttest.Today, ingesttest.Today + 2, 20200101}).Draw(t, "date"),
			State:        rapid.SampledFrom([]ledger.State{"", ledger.Posted, ledger.Suspended, ledger.Lost, ledger.Voided, "none"}).Draw(t, "state"),
		}
		limit := rapid.IntRange(1, 9).Draw(t, "limit")
		up, err := s.Payments(s.Ctx, f, 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		pos := func(p *ledger.Payment) uint64 { return p.Pos }
		descend(t, "newest", up, limit, pos, func(before uint64) ([]ledger.Payment, error) { return s.books.NewestPayments(s.Ctx, f, before, limit) })
		if _, far, _, _ := ledger.PaymentPlans(f); far != "" {
			descend(t, "by dimension", up, limit, pos, func(before uint64) ([]ledger.Payment, error) {
				return s.books.NewestByDimension(s.Ctx, f, before, limit)
			})
		}
	})
}

// TestNewestPaymentsStand: what comes in while somebody turns pages moves nothing.
func TestNewestPaymentsStand(t *testing.T) {
	s := newShop(t)
	first, err := s.books.NewestPayments(s.Ctx, ledger.PaymentFilter{}, 0, 5)
	s.Must(err)
	second, err := s.books.NewestPayments(s.Ctx, ledger.PaymentFilter{}, first[4].Pos, 5)
	s.Must(err)
	l := s.lanes[0]
	after := l.Last()
	l.Sell(s.Chain.Phone(), 999)
	s.SendAll(l, after)
	s.JudgeAll()
	again, err := s.books.NewestPayments(s.Ctx, ledger.PaymentFilter{}, first[4].Pos, 5)
	s.Must(err)
	top, err := s.books.NewestPayments(s.Ctx, ledger.PaymentFilter{}, 0, 5)
	s.Must(err)
	if !reflect.DeepEqual(again, second) || top[0].Amount != 999 || !reflect.DeepEqual(top[1:], first[:4]) {
		t.Errorf("second page %+v, then %+v; top %+v", second, again, top)
	}
}

func TestNewestExceptions(t *testing.T) {
	s := newShop(t)
	waiting := []payment.ID{{}, {1}}
	for _, state := range []ledger.State{ledger.Suspended, ledger.Posted, ledger.Lost} {
		list, err := s.Payments(s.Ctx, ledger.PaymentFilter{State: state}, 0, 1)
		s.Must(err)
		waiting = append(waiting, list[0].ID)
	}
	rapid.Check(t, func(t *rapid.T) {
		f := ledger.ExceptionFilter{
			State:    rapid.SampledFrom([]string{"", "open", "resolved"}).Draw(t, "state"),
			Kind:     rapid.SampledFrom([]ledger.Kind{"", ledger.SpentTwice, ledger.Fork}).Draw(t, "kind"),
			Owner:    rapid.SampledFrom([]string{"", ledger.OwnerDisputes, ledger.OwnerRisk}).Draw(t, "owner"),
			Terminal: rapid.SampledFrom([]payment.ID{{}, s.lanes[0].ID}).Draw(t, "terminal"),
		}
		limit := rapid.IntRange(1, 4).Draw(t, "limit")
		up, err := s.Exceptions(s.Ctx, f, 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		f.Payment = rapid.SampledFrom(waiting).Draw(t, "payment")
		up = slices.DeleteFunc(up, func(x ledger.Exception) bool { return !f.Payment.IsZero() && x.Payment != f.Payment })
		descend(t, "exceptions", up, limit, func(x *ledger.Exception) uint64 { return x.Pos }, func(before uint64) ([]ledger.Exception, error) {
			return s.books.NewestExceptions(s.Ctx, f, before, limit)
		})
	})
}

func TestNewestBatches(t *testing.T) {
	s := newShop(t)
	for day := range 3 {
		s.CloseDay(ingesttest.Today + payment.Date(day))
	}
	all, err := s.Batches(s.Ctx, 0, 100)
	s.Must(err)
	for _, tt := range []struct {
		name string
		f    ledger.BatchFilter
		fits func(*ledger.BatchRef) bool
	}{
		{"all", ledger.BatchFilter{}, func(*ledger.BatchRef) bool { return true }},
		{"wallet", ledger.BatchFilter{Wallet: ingesttest.Wallet}, func(b *ledger.BatchRef) bool { return b.Wallet == ingesttest.Wallet }},
		{"date", ledger.BatchFilter{SettlementDate: ingesttest.Today + 1}, func(b *ledger.BatchRef) bool { return b.SettlementDate == ingesttest.Today+1 }},
		{"neither", ledger.BatchFilter{Wallet: "none", SettlementDate: 20200101}, func(*ledger.BatchRef) bool { return false }},
	} {
		up := slices.DeleteFunc(slices.Clone(all), func(b ledger.BatchRef) bool { return !tt.fits(&b) })
		descend(t, tt.name, up, 2, func(b *ledger.BatchRef) uint64 { return b.Pos }, func(before uint64) ([]ledger.BatchRef, error) {
			return s.books.NewestBatches(s.Ctx, tt.f, before, 2)
		})
	}
	if len(all) < 3 {
		t.Errorf("%d batches", len(all))
	}
}

// TestNewestPlans: no list reads the payments, or the exceptions, from end to end.
func TestNewestPlans(t *testing.T) {
	s := newShop(t)
	db := raw(t, s.path)
	plan := func(text string, args []any) string {
		t.Helper()
		rows, err := db.Query("EXPLAIN QUERY PLAN "+text, args...)
		s.Must(err)
		defer rows.Close()
		var b strings.Builder
		for rows.Next() {
			var id, parent, unused int
			var line string
			s.Must(rows.Scan(&id, &parent, &unused, &line))
			fmt.Fprintln(&b, line)
		}
		s.Must(rows.Err())
		return b.String()
	}
	const byPosition = "SEARCH p USING INTEGER PRIMARY KEY"
	for _, tt := range []struct {
		f         ledger.PaymentFilter
		near, far string
	}{
		{ledger.PaymentFilter{}, byPosition, ""},
		{ledger.PaymentFilter{State: ledger.Posted}, byPosition, ""},
		{ledger.PaymentFilter{State: ledger.Suspended}, "SEARCH p USING INDEX payment_state (state=? AND rowid<?)", ""},
		{ledger.PaymentFilter{State: ledger.Lost, Store: "s1"}, "SEARCH p USING INDEX payment_state (state=? AND rowid<?)", ""},
		{ledger.PaymentFilter{Store: "s1"}, byPosition, "INDEX dimension_store (store=?"},
		{ledger.PaymentFilter{Wallet: "guest"}, byPosition, "INDEX dimension_wallet (wallet=?"},
		{ledger.PaymentFilter{BusinessDate: 20261122}, byPosition, "INDEX sqlite_autoindex_dimension_1 (business_date=?"},
		{ledger.PaymentFilter{Store: "s1", State: ledger.Posted}, byPosition, "INDEX dimension_store (store=?"},
	} {
		near, far, nearArgs, farArgs := ledger.PaymentPlans(tt.f)
		if got := plan(near, nearArgs); !strings.Contains(got, tt.near) || strings.Contains(got, "SCAN p") || strings.Contains(got, "TEMP B-TREE") {
			t.Errorf("%+v: near:\n%s", tt.f, got)
		}
		if (far == "") != (tt.far == "") {
			t.Errorf("%+v: another way: %q", tt.f, far)
		}
		if far == "" {
			continue
		}
		if got := plan(far, farArgs); !strings.Contains(got, tt.far) || strings.Contains(got, "SCAN p") || strings.Contains(got, "SCAN d\n") || strings.Count(got, "CORRELATED SCALAR") != 2 ||
			!strings.Contains(got, "payment_dimension (dimension=? AND rowid<?)") || !strings.Contains(got, "payment_dimension (dimension=? AND rowid>? AND rowid<?)") {
			t.Errorf("%+v: far:\n%s", tt.f, got)
		}
	}
	// By the end of an identifier: nothing but the index of identifiers is read, from a time on.
	text, args := ledger.EndingPlan()
	if got := plan(text, args); !strings.Contains(got, "SEARCH payment USING COVERING INDEX payment_id (id>?)") || !strings.Contains(got, byPosition) ||
		strings.Contains(got, "SCAN") {
		t.Errorf("by the end of an identifier:\n%s", got)
	}
	for _, tt := range []struct {
		f    ledger.ExceptionFilter
		want string
	}{
		{ledger.ExceptionFilter{}, "SEARCH x USING INTEGER PRIMARY KEY (rowid<?)"},
		{ledger.ExceptionFilter{State: "open"}, "SEARCH x USING INDEX exception_open (no<?)"},
		{ledger.ExceptionFilter{Kind: ledger.Fork}, "SEARCH x USING INDEX exception_kind (kind=? AND rowid<?)"},
		{ledger.ExceptionFilter{Owner: ledger.OwnerRisk}, "SEARCH x USING INDEX exception_owner (owner=? AND rowid<?)"},
		{ledger.ExceptionFilter{Terminal: payment.ID{1}}, "SEARCH x USING INDEX exception_terminal (terminal=? AND no<?)"},
	} {
		text, args := ledger.ExceptionPlan(tt.f)
		if got := plan(text, args); !strings.Contains(got, tt.want) || strings.Contains(got, "TEMP B-TREE") {
			t.Errorf("%+v:\n%s", tt.f, got)
		}
	}
	text, args = ledger.ExceptionPlan(ledger.ExceptionFilter{Payment: payment.ID{1}, State: "resolved"})
	if got := plan(text, args); !strings.Contains(got, "INDEX exception_payment (payment=?") || !strings.Contains(got, "INDEX payment_id (id=?)") || strings.Contains(got, "SCAN") {
		t.Errorf("of a payment:\n%s", got)
	}
}
