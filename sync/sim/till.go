package sim

import (
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"tilld/agent/checkout"
	"tilld/agent/clock"
	"tilld/agent/journal"
	"tilld/agent/lane"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/outbox"
	"tilld/sync/simnet"
	"tilld/sync/uplink"
	"tilld/sync/wire"
)

const (
	store    = "0001"
	software = "tilld sim"
	roll     = 4 * time.Hour
)

// till is a lane's machine: its disk, its clocks and its line outlive the program.
type till struct {
	w       *World
	name    string
	lane    string // its place
	disk    *Disk
	random  *mathrand.Rand
	id      payment.ID
	first   wire.PublicKey // as it was enrolled
	key     *wire.Signer
	staged  *wire.Signer // of a change of key that may have been cut short
	changed wire.Name    // the entry of the last change of key; none where that was cut short
	client  *simnet.Client
	clocks  clocks
	p       *program // nil: not running
	down    bool     // the line is
	gone    bool     // the machine is, with its disk
	asleep  time.Time
	heard   time.Time     // when an answer of HQ last set the clock
	wake    *simnet.Event // that starts the program again
	memory  *memory
	stale   map[string][]byte // what a deliberate bug finds there instead
	cause   payment.Cause     // of the journal, should it begin
	// the papers with which it joined
	rawTrust, rawPolicy []byte
	shelf               map[uint64]*shelved // by epoch: what was acknowledged, for retention may take it
}

// program is the lane's process.
type program struct {
	*till
	over    bool
	journal *journal.Journal
	clock   *clock.Clock
	lane    *lane.Lane
	uplink  *uplink.Uplink
	asker   *uplink.Asker
	timer   *simnet.Event // of the uplink
	// askTimer is the asker's, which works until busyUntil and while anything is open.
	askTimer  *simnet.Event
	busyUntil time.Time
	tick      *simnet.Event // of the lane
	kept      payment.Date  // when retention worked last
	revoked   bool          // HQ has said so
}

func (w *World) addTill(n int) *till {
	name := fmt.Sprint(n + 1)
	t := w.newTill(name, name, w.chain.ID(), ingesttest.Ed25519(w.t), uint64(100+n))
	w.office.enrol(t)
	return t
}

func (w *World) newTill(name, lane string, id payment.ID, key *wire.Signer, stream uint64) *till {
	t := &till{w: w, name: name, lane: lane, id: id, first: key.Public(), key: key, random: w.stream(stream), memory: newMemory(),
		rawTrust: w.papers.rawTrust, rawPolicy: w.papers.rawPolicy, shelf: map[uint64]*shelved{}}
	disk, err := NewDisk(filepath.Join(w.dir, "lane-"+name), w.stream(1000+stream))
	w.must(err)
	t.disk, disk.cuts = disk, w.plan.cutsPower(LaneDisk)
	t.clocks = clocks{name: name, loop: w.loop, booted: w.loop.Now().Add(-between(t.random, time.Minute, 100*time.Hour))}
	t.client = w.broker.Client(t.hear, wire.DownTopic(id), wire.AllTopic)
	w.tills = append(w.tills, t)
	return t
}

// start begins the program on what the disk holds.
func (t *till) start() {
	w := t.w
	t.wake.Stop()
	if t.p != nil || t.gone {
		return
	}
	w.must(t.disk.Start(nil))
	w.bug.starting(t)
	p := &program{till: t}
	if err := p.open(); err != nil {
		if p.journal != nil {
			_ = p.journal.Close()
		}
		if !t.disk.Dead() && !t.disk.refused && t.disk.bad == "" {
			w.fail("lane %s does not start: %v", t.name, err)
		}
		w.trace("lane %s does not start", t.name)
		w.must(t.disk.Kill())
		t.startIn(between(t.random, 5*time.Second, 5*time.Minute))
		return
	}
	t.p = p
	st, err := p.journal.State(w.ctx)
	w.must(err)
	w.trace("lane %s starts, epoch %016x at %d, acked %d", t.name, st.Current.Epoch, st.Current.Last, st.Current.Acked)
	p.observe()
	p.showsWhatItOwes()
	p.ticking()
	if !t.down {
		t.connect(between(t.random, 0, 3*time.Second))
	}
}

func (t *till) startIn(d time.Duration) {
	t.wake.Stop()
	t.wake = t.w.after(d, t.start)
}

func (p *program) open() (err error) {
	w := p.w
	place := checkout.Place{Terminal: p.id, Store: store, Lane: p.till.lane, Zone: w.zone, Roll: roll}
	p.journal, err = journal.Open(w.ctx, journal.Config{
		Dir: p.disk.Dir, Terminal: p.id, Store: store, Lane: place.Lane, Software: software, Signer: p.key, Staged: p.staged, Cause: p.cause,
		Random: rand.Reader, Log: w.log, Now: func() journal.Moment { return p.moment(place) },
	})
	if err != nil {
		return err
	}
	if p.staged != nil && p.journal.Signer().Public().KID() == p.staged.Public().KID() {
		p.key, p.staged = p.staged, nil
	}
	bundle, err := p.bundle()
	if err != nil {
		return err
	}
	raw, err := p.journal.ClockAnchor(w.ctx)
	if err != nil {
		return err
	}
	saved, err := clock.LoadSaved(raw)
	if err != nil {
		return err
	}
	p.clock = clock.New(p.clocks.source(), saved)
	p.asker = p.openAsker()
	p.lane, err = lane.New(w.ctx, lane.Config{
		Journal: p.journal, Clock: p.clock, Place: place, Bundle: bundle, HashKey: w.hash,
		IDs: payment.NewIDs(p.clock.Wall, rand.Reader), Log: w.log, ByHand: true, Asker: askers{p.asker, p},
	})
	if err != nil {
		return err
	}
	p.uplink = uplink.New(uplink.Config{
		Terminal: p.id, Signer: p.journal.Signer, Software: software,
		Outbox: watch(p, w.bug.outbox(p, outbox.New(p.journal, w.log))), Link: w.bug.link(p, p.client), HQKeys: w.bug.keys(p, p.lane.Keys),
		Policy:    func() uint64 { return p.lane.Bundle().PolicyVersion() },
		Trust:     func() uint64 { return p.lane.Bundle().Trust().Version },
		OnPolicy:  p.onPolicy,
		OnContact: p.onContact,
		OnAck:     p.onAck, OnForked: p.lane.Forked, OnOther: p.asker.Message,
		Now: p.clocks.steady, Wall: p.clocks.wall, Boot: p.clock.Boot, Jitter: p.random.Float64, Log: w.log,
		Random:     func(b []byte) { _, _ = rand.Read(b) },
		MaxEntries: w.plan.Batch, Slowest: w.plan.Slowest, Quiet: w.plan.Quiet,
	})
	return nil
}

// bundle is what the lane believes: the papers with which it joined, and the newer ones that its journal keeps.
func (p *program) bundle() (*policy.Bundle, error) {
	c := p.w.chain
	b, err := policy.Load(c.Root.Public(), c.Doc.Chain, p.rawTrust, p.rawPolicy)
	if err != nil {
		return nil, err
	}
	for _, kind := range []journal.Document{journal.TrustDocument, journal.PolicyDocument} {
		_, raw, err := p.journal.Document(p.w.ctx, kind)
		if err != nil {
			return nil, err
		}
		if raw == nil {
			continue
		}
		if b, err = b.Accept(raw, time.Time{}); err != nil {
			return nil, err
		}
	}
	obeyed, err := p.journal.Obeyed(p.w.ctx)
	return b.Demand(obeyed), err
}

func (p *program) moment(place checkout.Place) journal.Moment {
	wall := p.clocks.wall()
	return journal.Moment{Date: payment.BusinessDate(wall, place.Zone, place.Roll), Wall: wall, Boot: max(p.clocks.boot(), 0), Zone: place.Zone.String()}
}

// do lets the program work, unless it is not there, and sees to it when that was its death. It says whether it
// lives.
func (t *till) do(what func(p *program)) bool {
	p := t.p
	if p == nil || t.w.loop.Now().Before(t.asleep) {
		return false
	}
	what(p)
	if t.disk.Dead() {
		t.w.trace("lane %s is killed at a write", t.name)
		t.crash()
		return false
	}
	return true
}

// crash is the end of the process, whatever it was doing.
func (t *till) crash() {
	t.w.must(t.disk.Kill())
	t.drop()
	t.startIn(between(t.random, 2*time.Second, t.w.plan.Away))
}

// drop closes what the process had open; the disk is dead, so that this leaves no trace on it.
func (t *till) drop() {
	t.wake.Stop()
	t.client.Down()
	if t.p == nil {
		return
	}
	p := t.p
	t.p, p.over = nil, true
	p.timer.Stop()
	p.tick.Stop()
	p.askTimer.Stop()
	_ = p.journal.Close()
}

// connect brings the line up.
func (t *till) connect(in time.Duration) {
	p := t.p
	t.w.after(in, func() {
		if p == nil || p.over || t.down || t.client.Connected() {
			return
		}
		t.client.Up()
		p.uplink.LinkUp()
		p.asker.LinkUp()
		p.step()
		p.busy()
	})
}

// disconnect ends the line's session.
func (t *till) disconnect() {
	t.client.Down()
	if p := t.p; p != nil {
		p.uplink.LinkDown(simnet.ErrDown)
		p.step()
	}
}

func (t *till) hear(_ string, payload []byte) {
	if p := t.p; p != nil {
		p.uplink.Message(payload)
		p.step()
		if p.w.plan.Online > 0 {
			p.asking()
		}
	}
}

// step lets the uplink work, and asks for its next turn.
func (p *program) step() {
	if p.over {
		return
	}
	p.timer.Stop()
	p.do(func(*program) {
		p.uplink.Appended()
		next, err := p.uplink.Step(p.w.ctx)
		if err != nil {
			if !errors.Is(err, journal.ErrStopped) && !p.disk.Dead() && p.disk.bad == "" && !p.faulty() {
				p.w.fail("lane %s: the uplink ended: %v", p.name, err)
			}
			next = 2 * time.Second
		}
		s := p.uplink.Status()
		p.lane.SetOnline(lane.Online{Up: s.HQ, Since: s.Since})
		p.timer = p.w.after(next, p.step)
	})
	if p.w.loop.Now().Before(p.asleep) && !p.over {
		p.timer = p.w.after(p.asleep.Sub(p.w.loop.Now()), p.step)
	}
}

// faulty says whether the disk has just refused something.
func (t *till) faulty() bool { return t.p != nil && t.p.journal.Stopped() != nil }

// ticking lets the lane look after itself: every second while its journal has stopped, and else less often than
// it would, for nothing happens then.
func (p *program) ticking() {
	if p.over {
		return
	}
	p.do(func(*program) { p.lane.Tick(p.w.ctx); p.observe(); p.tidy() })
	p.do(func(*program) { p.retain() })
	if p.over {
		return
	}
	next := p.w.plan.Tick
	if p.journal.Stopped() != nil {
		next = time.Second
	}
	p.tick.Stop()
	p.tick = p.w.after(next, func() { p.ticking(); p.step() })
}

// onAck, onPolicy and onContact hand on what HQ says.
func (p *program) onContact(ctx ctx, c uplink.Contact) error {
	before := p.clock.Saved().Anchor
	p.w.meddler.contact(p, c)
	err := p.lane.Contact(ctx, c.HQTime, c.Sent)
	if p.clock.Saved().Anchor != before {
		p.heard = p.w.loop.Now()
	}
	return err
}

func (p *program) onAck(ctx ctx, a *wire.Ack) {
	p.memory.noteAck(a, p.w.loop.Now())
	p.revoked = a.Revoked
	p.lane.Acked(ctx, a)
}

func (p *program) onPolicy(ctx ctx, _ wire.Typ, sealed []byte) error {
	if p.w.bug.keepsPolicy(p) {
		return nil
	}
	return p.lane.Policy(ctx, sealed)
}

// wipe takes the disk's content away.
func (t *till) wipe() {
	t.w.must(os.RemoveAll(t.disk.Dir))
	t.w.must(os.MkdirAll(t.disk.Dir, 0o700))
	t.w.must(t.disk.Start(map[string][]byte{}))
}
