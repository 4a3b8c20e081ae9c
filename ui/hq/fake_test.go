package hq

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/wire"
	"tilld/ui/web"
)

var noon = time.Date(2026, 11, 22, 12, 34, 0, 0, time.UTC)

func yen(n int64) payment.Money { return payment.Of(n, "JPY") }

// id is an identifier whose end tells what it is of.
func id(kind byte, n int) payment.ID {
	return payment.ID{1, 0x9a, 0x10, 0, 0, 0, kind, 0, 0, 0, 0, 0, 0, 0, byte(n >> 8), byte(n)}
}

// desk is an Office whose answers the test sets, and which keeps what it was asked.
type desk struct {
	mu         sync.Mutex
	overview   Overview
	terminals  TerminalList
	payments   PaymentList
	records    []Payment
	batches    BatchList
	detail     BatchDetail
	exceptions ExceptionList
	online     Online
	cuts       int
	err        error
	calls      []string
}

func (d *desk) call(format string, args ...any) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls = append(d.calls, fmt.Sprintf(format, args...))
	return d.err
}

// called gives what was asked since the last time.
func (d *desk) called() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	text := strings.Join(d.calls, "; ")
	d.calls = nil
	return text
}

func (d *desk) set(f func()) { d.mu.Lock(); defer d.mu.Unlock(); f() }

func (d *desk) Overview(context.Context) (Overview, error) {
	err := d.call("overview")
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.overview, err
}

func (d *desk) Terminals(_ context.Context, q TerminalQuery) (TerminalList, error) {
	return d.terminals, d.call("terminals %+v", q)
}

func (d *desk) Payments(_ context.Context, q PaymentQuery) (PaymentList, error) {
	err := d.call("payments %+v", q)
	if q.End == "" {
		return d.payments, err
	}
	var list PaymentList
	for _, p := range d.payments.Rows {
		if strings.HasSuffix(p.ID.String(), q.End) {
			list.Rows = append(list.Rows, p)
		}
	}
	return list, err
}

func (d *desk) Payment(_ context.Context, id payment.ID) ([]Payment, error) {
	if err := d.call("payment %s", id); err != nil {
		return nil, err
	}
	for _, p := range d.records {
		if p.ID == id {
			return d.records, nil
		}
	}
	return nil, payment.Errorf(payment.NotFound, "desk", "HQ holds no such payment")
}

func (d *desk) Batches(_ context.Context, q BatchQuery) (BatchList, error) {
	return d.batches, d.call("batches %+v", q)
}

func (d *desk) Batch(_ context.Context, id payment.ID, from, limit int) (BatchDetail, error) {
	b := d.detail
	b.From = from
	return b, d.call("batch %s %d %d", id, from, limit)
}

func (d *desk) Archived(_ context.Context, id payment.ID, form Form) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader("archived " + string(form) + "\n")), d.call("archived %s %s", id, form)
}

func (d *desk) Exceptions(_ context.Context, q ExceptionQuery) (ExceptionList, error) {
	return d.exceptions, d.call("exceptions %+v", q)
}

func (d *desk) Exception(_ context.Context, id payment.ID) (Exception, error) {
	for _, x := range d.exceptions.Rows {
		if x.ID == id {
			return x, nil
		}
	}
	return Exception{}, payment.Errorf(payment.NotFound, "desk", "no such exception")
}

func (d *desk) Resolve(_ context.Context, who string, id payment.ID, outcome Outcome, why string) error {
	return d.call("resolve %s %s %s %s", who, id, outcome, why)
}

func (d *desk) Online(context.Context) (Online, error) { return d.online, d.call("online") }

func (d *desk) Attempt(_ context.Context, ref string) (Attempt, error) {
	for _, a := range d.online.Rows {
		if a.Ref == ref {
			return a, nil
		}
	}
	return Attempt{}, payment.Errorf(payment.NotFound, "desk", "no such attempt")
}

func (d *desk) DecideAttempt(_ context.Context, who, ref string, choice Choice, why string) error {
	return d.call("decide attempt %s %s %s %s", who, ref, choice, why)
}

func (d *desk) CutNow(_ context.Context, who string) (int, error) {
	return d.cuts, d.call("cut %s", who)
}

// porter knows secrets: each is "secret-" and the roles, joined by "+". Revoked people have none any more.
type porter struct {
	mu      sync.Mutex
	revoked map[string]bool
	down    error
}

func (a *porter) Check(_ context.Context, secret string) (string, []string, error) {
	text, ok := strings.CutPrefix(secret, "secret-")
	if a.down != nil || !ok {
		return "", nil, a.refusal()
	}
	return "Aoki " + text, strings.Split(text, "+"), nil
}

func (a *porter) Roles(_ context.Context, who string) ([]string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.down != nil || a.revoked[who] {
		return nil, a.refusal()
	}
	return strings.Split(strings.TrimPrefix(who, "Aoki "), "+"), nil
}

func (a *porter) refusal() error {
	if a.down != nil {
		return a.down
	}
	return payment.Errorf(payment.Unauthorized, "porter", "the token was revoked")
}

func (a *porter) revoke(who string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.revoked[who] = true
}

// bench is a console that is being served.
type bench struct {
	*desk
	auth *porter
	page *Page
	srv  *httptest.Server
	log  *strings.Builder
	now  time.Time // read by the console through a method; see clock
	mu   sync.Mutex
}

func (b *bench) clock() time.Time { b.mu.Lock(); defer b.mu.Unlock(); return b.now }

func (b *bench) pass(d time.Duration) { b.mu.Lock(); defer b.mu.Unlock(); b.now = b.now.Add(d) }

type lockedWriter struct {
	mu  *sync.Mutex
	out *strings.Builder
}

func (w lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Write(p)
}

func newBench(t testing.TB, d *desk) *bench {
	t.Helper()
	b := &bench{desk: d, auth: &porter{revoked: map[string]bool{}}, log: &strings.Builder{}, now: noon}
	var err error
	b.page, err = New(Config{
		Office: d, Auth: b.auth, Sessions: web.NewSessions("tilld-hq", false, b.clock, rand.Reader), Now: b.clock,
		Preset: "en", Zone: time.UTC, Log: slog.New(slog.NewTextHandler(lockedWriter{&b.mu, b.log}, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	b.page.Register(mux)
	mux.Handle("GET /assets/", web.Assets())
	b.srv = httptest.NewServer(web.Guard(nil, mux))
	t.Cleanup(b.srv.Close)
	return b
}

func (b *bench) logged() string { b.mu.Lock(); defer b.mu.Unlock(); return b.log.String() }

// busy is an Office on a day on which much is wrong.
func busy() *desk {
	lanes := []Terminal{
		{ID: id('T', 1), Store: "S0001", Lane: "L01", LastSeen: noon, Silent: 3 * time.Second, Software: "1.0.0", Policy: 7, LastClosed: 20261121},
		{ID: id('T', 2), Store: "S0001", Lane: "L02", LastSeen: noon.Add(-40 * time.Minute), Silent: 40 * time.Minute, Behind: 41, BehindFor: 38 * time.Minute,
			Gaps: []Gap{{0xa1b2c3d4e5f60718, 58, 98}}, Waiting: 3, Exceptions: 2, Software: "1.0.0", Policy: 6, LastClosed: 20261121},
		{ID: id('T', 3), Store: "S0002", Lane: "L01", LastSeen: noon.Add(-70 * time.Hour), Silent: 70 * time.Hour, Forked: true, Exceptions: 1, Software: "0.9.4", Policy: 7, LastClosed: 20261119},
		{ID: id('T', 4), Store: "S0002", Lane: "L02", Policy: 0},
		{ID: id('T', 5), Store: "S0003", Lane: "L01", LastSeen: noon.Add(-5 * time.Hour), Silent: 5 * time.Hour, Revoked: "stolen", Software: "1.0.0", Policy: 7},
	}
	rows := []Payment{ // the last to come first, and not the last to be taken
		{Number: 1233, ReceivedAt: noon.Add(-1 * time.Minute), ID: id('P', 1), State: "posted", Amount: yen(1280), Wallet: "house", Entity: "E1", Store: "S0001", Lane: "L01", BusinessDate: 20261122, TakenAt: noon, Policy: 7,
			Entry: wire.Name{Terminal: id('T', 1), Epoch: 0xa1b2c3d4e5f60718, Seq: 57}, EntryHash: []byte{0xde, 0xad, 0xbe, 0xef},
			Settled: []Settled{{id('B', 1), "payment", yen(1280)}}},
		{Number: 1232, ReceivedAt: noon.Add(-2 * time.Minute), ID: id('P', 2), State: "suspense", Amount: yen(900), Wallet: "house", Store: "S0001", Lane: "L02", BusinessDate: 20261122, TakenAt: noon.Add(-26 * time.Hour)},
		{Number: 1231, ReceivedAt: noon.Add(-3 * time.Minute), ID: id('P', 3), State: "lost", Amount: yen(5000), Wallet: "guest", Store: "S0002", Lane: "L01", BusinessDate: 20261121, TakenAt: noon},
		{Number: 1230, ReceivedAt: noon.Add(-4 * time.Minute), ID: id('P', 4), State: "voided", Amount: yen(333), Wallet: "house", Store: "S0002", Lane: "L01", BusinessDate: 20261121, TakenAt: noon, VoidedBy: 61},
	}
	day := web.Bars{Currency: "JPY"}
	for h := range 13 {
		day.Labels, day.Sums = append(day.Labels, fmt.Sprintf("%02d", h)), append(day.Sums, int64(h*h*1370))
	}
	batch := Batch{ID: id('B', 1), Wallet: "house", SettlementDate: 20261121, Number: 1, Cause: "day",
		Count: 1203, Sum: yen(1842370), Hash: []byte{0x5e, 0x77, 0x1e, 0xd0, 0x12, 0x34, 0x56, 0x78}, Missing: 2, DayOpen: 1}
	empty := Batch{ID: id('B', 2), Wallet: "guest", SettlementDate: 20261121, Number: 1, Cause: "day", Sum: yen(0), Hash: make([]byte, 8), DayOpen: 2}
	twice := Exception{ID: id('X', 1), Kind: "code_spent_twice", Owner: "issuer-disputes", Store: "S0001", Lane: "L02",
		Entry: wire.Name{Terminal: id('T', 2), Epoch: 0xa1b2c3d4e5f60718, Seq: 41}, Payment: id('P', 2), Amount: yen(900), Detail: "the code paid for " + id('P', 1).String() + " first", Opened: noon}
	alarm := Exception{ID: id('X', 2), Kind: "epoch_forked", Owner: OwnerOperations, Store: "S0002", Lane: "L01", Entry: wire.Name{Seq: 7}, Detail: "history 2 of the epoch begins here", Opened: noon}
	done := Exception{ID: id('X', 3), Kind: "of_the_future", Owner: "finance", Store: "S0003", Lane: "L01", Payment: id('P', 3), Amount: yen(5000), Opened: noon,
		Outcome: "loss", ResolvedAt: noon, ResolvedBy: "Aoki finance", Why: "the customer can't be found", Detail: "a kind that this release has no words for"}
	known := Exception{ID: id('X', 6), Kind: "code_spent_twice", Owner: "issuer-disputes", Store: "S0001", Lane: "L02", Payment: id('P', 3), Amount: yen(500), Opened: noon,
		Outcome: "receivable", ResolvedAt: noon, ResolvedBy: "Aoki finance", Why: "the issuer agreed"}
	repeat := rows[1]
	repeat.ID, repeat.Exceptions = rows[0].ID, []Exception{twice, known}
	return &desk{
		overview: Overview{
			Chain: "example", Epoch: 1795316400000, EpochAt: noon.Add(-24 * time.Hour), Date: 20261122, Broker: true, BrokerSince: noon,
			Terminals: 4, Heard: 1, Behind: 1, Forked: 1, Worst: lanes[1:3], Unjudged: 3, Open: 2, OpenMoney: []payment.Money{yen(900)},
			Wallets: []WalletDay{{"house", Total{118, yen(184300)}, Total{1, yen(900)}, Total{2, yen(1900)}}, {"guest", Total{3, yen(4100)}, Total{0, yen(0)}, Total{0, yen(0)}}},
			Day:     day, Last: &batch, PolicyLast: 7,
		},
		terminals:  TerminalList{Rows: lanes, Older: "t5", PolicyLast: 7},
		payments:   PaymentList{Rows: rows, Older: "p4"},
		records:    []Payment{rows[0], repeat},
		batches:    BatchList{Rows: []Batch{batch, empty}, Date: 20261122, Day: day},
		exceptions: ExceptionList{Rows: []Exception{twice, alarm, done, known}},
		online:     online(),
		detail: BatchDetail{
			Batch: batch, CutAt: noon, Expected: Total{1100, yen(1700000)}, Late: Total{103, yen(142370)}, Early: Total{0, yen(0)},
			Parts: []Part{{id('T', 1), "S0001", "L01", 12, 57, Total{44, yen(60210)}}},
			Lacking: []Lack{{id('T', 2), "S0001", "L02", "entries_missing", 58, 98, 20261120}, {Terminal: id('T', 4), Store: "S0002", Lane: "L02", Reason: "never_heard"},
				{Terminal: id('T', 1), Store: "S0001", Lane: "L01", Reason: LackDayOpen, LastClosed: 20261120}},
			Lines: []Line{
				{id('P', 1), "payment", "S0001", "L01", 20261121, 57, yen(1280)},
				{id('P', 4), "void", "S0002", "L01", 20261121, 61, yen(-333)},
			},
		},
	}
}

// long is a busy Office with names and sums as long as they get.
func long() *desk {
	const store, lane, wallet = "shibuya-scramble-square-annex-01", "fitting-room-till-on-floor-3-b", "a-wallet-with-a-name-of-32-signs"
	d := busy()
	much := yen(999_999_999)
	for i := range d.terminals.Rows {
		t := &d.terminals.Rows[i]
		t.Store, t.Lane, t.Software = store, lane, "v1.12.103-1204-gdeadbeef-dirty"
	}
	d.terminals.Rows[1].Twice = true
	d.terminals.Rows[1].Gone = []Gone{{Gap: Gap{0xa1b2c3d4e5f60718, 999_999_990, 999_999_999}}}
	d.overview.Full, d.overview.Lost, d.overview.Awaited, d.overview.Twice = true, 60_000, 60_000, 60_000
	d.overview.Stands, d.overview.StandsWhy = noon, "the books lack what has been settled: comparing the archive with the ledger: open settlements: permission denied"
	d.overview.Online, d.overview.Silent = 60_000, []string{wallet, "paypay"}
	d.online.Operators[1].Wallet, d.online.Operators[1].Why = wallet, strings.Repeat("the connection ended without a whole answer ", 3)
	for i := range d.online.Rows {
		a := &d.online.Rows[i]
		a.Store, a.Lane, a.Wallet, a.Amount = store, lane, wallet, much
		a.Transaction, a.Said, a.Reference = strings.Repeat("8", 64), strings.Repeat("SAID_", 12), strings.Repeat("R", 64)
	}
	d.online.Decided[0].Why, d.online.Decided[0].Store, d.online.Decided[0].Lane = strings.Repeat("理由", 65), store, lane
	d.overview.Worst = d.terminals.Rows[1:3]
	d.overview.OpenMoney = []payment.Money{much, payment.Of(99_999_999_900, "TWD")}
	d.overview.Wallets = append(d.overview.Wallets, WalletDay{wallet, Total{999_999, much}, Total{999_999, much}, Total{999_999, much}})
	d.overview.Last.Wallet, d.overview.Last.Sum, d.overview.Last.Number = wallet, payment.Of(999_999_999_999, "JPY"), 9999
	for i := range d.payments.Rows {
		p := &d.payments.Rows[i]
		p.Number, p.Store, p.Lane, p.Wallet, p.Amount = 9_999_999_999-uint64(i), store, lane, wallet, much
	}
	d.records[0] = d.payments.Rows[0]
	b := &d.batches.Rows[0]
	b.Wallet, b.Sum, b.Count, b.Missing = wallet, payment.Of(999_999_999_999, "JPY"), 9_999_999, 60_000
	d.detail.Batch = *b
	for i := range d.exceptions.Rows {
		x := &d.exceptions.Rows[i]
		x.Store, x.Lane, x.Amount, x.Why = store, lane, much, strings.Repeat("理由", 65)
	}
	return d
}

// alarmed is an Office whose disk is full, whose books were put back, and whose lanes live twice.
func alarmed() *desk {
	d := busy()
	d.overview.Full, d.overview.Lost, d.overview.Awaited, d.overview.Twice = true, 2, 1, 1
	d.overview.Stands, d.overview.StandsWhy = noon, "the books lack what has been settled: comparing the archive with the ledger: open settlements/2026-11-22: permission denied"
	d.overview.Online, d.overview.Silent = 6, []string{"merpay"}
	rows := d.terminals.Rows
	rows[0].Gone = []Gone{{Gap: Gap{0xa1b2c3d4e5f60718, 58, 98}}, {Gap: Gap{0xa1b2c3d4e5f60719, 8, 7}}}
	rows[1].Gone = []Gone{{Gap: Gap{0xa1b2c3d4e5f60718, 58, 98}, Again: true}}
	rows[2].Twice = true
	d.overview.Worst = rows[:3]
	d.exceptions.Rows = []Exception{
		{ID: id('X', 4), Kind: "hq_lost", Owner: OwnerOperations, Store: "S0001", Lane: "L01", Entry: wire.Name{Seq: 58}, Opened: noon,
			Detail: "HQ acknowledged entries up to 98 and holds them up to 57: its books were put back to an older state."},
		{ID: id('X', 5), Kind: "terminal_twice", Owner: OwnerOperations, Store: "S0002", Lane: "L01", Entry: wire.Name{Seq: 7}, Opened: noon,
			Detail: "the terminal's data directory was copied, or an older copy of its disk put back, and two tills go on from it."},
	}
	return d
}

// calm is an Office in which nothing has happened yet.
func calm() *desk {
	return &desk{overview: Overview{Chain: "example", EpochAt: noon, Date: 20261122, BrokerSince: noon}, batches: BatchList{Date: 20261122}}
}

// online is a page of online payments with every trouble.
func online() Online {
	attempt := func(n int, trouble, state, said string) Attempt {
		return Attempt{Ref: id('P', n).String() + "01", Payment: id('P', n), Store: "S0001", Lane: "L01", Wallet: "paypay", Amount: yen(1200), Reference: "R-77",
			Begun: noon.Add(-time.Duration(n) * time.Hour), State: state, Trouble: trouble, Said: said}
	}
	silent := attempt(11, "lane_silent", "paid", "COMPLETED")
	silent.Transaction, silent.PaidAt = "04123456789012345678", noon.Add(-11*time.Hour)
	late := attempt(26, "overdue", "doubtful", "")
	late.Wallet, late.Reference = "merpay", ""
	return Online{
		Operators: []Operator{
			{Wallet: "linepay"}, {Wallet: "merpay", Silent: true, Since: noon.Add(-5 * time.Minute), Last: noon, Why: "nothing was sent: connection refused"},
			{Wallet: "paypay", Last: noon.Add(-time.Second)}},
		Rows: []Attempt{silent, attempt(12, "no_way_back", "manual", "CANCEL_WINDOW_OVER"), attempt(13, "contradicts", "closed", "REFUNDED"), late,
			attempt(27, "overdue", "reversing", "TIMEOUT"), attempt(28, "of_the_future", "beyond", "")},
		Waiting: 7,
		Decided: []AttemptDecision{{Ref: id('P', 9).String() + "01", Payment: id('P', 9), Store: "S0002", Lane: "L01", Wallet: "paypay", Amount: yen(900), Choice: Cleared,
			Trouble: "no_way_back", At: noon, By: "Aoki finance", Why: "credited at the counter"}},
	}
}
