package outbox_test

import (
	"slices"
	"testing"

	"tilld/agent/journal"
	"tilld/agent/payment"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// laterKind is a fact of a release to come.
type laterKind struct {
	What string `cbor:"1,keyasint"`
}

func (*laterKind) Kind() payment.Kind { return 200 }

// TestBetweenReleases: the lane's real journal and uplink and HQ's real ingest and ledger, where one of them
// speaks as another release. What may pass passes; of what may not, nothing is believed and nothing is lost, and
// with a release that understands it everything arrives.
func TestBetweenReleases(t *testing.T) {
	add := func(field int64, typs ...wire.Typ) func(*wire.Signer, wire.Typ, map[int64]any) {
		return func(_ *wire.Signer, typ wire.Typ, fields map[int64]any) {
			if slices.Contains(typs, typ) {
				fields[field] = "of a later release"
			}
		}
	}
	hq := []wire.Typ{wire.TypHello, wire.TypAck, wire.TypPolicy, wire.TypTrust}
	for _, tt := range []struct {
		name    string
		dialect func(*wire.Signer, wire.Typ, map[int64]any)
		stuck   bool // nothing is acknowledged meanwhile
		refused bool // the lane counts what it does not take
		broken  bool // and HQ does
		papers  bool // policy and trust bundle are taken
	}{
		{name: "the same release", dialect: func(*wire.Signer, wire.Typ, map[int64]any) {}, papers: true},
		{name: "a lane two releases back", dialect: func(_ *wire.Signer, typ wire.Typ, f map[int64]any) {
			if typ == wire.TypBeat {
				delete(f, -1)
				delete(f, -2)
			}
		}, papers: true},
		{name: "an HQ two releases back", dialect: func(_ *wire.Signer, typ wire.Typ, f map[int64]any) {
			if typ == wire.TypAck {
				delete(f, -1)
			}
		}, papers: true},
		{name: "a later lane, ignorable field", dialect: add(-9, wire.TypBeat), papers: true},
		{name: "a later HQ, ignorable fields", dialect: add(-9, hq...), papers: true},
		{name: "a later lane, critical field", dialect: add(99, wire.TypBeat), broken: true},
		{name: "a later HQ, critical field in acknowledgements", dialect: add(99, wire.TypAck), stuck: true, refused: true, papers: true},
		{name: "a later HQ, critical field in hellos", dialect: add(99, wire.TypHello), refused: true, papers: true},
		{name: "a later HQ, critical field in papers", dialect: add(99, wire.TypPolicy, wire.TypTrust), refused: true},
		{name: "a later HQ, another version", dialect: func(_ *wire.Signer, typ wire.Typ, f map[int64]any) {
			if typ == wire.TypAck || typ == wire.TypHello {
				f[1] = uint64(wire.MessageVersion + 1)
			}
		}, stuck: true, refused: true, papers: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPair(t)
			same := p.dialect
			p.dialect = tt.dialect
			p.sell(100)
			p.sell(250)
			p.run()
			st, err := p.journal.State(p.ctx)
			p.must(err)
			if stuck := st.Current.Acked == 0; stuck != tt.stuck {
				t.Errorf("acknowledged up to %d", st.Current.Acked)
			}
			if refused := p.up.Status().Refused > 0; refused != tt.refused {
				t.Errorf("%d refused by the lane", p.up.Status().Refused)
			}
			if broken := p.hq.Ingest().Stats().Broken > 0; broken != tt.broken {
				t.Errorf("%d refused by HQ", p.hq.Ingest().Stats().Broken)
			}
			for _, typ := range []wire.Typ{wire.TypPolicy, wire.TypTrust} {
				if err, sent := p.papers[typ]; (sent && err == nil) != tt.papers {
					t.Errorf("%s: sent %v, taken with %v", typ, sent, err)
				}
			}
			p.dialect = same // the release that understands it
			p.sell(7)
			p.run()
			p.want(0, 357)
		})
	}
}

// TestLaneAhead: a lane that was updated before HQ writes what HQ does not know. Its place in the outbox moves on,
// HQ names it, the payments around it are posted; and the lane, rolled back, goes on behind it.
func TestLaneAhead(t *testing.T) {
	p := newPair(t)
	p.sell(100)
	_, err := p.journal.Append(p.ctx, journal.Draft{Fact: &laterKind{"a refund"}, Moment: p.moment(), Policy: 1})
	p.must(err)
	p.sell(20)
	p.run()
	p.want(0, 120)
	open, err := p.books.Exceptions(p.ctx, ledger.ExceptionFilter{}, 0, 10)
	p.must(err)
	if len(open) != 1 || open[0].Kind != ledger.SetAside || open[0].Entry.Terminal != p.id {
		t.Errorf("exceptions %+v", open)
	}
	p.start() // as after a restart
	p.sell(3)
	p.run()
	p.want(0, 123)
	if d, err := p.journal.Day(p.ctx, ingesttest.Today); err != nil || len(d.Totals) != 1 || d.Totals[0].Sum != 123 {
		t.Errorf("the lane's own figures: %+v, %v", d, err)
	}
}
