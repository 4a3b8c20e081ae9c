package ledger_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"tilld/sync/ledger"
	"tilld/sync/ledger/ledgertest"
)

// open makes a ledger in a file of its own.
func open(t testing.TB, now func() time.Time) *ledger.Store {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "hq.db"), now)
}

func openAt(t testing.TB, path string, now func() time.Time) *ledger.Store {
	t.Helper()
	s, err := ledger.Open(context.Background(), path, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestSuite(t *testing.T) {
	ledgertest.Run(t, func(t *testing.T, now func() time.Time) ledgertest.Ledger { return open(t, now) })
}
