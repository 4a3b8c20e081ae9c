package ingest

import (
	"bytes"
	"testing"

	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
)

// TestMemberByThePolicy: points are counted by the policy that the entry names; what is of no programme of it, or makes no
// sense, earns nothing and holds nothing up.
func TestMemberByThePolicy(t *testing.T) {
	card := ingesttest.Member{Programme: "nanaco", Text: "7600123456789012", Hash: bytes.Repeat([]byte{7}, 16), Eligible: 1_000}
	for _, tt := range []struct {
		name     string
		features []string
		change   func(*ingesttest.Member)
		policy   uint64
		want     int64
	}{
		{"earns", []string{policy.Points}, nil, 0, 5},
		{"switched off", nil, nil, 0, 0},
		{"another programme", []string{policy.Points}, func(m *ingesttest.Member) { m.Programme = "vpoint" }, 0, 0},
		{"below a point", []string{policy.Points}, func(m *ingesttest.Member) { m.Eligible = 199 }, 0, 0},
		{"nothing", []string{policy.Points}, func(m *ingesttest.Member) { m.Eligible = 0 }, 0, 0},
		{"less than nothing", []string{policy.Points}, func(m *ingesttest.Member) { m.Eligible = -5 }, 0, 0},
		{"more than money", []string{policy.Points}, func(m *ingesttest.Member) { m.Eligible = payment.MaxMinor + 1 }, 0, 0},
		{"a hash that is none", []string{policy.Points}, func(m *ingesttest.Member) { m.Hash = []byte{1} }, 0, 0},
		{"a policy that HQ never signed", []string{policy.Points}, nil, 99, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := ingesttest.NewChain(t)
			c.Doc.Features, c.Doc.Programmes = tt.features, []policy.Programme{{Name: "nanaco", Points: 1, Per: 200}}
			b := benchAt(t, c, t.TempDir()+"/hq.db")
			l, m, sale := b.Lane("s1", "1"), card, c.ID()
			if tt.change != nil {
				tt.change(&m)
			}
			own := l.Policy
			if tt.policy != 0 {
				l.Policy = tt.policy
			}
			l.Attach(m, sale, payment.ID{})
			l.Policy = own
			sold := l.SellWith(c.Phone(), 700, ingesttest.Change{Sale: sale})
			b.SendAll(l, 0)
			b.post()
			if got, err := b.PointsOf(b.Ctx, m.Programme, m.Hash); err != nil || got != tt.want {
				t.Errorf("%d points, want %d; %v", got, tt.want, err)
			}
			b.WantState(sold, ledger.Posted)
			if open := b.OpenExceptions(); len(open) != 0 {
				t.Errorf("exceptions %+v", open)
			}
			b.Balance()
		})
	}
}

// TestMemberOfPractice: practice earns nothing.
func TestMemberOfPractice(t *testing.T) {
	c := ingesttest.NewChain(t)
	c.Doc.Features, c.Doc.Programmes = []string{policy.Points, policy.Training}, []policy.Programme{{Name: "nanaco", Points: 1, Per: 200}}
	b := benchAt(t, c, t.TempDir()+"/hq.db")
	l, sale := b.Lane("s1", "1"), c.ID()
	hash := bytes.Repeat([]byte{7}, 16)
	l.Add(&payment.Member{Programme: "nanaco", Number: hash, HashKey: 1, Eligible: 1_000, Currency: "JPY"}, ingesttest.Extra{Sale: &sale, Training: true})
	l.SellWith(c.Phone(), 1_000, ingesttest.Change{Sale: sale})
	b.SendAll(l, 0)
	b.post()
	if got, err := b.PointsOf(b.Ctx, "nanaco", hash); err != nil || got != 0 {
		t.Errorf("%d points, %v", got, err)
	}
}
