package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tilld/agent/cmd/tilld/internal/hq"
)

func TestHQRenew(t *testing.T) {
	data := filepath.Join(t.TempDir(), "hq")
	if code, _, errs := tilld(t, "hq", "init", "--data", data, "--chain", "kita"); code != 0 {
		t.Fatal(errs)
	}
	o, err := hq.OpenOffice(t.Context(), data, func() time.Time { return time.Now().AddDate(2, 0, -10) })
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	lines, err := expiring(t.Context(), o)
	if err != nil || len(lines) != 3 || !strings.HasPrefix(lines[0], "expires: HQ's ack key on 20") || !strings.HasSuffix(lines[0], "; tilld hq renew") {
		t.Errorf("shortly before the end: %q, %v", lines, err)
	}
	code, out, errs := tilld(t, "hq", "renew", "--data", data)
	if want := "HQ's keys are believed until " + time.Now().UTC().Add(2*365*24*time.Hour).Format(time.DateOnly); code != 0 || !strings.HasPrefix(out, want) {
		t.Errorf("exit %d, %q, %q; want %q", code, out, errs, want)
	}
}
