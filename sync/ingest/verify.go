package ingest

import (
	"context"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"tilld/agent/payment"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// item is a verified message on its way to the writer: an arrival or a beat.
type item struct {
	arrival *ledger.Arrival
	beat    *wire.Beat
	size    int
	quick   bool          // came through the express queue
	done    chan struct{} // closed behind its transaction; nil: nobody waits
}

// urgent says whether it is a sale of a lane that sells: there the right to sell offline is given back by the answer.
func (it *item) urgent() bool { return it.quick && it.arrival != nil }

// errOrder reports a batch in which entries follow a change of key that ends it.
var errOrder = errors.New("entries behind a change of key, signed by the old one")

// verify is one verifier, by its number: it works through its queues until ctx ends.
func (g *Ingest) verify(ctx context.Context, n int) error {
	for turn := 1; ; turn++ {
		m, err := g.nextMessage(ctx, n, turn)
		if err != nil {
			return err
		}
		if !m.quick { // what its terminal sent before it by the express queue goes first
			for range len(g.express.inbox[n]) {
				if err := g.verifyOne(ctx, <-g.express.inbox[n]); err != nil {
					return err
				}
			}
		}
		if err := g.verifyOne(ctx, m); err != nil {
			return err
		}
	}
}

func (g *Ingest) verifyOne(ctx context.Context, m message) error {
	it, err := g.check(ctx, m)
	if err != nil {
		return err
	}
	if it == nil {
		g.express.past(m.terminal, m.quick)
		return nil
	}
	if it.quick = m.quick; it.urgent() {
		g.express.saw()
	}
	if err := g.forward(ctx, it); err != nil {
		return err
	}
	if it.arrival != nil && len(it.arrival.Hashes) >= drainBatch {
		g.breath.take()
	}
	return nil
}

// forward hands an item to the writer. Behind a change of key it waits for the commit, for the terminal's next
// message is signed by a key that is known only then.
func (g *Ingest) forward(ctx context.Context, it *item) error {
	if it.arrival != nil && !it.arrival.NewKey.IsZero() {
		it.done = make(chan struct{})
	}
	to := g.verified
	if it.quick {
		to = g.express.verified
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case to <- it:
	}
	if it.done == nil {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-it.done:
		return nil
	}
}

// check opens a message. What is not a terminal's own word is counted and forgotten; an error is the ledger's.
func (g *Ingest) check(ctx context.Context, m message) (*item, error) {
	keys, err := g.keys.of(ctx, m.terminal)
	if err != nil {
		return nil, fmt.Errorf("reading keys: %w", err)
	}
	if len(keys) == 0 {
		g.count.unknown.Add(1)
		g.log.warn(ctx, "message of a terminal that is not enrolled", "terminal", m.terminal.String())
		return nil, nil
	}
	it := &item{size: len(m.payload)}
	if wire.IsBatch(m.payload) {
		it.arrival, err = openBatch(m, keys, &g.erased)
		if err == nil && len(it.arrival.Hashes) >= drainBatch {
			g.drained.Add(1)
		}
	} else {
		if it.beat, err = openBeat(m, keys); err == nil {
			g.erased.note(it.beat)
		}
	}
	if err != nil {
		g.refuse(ctx, m.terminal, err)
		if errors.Is(err, wire.ErrUnknownKey) {
			return nil, g.sayWhere(ctx, m)
		}
		return nil, nil
	}
	return it, nil
}

// errTopic reports a message of one terminal under another's topic.
var errTopic = errors.New("signed for another terminal than the topic's")

// refuse counts a message by what is wrong with it.
func (g *Ingest) refuse(ctx context.Context, terminal payment.ID, err error) {
	n := &g.count.broken
	switch {
	case errors.Is(err, errTopic):
		n = &g.count.wrongTopic
	case errors.Is(err, wire.ErrUnknownKey), errors.Is(err, errOrder):
		n = &g.count.wrongKey
	case errors.Is(err, wire.ErrSignature), errors.Is(err, wire.ErrChain), errors.Is(err, wire.ErrBody):
		n = &g.count.unsigned
	}
	n.Add(1)
	g.log.warn(ctx, "message refused", "terminal", terminal.String(), "error", err.Error())
}

func openBeat(m message, keys []ledger.Key) (*wire.Beat, error) {
	sealed, err := wire.UnframeSigned(m.payload)
	if err != nil {
		return nil, err
	}
	msg, err := wire.Open(sealed, wire.TypBeat, present(keys))
	if err != nil {
		return nil, err
	}
	b := new(wire.Beat)
	if err := wire.UnmarshalKnown(msg.Payload, b); err != nil {
		return nil, err
	}
	switch {
	case b.Terminal != m.terminal:
		return nil, errTopic
	case b.Version != wire.MessageVersion || b.Epoch == 0 || len(b.Challenge) > 64 || len(b.Software) > 100:
		return nil, fmt.Errorf("%w: a beat of version %d", wire.ErrEnvelope, b.Version)
	}
	return b, nil
}

func openBatch(m message, keys []ledger.Key, gone *erased) (*ledger.Arrival, error) {
	b, err := wire.DecodeBatch(m.payload)
	if err != nil {
		return nil, err
	}
	if b.Terminal != m.terminal {
		return nil, errTopic
	}
	a := &ledger.Arrival{Batch: b, Kinds: make([]payment.Kind, len(b.Payloads))}
	if a.Hashes, a.Key, err = verifyBatch(b, keys); err != nil {
		return nil, err
	}
	upTo := gone.upTo(b.Terminal, b.Epoch)
	for i, p := range b.Payloads {
		o := outlineOf(p)
		if err := o.checkBody(b.Bodies[i], b.First+uint64(i) <= upTo); err != nil {
			return nil, fmt.Errorf("entry %d: %w", b.First+uint64(i), err)
		}
		a.Kinds[i] = o.Kind
		if o.Kind != payment.KindKeyChanged {
			continue
		}
		if i != len(b.Payloads)-1 {
			return nil, errOrder
		}
		a.NewKey = newKey(p)
	}
	return a, nil
}

// verifyBatch checks chain and signature, and says which of the terminal's keys it was.
func verifyBatch(b *wire.Batch, keys []ledger.Key) (hashes [][wire.HashSize]byte, n int, err error) {
	for _, k := range keys {
		hashes, err = b.Verify(wire.OneKey(k.Key))
		if !errors.Is(err, wire.ErrUnknownKey) && !errors.Is(err, wire.ErrSignature) {
			return hashes, k.N, err
		}
	}
	return nil, 0, err
}

var partial = func() cbor.DecMode {
	m, err := cbor.DecOptions{}.DecMode()
	if err != nil {
		panic(err) // constant options of our own
	}
	return m
}()

// outline is what has to be known of an entry before it is stored: what the rest is worth is asked when it is
// judged.
type outline struct {
	Version  uint64       `cbor:"1,keyasint"`
	Kind     payment.Kind `cbor:"6,keyasint"`
	BodyHash []byte       `cbor:"20,keyasint"`
}

// outlineOf reads an entry's outline; of one that can't be read it is empty.
func outlineOf(payload []byte) outline {
	var o outline
	if err := partial.Unmarshal(payload, &o); err != nil {
		return outline{}
	}
	return o
}

// checkBody asks whether a body is the entry's. No signature covers it, only its hash in the entry: taken as it
// comes, a broker could swap or drop the evidence, and it would be acknowledged and gone. Entries of later
// releases keep theirs as it is.
func (o *outline) checkBody(body []byte, mayBeErased bool) error {
	switch {
	case o.Version != wire.Version:
		return nil
	case len(body) > 0:
		return wire.CheckBody(body, o.BodyHash)
	case len(o.BodyHash) > 0 && !mayBeErased:
		return fmt.Errorf("%w: it is missing", wire.ErrBody)
	}
	return nil
}

// newKey is the key that an entry brings in; zero when it doesn't, or does not prove that somebody holds it.
func newKey(payload []byte) wire.PublicKey {
	e, err := wire.DecodeEntry(payload)
	if err != nil {
		return wire.PublicKey{}
	}
	f, ok := e.Fact.(*payment.KeyChanged)
	if !ok {
		return wire.PublicKey{}
	}
	key, err := wire.CheckKeyChange(f, e.Name())
	if err != nil {
		return wire.PublicKey{}
	}
	return key
}
