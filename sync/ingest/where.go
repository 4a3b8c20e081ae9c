package ingest

import (
	"context"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// sayWhere tells a terminal where HQ stands in the epoch of a message whose key HQ does not know. An HQ that was
// restored from a backup from before a change of key can't read a word of that terminal's any more; told how
// little HQ has, the terminal sends again from there, and with it the change. The answer is HQ's own word, true
// whoever asked, and is given now and then only.
func (g *Ingest) sayWhere(ctx context.Context, m message) error {
	epoch, ok := claimedEpoch(m.payload)
	if !ok || !g.keys.mayTell(m.terminal) {
		return nil
	}
	places, err := g.cfg.Ledger.Places(ctx, m.terminal, epoch)
	if err != nil {
		return fmt.Errorf("reading where HQ stands: %w", err)
	}
	if len(places) == 0 {
		places = []ledger.Place{{}}
	}
	for _, p := range places {
		g.answer(answer{terminal: m.terminal, epoch: epoch, place: p, resend: true})
	}
	return nil
}

// claimedEpoch is the epoch that a message says it is about, which nobody has checked.
func claimedEpoch(payload []byte) (uint64, bool) {
	if wire.IsBatch(payload) {
		b, err := wire.DecodeBatch(payload)
		if err != nil {
			return 0, false
		}
		return b.Epoch, b.Epoch != 0
	}
	sealed, err := wire.UnframeSigned(payload)
	if err != nil || len(sealed) < 2 {
		return 0, false
	}
	var envelope []cbor.RawMessage // of a COSE_Sign1, behind its tag: the payload is the third
	if err := partial.Unmarshal(sealed[1:], &envelope); err != nil || len(envelope) != 4 {
		return 0, false
	}
	var raw []byte
	var beat struct {
		Epoch uint64 `cbor:"3,keyasint"`
	}
	if partial.Unmarshal(envelope[2], &raw) != nil || partial.Unmarshal(raw, &beat) != nil {
		return 0, false
	}
	return beat.Epoch, beat.Epoch != 0
}
