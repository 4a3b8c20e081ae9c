package settle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"tilld/agent/payment"
)

// memStore is the ledger's part in these tests: lines with positions, and batches. It keeps the guards
// that the Store interface asks of a ledger.
type memStore struct {
	epoch   uint64
	lines   []Line
	member  map[EntryHash]payment.ID
	batches []*Batch
	fail    error // of the next CommitBatch
	spoil   func(*Cut)
}

func newMemStore() *memStore { return &memStore{epoch: testHQ, member: map[EntryHash]payment.ID{}} }

func (m *memStore) ReadCut(_ context.Context, account Account, date payment.Date, limit int) (*Cut, bool, error) {
	cut := &Cut{Key: Key{Account: account, SettlementDate: date, Number: 1, HQEpoch: m.epoch}}
	for _, b := range m.batches {
		if b.Account == account && b.SettlementDate == date {
			cut.Number = max(cut.Number, b.Number+1)
		}
	}
	for at, l := range m.lines {
		if _, settled := m.member[l.Entry]; settled || l.Wallet != account.Wallet || l.Currency != account.Currency {
			continue
		}
		if len(cut.Lines) == limit {
			return cut, true, nil
		}
		cut.Lines = append(cut.Lines, l)
		cut.Control.add(l.Amount)
		cut.AsOf = uint64(at)
	}
	if m.spoil != nil {
		m.spoil(cut)
	}
	return cut, false, nil
}

func (m *memStore) CommitBatch(_ context.Context, b *Batch) error {
	if err := m.fail; err != nil {
		m.fail = nil
		return err
	}
	for _, have := range m.batches {
		if have.ID == b.ID {
			if have.Root != b.Root {
				return errors.New("another content under the ID")
			}
			return nil
		}
	}
	for _, l := range b.Lines {
		if _, settled := m.member[l.Entry]; settled {
			return fmt.Errorf("%s is settled already", l.Name())
		}
	}
	for _, l := range b.Lines {
		m.member[l.Entry] = b.ID
	}
	m.batches = append(m.batches, b)
	return nil
}

func (m *memStore) HasBatch(_ context.Context, id payment.ID) (bool, error) {
	return slices.ContainsFunc(m.batches, func(b *Batch) bool { return b.ID == id }), nil
}

func (m *memStore) DayBatches(_ context.Context, account Account, date payment.Date) ([]Ref, error) {
	var refs []Ref
	for _, b := range m.batches {
		if b.Account == account && b.SettlementDate == date {
			refs = append(refs, b.Ref())
		}
	}
	return refs, nil
}

func (m *memStore) LastClosed(_ context.Context, account Account) (last payment.Date, _ error) {
	for _, b := range m.batches {
		if b.Account == account && b.Cause == CauseDay {
			last = max(last, b.SettlementDate)
		}
	}
	return last, nil
}

// bench is a settler on an archive in a fresh directory; tokyo cuts at 04:00 of the next day.
type bench struct {
	*Settler
	store *memStore
	dir   string
	now   time.Time
}

var tokyo = time.FixedZone("JST", 9*60*60)

func newBench(t *testing.T, store *memStore, dir string) *bench {
	t.Helper()
	b := &bench{store: store, dir: dir, now: time.Date(2026, 11, 23, 4, 0, 0, 0, tokyo)}
	b.Settler = &Settler{
		Store: store, Archive: mustArchive(t, dir), Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return b.now },
		Schedules: func(context.Context) ([]Schedule, error) {
			return []Schedule{{testAccount, tokyo, 28 * time.Hour}, {Account{"paypay", "JPY"}, tokyo, 24 * time.Hour}}, nil
		},
	}
	return b
}

// restart is the same store and archive with another process.
func (b *bench) restart(t *testing.T) *bench {
	t.Helper()
	next := newBench(t, b.store, b.dir)
	next.now = b.now
	return next
}

func keysOf(refs []Ref) string {
	var s []string
	for _, r := range refs {
		s = append(s, fmt.Sprintf("%s %s %d %s %d:%d", r.Account, r.SettlementDate, r.Number, r.Cause, r.Count, r.Sum))
	}
	return strings.Join(s, "\n")
}

func (b *bench) wantClose(t *testing.T, want string) []Ref {
	t.Helper()
	refs, err := b.CloseDay(t.Context(), testDate)
	if err != nil || keysOf(refs) != want {
		t.Fatalf("closed:\n%s\nwant:\n%s\nerror: %v", keysOf(refs), want, err)
	}
	return refs
}

func TestCloseDay(t *testing.T) {
	b := newBench(t, newMemStore(), t.TempDir())
	b.store.lines = []Line{line(1, 1, 300), line(1, 2, 500)}
	const want = "house/JPY 2026-11-22 1 day 2:800\npaypay/JPY 2026-11-22 1 day 0:0"
	first := b.wantClose(t, want)
	b.store.lines = append(b.store.lines, line(1, 3, 50))
	if again := b.wantClose(t, want); !slices.Equal(first, again) {
		t.Error("closing again gave other batches")
	}
	if again := b.restart(t).wantClose(t, want); !slices.Equal(first, again) {
		t.Error("closing again after a restart gave other batches")
	}
	b.now = b.now.AddDate(0, 0, 1)
	refs, err := b.CloseDay(t.Context(), testDate.Next())
	if want := "house/JPY 2026-11-23 1 day 1:50\npaypay/JPY 2026-11-23 1 day 0:0"; err != nil || keysOf(refs) != want {
		t.Errorf("the late line: %v, %v", keysOf(refs), err)
	}
}

func TestCloseDayRefuses(t *testing.T) {
	b := newBench(t, newMemStore(), t.TempDir())
	b.now = b.now.Add(-time.Second)
	refs, err := b.CloseDay(t.Context(), testDate)
	if !errors.Is(err, ErrNotDue) || !strings.Contains(err.Error(), "house/JPY 2026-11-22") || keysOf(refs) != "paypay/JPY 2026-11-22 1 day 0:0" {
		t.Errorf("before the cut-off of one account: %v, %v", keysOf(refs), err)
	}
	b.now = b.now.Add(time.Second)
	b.wantClose(t, "house/JPY 2026-11-22 1 day 0:0\npaypay/JPY 2026-11-22 1 day 0:0")
	if _, err := b.CloseDay(t.Context(), 20261121); !errors.Is(err, ErrPassed) {
		t.Errorf("an earlier date: %v, want %v", err, ErrPassed)
	}
	b.store.lines = []Line{line(1, 1, 5)}
	b.now = b.now.AddDate(0, 0, 1)
	b.store.spoil = func(c *Cut) { c.Control.Sum++ }
	if _, err := b.CloseDay(t.Context(), 20261123); !errors.Is(err, ErrCut) {
		t.Errorf("a cut that does not add up: %v, want %v", err, ErrCut)
	}
	b.store.spoil = func(c *Cut) { c.Wallet = "other" }
	if _, err := b.CloseDay(t.Context(), 20261123); !errors.Is(err, ErrCut) {
		t.Errorf("a cut of another account: %v, want %v", err, ErrCut)
	}
}

func TestScheduleRefuses(t *testing.T) {
	good := Schedule{testAccount, tokyo, 28 * time.Hour}
	tests := map[string][]Schedule{
		"twice":       {good, good},
		"no zone":     {{testAccount, nil, 28 * time.Hour}},
		"zero":        {{testAccount, tokyo, 0}},
		"too long":    {{testAccount, tokyo, 49 * time.Hour}},
		"seconds":     {{testAccount, tokyo, time.Hour + time.Second}},
		"bad account": {{Account{"house", "EURO"}, tokyo, time.Hour}},
	}
	for name, schedules := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, newMemStore(), t.TempDir())
			b.Schedules = func(context.Context) ([]Schedule, error) { return schedules, nil }
			if _, err := b.CutNow(t.Context()); err == nil || !strings.Contains(err.Error(), "schedules") {
				t.Errorf("error %v", err)
			}
		})
	}
	b := newBench(t, newMemStore(), t.TempDir())
	b.Schedules = func(context.Context) ([]Schedule, error) { return nil, errStop }
	if _, err := b.CloseDay(t.Context(), testDate); !errors.Is(err, errStop) {
		t.Errorf("schedules that can't be had: %v", err)
	}
}

func TestCutNow(t *testing.T) {
	b := newBench(t, newMemStore(), t.TempDir())
	refs, err := b.CutNow(t.Context())
	if want := "house/JPY 2026-11-22 1 day 0:0\npaypay/JPY 2026-11-22 1 day 0:0"; err != nil || keysOf(refs) != want {
		t.Errorf("what was due: %v, %v", keysOf(refs), err)
	}
	b.store.lines = []Line{line(1, 1, 300)}
	refs, err = b.CutNow(t.Context())
	if want := "house/JPY 2026-11-23 1 now 1:300"; err != nil || keysOf(refs) != want {
		t.Errorf("cut %v, %v, want %s", keysOf(refs), err, want)
	}
	if refs, err := b.CutNow(t.Context(), testAccount); err != nil || len(refs) != 0 {
		t.Errorf("nothing left, and cut %v, %v", keysOf(refs), err)
	}
	if _, err := b.CutNow(t.Context(), Account{"nobody", "JPY"}); !errors.Is(err, ErrNobody) {
		t.Errorf("an account that is not settled: %v", err)
	}
	b.now = b.now.AddDate(0, 0, 1)
	refs, err = b.CloseDay(t.Context(), testDate.Next())
	if want := "house/JPY 2026-11-23 1 now 1:300\nhouse/JPY 2026-11-23 2 day 0:0\npaypay/JPY 2026-11-23 1 day 0:0"; err != nil || keysOf(refs) != want {
		t.Errorf("the day's close after a cut in it:\n%v, %v", keysOf(refs), err)
	}
}

func TestParts(t *testing.T) {
	b := newBench(t, newMemStore(), t.TempDir())
	b.Limit = 2
	for n := range uint64(5) {
		b.store.lines = append(b.store.lines, line(1, n+1, 10))
	}
	b.wantClose(t, "house/JPY 2026-11-22 1 part 2:20\nhouse/JPY 2026-11-22 2 part 2:20\nhouse/JPY 2026-11-22 3 day 1:10\npaypay/JPY 2026-11-22 1 day 0:0")
}

// TestDecidedOnce stops a close between archive and ledger. What is in the archive then is the batch, also
// when more lines have come since.
func TestDecidedOnce(t *testing.T) {
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprintf("restart %v", restart), func(t *testing.T) {
			b := newBench(t, newMemStore(), t.TempDir())
			b.store.lines = []Line{line(1, 1, 300)}
			b.store.fail = errStop
			if _, err := b.CloseDay(t.Context(), testDate); !errors.Is(err, errStop) {
				t.Fatalf("error %v", err)
			}
			ids, err := b.Archive.List()
			if err != nil || len(ids) != 2 {
				t.Fatalf("archived %v, %v", ids, err)
			}
			b.store.lines = append(b.store.lines, line(1, 2, 40))
			if restart {
				b = b.restart(t)
			}
			refs := b.wantClose(t, "house/JPY 2026-11-22 1 day 1:300\npaypay/JPY 2026-11-22 1 day 0:0")
			for _, r := range refs {
				if got, err := b.Archive.Load(r.ID); err != nil || got.Root != r.Root {
					t.Errorf("the archive has other bytes for %s: %v", r.Key, err)
				}
			}
		})
	}
}

// TestCrashAnywhere stops a day's close before any step on the disk or the ledger, starts again with more
// lines there, and wants each line settled once and archive and ledger to agree.
func TestCrashAnywhere(t *testing.T) {
	for n := 0; ; n++ {
		b := newBench(t, newMemStore(), t.TempDir())
		b.store.lines = []Line{line(1, 1, 300), line(2, 1, 500)}
		at := 0
		b.Archive.before = func(string, string) error {
			if at++; at > n {
				return errStop
			}
			return nil
		}
		_, err := b.CloseDay(t.Context(), testDate)
		b.store.lines = append(b.store.lines, line(3, 1, 7))
		after := b.restart(t)
		if _, err := after.CloseDay(t.Context(), testDate); err != nil {
			t.Fatalf("step %d: %v", n, err)
		}
		after.now = after.now.AddDate(0, 0, 1)
		if _, err := after.CloseDay(t.Context(), testDate.Next()); err != nil {
			t.Fatalf("step %d: %v", n, err)
		}
		settledOnce(t, after)
		if err == nil {
			break
		}
	}
}

// settledOnce holds all batches against all lines, and the archive against the ledger.
func settledOnce(t interface {
	Helper()
	Fatalf(string, ...any)
}, b *bench) {
	t.Helper()
	var want, got Total
	for _, l := range b.store.lines {
		want.add(l.Amount)
	}
	for _, x := range b.store.batches {
		got.Count += x.Count
		got.Sum += x.Sum
		if kept, err := b.Archive.Load(x.ID); err != nil || kept.Root != x.Root {
			t.Fatalf("%s: not what the archive holds: %v", x.Key, err)
		}
	}
	if ids, err := b.Archive.List(); err != nil || len(ids) != len(b.store.batches) || got != want {
		t.Fatalf("%d batches in the archive, %d in the ledger; settled %+v of %+v: %v", len(ids), len(b.store.batches), got, want, err)
	}
}

// TestRestoredLedger: a ledger from an old backup takes its batches back from the archive, in a new epoch.
func TestRestoredLedger(t *testing.T) {
	b := newBench(t, newMemStore(), t.TempDir())
	b.store.lines = []Line{line(1, 1, 300), line(2, 1, 500)}
	const want = "house/JPY 2026-11-22 1 day 2:800\npaypay/JPY 2026-11-22 1 day 0:0"
	refs := b.wantClose(t, want)
	restored := newMemStore()
	restored.epoch++
	restored.lines = b.store.lines[:1] // the other entry has yet to come again
	after := newBench(t, restored, b.dir)
	if again := after.wantClose(t, want); !slices.Equal(again, refs) {
		t.Error("other batches after the restore")
	}
	restored.lines = b.store.lines
	if cut, err := after.CutNow(t.Context()); err != nil || len(cut) != 0 {
		t.Errorf("settled again: %v, %v", keysOf(cut), err)
	}
}

// TestRefusedBatchBlocks: while the ledger refuses an archived batch, its account is not cut, and the
// others are.
func TestRefusedBatchBlocks(t *testing.T) {
	b := newBench(t, newMemStore(), t.TempDir())
	b.store.lines = []Line{line(1, 1, 300)}
	stray := cutOf(line(1, 1, 300))
	stray.HQEpoch++ // an HQ that this ledger never was
	if err := b.Archive.Put(mustBuild(t, stray)); err != nil {
		t.Fatal(err)
	}
	b.store.member[line(1, 1, 300).Entry] = idOf('b', 1)
	refs, err := b.CloseDay(t.Context(), testDate)
	if !errors.Is(err, ErrPending) || !strings.Contains(err.Error(), "settled already") || keysOf(refs) != "paypay/JPY 2026-11-22 1 day 0:0" {
		t.Errorf("closed %s, %v", keysOf(refs), err)
	}
	delete(b.store.member, line(1, 1, 300).Entry)
	b.wantClose(t, "house/JPY 2026-11-22 1 day 1:300\npaypay/JPY 2026-11-22 1 day 0:0")
}

func TestUnreadableArchiveStops(t *testing.T) {
	b := newBench(t, newMemStore(), t.TempDir())
	stray := mustBuild(t, cutOf(line(1, 1, 300)))
	if err := b.Archive.Put(stray); err != nil {
		t.Fatal(err)
	}
	writeTest(t, b.Archive.path(stray.ID)+"/batch.json", []byte("{"))
	if _, err := b.CloseDay(t.Context(), testDate); !errors.Is(err, ErrBatch) {
		t.Errorf("error %v, want %v", err, ErrBatch)
	}
}

// TestAnyHistory: whatever comes when, each line is settled once, and the batches sum to the lines.
func TestAnyHistory(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		store := newMemStore()
		b := newBench(t, store, fmt.Sprintf("%s/%d", dir, time.Now().UnixNano()))
		b.Limit = rapid.IntRange(1, 4).Draw(rt, "limit")
		date, seq := testDate, uint64(0)
		for range rapid.IntRange(1, 15).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"sell", "cut", "fail", "restart", "close"}).Draw(rt, "step") {
			case "sell":
				for range rapid.IntRange(1, 5).Draw(rt, "lines") {
					seq++
					store.lines = append(store.lines, line(1, seq, rapid.Int64Range(1, 9).Draw(rt, "amount")))
				}
			case "cut":
				_, _ = b.CutNow(t.Context()) // may fail by design of this test; the end state counts
			case "fail":
				store.fail = errStop
			case "restart":
				b = b.restart(t)
			case "close":
				_, _ = b.CloseDay(t.Context(), date)
				b.now, date = b.now.AddDate(0, 0, 1), date.Next()
			}
		}
		store.fail = nil
		if _, err := b.CutNow(t.Context()); err != nil {
			rt.Fatal(err)
		}
		settledOnce(rt, b)
	})
}

// in2026 is the clock of a synctest bubble, which begins in 2000.
func in2026() time.Time { return time.Now().AddDate(26, 10, 21) }

// TestRun watches the loop through three days of virtual time, one of them without HQ.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, newMemStore(), t.TempDir())
		b.Now = in2026
		start := payment.DateOf(in2026().In(tokyo))
		day := func(n int) payment.Date { return payment.DateOf(start.Time().AddDate(0, 0, n)) }
		run := func(s *Settler, d time.Duration) {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			defer cancel()
			if err := s.Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Run: %v", err)
			}
		}
		b.store.lines = []Line{line(1, 1, 5)}
		b.store.fail = errStop // tried again a minute later
		run(b.Settler, 36*time.Hour)
		<-time.After(48 * time.Hour) // HQ is down
		next := newBench(t, b.store, b.dir)
		next.Now = in2026
		run(next.Settler, time.Minute)
		var house []Ref
		for _, x := range b.store.batches {
			if x.Account == testAccount {
				house = append(house, x.Ref())
			}
		}
		want := ""
		for n := range 4 {
			want += fmt.Sprintf("house/JPY %s 1 day %d:%d\n", day(n-1), 1-min(n, 1), 5*(1-min(n, 1)))
		}
		if got := keysOf(house) + "\n"; got != want {
			t.Errorf("closed:\n%swant:\n%s", got, want)
		}
	})
}

// TestRunCutsOnTime: the batch is cut at the minute, not when somebody next looks.
func TestRunCutsOnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, newMemStore(), t.TempDir())
		b.Now = in2026
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Hour)
		defer cancel()
		if err := b.Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Run: %v", err)
		}
		for _, x := range b.store.batches[2:] {
			sched := Schedule{testAccount, tokyo, 28 * time.Hour}
			if x.Wallet == "paypay" {
				sched.After = 24 * time.Hour
			}
			if want := sched.Due(x.SettlementDate).UTC().Format(cutAtForm); x.CutAt != want {
				t.Errorf("%s was cut at %s, due at %s", x.Key, x.CutAt, want)
			}
		}
		if len(b.store.batches) < 4 {
			t.Errorf("%d batches", len(b.store.batches))
		}
	})
}

func TestScheduleAcrossClockChange(t *testing.T) {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	s := Schedule{testAccount, zone, 28*time.Hour + 30*time.Minute}
	for date, want := range map[payment.Date]string{
		20260307: "2026-03-08T04:30:00-04:00", // clocks go forward in between
		20261031: "2026-11-01T04:30:00-05:00", // and back
	} {
		due := s.Due(date)
		if got := due.Format(time.RFC3339); got != want {
			t.Errorf("%s is due at %s, want %s", date, got, want)
		}
		if got := s.Open(due.Add(-time.Second)); got != date {
			t.Errorf("a second before, %s is open, want %s", got, date)
		}
		if got := s.Open(due); got != date.Next() {
			t.Errorf("at %s, %s is open", due, got)
		}
	}
}

// TestCatchUp: a restored ledger has what was settled before anything is judged. What does not work now is tried again;
// what the ledger refuses for good blocks its account, and nobody else.
func TestCatchUp(t *testing.T) {
	b := newBench(t, newMemStore(), t.TempDir())
	b.store.lines = []Line{line(1, 1, 300)}
	b.wantClose(t, "house/JPY 2026-11-22 1 day 1:300\npaypay/JPY 2026-11-22 1 day 0:0")

	after := newBench(t, newMemStore(), b.dir)
	full := errors.New("the disk is full")
	after.store.fail = full
	if err := after.CatchUp(t.Context()); !errors.Is(err, full) || !errors.Is(err, ErrPending) {
		t.Errorf("with a full disk: %v", err)
	}
	if err := after.CatchUp(t.Context()); err != nil || len(after.store.batches) != 2 {
		t.Errorf("with room: %v, %d batches", err, len(after.store.batches))
	}
	after.store.fail = full
	if err := after.CatchUp(t.Context()); err != nil {
		t.Errorf("asked again: %v", err)
	}
	after.store.fail = nil

	refusing := newBench(t, newMemStore(), b.dir)
	refusing.store.fail = payment.Errorf(payment.Conflict, "test", "the place is taken")
	if err := refusing.CatchUp(t.Context()); err != nil || len(refusing.store.batches) != 1 {
		t.Errorf("refused for good: %v, %d batches", err, len(refusing.store.batches))
	}

	writeTest(t, b.Archive.path(b.store.batches[0].ID)+"/batch.json", []byte("{"))
	blind := newBench(t, newMemStore(), b.dir)
	for range 2 {
		if err := blind.CatchUp(t.Context()); !errors.Is(err, ErrBatch) {
			t.Errorf("with an archive that can't be read: %v", err)
		}
	}
}
