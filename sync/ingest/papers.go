package ingest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// papers reads the archive of policies and trust bundles. What was signed once never changes; which is the
// newest is asked again after a moment, for other processes sign them.
type papers struct {
	ledger Ledger
	root   wire.PublicKey
	now    func() time.Time

	mu       sync.Mutex
	at       time.Time // when the newest were asked for
	latest   newestPapers
	trusts   []*policy.Trust // the newest first
	read     uint64          // the newest version in trusts
	policies map[uint64]*policy.Document
}

// newestPapers are the documents that every lane should have.
type newestPapers struct {
	policy, trust       uint64 // versions
	rawPolicy, rawTrust []byte
}

// above reports whether a lane's beat names an older document. A lane that names no trust bundle doesn't say
// which it holds: it gets one with the next policy.
func (p newestPapers) above(b *wire.Beat) bool {
	return b.Policy < p.policy || b.Trust != 0 && b.Trust < p.trust
}

const (
	papersFor   = time.Second
	maxPolicies = 256 // kept in memory; beyond it the cache begins anew
)

// atLarge is how long a trust bundle or a policy may be with a lane after HQ has signed the next: the longest that a
// policy lets a lane go without HQ.
const atLarge = 72 * time.Hour

func newPapers(l Ledger, root wire.PublicKey, now func() time.Time) *papers {
	return &papers{ledger: l, root: root, now: now, policies: map[uint64]*policy.Document{}}
}

// newest are the documents that lanes should have now; versions are 0 where there is none.
func (p *papers) newest(ctx context.Context) (newestPapers, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	err := p.refresh(ctx)
	return p.latest, err
}

// refresh asks for the newest versions and reads what changed. The caller holds mu.
func (p *papers) refresh(ctx context.Context) error {
	now := p.now()
	if age := now.Sub(p.at); !p.at.IsZero() && age >= 0 && age < papersFor {
		return nil
	}
	for _, d := range []struct {
		kind    ledger.DocumentKind
		version *uint64
		raw     *[]byte
	}{{ledger.TrustDocument, &p.latest.trust, &p.latest.rawTrust}, {ledger.PolicyDocument, &p.latest.policy, &p.latest.rawPolicy}} {
		v, err := p.ledger.Newest(ctx, d.kind)
		if err != nil {
			return err
		}
		if v == *d.version {
			continue
		}
		doc, err := p.ledger.Document(ctx, d.kind, v)
		if err != nil {
			return err
		}
		*d.version, *d.raw = v, doc.Sealed
	}
	p.at = now
	return nil
}

// refreshTrusts is refresh, and opens the bundles when there is a new one. The caller holds mu.
func (p *papers) refreshTrusts(ctx context.Context) error {
	if err := p.refresh(ctx); err != nil || p.read == p.latest.trust {
		return err
	}
	return p.readTrusts(ctx)
}

func (p *papers) readTrusts(ctx context.Context) error {
	docs, err := p.ledger.Documents(ctx, ledger.TrustDocument)
	if err != nil {
		return err
	}
	var trusts []*policy.Trust
	for _, d := range docs {
		t, err := policy.OpenTrust(d.Sealed, p.root)
		if err != nil {
			return fmt.Errorf("trust bundle %d in the archive: %w", d.Version, err)
		}
		trusts = append(trusts, t)
	}
	p.trusts, p.read = trusts, p.latest.trust
	return nil
}

// policy is the policy of a version; nil when HQ never signed one.
func (p *papers) policy(ctx context.Context, version uint64) (*policy.Document, error) {
	if version == 0 {
		return nil, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if d := p.policies[version]; d != nil {
		return d, nil
	}
	if err := p.refreshTrusts(ctx); err != nil {
		return nil, err
	}
	doc, err := p.ledger.Document(ctx, ledger.PolicyDocument, version)
	if payment.CodeOf(err) == payment.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	d, err := p.open(doc)
	if err != nil {
		return nil, err
	}
	if len(p.policies) >= maxPolicies {
		clear(p.policies)
	}
	p.policies[version] = d
	return d, nil
}

// overdue is the newest policy behind a version that no lane could lawfully still lack at a moment; nil when there is
// none. What it revokes is revoked whatever policy an entry names: that is the lane's word.
func (p *papers) overdue(ctx context.Context, version uint64, at time.Time) (*policy.Document, error) {
	newest, err := p.newest(ctx)
	if err != nil || version >= newest.policy {
		return nil, err
	}
	due, err := p.ledger.NewestBefore(ctx, ledger.PolicyDocument, at.Add(-atLarge))
	if err != nil || due <= version {
		return nil, err
	}
	return p.policy(ctx, due)
}

// open reads an archived policy. Any bundle that ever was may vouch for it: it was in force once.
func (p *papers) open(doc ledger.Document) (*policy.Document, error) {
	d, err := policy.OpenPolicy(doc.Sealed, func(id wire.KID) []wire.PublicKey {
		for _, t := range p.trusts {
			if keys := t.Keys(policy.UsePolicy, time.Time{})(id); len(keys) > 0 {
				return keys
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("policy %d in the archive: %w", doc.Version, err)
	}
	return d, nil
}

// issuer finds the keys that an issuer's identifier could lawfully mean for a lane at a moment, and the wallet
// that it certifies: by a bundle that was not replaced by then, or not long enough for every lane to know.
func (p *papers) issuer(ctx context.Context, id wire.KID, at time.Time) (keys []wire.PublicKey, wallet string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.refreshTrusts(ctx); err != nil {
		return nil, "", err
	}
	for i, t := range p.trusts {
		if i > 0 && at.After(p.trusts[i-1].Issued.Time().Add(atLarge)) {
			break
		}
		if keys := t.Keys(policy.UseIssuer, at)(id); len(keys) > 0 {
			return keys, t.Wallet(id), nil
		}
	}
	return nil, "", nil
}
