package ingest

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
)

// TestPracticeWithoutLeaveIsTold: a lane that practises though its policy does not let it is counted and named, once for
// each entry and now and then in the log. Nothing else becomes of it: no exception, no money, and nothing waits.
func TestPracticeWithoutLeaveIsTold(t *testing.T) {
	for _, tt := range []struct {
		name     string
		features []string
		policy   uint64 // that the lane names; 0: HQ's
		told     uint64
	}{
		{"switched on", []string{policy.Training}, 0, 0},
		{"switched off", nil, 0, 4},
		{"a policy that HQ never signed", []string{policy.Training}, 99, 4},
		{"a version out of range", []string{policy.Training}, 1<<62 + 1, 4},
	} {
		c := ingesttest.NewChain(t)
		c.Doc.Features = tt.features
		b := benchAt(t, c, t.TempDir()+"/hq.db")
		var log bytes.Buffer
		b.g.log.log = slog.New(slog.NewTextHandler(&log, nil))
		l, p := b.Lane("s1", "1"), c.Phone()
		real := l.Sell(p, 700)
		own := l.Policy
		if tt.policy != 0 {
			l.Policy = tt.policy
		}
		for range 2 {
			sale := c.ID()
			l.Add(&payment.SaleOpened{Total: payment.Of(300, "JPY"), Due: payment.Of(300, "JPY")}, ingesttest.Extra{Sale: &sale, Training: true})
			l.SellWith(p, 300, ingesttest.Change{Training: true})
			l.Add(&payment.SaleCompleted{}, ingesttest.Extra{Sale: &sale, Training: true})
		}
		l.Policy = own
		l.CloseDay()
		b.settleUp(l)
		b.post()
		if got := b.g.Stats(); got.Practice != tt.told || got.Exceptions != 0 || len(b.OpenExceptions()) != 0 {
			t.Errorf("%s: %d entries are told, want %d; %d exceptions", tt.name, got.Practice, tt.told, got.Exceptions)
		}
		lines := strings.Count(log.String(), "practises without")
		if want := min(tt.told, 1); uint64(lines) != want || (want > 0 && !strings.Contains(log.String(), l.ID.String())) {
			t.Errorf("%s: %d lines in the log, want %d:\n%s", tt.name, lines, want, log.String())
		}
		b.WantState(real, ledger.Posted)
		b.WantNet(ledger.WalletReceivable, 700)
		b.Balance()
	}
}
