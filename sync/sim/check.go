package sim

import (
	"fmt"
	"slices"
	"time"

	"tilld/agent/journal"
	"tilld/agent/payment"
	"tilld/sync/ledger"
	"tilld/sync/simnet"
	"tilld/sync/wire"
)

// Result is what a run came to.
type Result struct {
	Trace      uint64        // of everything that happened
	ShopTime   time.Duration // lanes times time
	Shown      int           // payments
	Voided     int
	Settled    int // payments in batches
	Suspended  int // payments that wait for an exception's owner
	Lost       int // with a disk, as designed
	Named      int // of these, how many HQ misses by number
	Decided    int // written off by people at HQ
	Blinks     int // programs that died between a commit and the screen
	Pruned     int // entries that retention took
	Policies   int // that were signed
	Forks      int // epochs
	Recovered  int // payments shown after a restart only
	Unseen     int // payments that nobody saw, because the program died
	Messages   simnet.Stats
	Exceptions map[ledger.Kind]int
	Meddled    map[string]int // what a meddler did to messages
	Refused    int            // of these, by the lanes that ran at the end
	Acked      int            // acknowledgements that lanes took while he was at it

	Charged, Uncharged       int // attempts at an operator by which a posted payment stands, and that came to nothing
	Silent, Forgotten        int // charges that HQ has named, and that a restored HQ and a lost disk have forgotten
	LateCharges, AfterCancel int // charges that came late, and after they were cancelled
}

// settleAndCheck lets everything heal and come to rest, settles, and compares.
func (w *World) settleAndCheck() Result {
	w.heal()
	w.rest()
	o := w.office
	o.do(func() error { _, err := o.settler.Step(w.ctx); return err })
	o.decideAgain()
	o.cutNow()
	c := &checker{World: w, books: o.books}
	c.Exceptions = map[ledger.Kind]int{}
	c.run()
	c.Blinks, c.Pruned, c.Policies = w.truth.blinks, w.truth.pruned, len(w.papers.policies)
	c.ShopTime = time.Duration(w.plan.Lanes) * w.plan.Span
	c.Messages = w.broker.Stats()
	return c.Result
}

// heal ends all faults.
func (w *World) heal() {
	w.trace("* all is well")
	w.healed = true
	w.plan.Climate = simnet.Faults{Quick: 100 * time.Millisecond}
	w.broker.SetFaults(w.plan.Climate)
	w.broker.SetMeddler(nil)
	o := w.office
	o.down = false
	o.disk.Mend()
	o.shelf.mend()
	w.plan.Blink = 0
	if o.books == nil {
		o.startIn(time.Second)
	}
	o.connect()
	for _, t := range w.tills {
		t.down, t.asleep = false, time.Time{}
		t.disk.Mend()
		if t.p == nil {
			t.startIn(time.Second)
			continue
		}
		t.p.ticking()
		t.connect(0)
		t.p.step()
	}
}

// restWithin is how long healing may take: back-offs, and outboxes.
const restWithin = 12 * time.Hour

func (w *World) rest() {
	until := w.loop.Now().Add(restWithin)
	for quiet := 0; w.loop.Now().Before(until); quiet++ {
		end := w.loop.Now().Add(10 * time.Minute)
		for w.next(end) {
		}
		if what := w.atRest(); what != "" {
			w.trace("not at rest: %s", what)
			quiet = -1
		} else if quiet == 8 { // every lane has asked once more, for each epoch
			return
		}
	}
	for _, t := range w.tills {
		if t.p != nil {
			w.trace("lane %s: connected %v, %+v", t.name, t.client.Connected(), t.p.uplink.Status())
		}
	}
	w.fail("it does not come to rest within %v: %s", restWithin, w.atRest())
}

// atRest says what still moves; "": nothing.
func (w *World) atRest() string {
	if w.office.books == nil {
		return "HQ is down"
	}
	hq, err := w.office.books.HQEpoch(w.ctx)
	w.must(err)
	for _, t := range w.tills {
		if t.gone {
			continue
		}
		if t.p == nil {
			return "lane " + t.name + " is down"
		}
		if err := t.p.journal.Stopped(); err != nil {
			return fmt.Sprintf("lane %s: %v", t.name, err)
		}
		st, err := t.p.journal.State(w.ctx)
		w.must(err)
		if v := t.p.lane.Bundle(); !w.truth.twice[t.id] && !w.truth.lostDisk[t.id] && (v.PolicyVersion() != w.chain.Doc.Version || v.Trust().Version != w.chain.Trust.Version) {
			return fmt.Sprintf("lane %s obeys policy %d and believes trust bundle %d", t.name, v.PolicyVersion(), v.Trust().Version)
		}
		if st.Current.HQEpoch != hq {
			return "lane " + t.name + " has not heard of HQ's restore"
		}
		out, err := t.p.journal.Outbox(w.ctx)
		w.must(err)
		for _, e := range out {
			return fmt.Sprintf("lane %s: epoch %016x holds %d entries, %d are acknowledged", t.name, e.Epoch, e.Last, e.Acked)
		}
	}
	if what := w.office.asksStill(); what != "" {
		return what
	}
	logs, err := w.office.books.Backlogs(w.ctx, 0, 1)
	w.must(err)
	if len(logs) > 0 {
		return fmt.Sprintf("HQ has judged %d of %d entries of %s", logs[0].Judged, logs[0].Head, logs[0].Terminal)
	}
	return ""
}

// checker compares what was shown with what HQ has.
type checker struct {
	*World
	books *ledger.Store
	Result
	open     map[payment.ID][]ledger.Kind // open exceptions, by payment
	payments []ledger.Payment
	held     map[wire.Name][][]byte // entries at HQ, by name
	missing  []ledger.Range
}

func (c *checker) run() {
	c.theBooks()
	c.journals()
	c.exceptions()
	c.readPayments()
	c.everyShown()
	c.everyPosted()
	c.theBank()
	c.reference()
}

// theBooks wants HQ's books to agree with themselves.
func (c *checker) theBooks() {
	report, err := c.books.Check(c.ctx, time.Time{})
	c.must(err)
	if len(report.Faults) > 0 {
		c.fail("the books: %v", report.Faults)
	}
	if report.Awaited > 0 && len(c.truth.lostDisk)+len(c.truth.twice) == 0 { // else only HQ had them, and lost them
		c.fail("%d lines in batches whose entries never came", report.Awaited)
	}
	trial, err := c.books.Trial(c.ctx)
	c.must(err)
	var sum int64
	for _, b := range trial {
		sum += b.Debits - b.Credits
	}
	if sum != 0 {
		c.fail("the trial balance is %d", sum)
	}
	c.missing = report.Missing
	for _, r := range report.Missing {
		if !c.truth.lostDisk[r.Terminal] && !c.truth.twice[r.Terminal] {
			c.fail("HQ misses entries %d to %d of %s", r.From, r.To, r.Terminal)
		}
	}
	c.truth.watchBatches(c.office)
	for id, sum := range c.truth.batches {
		if c.truth.sumBatch(c.office, id) != sum {
			c.fail("batch %s has changed", id)
		}
		if known, err := c.books.HasBatch(c.ctx, id); err != nil || !known {
			c.fail("batch %s was let out, and is not in the books (%v)", id, err)
		}
	}
}

// journals wants every lane's chain to verify, HQ to hold every entry of it, and two histories to have a name.
func (c *checker) journals() {
	c.held = map[wire.Name][][]byte{}
	seen := map[wire.Name][]byte{}
	forked := map[wire.Name]bool{}
	for _, t := range c.tills {
		if t.gone {
			continue
		}
		c.verify(t, func(r *journal.Row) {
			name := wire.Name{Terminal: t.id, Epoch: r.Epoch, Seq: r.Seq}
			if !slices.ContainsFunc(c.heldAt(name), func(h []byte) bool { return string(h) == string(r.Hash) }) {
				c.fail("HQ does not hold entry %d of lane %s", r.Seq, t.name)
			}
			if other, ok := seen[name]; ok && string(other) != string(r.Hash) {
				forked[wire.Name{Terminal: t.id, Epoch: r.Epoch}] = true
			}
			seen[name] = r.Hash
			if len(c.heldAt(name)) > 1 {
				forked[wire.Name{Terminal: t.id, Epoch: r.Epoch}] = true
			}
		})
	}
	c.namedForks(forked)
}

func (c *checker) verify(t *till, each func(*journal.Row)) {
	copied, err := journal.OpenCopy(c.ctx, t.disk.Dir+"/"+journal.DatabaseFile)
	c.must(err)
	defer copied.Close()
	keys, err := copied.Keys(c.ctx)
	c.must(err)
	if _, err := copied.Verify(c.ctx, keys...); err != nil {
		c.fail("lane %s: the journal does not verify: %v", t.name, err)
	}
	for r, err := range copied.Rows(c.ctx, journal.Filter{}) {
		c.must(err)
		each(&r)
	}
}

func (c *checker) heldAt(name wire.Name) [][]byte {
	if h, ok := c.held[name]; ok {
		return h
	}
	list, err := c.books.Entry(c.ctx, name)
	c.must(err)
	hashes := [][]byte{}
	for _, h := range list {
		hashes = append(hashes, h.Hash[:])
	}
	c.held[name] = hashes
	return hashes
}

// namedForks wants an exception for every epoch with two histories, and none for others.
func (c *checker) namedForks(forked map[wire.Name]bool) {
	c.Forks = len(forked)
	named := map[wire.Name]bool{}
	list, err := c.books.Exceptions(c.ctx, ledger.ExceptionFilter{Kind: ledger.EpochForked}, 0, 1000)
	c.must(err)
	for _, x := range list {
		named[wire.Name{Terminal: x.Entry.Terminal, Epoch: x.Entry.Epoch}] = true
		if !c.truth.twice[x.Entry.Terminal] {
			c.fail("HQ speaks of a fork of %s, whose disk was never copied or put back", x.Entry.Terminal)
		}
	}
	for e := range forked {
		if !named[e] {
			c.fail("epoch %016x of %s has two histories, and HQ does not say so", e.Epoch, e.Terminal)
		}
	}
}

// may says which exceptions a run's faults explain.
func (c *checker) may(x *ledger.Exception) bool {
	switch x.Kind {
	case ledger.SpentTwice: // everyPosted asks which code
		return true
	case ledger.AttemptUnknown: // HQ's books were put back to before it
		return c.plan.has(HQPutBack)
	case ledger.AttemptContradicts: // of two histories one gave it up; or HQ forgot that it had said paid
		return c.plan.has(HQPutBack) || c.truth.twice[x.Entry.Terminal] || c.truth.lostDisk[x.Entry.Terminal]
	case ledger.Fork, ledger.EpochForked, ledger.EpochSibling, ledger.TerminalTwice, ledger.PaymentRepeated, ledger.VoidUnmatched, ledger.VoidRepeated, ledger.DayDiffers:
		return c.truth.twice[x.Entry.Terminal] || c.truth.lostDisk[x.Entry.Terminal]
	case ledger.AfterExpiry: // a lane whose clock was wrong and that had no better
		return c.plan.has(LaneReboot, ClockSet, ClockDrift)
	case ledger.TerminalRevoked:
		return c.truth.revoked[x.Entry.Terminal]
	case ledger.PolicyUnknown: // a policy that HQ lost with its books
		return c.plan.has(HQPutBack) && len(c.papers.policies) > 1
	case ledger.OverAccount:
		return c.truth.twice[x.Entry.Terminal] || c.truth.lostDisk[x.Entry.Terminal]
	}
	return false
}

func (c *checker) exceptions() {
	list, err := c.books.Exceptions(c.ctx, ledger.ExceptionFilter{}, 0, 1000)
	c.must(err)
	c.open = map[payment.ID][]ledger.Kind{}
	for _, x := range list {
		c.Exceptions[x.Kind]++
		if !c.may(&x) {
			c.fail("an exception that nothing explains: %s, entry %d of %s (%s)", x.Kind, x.Entry.Seq, x.Entry.Terminal, x.Detail)
		}
		if !x.Payment.IsZero() && x.Open() {
			c.open[x.Payment] = append(c.open[x.Payment], x.Kind)
		}
	}
}

func (c *checker) readPayments() {
	for after := uint64(0); ; {
		list, err := c.books.Payments(c.ctx, ledger.PaymentFilter{}, after, 500)
		c.must(err)
		c.payments = append(c.payments, list...)
		if len(list) < 500 {
			return
		}
		after = list[len(list)-1].Pos
	}
}

// net is what batches hold of a payment.
func net(p *ledger.Payment) (sum int64) {
	for _, l := range p.Lines {
		sum += l.Amount
	}
	return sum
}

// everyShown wants every payment that was shown to be settled once, or to wait under a name, or to have gone
// with its disk.
func (c *checker) everyShown() {
	for _, a := range c.truth.order {
		c.Shown++
		if a.recalled {
			c.Recovered++
		}
		list, err := c.books.Payment(c.ctx, a.id)
		if payment.CodeOf(err) != payment.NotFound {
			c.must(err)
		}
		i := slices.IndexFunc(list, func(p ledger.Payment) bool { return p.Entry == a.name })
		if i < 0 {
			c.lost(a)
			continue
		}
		p := &list[i]
		if p.Amount != a.amount {
			c.fail("payment %s of %d is %d at HQ", a.id, a.amount, p.Amount)
		}
		c.one(a, p)
	}
}

func (c *checker) one(a *approval, p *ledger.Payment) {
	settled := net(p)
	switch {
	case p.State == ledger.Lost && (settled == 0 || settled == a.amount) && c.truth.decidedOf(a.id) == ledger.LossTaken:
		c.Decided++
	case p.State == ledger.Posted && settled == a.amount && (!a.voided || a.till.forgot(a)):
		c.Settled++
	case p.State == ledger.Voided && settled == 0 && (a.voided || a.mayVoid):
		c.Voided++
	case p.State == ledger.Suspended && settled == 0 && len(c.open[a.id]) > 0:
		c.Suspended++
	default:
		c.fail("payment %s of %d by lane %s (entry %d, voided %v) is %s at HQ, %d is settled, exceptions %v",
			a.id, a.amount, a.till.name, a.name.Seq, a.voided, p.State, settled, c.open[a.id])
	}
}

// lost is a payment that HQ does not have. Only a disk that is gone can have taken it, and none that HQ had
// acknowledged.
func (c *checker) lost(a *approval) {
	if !a.till.gone && !a.till.forgot(a) {
		c.fail("payment %s of %d was shown by lane %s (entry %d) and is not at HQ", a.id, a.amount, a.till.name, a.name.Seq)
	}
	if a.acked {
		c.fail("payment %s of %d was acknowledged to lane %s (entry %d) and is not at HQ", a.id, a.amount, a.till.name, a.name.Seq)
	}
	c.Lost++
	in := func(r ledger.Range) bool {
		return r.Terminal == a.name.Terminal && r.Epoch == a.name.Epoch && r.From <= a.name.Seq && a.name.Seq <= r.To
	}
	switch {
	case slices.ContainsFunc(c.missing, in):
		c.Named++
	case len(c.heldAt(a.name)) == 0 && c.truth.heardOf(a.name):
		c.fail("payment %s (entry %d of %s) is lost; HQ was told of entries that far, and does not miss it", a.id, a.name.Seq, a.name.Terminal)
	}
}

// everyPosted wants HQ to have no payment that nobody was shown, but those of which nobody saw the end; and no
// code to have been paid for twice.
func (c *checker) everyPosted() {
	unseen := 0
	settled := map[string]payment.ID{} // by code
	for i := range c.payments {
		p := &c.payments[i]
		a := c.truth.payments[p.ID]
		if p.Ref != "" { // see theBank: whoever stood there, the operator knows
			continue
		}
		if a == nil {
			unseen++
			continue
		}
		if a.code == nil || a.guess || p.State != ledger.Posted || c.truth.decidedOf(p.ID) == ledger.Receivable {
			continue
		}
		code := fmt.Sprintf("%s/%d", a.code.phone.Account, a.code.counter)
		if other, twice := settled[code]; twice {
			c.fail("a customer is charged twice for one code: %s and %s", other, p.ID)
		}
		settled[code] = p.ID
	}
	c.Unseen = unseen
	if most := len(c.truth.doubtful); unseen > most {
		c.fail("HQ has %d payments that were never shown; %d scans had an unknown end", unseen, most)
	}
}
