package ingest

import (
	"testing"

	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
)

// TestFiguresByThePolicy: what becomes of basket lines is for the policy to say that the entry names, and lines that did
// not come, or that are not the ones which were signed, hold nothing up.
func TestFiguresByThePolicy(t *testing.T) {
	lines := []payment.Article{{Line: payment.Line{Text: "milk", Count: 1, Amount: 700, Rate: 800}, SKU: "1"}}
	for _, tt := range []struct {
		name     string
		features []string
		spoil    func(body []byte) []byte // of the sale's opening
		policy   uint64                   // that the lane names; 0: HQ's
		figures  int
		account  bool
	}{
		{"switched off", []string{policy.SalesAccounts}, nil, 0, 0, false},
		{"switched on", []string{policy.Sales}, nil, 0, 1, false},
		{"with accounts", []string{policy.Sales, policy.SalesAccounts}, nil, 0, 1, true},
		{"a policy that HQ never signed", []string{policy.Sales}, nil, 99, 0, false},
		{"erased at the lane", []string{policy.Sales}, func([]byte) []byte { return nil }, 0, 0, false},
		{"another body", []string{policy.Sales}, func(b []byte) []byte { return append(b, 0) }, 0, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := ingesttest.NewChain(t)
			c.Doc.Features = tt.features
			b := benchAt(t, c, t.TempDir()+"/hq.db")
			l, p := b.Lane("s1", "1"), c.Phone()
			if tt.policy != 0 {
				l.Policy = tt.policy
			}
			l.SellBasket(p, 700, lines...)
			batch := l.Batch(1, l.Last())
			if tt.spoil != nil {
				batch.Bodies[2] = tt.spoil(batch.Bodies[2])
			}
			b.Store(batch)
			b.post()
			list, err := b.Ledger.Figures(b.Ctx, ledger.FigureFilter{BusinessDate: ingesttest.Today}, 0, 10)
			if err != nil || len(list) != tt.figures {
				t.Fatalf("%d figures, want %d; %v", len(list), tt.figures, err)
			}
			if len(list) > 0 && (len(list[0].Account) > 0) != tt.account {
				t.Errorf("the account is %x", list[0].Account)
			}
			if open := len(b.OpenExceptions()); (open > 0) != (tt.policy != 0) {
				t.Errorf("%d exceptions", open)
			}
			b.Balance()
		})
	}
}
