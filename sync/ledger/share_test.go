package ledger_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tilld/agent/journal"
	"tilld/agent/payment"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// road is a real journal and a real ledger with a bad road between them: batches and acknowledgements wait, overtake
// each other, come again, get lost; the lane begins anew, in a new epoch, with its disk put back; HQ is restored. The
// lane is honest: what it states is what its journal counts. HQ must never say that it is not.
type road struct {
	t       *rapid.T
	tb      testing.TB
	dir     string
	cfg     journal.Config
	j       *journal.Journal
	books   *ledger.Store
	key     *wire.Signer
	batches []*wire.Batch
	acks    []*wire.Ack
	sold    []journal.Record
	n       int // of whatever needs a number
	beats   uint64
	old     string // the lane's disk as it was; "": not yet
	backup  string // HQ's
}

var noonThere = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

func newRoad(t *rapid.T, tb testing.TB) *road {
	base := "/dev/shm" // what is asked here is not what a disk keeps
	if _, err := os.Stat(base); err != nil {
		base = tb.TempDir()
	}
	dir, err := os.MkdirTemp(base, "road")
	r := &road{t: t, tb: tb, dir: dir}
	r.must(err)
	r.key, err = wire.NewSigner(ed25519.NewKeyFromSeed(make([]byte, 32)), rand.Reader)
	r.must(err)
	r.cfg = journal.Config{Dir: filepath.Join(dir, "lane"), Terminal: payment.ID{1, 2}, Store: "s1", Lane: "1", Software: "test",
		Signer: r.key, Now: r.moment, Random: rand.Reader}
	r.j, err = journal.Open(context.Background(), r.cfg)
	r.must(err)
	r.openBooks()
	r.must(r.books.AddTerminal(context.Background(), ledger.Terminal{ID: r.cfg.Terminal, Entity: "kita", Store: "s1", Lane: "1"}, r.key.Public()))
	return r
}

func (r *road) openBooks() {
	var err error
	r.books, err = ledger.Open(context.Background(), filepath.Join(r.dir, "hq.db"), func() time.Time { return noonThere.Add(time.Duration(r.n) * time.Second) })
	r.must(err)
}

func (r *road) close() {
	r.must(r.j.Close())
	r.must(r.books.Close())
	r.must(os.RemoveAll(r.dir))
}

func (r *road) must(err error) {
	if err != nil {
		r.tb.Helper()
		r.t.Fatal(err)
	}
}

func (r *road) moment() journal.Moment {
	return journal.Moment{Date: 20261122, Wall: noonThere, Boot: time.Hour, HQKnown: true, Zone: "Asia/Tokyo"}
}

func (r *road) id() *payment.ID {
	r.n++
	return &payment.ID{2, byte(r.n >> 8), byte(r.n)}
}

// Sell asks the journal what is out, and approves: HQ's word may come between.
func (r *road) Sell(t *rapid.T) {
	amount := rapid.Int64Range(1, 500).Draw(t, "amount")
	replay := payment.ReplayKey{Phone: make([]byte, 8), Counter: uint64(r.n)}
	sale := r.id()
	open := journal.Draft{Fact: &payment.SaleOpened{Total: yen(amount), Due: yen(amount), Eligible: payment.Eligible{Wallet: amount}},
		Sale: sale, Moment: r.moment()}
	_, err := r.j.Append(context.Background(), open)
	r.must(err)
	known, err := r.j.Known(context.Background(), journal.Question{Replay: replay, Wallet: "house", Date: 20261122, Currency: "JPY"})
	r.must(err)
	if rapid.IntRange(0, 3).Draw(t, "meanwhile") == 0 {
		r.Acknowledge(t)
		r.Beat(t)
	}
	pay := journal.Draft{Sale: sale, Payment: r.id(), Moment: r.moment(), Fact: &payment.Approved{
		Amount: yen(amount), Wallet: "house", CodeHash: make([]byte, 16), HashKey: 1, Replay: replay, Issuer: make([]byte, 8),
		Limits: payment.Limits{ShareUsed: known.ExposureSum + amount, CountUsed: known.ExposureCount + 1, Tier: 1},
	}}
	list, err := r.j.Append(context.Background(), pay)
	r.must(err)
	r.sold = append(r.sold, list...)
}

func yen(n int64) payment.Money { return payment.Of(n, "JPY") }

// Void takes back any payment of the present epoch that the journal lets it.
func (r *road) Void(t *rapid.T) {
	if len(r.sold) == 0 {
		return
	}
	e := r.sold[rapid.IntRange(0, len(r.sold)-1).Draw(t, "which")].Entry
	f := e.Fact.(*payment.Approved)
	_, _ = r.j.Append(context.Background(), journal.Draft{Sale: e.Sale, Payment: e.Payment, Moment: r.moment(),
		Fact: &payment.Voided{Amount: f.Amount, Wallet: f.Wallet, Of: e.Seq}}) // of another epoch, or twice: refused
}

// Send puts a batch on the road, from the outbox's front or further on, as a window does.
func (r *road) Send(t *rapid.T) {
	out, err := r.j.Outbox(context.Background())
	r.must(err)
	if len(out) == 0 {
		return
	}
	e := out[rapid.IntRange(0, len(out)-1).Draw(t, "epoch")]
	after := e.Acked
	if rapid.IntRange(0, 3).Draw(t, "further on") == 0 {
		after = rapid.Uint64Range(e.Acked, e.Last-1).Draw(t, "after")
	}
	b, err := r.j.NextBatch(context.Background(), e.Epoch, after, rapid.IntRange(1, 12).Draw(t, "size"), 1<<20)
	r.must(err)
	r.batches = append(r.batches, b)
}

// Arrive brings any batch that was ever sent to HQ. Its answer is on the road then.
func (r *road) Arrive(t *rapid.T) {
	if len(r.batches) == 0 {
		return
	}
	r.arrive(r.batches[rapid.IntRange(max(0, len(r.batches)-4), len(r.batches)-1).Draw(t, "batch")])
}

func (r *road) arrive(b *wire.Batch) {
	hashes, err := b.Verify(wire.OneKey(r.key.Public()))
	r.must(err)
	a := &ledger.Arrival{Batch: b, Hashes: hashes}
	for _, p := range b.Payloads {
		e, err := wire.DecodeEntry(p)
		r.must(err)
		a.Kinds = append(a.Kinds, e.Kind)
	}
	answers, _, err := r.books.Record(context.Background(), []*ledger.Arrival{a}, nil)
	r.must(err)
	r.answer(b.Epoch, answers[0].Places)
}

func (r *road) answer(epoch uint64, places []ledger.Place) {
	hq, err := r.books.HQEpoch(context.Background())
	r.must(err)
	for _, p := range places {
		r.acks = append(r.acks, &wire.Ack{Version: wire.MessageVersion, HQEpoch: hq, Terminal: r.cfg.Terminal, Epoch: epoch,
			Acked: p.Acked, Head: p.Head, Forked: p.Forked, Judged: p.Judged})
	}
}

// Live is the road as it is on most days.
func (r *road) Live(t *rapid.T) {
	r.Beat(t)
	r.Send(t)
	if len(r.batches) > 0 {
		r.arrive(r.batches[len(r.batches)-1])
		r.acknowledge(r.acks[len(r.acks)-1])
	}
}

// Acknowledge brings any word that HQ ever said.
func (r *road) Acknowledge(t *rapid.T) {
	if len(r.acks) == 0 {
		return
	}
	r.acknowledge(r.acks[rapid.IntRange(max(0, len(r.acks)-4), len(r.acks)-1).Draw(t, "ack")])
}

func (r *road) acknowledge(a *wire.Ack) {
	res, err := r.j.Acknowledge(context.Background(), a, nil)
	r.must(err)
	if res.Fork {
		r.NewEpoch(nil)
	}
}

// Beat tells HQ where the lane stands.
func (r *road) Beat(*rapid.T) {
	st, err := r.j.State(context.Background())
	r.must(err)
	for _, e := range st.Epochs {
		r.beats++
		b := &wire.Beat{Version: wire.MessageVersion, Terminal: r.cfg.Terminal, Epoch: e.Epoch, Last: e.Last, Acked: e.Acked, HQEpoch: e.HQEpoch, Count: r.beats}
		if e.Acked == 0 {
			b.HQEpoch = st.HQEpoch
		}
		if e.Epoch == st.Current.Epoch {
			b.Head = st.Current.Head
		}
		_, answers, err := r.books.Record(context.Background(), nil, []*wire.Beat{b})
		r.must(err)
		r.answer(e.Epoch, answers[0].Places)
	}
}

// NewEpoch begins another epoch.
func (r *road) NewEpoch(*rapid.T) {
	_, err := r.j.NewEpoch(context.Background(), payment.CauseFork)
	r.must(err)
	r.sold = nil
}

// Restart closes the journal and opens it again, on its own disk, or on that as it was once; or the other till of which
// that is the disk goes on, and this one rests.
func (r *road) Restart(t *rapid.T) {
	r.must(r.j.Close())
	what := rapid.SampledFrom([]string{"go on", "copy", "put back", "other till"}).Draw(t, "disk")
	if what == "put back" && r.old != "" {
		r.must(os.RemoveAll(r.cfg.Dir))
		r.must(os.CopyFS(r.cfg.Dir, os.DirFS(r.old)))
		r.sold = nil
	}
	if what == "other till" && r.old != "" {
		r.cfg.Dir, r.old = r.old, r.cfg.Dir
		r.sold = nil
	}
	if what == "copy" {
		r.n++
		r.old = filepath.Join(r.dir, fmt.Sprint("old", r.n))
		r.must(os.CopyFS(r.old, os.DirFS(r.cfg.Dir)))
	}
	var err error
	r.j, err = journal.Open(context.Background(), r.cfg)
	r.must(err)
}

// BackUp copies HQ's books, or puts the last copy back.
func (r *road) BackUp(t *rapid.T) {
	if r.backup == "" || rapid.Bool().Draw(t, "anew") {
		r.n++
		r.backup = filepath.Join(r.dir, fmt.Sprint("backup", r.n))
		r.must(r.books.Backup(context.Background(), r.backup))
		return
	}
	r.must(r.books.Close())
	for _, suffix := range []string{"", "-wal", "-shm"} {
		_ = os.Remove(filepath.Join(r.dir, "hq.db") + suffix)
	}
	raw, err := os.ReadFile(r.backup)
	r.must(err)
	r.must(os.WriteFile(filepath.Join(r.dir, "hq.db"), raw, 0o600))
	r.n++
	r.openBooks()
	_, err = r.books.Restored(context.Background())
	r.must(err)
}

// Check judges what there is, and wants nobody to be called a liar.
func (r *road) Check(*rapid.T) {
	logs, err := r.books.Backlogs(context.Background(), 0, 100)
	r.must(err)
	for _, log := range logs {
		held, err := r.books.Entries(context.Background(), log.Branch, log.Judged, 1000)
		r.must(err)
		var work []ledger.Judgement
		for _, h := range held {
			work = append(work, r.believe(h))
		}
		verdicts, err := r.books.Judge(context.Background(), work)
		r.must(err)
		for _, v := range verdicts {
			if v.Kind == ledger.OverShare {
				x, _ := r.books.Exceptions(context.Background(), ledger.ExceptionFilter{Kind: ledger.OverShare}, 0, 10)
				r.t.Fatalf("entry %d of an honest lane: %s", v.Name.Seq, x[len(x)-1].Detail)
			}
		}
	}
}

func (r *road) believe(h ledger.Held) ledger.Judgement {
	e, err := wire.DecodeEntry(h.Payload)
	r.must(err)
	j := ledger.Judgement{Entry: h}
	switch f := e.Fact.(type) {
	case *payment.Approved:
		j.Approval = &ledger.Approval{Payment: *e.Payment, Sale: *e.Sale, Amount: f.Amount, Wallet: f.Wallet, BusinessDate: e.BusinessDate,
			TakenAt: e.Wall, ShareUsed: f.Limits.ShareUsed, ShareCount: f.Limits.CountUsed}
	case *payment.Voided:
		j.Void = &ledger.Void{Payment: *e.Payment, Amount: f.Amount, Wallet: f.Wallet, Of: f.Of, Acked: f.Acked, BusinessDate: e.BusinessDate}
	}
	return j
}

// TestShareOfHonestLanes: whatever happens on the road, at the lane or at HQ, the recount of the share never finds an
// honest lane.
func TestShareOfHonestLanes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := newRoad(rt, t)
		defer r.close()
		rt.Repeat(map[string]func(*rapid.T){
			"sell": r.Sell, "sell more": r.Sell, "void": r.Void, "send": r.Send, "arrive": r.Arrive, "live": r.Live, "acknowledge": r.Acknowledge, "beat": r.Beat,
			"new epoch": r.NewEpoch, "restart": r.Restart, "back up": r.BackUp, "": r.Check,
		})
	})
}

// TestShareAfterOlderProgram: a program that knows of no runs judges the rest of an arrival. What the newer one had
// counted of it is not held against the sales behind it.
func TestShareAfterOlderProgram(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := newRoad(rt, t)
		defer r.close()
		for range 6 {
			r.Sell(rt)
		}
		r.drain()
		held := r.unjudged()
		half := rapid.IntRange(1, len(held)-1).Draw(rt, "judged by the newer")
		r.judge(held[:half])
		db, err := sql.Open("sqlite", filepath.Join(r.dir, "hq.db"))
		r.must(err)
		defer db.Close()
		var from, minor, count, to int64
		var currency string
		r.must(db.QueryRow("SELECT run_from, run_currency, run_minor, run_count, run_to FROM branch").Scan(&from, &currency, &minor, &count, &to))
		r.judge(held[half:])
		_, err = db.Exec("UPDATE branch SET run_from = ?, run_currency = ?, run_minor = ?, run_count = ?, run_to = ?", from, currency, minor, count, to)
		r.must(err)
		r.Sell(rt)
		r.drain()
		r.Check(rt)
	})
}

// drain brings all that is in the outbox to HQ, and its word back.
func (r *road) drain() {
	out, err := r.j.Outbox(context.Background())
	r.must(err)
	for _, e := range out {
		b, err := r.j.NextBatch(context.Background(), e.Epoch, e.Acked, 100, 1<<20)
		r.must(err)
		r.arrive(b)
		r.acknowledge(r.acks[len(r.acks)-1])
	}
}

func (r *road) unjudged() []ledger.Held {
	logs, err := r.books.Backlogs(context.Background(), 0, 100)
	r.must(err)
	held, err := r.books.Entries(context.Background(), logs[0].Branch, logs[0].Judged, 1000)
	r.must(err)
	return held
}

func (r *road) judge(held []ledger.Held) {
	var work []ledger.Judgement
	for _, h := range held {
		work = append(work, r.believe(h))
	}
	_, err := r.books.Judge(context.Background(), work)
	r.must(err)
}
