package house

import (
	"context"
	"errors"
	"fmt"

	"tilld/agent/policy"
	"tilld/sync/house/rule"
)

// Papers takes the trust bundle and the policy that HQ signed last: they say which keys of HQ vouch for tills, and which
// terminals are revoked. Either may be empty. Versions never go back, and nothing that the chain's root does not stand
// behind is kept; an issuer without Config.Root takes none.
func (i *Issuer) Papers(ctx context.Context, trust, doc []byte) error {
	return i.do(ctx, func(t *tx) error {
		if i.c.Root.IsZero() {
			return rule.BadOffer
		}
		next := i.bundle
		var err error
		for _, raw := range [][]byte{trust, doc} {
			if len(raw) == 0 {
				continue
			}
			if next, err = next.Accept(raw, t.now); errors.Is(err, policy.ErrOlder) {
				next = i.bundle
				continue
			}
			if err != nil {
				return rule.BadOffer
			}
		}
		if next == i.bundle {
			return nil
		}
		newTrust, newDoc := next.Raw()
		for kind, raw := range map[string][]byte{"trust": newTrust, "policy": newDoc} {
			if len(raw) == 0 {
				continue
			}
			if err := t.exec(1, "INSERT INTO paper (kind, raw) VALUES (?, ?) ON CONFLICT DO UPDATE SET raw = excluded.raw", kind, raw); err != nil {
				return err
			}
		}
		i.bundle = next
		return nil
	})
}

// PaperVersions are the versions of the trust bundle and of the policy that are held; 0: none.
func (i *Issuer) PaperVersions() (trust, doc uint64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.bundle == nil {
		return 0, 0
	}
	if t := i.bundle.Trust(); t != nil {
		trust = t.Version
	}
	return trust, i.bundle.PolicyVersion()
}

// loadPapers reads what Papers has kept.
func (i *Issuer) loadPapers(ctx context.Context) error {
	if i.c.Root.IsZero() {
		return nil
	}
	raw := map[string][]byte{}
	err := i.do(ctx, func(t *tx) error {
		for _, kind := range []string{"trust", "policy"} {
			var b []byte
			if _, err := t.get("SELECT raw FROM paper WHERE kind = ?", []any{kind}, &b); err != nil {
				return err
			}
			raw[kind] = b
		}
		return nil
	})
	if err == nil {
		i.bundle, err = policy.Load(i.c.Root, i.c.Chain, raw["trust"], raw["policy"])
	}
	if err != nil {
		return fmt.Errorf("what HQ signed: %w", err)
	}
	return nil
}
