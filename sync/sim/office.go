package sim

import (
	"crypto/rand"
	"errors"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tilld/sync/authorise"
	"tilld/sync/ingest"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/settle"
	"tilld/sync/simnet"
	"tilld/sync/wire"
)

const (
	ledgerFile = "ledger.db"
	askTopics  = "tilld/1/ask/"
)

// office is HQ: its machine, and the program when it runs.
type office struct {
	w        *World
	disk     *Disk
	random   *mathrand.Rand
	clerk    *mathrand.Rand // who decides exceptions
	shelf    shelf
	client   *simnet.Client
	backup   []byte // last night's; nil: none yet
	backedUp time.Time
	down     bool // the line is
	wake     *simnet.Event

	books   *ledger.Store // nil: not running
	hand    *ingest.Hand
	settler *settle.Settler
	archive *settle.Archive
	desk    *authorise.Desk
	server  *authorise.Server
	turn    *simnet.Event // of the desk
	life    int
	working bool // something is queued
	judging bool
	rested  *restore // a restore that is due at the next start
}

// restore is a ledger that is put back.
type restore struct{ image map[string][]byte }

func (w *World) openOffice() {
	o := &office{w: w, random: w.stream(2), clerk: w.stream(8)}
	o.shelf.o = o
	disk, err := NewDisk(filepath.Join(w.dir, "hq"), w.stream(3))
	w.must(err)
	o.disk, disk.cuts = disk, w.plan.cutsPower(HQDisk)
	o.client = w.broker.Client(o.hear, wire.UpFilter(-1), wire.AskFilter(-1))
	w.office = o
	books, err := ledger.Open(w.ctx, o.path(), w.loop.Now)
	w.must(err)
	o.books = books
	w.papers.file(books)
	w.must(o.disk.Kill())
	o.drop()
}

func (o *office) path() string { return filepath.Join(o.disk.Dir, ledgerFile) }

// spared puts faults of the disk off until what it returns is called: what people do by hand, they do again.
func (o *office) spared() func() {
	fault, bad := o.disk.fault, o.disk.bad
	o.disk.Mend()
	return func() { o.disk.fault, o.disk.bad = fault, bad }
}

// enrol makes a till's terminal known.
func (o *office) enrol(t *till) {
	o.administer(func(books *ledger.Store) error {
		return books.AddTerminal(o.w.ctx, ledger.Terminal{ID: t.id, Entity: "kita-" + store, Store: store, Lane: t.lane}, t.first)
	})
}

// administer does what people do with a command beside the program, whether that runs or not.
func (o *office) administer(act func(books *ledger.Store) error) {
	w := o.w
	defer o.spared()()
	books := o.books
	if books == nil {
		w.must(o.disk.Start(nil))
		var err error
		books, err = ledger.Open(w.ctx, o.path(), w.loop.Now)
		w.must(err)
	}
	err := act(books)
	if o.books != nil && errors.Is(err, ledger.ErrStopped) {
		o.crash()
		o.administer(act)
		return
	}
	w.must(err)
	if o.books == nil {
		w.must(o.disk.Kill())
		w.must(books.Close())
	}
}

// start begins the program on what the disk holds.
func (o *office) start() {
	w := o.w
	o.wake.Stop()
	if o.books != nil {
		return
	}
	if err := o.open(); err != nil {
		if !o.disk.Dead() && !o.disk.refused && o.disk.bad == "" {
			w.fail("HQ does not start: %v", err)
		}
		w.trace("HQ does not start")
		w.must(o.disk.Kill())
		o.drop()
		o.startIn(between(o.random, 5*time.Second, time.Minute))
		return
	}
	epoch, err := o.books.HQEpoch(w.ctx)
	w.must(err)
	w.trace("HQ starts, HQ epoch +%d ms", int64(epoch)-w.start.UnixMilli())
	life := o.life
	if !o.down {
		w.after(between(o.random, 0, 2*time.Second), func() {
			if o.life == life {
				o.connect()
			}
		})
	}
	o.judgeSoon()
	o.deskSoon()
	o.settling(life)
}

func (o *office) startIn(d time.Duration) {
	o.wake.Stop()
	o.wake = o.w.after(d, o.start)
}

func (o *office) open() (err error) {
	w := o.w
	if o.rested != nil {
		defer o.spared()()
		err = o.disk.Start(o.rested.image)
	} else {
		err = o.disk.Start(nil)
	}
	w.must(err)
	w.bug.startingHQ(o)
	if o.books, err = ledger.Open(w.ctx, o.path(), w.loop.Now); err != nil {
		return err
	}
	if o.rested != nil {
		if err := w.bug.restored(o); err != nil {
			return err
		}
		for _, t := range w.tills {
			o.enrol(t)
		}
		w.papers.file(o.books)
		o.rested = nil
	}
	o.hand, err = ingest.ByHand(w.ctx, ingest.Config{
		Ledger: w.truth.listen(w.bug.ledger(o, o.books)), Publish: o.client, Root: w.chain.Root.Public(), Signer: func() *wire.Signer { return w.chain.Ack },
		Unseal: w.chain.Unseal, CatchUp: func(ctx ctx) error { return o.settler.CatchUp(ctx) }, Now: w.loop.Now, Random: rand.Reader, Log: w.log,
		OnAttempts: func() { w.after(0, o.deskSoon) },
	})
	if err != nil {
		return err
	}
	if err := o.openDesk(); err != nil {
		return err
	}
	o.shelf.failed = false
	if o.archive, err = settle.OpenArchive(filepath.Join(w.dir, "archive")); err != nil {
		return err
	}
	zone, err := time.LoadLocation(ingesttest.Zone)
	if err != nil {
		return err
	}
	o.archive.Before(o.shelf.step)
	o.settler = &settle.Settler{Store: o.books, Archive: o.archive, Now: w.loop.Now, Log: w.log,
		Schedules: func(ctx) ([]settle.Schedule, error) {
			list := []settle.Schedule{{Account: settle.Account{Wallet: ingesttest.Wallet, Currency: "JPY"}, Zone: zone, After: 28 * time.Hour}}
			if w.plan.Online > 0 {
				list = append(list, settle.Schedule{Account: settle.Account{Wallet: wallet, Currency: "JPY"}, Zone: zone, After: 28 * time.Hour})
			}
			return list, nil
		}}
	o.life++
	return nil
}

// do lets the program work, unless it is not there, and sees to it when that was its death.
func (o *office) do(what func() error) bool {
	if o.books == nil {
		return false
	}
	err := what()
	switch {
	case o.disk.Dead():
		o.w.trace("HQ is killed at a write")
		o.crash()
		return false
	case errors.Is(err, ledger.ErrStopped):
		o.w.trace("HQ's ledger has stopped")
		o.crash()
		return false
	case err != nil && o.disk.bad == "" && !o.disk.refused && !o.shelf.failed:
		o.w.fail("HQ: %v", err)
	}
	return err == nil
}

func (o *office) crash() {
	o.w.must(o.disk.Kill())
	o.drop()
	o.startIn(between(o.random, 2*time.Second, o.w.plan.HQAway))
}

func (o *office) drop() {
	o.wake.Stop()
	o.turn.Stop()
	o.client.Down()
	o.life++
	o.working, o.judging = false, false
	if o.books != nil {
		_ = o.books.Close()
		o.books, o.hand, o.settler, o.desk, o.server = nil, nil, nil, nil, nil
	}
}

// connect brings the line up and says hello, now and every few minutes.
func (o *office) connect() {
	if o.books == nil || o.down || o.client.Connected() {
		return
	}
	o.client.Up()
	o.greet(o.life)
}

func (o *office) greet(life int) {
	if o.life != life || !o.client.Connected() {
		return
	}
	o.do(func() error { return o.hand.Hello(o.w.ctx) })
	o.w.after(o.w.plan.Quiet, func() { o.greet(life) })
}

func (o *office) hear(topic string, payload []byte) {
	if o.books == nil {
		return
	}
	if strings.HasPrefix(topic, askTopics) {
		o.ask(topic, payload)
		return
	}
	o.hand.Ingest().Handle(o.w.ctx, topic, payload)
	if o.working {
		if o.hand.Ingest().Stats().Waiting > 200 {
			o.work(o.life)
		}
		return
	}
	o.working = true
	life := o.life
	o.w.after(between(o.random, 0, 20*time.Millisecond), func() { o.work(life) })
}

// work records what has come in, and answers a moment later: in between it can die.
func (o *office) work(life int) {
	if o.life != life {
		return
	}
	o.working = false
	if !o.do(func() error { return o.hand.Record(o.w.ctx) }) {
		return
	}
	o.w.after(between(o.random, 0, 2*time.Millisecond), func() {
		if o.life == life {
			o.do(func() error { return o.hand.Answer(o.w.ctx) })
		}
	})
	o.judgeSoon()
}

func (o *office) judgeSoon() {
	if o.judging {
		return
	}
	o.judging = true
	life := o.life
	o.w.after(between(o.random, 0, o.w.plan.JudgeWithin), func() {
		if o.life != life {
			return
		}
		o.judging = false
		more := true
		for more && o.do(func() (err error) { more, err = o.hand.Judge(o.w.ctx); return err }) {
		}
		if o.life == life {
			o.do(func() error { return o.hand.Answer(o.w.ctx) })
		}
	})
}

// settling closes settlement dates as they end.
func (o *office) settling(life int) {
	if o.life != life {
		return
	}
	o.do(func() error {
		_, err := o.settler.Step(o.w.ctx)
		return err
	})
	if o.life != life {
		return
	}
	o.w.truth.watchBatches(o)
	o.w.after(o.w.plan.SettleEvery, func() { o.settling(life) })
}

// cutNow is somebody at HQ who asks for a batch.
func (o *office) cutNow() {
	o.do(func() error {
		_, err := o.settler.CutNow(o.w.ctx)
		return err
	})
	if o.books != nil {
		o.w.truth.watchBatches(o)
	}
}

// keep is the nightly backup.
func (o *office) keep() {
	w := o.w
	path := filepath.Join(w.dir, "backup.db")
	w.must(os.RemoveAll(path))
	ok := o.do(func() error { return o.books.Backup(w.ctx, path) })
	if !ok {
		return
	}
	var err error
	o.backup, err = os.ReadFile(path)
	w.must(err)
	o.backedUp = w.loop.Now()
	w.trace("HQ is backed up")
}

// putBack restores HQ from the last backup.
func (o *office) putBack() {
	w := o.w
	if o.backup == nil || w.plan.Retention == 1 && w.loop.Now().Sub(o.backedUp) > 12*time.Hour {
		return // retention is to be longer than HQ's backups go back
	}
	w.must(o.disk.Kill())
	o.drop()
	o.rested = &restore{map[string][]byte{ledgerFile: o.backup}}
	w.truth.forgotten(o.backedUp)
	w.trace("HQ is to be restored from its backup")
	o.startIn(between(o.random, time.Minute, o.w.plan.HQAway))
}
