package lane

import (
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/agent/policy"
)

// TestTimeLeftAfterARestart: what the manager is told agrees with what the lane takes.
func TestTimeLeftAfterARestart(t *testing.T) {
	r := newRig(t, nil)
	r.stop()
	r.pass(10 * time.Minute)
	r.bootID, r.booted = "boot-2", r.time().Add(-time.Minute)
	r.open()
	v := r.lane.View()
	if v.Tier != policy.TierRestart || v.Blocked != payment.ReasonNone {
		t.Fatalf("after a restart: %v, %v", v.Tier, v.Blocked)
	}
	whole := r.lane.Bundle().Policy().Tiers.RestartFor.Duration()
	if v.FullLeft != 0 || v.SmallLeft <= whole-time.Hour || v.SmallLeft > whole-10*time.Minute {
		t.Errorf("of %v are left %v in full and %v for small amounts", whole, v.FullLeft, v.SmallLeft)
	}
}
