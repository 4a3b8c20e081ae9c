package ingest

import (
	"testing"
	"time"

	"tilld/agent/paycode/signed"
	"tilld/agent/policy"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// HQ vouches for a till that wants it, while the policy has customers pay through their phones: once its last paper is half
// over, for the key that it has now, and not for one that may not sell.
func TestTillPaper(t *testing.T) {
	for _, tt := range []struct {
		name    string
		feature bool
		revoked bool
		answer  func(b *bench, a *answer)
		want    bool
	}{
		{"wanted", true, false, func(b *bench, a *answer) { a.beat.Till = 1 }, true},
		{"half over", true, false, func(b *bench, a *answer) { a.beat.Till = uint64(b.Chain.Now.Add(tillLife / 2).Unix()) }, true},
		{"good for longer", true, false, func(b *bench, a *answer) { a.beat.Till = uint64(b.Chain.Now.Add(tillLife/2 + time.Minute).Unix()) }, false},
		{"beyond all calendars", true, false, func(b *bench, a *answer) { a.beat.Till = 1 << 63 }, false},
		{"not wanted", true, false, func(b *bench, a *answer) { a.beat.Till = 0 }, false},
		{"no answer to a beat", true, false, func(b *bench, a *answer) { a.beat = nil }, false},
		{"switched off", false, false, func(b *bench, a *answer) { a.beat.Till = 1 }, false},
		{"revoked", true, true, func(b *bench, a *answer) { a.beat.Till = 1 }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			l := b.Lane("s1", "1")
			b.newPolicy(l, func(d *policy.Document) {
				if tt.feature {
					d.Features = []string{policy.Carried}
				}
			})
			if tt.revoked {
				b.Must(b.RevokeTerminal(b.Ctx, l.ID, "aki", "stolen"))
			}
			a := &answer{terminal: l.ID, beat: &wire.Beat{}, place: ledger.Place{}}
			tt.answer(b, a)
			newest, err := b.g.papers.newest(b.Ctx)
			b.Must(err)
			raw, err := b.g.tillPaper(b.Ctx, a, newest.policy)
			b.Must(err)
			if (raw != nil) != tt.want {
				t.Fatalf("%d bytes", len(raw))
			}
			if raw == nil {
				return
			}
			p, err := signed.ParseTill(raw)
			if err != nil || p.Verify(wire.OneKey(b.g.cfg.Signer().Public())) != nil {
				t.Fatal(err)
			}
			if p.Terminal != l.ID || p.Store != "s1" || p.Lane != "1" || p.Chain != b.Chain.Doc.Chain || p.Key.KID() != l.Key.Public().KID() || p.Until.Sub(b.Chain.Now).Round(time.Second) != tillLife {
				t.Errorf("%+v", p.Till)
			}
		})
	}
	if tillLife > signed.MaxTill {
		t.Error("HQ vouches for longer than it may")
	}
}
