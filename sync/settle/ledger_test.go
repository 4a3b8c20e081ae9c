package settle_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/ledger/ledgertest"
	"tilld/sync/settle"
	"tilld/sync/wire"
)

// hq is a settler over a real ledger and archive.
type hq struct {
	*ledgertest.Bench
	settler *settle.Settler
	dir     string
	store   *ledger.Store
}

var house = settle.Account{Wallet: ingesttest.Wallet, Currency: "JPY"}

// openHQ opens the ledger and the archive below dir, as a process does that starts.
func openHQ(t *testing.T, dir string, chain *ingesttest.Chain) *hq {
	t.Helper()
	now := func() time.Time { return chain.Now }
	store, err := ledger.Open(t.Context(), filepath.Join(dir, "hq.db"), now)
	if err != nil {
		t.Fatal(err)
	}
	archive, err := settle.OpenArchive(filepath.Join(dir, "archive"))
	if err != nil {
		t.Fatal(err)
	}
	tokyo := time.FixedZone("JST", 9*60*60)
	return &hq{&ledgertest.Bench{T: t, Ledger: store, Chain: chain, Ctx: context.Background()}, &settle.Settler{
		Store: store, Archive: archive, Now: now, Log: slog.New(slog.DiscardHandler),
		Schedules: func(context.Context) ([]settle.Schedule, error) {
			return []settle.Schedule{{Account: house, Zone: tokyo, After: 28 * time.Hour}}, nil
		},
	}, dir, store}
}

// again is the next process on the same disk.
func (h *hq) again() *hq {
	h.Helper()
	h.Must(h.store.Close())
	return openHQ(h.T, h.dir, h.Chain)
}

// take stores and posts what the lane wrote behind a sequence.
func (h *hq) take(l *ingesttest.Lane, after uint64) {
	h.Helper()
	h.SendAll(l, after)
	h.JudgeAll()
}

// closeDay closes the settlement date that is so many days after Today.
func (h *hq) closeDay(after int) []settle.Ref {
	h.Helper()
	refs, err := h.settler.CloseDay(h.Ctx, payment.DateOf(ingesttest.Today.Time().AddDate(0, 0, after)))
	h.Must(err)
	return refs
}

func (h *hq) want(refs []settle.Ref, want string) {
	h.Helper()
	var s []string
	for _, r := range refs {
		s = append(s, fmt.Sprintf("%s no. %d %s %d:%d", r.SettlementDate, r.Number, r.Cause, r.Count, r.Sum))
	}
	if got := strings.Join(s, "\n"); got != want {
		h.Errorf("batches:\n%s\nwant:\n%s", got, want)
	}
}

// agree holds the archive against the ledger, and the books against themselves.
func (h *hq) agree(wantPayable, wantSettled int64) {
	h.Helper()
	h.Balance()
	h.WantNet(ledger.StorePayable, wantPayable)
	h.WantNet(ledger.SettlementPayable, wantSettled)
	ids, err := h.settler.Archive.List()
	h.Must(err)
	var sum int64
	for _, id := range ids {
		b, err := h.settler.Archive.Load(id)
		h.Must(err)
		row, err := h.Batch(h.Ctx, id)
		h.Must(err)
		if row.Root != b.Root || row.Total != b.Total {
			h.Errorf("%s: the ledger has %+v, the archive %+v", b.Key, row.Ref, b.Ref())
		}
		sum += b.Sum
	}
	if sum != wantSettled {
		h.Errorf("the batches sum to %d, %d are settled", sum, wantSettled)
	}
}

// wantAhead wants so many archived batches to prove that the ledger was put back in silence.
func (h *hq) wantAhead(n int) {
	h.Helper()
	list, err := settle.Ahead(h.Ctx, h.store, settle.ReadArchive(filepath.Join(h.dir, "archive")))
	if h.Must(err); len(list) != n {
		h.Errorf("%d batches ahead of the ledger, want %d: %+v", len(list), n, list)
	}
}

// dayAfter moves the clock to when Today's settlement date has ended.
func dayAfter(c *ingesttest.Chain) { c.Now = ingesttest.Noon.AddDate(0, 0, 1) }

// TestLedgerDays: two days at two lanes, with a void after the cut, a late payment, and a cut in between.
func TestLedgerDays(t *testing.T) {
	chain := ingesttest.NewChain(t)
	h := openHQ(t, t.TempDir(), chain)
	one, two := h.Lane("s1", "lane-1"), h.Lane("s2", "lane-2")
	first := one.Sell(chain.Phone(), 1000)
	one.CloseDay()
	two.Sell(chain.Phone(), 50)
	h.take(one, 0)
	held := two.Last()
	h.take(two, 0)
	two.Sell(chain.Phone(), 7) // stays at the lane until the cut is made
	late := two.Last()
	h.beat(two)
	dayAfter(chain)
	refs := h.closeDay(0)
	h.want(refs, "2026-11-22 no. 1 day 2:1050")
	h.agree(0, 1050)
	b, err := h.settler.Archive.Load(refs[0].ID)
	h.Must(err)
	var missing []string
	for _, m := range b.Manifest.Missing {
		missing = append(missing, fmt.Sprintf("%s %s %d-%d", m.Lane, m.Reason, m.From, m.To))
	}
	want := fmt.Sprintf("[lane-2 day_not_closed 0-0 lane-2 entries_missing %d-%d]", held+1, late)
	if got := fmt.Sprint(missing); got != want {
		t.Errorf("missing %s, want %s", got, want)
	}

	h.take(two, held)
	sent := one.Last()
	one.Void(first)
	h.take(one, sent)
	refs, err = h.settler.CutNow(h.Ctx)
	h.Must(err)
	h.want(refs, "2026-11-23 no. 1 now 2:-993")
	chain.Now = chain.Now.AddDate(0, 0, 1)
	h.want(h.closeDay(1), "2026-11-23 no. 1 now 2:-993\n2026-11-23 no. 2 day 0:0")
	h.agree(0, 57)
	h.Must(h.store.Close())
}

// beat tells HQ how far the lane is.
func (h *hq) beat(l *ingesttest.Lane) {
	h.Helper()
	raw, err := wire.UnframeSigned(l.Beat(1, nil))
	h.Must(err)
	msg, err := wire.Open(raw, wire.TypBeat, wire.OneKey(l.Signer().Public()))
	h.Must(err)
	var b wire.Beat
	h.Must(wire.Unmarshal(msg.Payload, &b))
	_, _, err = h.Record(h.Ctx, nil, []*wire.Beat{&b})
	h.Must(err)
}

// TestLedgerReleased: money that waits is in no batch; once it is decided it is in one, under its decision.
func TestLedgerReleased(t *testing.T) {
	chain := ingesttest.NewChain(t)
	h := openHQ(t, t.TempDir(), chain)
	p := chain.Phone()
	code := p.Code("s1", "")
	for i, amount := range []int64{500, 700} {
		l := h.Lane("s1", fmt.Sprintf("lane-%d", i))
		l.SellWith(p, amount, ingesttest.Change{Code: code})
		h.take(l, 0)
	}
	dayAfter(chain)
	h.want(h.closeDay(0), "2026-11-22 no. 1 day 1:500")
	x := h.OpenExceptions()[0]
	h.Must(h.Resolve(h.Ctx, []payment.ID{x.ID}, ledger.Receivable, "finance", "the issuer pays"))
	refs, err := h.settler.CutNow(h.Ctx)
	h.Must(err)
	h.want(refs, "2026-11-23 no. 1 now 1:700")
	b, err := h.settler.Archive.Load(refs[0].ID)
	h.Must(err)
	if l := b.Lines[0]; l.Kind != settle.KindAdjustment || l.Decision != x.ID.String() || l.Payment != x.Payment {
		t.Errorf("line %+v", l)
	}
	h.agree(0, 1200)
	h.Must(h.store.Close())
}

// TestLedgerCrash stops a close before every third step of the archive (TestCrashAnywhere takes each), starts a new process with more lines
// there, and wants each line settled once.
func TestLedgerCrash(t *testing.T) {
	stop := errors.New("stopped by the test")
	for n := 0; ; n += 3 {
		chain := ingesttest.NewChain(t)
		h := openHQ(t, t.TempDir(), chain)
		l := h.Lane("s1", "lane-1")
		l.Sell(chain.Phone(), 300)
		h.take(l, 0)
		dayAfter(chain)
		steps := 0
		h.settler.Archive.Before(func(string, string) error {
			if steps++; steps > n {
				return stop
			}
			return nil
		})
		_, err := h.settler.CloseDay(h.Ctx, ingesttest.Today)
		if err != nil && !errors.Is(err, stop) {
			t.Fatalf("step %d: %v", n, err)
		}
		h = h.again()
		h.wantAhead(0) // a crash is no restore
		sent := l.Last()
		l.Sell(chain.Phone(), 40)
		h.take(l, sent)
		h.closeDay(0)
		chain.Now = chain.Now.AddDate(0, 0, 1)
		h.closeDay(1)
		h.agree(0, 340)
		h.Must(h.store.Close())
		if err == nil {
			return
		}
	}
}

// TestLedgerRestored: HQ's ledger is lost after a batch was seen and comes back from a backup of before.
// The batch comes back from the archive; its lines are settled although their entries are not here yet.
func TestLedgerRestored(t *testing.T) {
	chain := ingesttest.NewChain(t)
	dir := t.TempDir()
	h := openHQ(t, dir, chain)
	l := h.Lane("s1", "lane-1")
	l.Sell(chain.Phone(), 300)
	h.take(l, 0)
	backup := l.Last()
	h = h.again() // so that everything is in the one file
	h.Must(h.store.Close())
	saved, err := os.ReadFile(filepath.Join(dir, "hq.db"))
	h.Must(err)

	h = openHQ(t, dir, chain)
	l.Sell(chain.Phone(), 500)
	h.take(l, backup)
	dayAfter(chain)
	before := h.closeDay(0)
	h.want(before, "2026-11-22 no. 1 day 2:800")
	h.Must(h.store.Close())

	h.Must(os.WriteFile(filepath.Join(dir, "hq.db"), saved, 0o600))
	h = openHQ(t, dir, chain)
	h.wantAhead(1) // put back, and nobody has said so
	_, err = h.Restored(h.Ctx)
	h.Must(err)
	h.wantAhead(0)
	if after := h.closeDay(0); !slices.Equal(after, before) {
		t.Errorf("after the restore the date has %+v, before %+v", after, before)
	}
	if r := h.Balance(); r.Awaited != 1 {
		t.Errorf("%d lines are awaited, want the one after the backup", r.Awaited)
	}
	h.agree(-500, 800) // the entry that credits the store has yet to come
	refs, err := h.settler.CutNow(h.Ctx)
	h.Must(err)
	h.want(refs, "")
	h.take(l, backup) // the lane sends again
	refs, err = h.settler.CutNow(h.Ctx)
	h.Must(err)
	h.want(refs, "")
	h.agree(0, 800)
	h.Must(h.store.Close())
}

// TestAheadOfAnOlderHQEpoch: the ledger is from before a restore that was declared; HQ's own epoch went back.
func TestAheadOfAnOlderHQEpoch(t *testing.T) {
	chain := ingesttest.NewChain(t)
	dir := t.TempDir()
	h := openHQ(t, dir, chain)
	h.wantAhead(0)
	h.Must(h.store.Close())
	saved, err := os.ReadFile(filepath.Join(dir, "hq.db"))
	h.Must(err)
	h = openHQ(t, dir, chain)
	chain.Now = chain.Now.Add(time.Second)
	_, err = h.Restored(h.Ctx)
	h.Must(err)
	dayAfter(chain)
	h.closeDay(0) // an empty day, with no posting behind it
	h.wantAhead(0)
	h.Must(h.store.Close())
	h.Must(os.WriteFile(filepath.Join(dir, "hq.db"), saved, 0o600))
	h = openHQ(t, dir, chain)
	h.wantAhead(1)
	h.Must(h.store.Close())
}

// TestReadArchiveOnlyReads: whoever looks while HQ runs sweeps nothing away.
func TestReadArchiveOnlyReads(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "archive")
	if ids, err := settle.ReadArchive(dir).List(); err != nil || len(ids) != 0 {
		t.Errorf("an archive that is not there: %v, %v", ids, err)
	}
	half := filepath.Join(dir, "2026-11-22", ".new-01ABC")
	if err := os.MkdirAll(half, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := settle.ReadArchive(dir).List(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(half); err != nil {
		t.Errorf("what HQ is writing was swept: %v", err)
	}
	if err := settle.ReadArchive(dir).Put(&settle.Batch{}); err == nil {
		t.Error("a batch was archived")
	}
}
