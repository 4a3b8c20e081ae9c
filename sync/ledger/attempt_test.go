package ledger_test

import (
	"path/filepath"
	"testing"
	"time"

	"tilld/sync/authorise"
	"tilld/sync/authorise/authorisetest"
	"tilld/sync/ledger"
)

func TestAttempts(t *testing.T) {
	authorisetest.TestStore(t, func(t *testing.T) authorise.Store {
		return openAt(t, filepath.Join(t.TempDir(), "hq.db"), time.Now).Attempts()
	})
}

// TestAttemptsOutlive: what was begun is there when HQ starts anew.
func TestAttemptsOutlive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hq.db")
	want := authorisetest.Attempt(authorisetest.ID(1), 0)
	first, err := ledger.Open(t.Context(), path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Attempts().Begin(t.Context(), &want); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := openAt(t, path, time.Now).Attempts().Get(t.Context(), want.Ref)
	if err != nil || got != want {
		t.Errorf("%v\n%+v, want\n%+v", err, got, want)
	}
}

// TestAttemptsStay: nobody with a shell makes an attempt another one, or none.
func TestAttemptsStay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hq.db")
	a := authorisetest.Attempt(authorisetest.ID(1), 0)
	if err := openAt(t, path, time.Now).Attempts().Begin(t.Context(), &a); err != nil {
		t.Fatal(err)
	}
	db := raw(t, path)
	for _, stmt := range []string{
		"DELETE FROM attempt", "UPDATE attempt SET amount = 1", "UPDATE attempt SET ref = 'x'", "UPDATE attempt SET payment = zeroblob(16)",
		"UPDATE attempt SET made = 0", "UPDATE attempt SET state = 8", "UPDATE attempt SET state = 8, version = version + 2",
		"UPDATE attempt SET state = 10, version = version + 1", "UPDATE attempt SET wallet = 'x', version = version + 1",
	} {
		if _, err := db.Exec(stmt); err == nil {
			t.Errorf("done: %s", stmt)
		}
	}
}
