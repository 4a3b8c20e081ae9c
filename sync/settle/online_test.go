package settle_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"tilld/sync/authorise"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/operator"
	"tilld/sync/settle"

	"tilld/sync/ledger/ledgertest"
)

// openOnline opens HQ with the online wallet's account to be settled, over an archive that may be another HQ's.
func openOnline(t *testing.T, dir, archive string, chain *ingesttest.Chain) *hq {
	t.Helper()
	h := openHQ(t, dir, chain)
	shared, err := settle.OpenArchive(archive)
	h.Must(err)
	h.settler.Archive, h.settler.Log = shared, slog.New(slog.DiscardHandler)
	account := settle.Account{Wallet: ingesttest.OnlineWallet, Currency: "JPY"}
	h.settler.Schedules = func(context.Context) ([]settle.Schedule, error) {
		return []settle.Schedule{{Account: account, Zone: time.FixedZone("JST", 9*60*60), After: 28 * time.Hour}}, nil
	}
	return h
}

// TestLedgerOnline: online payments are lines like others. One that waited for its operator is settled with the day in
// which that answered. Books that are put back to before every attempt take over the archive's word: nothing is settled
// twice, and nothing waits.
func TestLedgerOnline(t *testing.T) {
	chain := ingesttest.NewChain(t)
	dir := t.TempDir()
	h := openOnline(t, dir, filepath.Join(dir, "archive"), chain)
	l := h.Lane("s1", "1")
	known, unknown, back, never := l.Ask(1000), l.Ask(200), l.Ask(30), l.Ask(4)
	for _, a := range []ingesttest.Tried{known, back, never} {
		h.Paid(l, a)
	}
	known, unknown, back = l.Authorise(known), l.Authorise(unknown), l.Authorise(back)
	l.VoidOnline(back)
	l.GiveUp(never)
	l.CloseDay()
	h.take(l, 0)
	dayAfter(chain)
	h.want(h.closeDay(0), "2026-11-22 no. 1 day 3:1000")
	h.Happens(unknown.Ref, ledgertest.Says(operator.Paid))
	chain.Now = chain.Now.AddDate(0, 0, 1)
	h.want(h.closeDay(1), "2026-11-23 no. 1 day 1:200")
	h.agree(0, 1200)

	put := openOnline(t, t.TempDir(), filepath.Join(dir, "archive"), chain)
	put.Enrol(l)
	_, err := put.Restored(put.Ctx)
	put.Must(err)
	chain.Now = chain.Now.AddDate(0, 0, 1)
	put.closeDay(2) // takes the archive over
	put.take(l, 0)
	put.WantState(known.Sold, ledger.Posted)
	put.WantState(unknown.Sold, ledger.Posted)
	put.WantState(back.Sold, ledger.Voided)
	put.WantAttempt(known.Ref, authorise.Completed)
	put.WantAttempt(unknown.Ref, authorise.Completed)
	put.WantAttempt(back.Ref, authorise.Reversing)
	put.WantAttempt(never.Ref, authorise.Reversing) // which HQ had known, and asks about
	if open := put.OpenExceptions(); len(open) != 0 {
		t.Errorf("exceptions %+v", open)
	}
	chain.Now = chain.Now.AddDate(0, 0, 1)
	put.want(put.closeDay(3), "2026-11-25 no. 1 day 0:0")
	put.agree(0, 1200)
	if r := put.Balance(); r.Awaited != 0 || len(r.Unclaimed) != 0 {
		t.Errorf("awaited %d, unclaimed %+v", r.Awaited, r.Unclaimed)
	}
}
