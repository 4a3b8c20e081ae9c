package main

import (
	"path/filepath"
	"testing"

	"tilld/agent/policy"
)

// TestTrustReachesRunningLanes: an issuer that is added, and keys that are renewed, reach a lane that runs and whose
// policy is the newest, with its next question.
func TestTrustReachesRunningLanes(t *testing.T) {
	s := newStage(t, 1, roomy)
	l, data := s.lanes[0], filepath.Join(s.dir, "hq")
	s.online(l)
	s.sell(l, s.phone(), 100)
	second, err := newP256()
	s.must(err)
	s.cli("hq", "issuer", "add", "--data", data, "--wallet", "house", policy.Hex(second.Public().Bytes()).String())
	s.issuer = second
	s.line.Cut() // a lane that comes back asks at once, and not within the minute
	s.until("the line is down", func() bool { return s.metric(l, "tilld_lane_broker_up") == 0 })
	s.line.Restore()
	s.online(l)
	s.sell(l, s.phone(), 200)
	l.end()
	s.hq.end()
}
