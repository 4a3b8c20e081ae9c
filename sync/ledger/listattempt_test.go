package ledger_test

import (
	"path/filepath"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/authorise"
	"tilld/sync/authorise/authorisetest"
)

// TestAttemptsInTrouble: people see what they have to look at, and what was decided about it and by whom.
func TestAttemptsInTrouble(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hq.db")
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	books := openAt(t, path, func() time.Time { return now }).Attempts()
	ctx := t.Context()
	begin := func(n byte, change func(*authorise.Attempt)) authorise.Attempt {
		t.Helper()
		a := authorisetest.Attempt(authorisetest.ID(n), 0)
		a.Trouble = authorise.NoTrouble
		change(&a)
		if err := books.Begin(ctx, &a); err != nil {
			t.Fatal(err)
		}
		return a
	}
	begin(1, func(a *authorise.Attempt) {
		a.State, a.Call, a.Due = authorise.Declined, authorise.Nothing, time.Time{}
	})
	begin(2, func(a *authorise.Attempt) { a.State, a.Call, a.Due = authorise.Doubtful, authorise.Query, now })
	silent := begin(3, func(a *authorise.Attempt) {
		a.State, a.Call, a.Due, a.Trouble = authorise.Paid, authorise.Nothing, time.Time{}, authorise.LaneSilent
	})
	late := begin(4, func(a *authorise.Attempt) {
		a.State, a.Call, a.Due, a.Trouble = authorise.Reversing, authorise.Query, now, authorise.Overdue
	})
	begin(5, func(a *authorise.Attempt) {
		a.State, a.Call, a.Due, a.Trouble = authorise.Closed, authorise.Nothing, time.Time{}, authorise.Contradicts
	})
	begin(6, func(a *authorise.Attempt) { a.State, a.Call, a.Due = authorise.Closed, authorise.Query, now })

	open, err := books.Open(ctx)
	w := silent.Wallet
	if err != nil || len(open) != 3 || open[authorise.Count{Wallet: w, State: authorise.Doubtful}] != 1 ||
		open[authorise.Count{Wallet: w, State: authorise.Paid}] != 1 || open[authorise.Count{Wallet: w, State: authorise.Reversing}] != 1 {
		t.Errorf("open: %v, %v", open, err)
	}
	counts, err := books.Troubles(ctx)
	if err != nil || len(counts) != 3 || counts[authorise.LaneSilent] != 1 || counts[authorise.Overdue] != 1 || counts[authorise.Contradicts] != 1 {
		t.Errorf("troubles: %v, %v", counts, err)
	}
	list, err := books.Troubled(ctx, authorise.NoTrouble, 2)
	if err != nil || len(list) != 2 || list[0].State != authorise.Closed || list[1] != late {
		t.Errorf("the last two: %+v, %v", list, err)
	}
	if list, err = books.Troubled(ctx, authorise.LaneSilent, 5); err != nil || len(list) != 1 || list[0] != silent {
		t.Errorf("lanes silent: %+v, %v", list, err)
	}

	if err := books.Decided(ctx, silent.Ref, "complete", "Aoki", "the manager has the goods' receipt"); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Minute)
	if err := books.Decided(ctx, late.Ref, "cleared", "Baba", "credited by hand"); err != nil {
		t.Fatal(err)
	}
	decisions, err := books.Decisions(ctx, 10)
	if err != nil || len(decisions) != 2 || decisions[0].By != "Baba" || !decisions[0].At.Equal(now) || decisions[1].Ref != silent.Ref ||
		decisions[1].What != "complete" || decisions[1].State != authorise.Paid || decisions[1].Trouble != authorise.LaneSilent ||
		decisions[1].Amount != silent.Amount || decisions[1].Payment != silent.Payment || decisions[1].Store != silent.Store {
		t.Errorf("%+v, %v", decisions, err)
	}
	for what, err := range map[string]error{
		"nobody": books.Decided(ctx, silent.Ref, "complete", "", "why"), "no reason": books.Decided(ctx, silent.Ref, "complete", "Aoki", ""),
	} {
		if payment.CodeOf(err) != payment.Invalid {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := books.Decided(ctx, "none", "complete", "Aoki", "why"); payment.CodeOf(err) != payment.NotFound {
		t.Errorf("of no attempt: %v", err)
	}
	if err := books.Decided(ctx, silent.Ref, "forget", "Aoki", "why"); err == nil {
		t.Error("a decision that is none is kept")
	}
	db := raw(t, path)
	for _, stmt := range []string{"DELETE FROM attempt_decision", "UPDATE attempt_decision SET why = 'x'"} {
		if _, err := db.Exec(stmt); err == nil {
			t.Errorf("done: %s", stmt)
		}
	}
}

// TestAttemptTerminal is who asks, as the books have it now.
func TestAttemptTerminal(t *testing.T) {
	books := openAt(t, filepath.Join(t.TempDir(), "hq.db"), time.Now)
	if _, _, err := books.Attempts().Terminal(t.Context(), authorisetest.ID(1)); payment.CodeOf(err) != payment.NotFound {
		t.Errorf("%v", err)
	}
}
