package ingest

import (
	"context"
	"fmt"

	"tilld/sync/ledger"
)

// alarm says aloud what somebody must see to now. The ledger opens each once, so this is not said again.
func (g *Ingest) alarm(ctx context.Context, alarms []ledger.Alarm) {
	for _, a := range alarms {
		g.count.exceptions.Add(1)
		g.cfg.Log.ErrorContext(ctx, "alarm", "kind", string(a.Kind), "owner", a.Kind.Owner(), "terminal", a.Entry.Terminal.String(),
			"epoch", fmt.Sprintf("%016x", a.Entry.Epoch), "seq", a.Entry.Seq, "detail", a.Detail)
	}
}
