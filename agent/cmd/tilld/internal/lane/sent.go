package lane

import (
	"context"
	"time"

	"tilld/agent/payment"
	"tilld/ui/cashier"
)

const (
	sendPatience = 5 * time.Second        // for HQ to answer somebody who asks it by hand
	sendLook     = 100 * time.Millisecond // between looks whether it has
)

// sent waits until HQ was heard and has everything, or for as long as ctx lets it, and says how far that came.
func sent(ctx context.Context, heard func() bool, all func() (bool, error)) (cashier.Sent, error) {
	ticker := time.NewTicker(sendLook)
	defer ticker.Stop()
	for answered := false; ; {
		if answered = answered || heard(); answered {
			done, err := all()
			if err != nil && ctx.Err() == nil {
				return "", payment.Errorf(payment.Retry, "lane.SendNow", "the journal can't be read now: %w", err)
			}
			if done && err == nil {
				return cashier.SentAll, nil
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			if answered {
				return cashier.SentSome, nil
			}
			return cashier.Unheard, nil
		}
	}
}
