package lane

import (
	"context"
	"fmt"
	"time"

	"tilld/agent/policy"
)

// checkAcks has the journal take back what HQ's signed word does not prove, before anything is sold: somebody
// may have moved the cursor in the file to be allowed to take more. The keys' windows are not asked, for the
// words are old and nobody knows the time yet.
func (n *Node) checkAcks(ctx context.Context, bundle *policy.Bundle) error {
	back, err := n.journal.CheckAcks(ctx, bundle.Trust().Keys(policy.UseAck, time.Time{}))
	for _, p := range back {
		n.log.Error("an acknowledgement in the journal is not proven; its entries count as not sent until HQ answers",
			"terminal", n.id.Terminal.String(), "epoch", fmt.Sprintf("%016x", p.Epoch), "seq", p.Acked, "error", p.Err)
	}
	return err
}
