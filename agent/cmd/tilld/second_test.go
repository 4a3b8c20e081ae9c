package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bytes"
)

// TestASecondLaneOnTheSameData is refused in one clear line, and the first one sells on.
func TestASecondLaneOnTheSameData(t *testing.T) {
	s := newStage(t, 1, roomy)
	l := s.lanes[0]
	s.online(l)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var out, errs bytes.Buffer
	code := run(ctx, []string{"lane", "-c", filepath.Join(s.dir, "L1.toml")}, streams{strings.NewReader(""), &out, &errs})
	if code != exitFailure || !strings.Contains(errs.String(), "in use") {
		t.Errorf("exit %d: %s", code, errs.String())
	}
	s.sell(l, s.phone(), 100)

	code, _, msg := tilld(t, "hq", "-c", filepath.Join(s.dir, "hq.toml"))
	if code != exitFailure || !strings.Contains(msg, "address already in use") {
		t.Errorf("a second HQ on the same address: exit %d: %s", code, msg)
	}
}
