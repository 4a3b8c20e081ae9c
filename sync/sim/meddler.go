package sim

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"path/filepath"
	"time"

	"tilld/agent/payment"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/uplink"
	"tilld/sync/wire"
)

// meddler holds the broker: every message comes to him, and nobody hears but what he brings. He has kept all that
// was ever said, has a key of his own, and the key of a terminal that is enrolled (a till that was stolen). He has
// neither HQ's keys nor another terminal's.
type meddler struct {
	w       *World
	random  *rand.Rand
	own     *wire.Signer
	insider payment.ID // the stolen till
	stolen  *wire.Signer
	up      []overheard
	down    []overheard
	words   map[string]bool // what HQ has said: topic and message
	counts  map[string]int
	took    int // acknowledgements that lanes took
}

type overheard struct {
	topic   string
	payload []byte
}

// meddle has somebody meddle n times, all over the time of the plan.
func (w *World) meddle(n int) {
	if n == 0 {
		return
	}
	m := &meddler{w: w, random: w.stream(8), own: w.forger, insider: w.chain.ID(), stolen: ingesttest.Ed25519(w.t), words: map[string]bool{},
		counts: map[string]int{}}
	w.meddler = m
	w.office.enrol(&till{w: w, id: m.insider, lane: "9", first: m.stolen.Public()})
	w.broker.SetMeddler(m.take)
	for range n {
		w.after(between(m.random, 0, w.plan.Span), m.strike)
	}
}

// take carries a message, or not.
func (m *meddler) take(topic string, payload []byte) {
	heard := overheard{topic, payload}
	if upward(topic) {
		m.up = append(m.up, heard)
	} else {
		m.down = append(m.down, heard)
		m.words[topic+"\n"+string(payload)] = true
	}
	switch n := m.random.IntN(10); {
	case n < 2:
		m.counts["held back for ever"]++
	case n < 5:
		m.counts["held back, so that others overtake it"]++
		m.w.after(between(m.random, time.Second, time.Hour), func() { m.bring(heard) })
	default:
		m.bring(heard)
	}
}

func (m *meddler) bring(o overheard) {
	if !m.w.healed {
		m.w.broker.Inject(o.topic, o.payload)
	}
}

// strike does one of what he can do.
func (m *meddler) strike() {
	a := attacks[m.random.IntN(len(attacks))]
	o, ok := a.make(m)
	if !ok { // not enough was said yet
		a = attacks[0]
		o, _ = a.make(m)
	}
	m.counts[a.name]++
	m.bring(o)
	for _, t := range m.w.tills {
		if t.p != nil && t.p.uplink.Status().Lost {
			m.w.fail("lane %s was made to believe that HQ has lost something, by a message that was %s", t.name, a.name)
		}
	}
}

// watch wants a lane's outbox to be told nothing but what HQ has said to it, and HQ to hold what it lets go of.
func watch(p *program, real uplink.Outbox) uplink.Outbox { return watched{real, p} }

type watched struct {
	uplink.Outbox
	p *program
}

func (o watched) Acknowledge(ctx context.Context, a *wire.Ack, sealed []byte) (uplink.Verdict, error) {
	v, err := o.Outbox.Acknowledge(ctx, a, sealed)
	w := o.p.w
	m := w.meddler
	if m == nil || w.healed {
		return v, err
	}
	if !m.words[wire.DownTopic(o.p.id)+"\n"+string(wire.FrameSigned(sealed))] {
		w.fail("lane %s was told, in HQ's name, what HQ has not said to it: %+v", o.p.name, a)
	}
	if err == nil && !v.Ignore {
		m.took++
		o.held(ctx, a)
	}
	return v, err
}

// held wants HQ to hold what an answer of its present epoch says.
func (o watched) held(ctx context.Context, a *wire.Ack) {
	w := o.p.w
	if w.office.books == nil || a.Acked == 0 {
		return
	}
	now, err := w.office.books.HQEpoch(ctx)
	w.must(err)
	if now != a.HQEpoch {
		return
	}
	places, err := w.office.books.Places(ctx, a.Terminal, a.Epoch)
	w.must(err)
	if len(places) != 1 || places[0].Acked < a.Acked {
		w.fail("lane %s let go of entries up to %d, and HQ holds %+v", o.p.name, a.Acked, places)
	}
}

// contact wants an answer that sets a clock to be as young as it is taken for.
func (m *meddler) contact(p *program, c uplink.Contact) {
	if m == nil {
		return
	}
	if age, most := m.w.loop.Now().Sub(c.HQTime), p.clock.Boot()-c.Sent; age > most+time.Second {
		m.w.fail("lane %s takes an answer of HQ's for at most %v old that is %v old", p.name, most, age)
	}
}

// check wants HQ to hold the journals' entries and no other: that it holds all of them has been asked.
func (m *meddler) check(r *Result) {
	if m == nil {
		return
	}
	w := m.w
	entries := 0
	for _, t := range w.tills {
		st, err := t.p.journal.State(w.ctx)
		w.must(err)
		if len(st.Epochs) != 1 {
			w.fail("lane %s was made to begin another epoch", t.name)
		}
		entries += int(st.Epochs[0].Last)
		if s := t.p.uplink.Status(); s.Lost || !s.HQ {
			w.fail("lane %s: %+v", t.name, s)
		}
		r.Refused += int(t.p.uplink.Status().Refused)
	}
	if n := m.atHQ("SELECT count(*) FROM entry"); n != entries {
		w.fail("HQ holds %d entries, the journals have %d", n, entries)
	}
	keys := m.atHQ("SELECT count(*) FROM terminal_key")
	if want := len(w.tills) + 1; keys != want {
		w.fail("HQ knows %d keys of %d terminals", keys, want)
	}
	lost, err := w.office.books.Lost(w.ctx)
	w.must(err)
	if len(lost) > 0 {
		w.fail("HQ was made to believe that it has lost %+v", lost)
	}
	for _, kind := range []ledger.DocumentKind{ledger.PolicyDocument, ledger.TrustDocument} {
		if n, err := w.office.books.Newest(w.ctx, kind); err != nil || n != 1 {
			w.fail("a document of version %d is at HQ, %v", n, err)
		}
	}
	r.Meddled, r.Acked = m.counts, m.took
}

// atHQ counts what HQ's file has.
func (m *meddler) atHQ(query string) (n int) {
	db, err := sql.Open("sqlite", filepath.Join(m.w.office.disk.Dir, ledgerFile))
	m.w.must(err)
	defer db.Close()
	m.w.must(db.QueryRow(query).Scan(&n))
	return n
}

func upward(topic string) bool { return len(topic) > 11 && topic[:11] == "tilld/1/up/" }

// pick is something that was said.
func pick(r *rand.Rand, list []overheard) (overheard, bool) {
	if len(list) == 0 {
		return overheard{topic: wire.AllTopic, payload: []byte("nothing was said yet")}, false
	}
	if r.IntN(2) == 0 { // lately
		list = list[max(0, len(list)-20):]
	}
	return list[r.IntN(len(list))], true
}

func (m *meddler) any() (overheard, bool) {
	if m.random.IntN(2) == 0 {
		return pick(m.random, m.up)
	}
	return pick(m.random, m.down)
}
