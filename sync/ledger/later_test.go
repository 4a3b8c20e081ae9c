package ledger_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
)

// expanded is what a later release may have done to the books before it was rolled back: it may add, and
// change nothing that is there.
const expanded = `
	ALTER TABLE payment ADD COLUMN loyalty TEXT;
	ALTER TABLE exception ADD COLUMN ticket TEXT NOT NULL DEFAULT '';
	CREATE TABLE coupon (id BLOB PRIMARY KEY, minor INTEGER NOT NULL) STRICT;
	CREATE INDEX payment_loyalty ON payment (loyalty) WHERE loyalty IS NOT NULL;
	INSERT INTO coupon VALUES (x'01', 5);
	UPDATE payment SET loyalty = 'gold';
	INSERT INTO goose_db_version (version_id, is_applied) VALUES (98, 1), (99, 1)`

// TestLaterSchema: a binary that was rolled back opens the books that the newer one wrote, takes in, judges and
// cuts, and leaves alone what the newer one will want to find again.
func TestLaterSchema(t *testing.T) {
	b, path := written(t)
	db := raw(t, path)
	if _, err := db.Exec(expanded); err != nil {
		t.Fatal(err)
	}
	s := openAt(t, path, func() time.Time { return b.Chain.Now })
	old := b
	old.Ledger = s
	before := old.Net(ledger.WalletReceivable)
	l := old.Lane("s1", "2")
	l.Sell(b.Chain.Phone(), 700)
	l.Void(l.Sell(b.Chain.Phone(), 50))
	online := l.Ask(30)
	old.Paid(l, online)
	l.Authorise(online)
	l.CloseDay()
	old.SendAll(l, 0)
	old.JudgeAll()
	old.CloseDay(ingesttest.Today + 1) // the next after that which written cut
	old.WantNet(ledger.WalletReceivable, before+730)
	old.Balance()
	open, err := s.Exceptions(old.Ctx, ledger.ExceptionFilter{State: "open"}, 0, 10)
	old.Must(err)
	if len(open) == 0 {
		t.Fatal("no exceptions to resolve")
	}
	old.Must(s.Resolve(old.Ctx, []payment.ID{open[0].ID}, ledger.LossTaken, "who", "why"))
	r, err := s.Check(old.Ctx, time.Time{})
	old.Must(err)
	if len(r.Faults) != 0 || len(r.Days) == 0 {
		t.Errorf("%+v", r)
	}
	if got := column(t, db, "SELECT minor FROM coupon UNION ALL SELECT count(*) FROM payment WHERE loyalty = 'gold'"); strings.Join(got, " ") != "5 3" {
		t.Errorf("of what the later release wrote is left: %v", got)
	}
}

// TestSchemaBeyondThisRelease: what a later release says that nobody older may work with is left as it is, to
// the byte, and the refusal says what to do.
func TestSchemaBeyondThisRelease(t *testing.T) {
	_, path := written(t)
	db := raw(t, path)
	for _, text := range []string{`ALTER TABLE payment RENAME COLUMN state TO progress`, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)`,
		`PRAGMA user_version = 99`, `PRAGMA wal_checkpoint(TRUNCATE)`} {
		if _, err := db.Exec(text); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = ledger.Open(context.Background(), path, time.Now)
	if !errors.Is(err, ledger.ErrLater) || !strings.Contains(err.Error(), "schema 99") || !strings.Contains(err.Error(), path) {
		t.Errorf("opened with %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("the books were changed, %v", err)
	}
}
