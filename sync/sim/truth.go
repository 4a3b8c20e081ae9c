package sim

import (
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"time"

	"tilld/agent/checkout"
	"tilld/agent/clock"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/operator"
	"tilld/sync/settle"
	"tilld/sync/wire"
)

// truth is what the world saw: what was shown, and what HQ has let out. It is written down where it happened,
// without asking the system about it later.
type truth struct {
	w        *World
	payments map[payment.ID]*approval
	order    []*approval
	doubtful []*shownCode // scans whose end nobody saw
	codes    []*shownCode // that were on a screen
	batches  map[payment.ID]uint64
	twice    map[payment.ID]bool     // terminals that may have had two histories: cloned, or put back
	lostDisk map[payment.ID]bool     // terminals whose disk was lost or put back
	revoked  map[payment.ID]bool     // terminals
	decided  map[payment.ID]decision // by exception
	heard    map[wire.Name][]hearing // by epoch, with sequence 0: what HQ was told of, the newest last
	stored   map[wire.Name]uint64    // by epoch: how far HQ has ever recorded it
	blinks   int
	paidBy   map[payment.ID]*shownCode // payments that were taken and not shown
	pruned   int                       // entries, counted again each time
}

func newTruth(w *World) *truth {
	return &truth{w: w, payments: map[payment.ID]*approval{}, batches: map[payment.ID]uint64{}, twice: map[payment.ID]bool{},
		lostDisk: map[payment.ID]bool{}, revoked: map[payment.ID]bool{}, paidBy: map[payment.ID]*shownCode{}, stored: map[wire.Name]uint64{}, decided: map[payment.ID]decision{}, heard: map[wire.Name][]hearing{}}
}

// approval is a payment that was shown as taken.
type approval struct {
	id       payment.ID
	till     *till
	name     wire.Name
	amount   int64
	date     payment.Date
	code     *shownCode
	ref      operator.Ref // of an online payment
	at       time.Time
	voided   bool
	mayVoid  bool // the void's end was not seen
	recalled bool // shown after a restart only
	guess    bool // that it was paid by code
	acked    bool // by HQ, to the lane that showed it, and HQ has lost nothing since
	ackedAt  time.Time
}

// twoHistories notes that a till's journal may go on twice from here.
func (tr *truth) twoHistories(t *till) { tr.twice[t.id] = true }

// memory is what has happened on one disk, as far as that disk can know.
type memory struct {
	approvals []*approval
	last      *shownCode // under the scanner
	policy    uint64     // the newest that was obeyed there
	owed      *owed
}

func newMemory() *memory { return &memory{} }

func (m *memory) clone() *memory {
	return &memory{approvals: slices.Clone(m.approvals), last: m.last, policy: m.policy, owed: m.owed}
}

func (m *memory) scanned(c *shownCode) { m.last = c }

// doubtful notes a scan whose end nobody saw: it may have paid.
func (t *till) doubtful(c *shownCode) { t.w.truth.doubtful = append(t.w.truth.doubtful, c) }

func (tr *truth) voided(id payment.ID) {
	if a := tr.payments[id]; a != nil {
		a.voided = true
	}
}

func (tr *truth) voidDoubtful(id payment.ID) {
	if a := tr.payments[id]; a != nil {
		a.mayVoid = true
	}
}

// observe looks at the lane's screen as a cashier does.
func (p *program) observe() {
	if p.disk.Dead() {
		return
	}
	v := p.lane.View()
	a := v.Answer
	if v.Phase != checkout.Paid || a.Kind != checkout.Approved || a.Payment.IsZero() || p.w.truth.payments[a.Payment] != nil {
		return
	}
	p.show(a)
}

// show notes a payment that is on a screen for the first time, and asks whether it may be.
func (p *program) show(a checkout.Answer) {
	w := p.w
	rec, ok, err := p.journal.PaymentByID(w.ctx, a.Payment)
	if err != nil || !ok {
		w.fail("lane %s shows payment %s, which is not in its journal (%v)", p.name, a.Payment, err)
	}
	n := &approval{
		id: a.Payment, till: p.till, amount: a.Amount.Minor, date: rec.Date, at: w.loop.Now(),
		name: wire.Name{Terminal: p.id, Epoch: rec.Epoch, Seq: rec.Seq},
	}
	if rec.Ref != "" {
		n.recalled = p.recalls(n.id)
		w.truth.payments[n.id] = n
		w.truth.order = append(w.truth.order, n)
		w.trace("lane %s shows %s as paid: %d, entry %d, attempt %s", p.name, n.id, n.amount, n.name.Seq, rec.Ref)
		p.showOnline(n, rec.Ref)
		p.memory.approvals = append(p.memory.approvals, n)
		return
	}
	n.code = p.memory.last
	n.recalled = n.code == nil || w.loop.Now().Sub(n.code.at) > time.Minute
	n.guess = n.recalled
	if c := w.truth.paidBy[n.id]; c != nil {
		n.code, n.recalled, n.guess = c, true, false
	}
	w.truth.payments[n.id] = n
	w.truth.order = append(w.truth.order, n)
	w.trace("lane %s shows %s as paid: %d, entry %d", p.name, n.id, n.amount, n.name.Seq)
	p.judge(n)
	p.memory.approvals = append(p.memory.approvals, n)
}

// judge holds a new approval against the limits, from the outside.
func (p *program) judge(n *approval) {
	w := p.w
	doc := p.judgePolicy(n)
	if n.amount > doc.Caps.Payment && !n.recalled {
		w.fail("lane %s took %d, the cap is %d", p.name, n.amount, doc.Caps.Payment)
	}
	if n.code != nil {
		for _, old := range p.memory.approvals {
			if old.code != nil && old.code.phone == n.code.phone && old.code.counter >= n.code.counter && !old.voided {
				w.fail("lane %s took code %d of a phone whose code %d had paid there", p.name, n.code.counter, old.code.counter)
			}
		}
	}
	p.judgeShare(n, doc)
	p.judgeAccount(n, doc)
	p.judgeAge(n, doc)
}

// judgeAccount wants what an account paid at this disk on a business date to be within its caps.
func (p *program) judgeAccount(n *approval, doc *policy.Document) {
	w := p.w
	if n.code == nil || n.recalled {
		return
	}
	sum, count := n.amount, uint64(1)
	for _, a := range p.memory.approvals {
		if a.date == n.date && a.code != nil && !a.guess && a.code.phone.Account == n.code.phone.Account && !a.voided && !a.mayVoid {
			sum, count = sum+a.amount, count+1
		}
	}
	if c := doc.Caps; sum > c.AccountDay || count > c.AccountCount {
		w.fail("lane %s took %d in %d payments of an account on %s, its caps are %d and %d", p.name, sum, count, n.date, c.AccountDay, c.AccountCount)
	}
}

// judgePolicy wants the lane to obey what it has taken of HQ's, and no older policy than it has obeyed before.
func (p *program) judgePolicy(n *approval) *policy.Document {
	w := p.w
	version := p.lane.Bundle().PolicyVersion()
	if version < p.memory.policy {
		w.fail("lane %s obeys policy %d, and has obeyed %d", p.name, version, p.memory.policy)
	}
	p.memory.policy = version
	doc := w.papers.policies[version]
	if doc == nil {
		w.fail("lane %s obeys policy %d, which nobody signed", p.name, version)
	}
	if n.recalled {
		return doc
	}
	kid := n.code.phone.Key.Public().KID()
	if r := &doc.Revoked; r.Phone(kid[:]) || r.Account(n.code.phone.Account[:]) || r.Issuer(n.code.phone.issuer[:]) {
		w.fail("lane %s took a code of a phone that policy %d had revoked", p.name, version)
	}
	if p.revoked {
		w.fail("lane %s took a payment, and HQ had told it that it is revoked", p.name)
	}
	return doc
}

// judgeShare wants what was shown and not acknowledged to be within the share.
func (p *program) judgeShare(n *approval, doc *policy.Document) {
	w := p.w
	st, err := p.journal.State(w.ctx)
	w.must(err)
	acked := map[uint64]uint64{}
	for _, e := range st.Epochs {
		acked[e.Epoch] = e.Acked
	}
	sum, count := n.amount, uint64(1)
	for _, a := range p.memory.approvals {
		if a.ref == "" && !a.voided && !a.mayVoid && a.name.Seq > acked[a.name.Epoch] {
			sum, count = sum+a.amount, count+1
		}
	}
	if most := doc.Default; !n.recalled && (sum > most.Sum || count > most.Count) {
		w.fail("lane %s has %d (%d payments) out without HQ's word, its share is %d (%d)", p.name, sum, count, most.Sum, most.Count)
	}
}

// judgeAge wants a code to have been on a screen lately. Only where HQ's time is known since the machine started
// is that promised, and as exactly as the boot-time clock goes.
func (p *program) judgeAge(n *approval, doc *policy.Document) {
	r := p.clock.Read()
	if n.code == nil || n.recalled || r.Trust != clock.Anchored {
		return
	}
	w := p.w
	since := w.loop.Now().Sub(p.heard)
	slack := clock.MaxRoundTrip + since/1_000 // 1,000 parts in a million is more than any drift here
	if age := w.loop.Now().Sub(n.code.at); age > doc.Code.Past.Duration()+slack {
		w.fail("lane %s took a code that was shown %v ago", p.name, age)
	}
	terms := doc.Terms(store, p.till.lane)
	if tier := terms.Tier(max(since-slack, 0), false); tier == policy.TierNone {
		w.fail("lane %s took a payment %v after HQ's last word", p.name, since)
	}
}

// watchBatches holds every batch that was let out against what it was.
func (tr *truth) watchBatches(o *office) {
	w := tr.w
	if o.books == nil || o.disk.bad != "" {
		return
	}
	list, err := o.books.Batches(w.ctx, 0, 1000)
	w.must(err)
	for _, b := range list {
		sum := tr.sumBatch(o, b.ID)
		was, known := tr.batches[b.ID]
		if known && was != sum {
			w.fail("batch %s has changed", b.ID)
		}
		if !known {
			w.trace("batch %s: %d payments, %d", b.ID, b.Count, b.Sum)
		}
		tr.batches[b.ID] = sum
	}
}

func (tr *truth) sumBatch(o *office, id payment.ID) uint64 {
	h := fnv.New64a()
	for _, f := range []settle.Form{settle.FormJSON, settle.FormCSV, settle.FormManifest} {
		r, err := o.archive.Open(id, f)
		tr.w.must(err)
		n, err := io.Copy(h, r)
		tr.w.must(err)
		fmt.Fprintf(h, ";%d;", n)
		tr.w.must(r.Close())
	}
	return h.Sum64()
}

// noteAck notes what HQ has acknowledged to a disk.
func (m *memory) noteAck(ack *wire.Ack, now time.Time) {
	for _, a := range m.approvals {
		if !a.acked && a.name.Epoch == ack.Epoch && a.name.Seq <= ack.Acked {
			a.acked, a.ackedAt = true, now
		}
	}
}

// forgotten notes that HQ has lost what came after a moment.
func (tr *truth) forgotten(since time.Time) {
	for epoch, list := range tr.heard {
		tr.heard[epoch] = slices.DeleteFunc(list, func(h hearing) bool { return h.at.After(since) })
	}
	for _, a := range tr.order {
		if a.ackedAt.After(since) {
			a.acked = false
		}
	}
}

// forgot says whether a payment was made on a disk that was lost, or put back to before it.
func (t *till) forgot(a *approval) bool { return !slices.Contains(t.memory.approvals, a) }
