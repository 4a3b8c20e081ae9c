package sim

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tilld/agent/journal"
	"tilld/agent/payment"
	"tilld/sync/authorise"
	"tilld/sync/ingest"
	"tilld/sync/ledger"
	"tilld/sync/uplink"
	"tilld/sync/wire"
)

// The deliberate bugs. Each is what a plausible mistake would do, put between the real parts; seed is one that
// finds it. After a change of PlanOf: go test ./sync/sim -run TestBugs -sim.hunt
var bugs = []struct {
	seed uint64
	bug  Bug
}{
	{7, Bug{Name: "HQ acknowledges before it commits", Ledger: func(o *office, s *ledger.Store) ingest.Ledger { return &hasty{o, s, nil} }}},
	{4, Bug{Name: "a lane lets go of what it has published", Link: func(p *program, l uplink.Link) uplink.Link { return careless{p, l} }}},
	{47, Bug{Name: "a lane's disk says that it has synced", Starting: func(t *till) { t.disk.lies, t.disk.cuts = true, true }}},
	{1, Bug{Name: "a lane commits behind showing", Scanning: keepStale, Starting: useStale}},
	{35, Bug{Name: "HQ tells entries apart by their numbers alone", Ledger: func(o *office, s *ledger.Store) ingest.Ledger { return &numberer{s, o} }}},
	{1, Bug{Name: "a lane takes a phone's counter that is equal to the last", Scanning: forgetCounter}},
	{2, Bug{Name: "HQ records what it has already", Ledger: func(_ *office, s *ledger.Store) ingest.Ledger { return &forgetful{s} }}},
	{1, Bug{Name: "HQ posts twice now and then", Ledger: func(o *office, s *ledger.Store) ingest.Ledger { return &doubler{s, o} }}},
	{3, Bug{Name: "a lane forgets after a restart what it has out", Starting: forgetShare}},
	{5, Bug{Name: "a lane believes whoever signs", Keys: believeAll}},
	{1, Bug{Name: "HQ does not say that it was restored", Restored: func(*office) error { return nil }}},
	{10, Bug{Name: "HQ does not ask whether a code has paid", Ledger: func(o *office, s *ledger.Store) ingest.Ledger { return &blind{s, o} }}},
	{2, Bug{Name: "retention takes what HQ does not have", Retains: pretendAcked}},
	{1, Bug{Name: "a lane keeps to the policy with which it joined", Keeps: func(*program) bool { return true }}},
	{2, Bug{Name: "a lane keeps quiet about what it took before it died", Starting: forgetOutcome}},
	{33, Bug{Name: "HQ records another decision than was made", Decides: otherDecision}},
	{1, Bug{Name: "a lane does not count an account's payments", Scanning: forgetPayments}},
	{1, Bug{Name: "HQ throws its newest batch away when it starts", StartHQ: sweepArchive}},
	{1, Bug{Name: "HQ takes an operator's silence for a refusal", Attempts: func(s authorise.Store) authorise.Store { return hopeful{s} }}},
	{1, Bug{Name: "a lane takes unknown for paid", Hears: func(a *wire.Answer) {
		if a.Outcome == payment.Unknown {
			a.Outcome = payment.Paid
		}
	}}},
}

// hopeful writes down that nobody was charged when nobody answers.
type hopeful struct{ authorise.Store }

func (h hopeful) Save(ctx context.Context, a *authorise.Attempt) error {
	if a.State == authorise.Doubtful {
		a.State, a.Call, a.Due = authorise.Declined, authorise.Nothing, time.Time{}
	}
	return h.Store.Save(ctx, a)
}

// hasty answers from what the ledger would say, and commits a moment later.
type hasty struct {
	o *office
	*ledger.Store
	pending []func() error
}

func (h *hasty) Record(ctx context.Context, a []*ledger.Arrival, b []*wire.Beat) (x, y []ledger.Answer, err error) {
	if err := h.commit(); err != nil {
		return nil, nil, err
	}
	w := h.o.w
	image, err := h.o.disk.Image()
	w.must(err)
	dir := filepath.Join(w.dir, "scratch")
	w.must(os.MkdirAll(dir, 0o700))
	defer os.RemoveAll(dir)
	for name, b := range image {
		w.must(os.WriteFile(filepath.Join(dir, name), b, 0o600))
	}
	scratch, err := ledger.Open(ctx, filepath.Join(dir, ledgerFile), w.loop.Now)
	if err != nil {
		return nil, nil, err
	}
	defer scratch.Close()
	if x, y, err = scratch.Record(ctx, a, b); err != nil {
		return nil, nil, err
	}
	h.pending = append(h.pending, func() error { _, _, err := h.Store.Record(ctx, a, b); return err })
	life := h.o.life
	w.after(time.Second, func() {
		if h.o.life == life {
			h.o.do(h.commit)
		}
	})
	return x, y, nil
}

func (h *hasty) commit() error {
	for len(h.pending) > 0 {
		if err := h.pending[0](); err != nil {
			return err
		}
		h.pending = h.pending[1:]
	}
	return nil
}

// careless takes the broker's word for HQ's.
type careless struct {
	p *program
	uplink.Link
}

func (c careless) Send(ctx context.Context, topic string, qos byte, payload []byte) error {
	if err := c.Link.Send(ctx, topic, qos, payload); err != nil || !wire.IsBatch(payload) {
		return err
	}
	b, err := wire.DecodeBatch(payload)
	if err != nil {
		return err
	}
	hashes, err := b.VerifyChain()
	if err != nil {
		return err
	}
	st, err := c.p.journal.State(ctx)
	if err != nil {
		return err
	}
	_, err = c.p.journal.Acknowledge(ctx, &wire.Ack{HQEpoch: st.HQEpoch, Terminal: b.Terminal, Epoch: b.Epoch, Acked: b.Last(), Head: hashes[len(hashes)-1][:]}, nil)
	return err
}

// keepStale and useStale start a lane that died with what its disk held before the last scan.
func keepStale(p *program, _ *shownCode) {
	image, err := p.disk.Image()
	p.w.must(err)
	p.stale = image
}

func useStale(t *till) {
	if t.stale != nil {
		t.w.must(t.disk.Start(t.stale))
		t.stale = nil
	}
}

// numberer drops what comes under a number that it has.
type numberer struct {
	*ledger.Store
	o *office
}

func (n *numberer) Record(ctx context.Context, a []*ledger.Arrival, b []*wire.Beat) (x, y []ledger.Answer, err error) {
	var pass []*ledger.Arrival
	known := map[*ledger.Arrival]bool{}
	for _, one := range a {
		places, err := n.Store.Places(ctx, one.Batch.Terminal, one.Batch.Epoch)
		if err != nil {
			return nil, nil, err
		}
		if len(places) > 0 && places[0].Acked >= one.Batch.Last() {
			known[one] = true
			continue
		}
		pass = append(pass, one)
	}
	got, y, err := n.Store.Record(ctx, pass, b)
	for _, one := range a {
		if known[one] {
			x = append(x, ledger.Answer{Outcome: ledger.Exists, Places: []ledger.Place{{Branch: 1, Acked: one.Batch.Last(), Head: one.Hashes[len(one.Hashes)-1][:]}}})
		} else if len(got) > 0 {
			x, got = append(x, got[0]), got[1:]
		}
	}
	return x, y, err
}

// side runs a statement on a program's database, behind its back.
func side(w *World, dir, name, query string, args ...any) {
	db, err := sql.Open("sqlite", filepath.Join(dir, name))
	w.must(err)
	defer db.Close()
	if _, err := db.Exec(query, args...); err != nil && w.out != nil {
		w.trace("behind its back: %v", err)
	}
}

func forgetCounter(p *program, c *shownCode) {
	kid := c.phone.Key.Public().KID()
	counter := binary.BigEndian.AppendUint64(nil, c.counter)
	side(p.w, p.disk.Dir, journal.DatabaseFile, "DELETE FROM spent WHERE phone = ? AND counter = ?", kid[:], counter)
	side(p.w, p.disk.Dir, journal.DatabaseFile, "DELETE FROM phone WHERE key = ? AND counter = ?", kid[:], counter)
}

func forgetShare(t *till) {
	if image, err := t.disk.Image(); err != nil || len(image) == 0 {
		return
	}
	side(t.w, t.disk.Dir, journal.DatabaseFile, "UPDATE exposure SET minor = 0, count = 0")
}

func forgetPayments(p *program, _ *shownCode) {
	side(p.w, p.disk.Dir, journal.DatabaseFile, "UPDATE spend SET count = 0")
}

// forgetful keeps a batch that comes again once more, under another name.
type forgetful struct{ *ledger.Store }

func (f *forgetful) Record(ctx context.Context, a []*ledger.Arrival, b []*wire.Beat) (x, y []ledger.Answer, err error) {
	if x, y, err = f.Store.Record(ctx, a, b); err != nil {
		return x, y, err
	}
	for i := range x {
		if x[i].Outcome != ledger.Exists {
			continue
		}
		again, batch := *a[i], *a[i].Batch
		batch.Epoch ^= 1 << 62
		again.Batch = &batch
		if _, _, err := f.Store.Record(ctx, []*ledger.Arrival{&again}, nil); err != nil {
			return x, y, err
		}
	}
	return x, y, nil
}

// doubler posts every tenth payment once more.
type doubler struct {
	*ledger.Store
	o *office
}

func (d *doubler) Judge(ctx context.Context, work []ledger.Judgement) ([]ledger.Verdict, error) {
	v, err := d.Store.Judge(ctx, work)
	for i := range work {
		if err == nil && work[i].Approval != nil && work[i].Entry.No%10 == 0 {
			side(d.o.w, d.o.disk.Dir, ledgerFile, `INSERT INTO transfer (debit, credit, amount, dimension, cause, payment, entry, posted_at)
				SELECT debit, credit, amount, dimension, cause, payment, entry, posted_at FROM transfer WHERE entry = ? LIMIT 1`, work[i].Entry.No)
		}
	}
	return v, err
}

// blind does not know which codes have paid.
type blind struct {
	*ledger.Store
	o *office
}

func (b *blind) Judge(ctx context.Context, work []ledger.Judgement) ([]ledger.Verdict, error) {
	for i := range work {
		if a := work[i].Approval; a != nil {
			a.Replay = nil
		}
	}
	return b.Store.Judge(ctx, work)
}

func believeAll(p *program, real func() wire.Keys) func() wire.Keys {
	return func() wire.Keys {
		keys, forger := real(), p.w.forger.Public()
		return func(id wire.KID) []wire.PublicKey {
			if forged := forger.KID(); bytes.Equal(forged[:], id[:]) {
				return []wire.PublicKey{forger}
			}
			return keys(id)
		}
	}
}

// pretendAcked has a lane believe that HQ has everything.
func pretendAcked(p *program) {
	side(p.w, p.disk.Dir, journal.DatabaseFile, "UPDATE epoch SET acked = last")
}

// forgetOutcome has a lane believe that the shop's program has heard of every payment.
func forgetOutcome(t *till) {
	if image, err := t.disk.Image(); err != nil || len(image) == 0 {
		return
	}
	side(t.w, t.disk.Dir, journal.DatabaseFile, "UPDATE sale SET completed = wall WHERE completed IS NULL AND paid > 0")
}

func otherDecision(d ledger.Decision) ledger.Decision {
	switch d {
	case ledger.Receivable:
		return ledger.LossTaken
	case ledger.LossTaken:
		return ledger.Receivable
	}
	return d
}

func sweepArchive(o *office) {
	list, err := filepath.Glob(filepath.Join(o.w.dir, "archive", "*", "*"))
	o.w.must(err)
	if len(list) > 0 {
		o.w.must(os.RemoveAll(list[len(list)-1]))
	}
}

// TestBugs wants each deliberate bug to be found, by the seed that is known to find it; with -sim.hunt it looks
// for the first seed that does.
func TestBugs(t *testing.T) {
	base := room(t)
	for _, b := range bugs {
		t.Run(b.bug.Name, func(t *testing.T) {
			first, last := b.seed, b.seed
			if *simHunt {
				first, last = 1, *simSeeds
			}
			for seed := first; seed <= last; seed++ {
				_, err := run(t, base, PlanOf(seed), b.bug, nil)
				if err != nil {
					t.Logf("seed %d: %v", seed, err)
					return
				}
			}
			t.Errorf("seeds %d to %d do not find it", first, last)
		})
	}
}
