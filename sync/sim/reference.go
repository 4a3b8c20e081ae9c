package sim

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"tilld/sync/ingest"
	"tilld/sync/ledger"
	"tilld/sync/simnet"
	"tilld/sync/wire"
)

// reference holds the books against those of an HQ to which nothing ever happened: it is brought every journal
// once, whole and in order, and judges it. Where two payments want one thing (a code that paid at two lanes, two
// histories of one epoch) it may have picked another one, but the sums are the same.
func (c *checker) reference() {
	if len(c.truth.lostDisk) > 0 || len(c.truth.twice) > 0 {
		return // there are entries which only HQ has
	}
	calm := c.judgeAnew()
	want, got := c.picture(calm), c.picture(c.payments)
	if want != got {
		c.fail("the books depend on the road:\n%s\nwithout faults:\n%s", got, want)
	}
}

// judgeAnew brings the journals to a new HQ.
func (c *checker) judgeAnew() []ledger.Payment {
	dir := filepath.Join(c.dir, "reference")
	disk, err := NewDisk(dir, c.stream(6)) // which fails nowhere
	c.must(err)
	defer disk.Forget()
	o := &office{w: c.World, disk: disk}
	books, err := ledger.Open(c.ctx, o.path(), c.loop.Now)
	c.must(err)
	defer books.Close()
	o.books = books
	docs := func(kind ledger.DocumentKind) {
		list, err := c.books.Documents(c.ctx, kind)
		c.must(err)
		for _, d := range slices.Backward(list) {
			c.must(books.AddDocument(c.ctx, d))
		}
	}
	docs(ledger.TrustDocument)
	docs(ledger.PolicyDocument)
	_, err = books.Restored(c.ctx) // what lanes say of HQ's word is another HQ's
	c.must(err)
	for _, t := range c.tills {
		o.enrol(t)
	}
	hand, err := ingest.ByHand(c.ctx, ingest.Config{
		Ledger: books, Publish: simnet.NewBroker(c.loop, c.stream(7)).Client(nil), Root: c.chain.Root.Public(),
		Signer: func() *wire.Signer { return c.chain.Ack }, Unseal: c.chain.Unseal, Now: c.loop.Now, Random: zeros{}, Log: c.log,
	})
	c.must(err)
	for _, t := range c.tills {
		c.bring(t, hand)
	}
	for more := true; more; {
		more, err = hand.Judge(c.ctx)
		c.must(err)
	}
	calm := &checker{World: c.World, books: books}
	calm.readPayments()
	return calm.payments
}

// zeros are all that a session needs which nobody hears.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// bring takes a lane's journal to HQ.
func (c *checker) bring(t *till, hand *ingest.Hand) {
	st, err := t.p.journal.State(c.ctx)
	c.must(err)
	for _, e := range st.Epochs {
		var after uint64
		if old := t.shelf[e.Epoch]; old != nil {
			after = old.last
			for _, msg := range old.messages {
				hand.Ingest().Handle(c.ctx, wire.UpTopic(t.id), msg)
				c.must(hand.Record(c.ctx))
			}
		}
		for after < e.Last {
			b, err := t.p.journal.NextBatch(c.ctx, e.Epoch, after, 100, 1<<20)
			c.must(err)
			msg, err := wire.EncodeBatch(b)
			c.must(err)
			hand.Ingest().Handle(c.ctx, wire.UpTopic(t.id), msg)
			c.must(hand.Record(c.ctx))
			after = b.Last()
		}
	}
	if n := hand.Ingest().Stats(); n.Failed+n.Broken+n.Unsigned+n.WrongKey > 0 {
		c.fail("a journal of lane %s is not taken: %+v", t.name, n)
	}
}

// picture is what the books come to: every payment with its amount and state. Of the payments by one code only
// the states and the sum, and where one was taken back only that.
func (c *checker) picture(list []ledger.Payment) string {
	type group struct {
		states  []string
		peoples bool // people have a say in it
		odd     bool // one waits for a reason of its own
		sum     int64
	}
	groups := map[string]*group{}
	for i := range list {
		p := &list[i]
		if p.Ref != "" { // the other HQ has asked no operator: see theBank
			continue
		}
		name := p.ID.String()
		code := c.truth.paidBy[p.ID]
		if a := c.truth.payments[p.ID]; a != nil && !a.guess {
			code = a.code
		}
		if code != nil {
			name = fmt.Sprintf("%s/%d", code.phone.Account, code.counter)
		}
		if groups[name] == nil {
			groups[name] = &group{}
		}
		if c.truth.decidedOf(p.ID) != "" || c.truth.revoked[p.Entry.Terminal] {
			groups[name].peoples = true
		}
		g := groups[name]
		g.odd = g.odd || slices.ContainsFunc(c.open[p.ID], func(k ledger.Kind) bool { return k != ledger.SpentTwice })
		g.states, g.sum = append(g.states, string(p.State)), g.sum+p.Amount
	}
	var lines []string
	for name, g := range groups {
		slices.Sort(g.states)
		// One that waits for a reason of its own uses its code up too: whether the other is posted is a matter of which
		// of them came first.
		if g.peoples || len(g.states) > 1 && (g.odd || slices.Contains(g.states, string(ledger.Voided))) {
			g.states = nil // the owner of the exception decides whether the code was free again
		}
		lines = append(lines, fmt.Sprintf("%s: %d %v", name, g.sum, g.states))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
