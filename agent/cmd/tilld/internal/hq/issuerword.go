package hq

import (
	"context"
	"slices"

	"tilld/agent/policy"
	"tilld/sync/ledger"
	"tilld/sync/operator/issuer"
	"tilld/sync/wire"
)

// ObeyWord signs a policy that refuses whom a wallet's issuer names, and nobody else by its word: who it named before and
// does not any more may pay again. What a person put into the policy stays. It returns the version that was signed; 0:
// the policy says it already. While all spending is stopped the issuer's own keys are refused.
func (o *Office) ObeyWord(ctx context.Context, wallet string, w issuer.Word) (version uint64, err error) {
	doc, _, err := o.Policy(ctx)
	if err != nil {
		return 0, err
	}
	want, err := o.named(ctx, wallet, w)
	if err != nil {
		return 0, err
	}
	before, err := o.Books.Word(ctx, wallet)
	if err != nil {
		return 0, err
	}
	if version, err = o.Books.NextVersion(ctx, ledger.PolicyDocument); err != nil {
		return 0, err
	}
	inPolicy := func(n ledger.Named) bool { return slices.ContainsFunc(*listOf(&doc.Revoked, n.Kind), is(n)) }
	var begin, end []ledger.Named
	changed := false
	for _, n := range want {
		ours := slices.Contains(before, n)
		if !ours && inPolicy(n) { // a person's: it stays that
			continue
		}
		if !ours {
			begin = append(begin, n)
		}
		if !inPolicy(n) { // new, or a person took it out again, or HQ died over it
			list := listOf(&doc.Revoked, n.Kind)
			*list, changed = append(*list, policy.Hex(n.ID)), true
		}
	}
	for _, n := range before {
		if slices.Contains(want, n) {
			continue
		}
		end = append(end, n)
		if inPolicy(n) {
			list := listOf(&doc.Revoked, n.Kind)
			*list, changed = slices.DeleteFunc(*list, is(n)), true
		}
	}
	if len(begin) > 0 {
		if err := o.Books.SetWord(ctx, wallet, version, begin, nil); err != nil {
			return 0, err
		}
	}
	if changed {
		doc.Version, doc.Issued = version, policy.StampOf(o.now())
		doc.Revoked.Sort()
		if err := o.SignPolicy(ctx, doc); err != nil {
			return 0, err
		}
	} else {
		version = 0
	}
	if len(end) > 0 { // behind the policy that lets them off: before it they would stay in it for ever
		last, err := o.Books.Newest(ctx, ledger.PolicyDocument)
		if err != nil {
			return version, err
		}
		return version, o.Books.SetWord(ctx, wallet, last, nil, end)
	}
	return version, nil
}

// named is the word in the terms of the books, in order and each once.
func (o *Office) named(ctx context.Context, wallet string, w issuer.Word) (list []ledger.Named, err error) {
	for _, id := range w.Accounts {
		list = append(list, ledger.Named{Kind: ledger.WordAccount, ID: string(id)})
	}
	for _, id := range w.Phones {
		list = append(list, ledger.Named{Kind: ledger.WordPhone, ID: string(id)})
	}
	if !w.Spending {
		return list, nil
	}
	t, _, err := o.Trust(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range t.Rows {
		if r.Use != policy.UseIssuer || r.Wallet != wallet {
			continue
		}
		key, err := wire.ParsePublicKey(r.Key)
		if err != nil {
			return nil, err
		}
		kid := key.KID()
		list = append(list, ledger.Named{Kind: ledger.WordIssuer, ID: string(kid[:])})
	}
	return list, nil
}

func listOf(r *policy.Revoked, kind ledger.WordKind) *[]policy.Hex {
	switch kind {
	case ledger.WordPhone:
		return &r.Phones
	case ledger.WordIssuer:
		return &r.Issuers
	case ledger.WordAccount:
	}
	return &r.Accounts
}

func is(n ledger.Named) func(policy.Hex) bool {
	return func(h policy.Hex) bool { return string(h) == n.ID }
}
