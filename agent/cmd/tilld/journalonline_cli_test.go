package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tilld/sync/wire"
)

// TestJournalOfOnlinePayments: what was asked, and what became of it, can be listed, shown and verified, in the journal
// that the release with the first online payments left behind.
func TestJournalOfOnlinePayments(t *testing.T) {
	golden := of(os.ReadFile(filepath.Join("..", "..", "journal", "testdata", "golden", "v3.db")))
	file := filesIn(t, t.TempDir())("journal.db", golden)
	for kind, want := range map[string]int{"asked": 6, "authorised": 3, "declined": 1, "reversed": 1} {
		code, out, errs := tilld(t, "journal", "list", "--kind", kind, file)
		if code != 0 || errs != "" || strings.Count(out, " JPY paypay, attempt 02") != want {
			t.Errorf("%s: exit %d, %q, %q", kind, code, errs, out)
		}
	}
	code, out, errs := tilld(t, "journal", "show", "16", file)
	for _, want := range []string{": declined (training)\n", "100 JPY paypay, attempt ", `"why": "no_funds"`, `"ref": "02`} {
		if code != 0 || errs != "" || !strings.Contains(out, want) {
			t.Errorf("exit %d, %q: %q is not in\n%s", code, errs, want, out)
		}
	}
	key := of(wire.NewSigner(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize)), nil)).Public()
	if code, out, errs = tilld(t, "journal", "verify", "--key", hex.EncodeToString(key.Bytes()), file); code != 0 || !strings.Contains(out, "\nVERIFIED\n") {
		t.Errorf("exit %d, %q, %q", code, out, errs)
	}
}
