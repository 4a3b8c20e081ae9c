package main

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
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

	conf := s.file("hq2.toml", fmt.Sprintf("data = %q\n[embedded_broker]\nlisten = %q\n[serve]\naddress = %q\n", filepath.Join(s.dir, "hq"), freeAddr(t), freeAddr(t)))
	code, _, msg := tilld(t, "hq", "-c", conf)
	if code != exitFailure || !strings.Contains(msg, "HQ runs here already") {
		t.Errorf("a second HQ on the same books: exit %d: %s", code, msg)
	}
	code, _, msg = tilld(t, "hq", "restored", "--data", filepath.Join(s.dir, "hq"))
	if code != exitFailure || !strings.Contains(msg, "HQ runs here already") {
		t.Errorf("a new HQ epoch under a running HQ: exit %d: %s", code, msg)
	}
}
