package sim

import (
	"slices"

	"tilld/agent/policy"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
)

// papers are what HQ's people have signed. The newest of each kind is what the chain says now, and lies on their
// desks too, whatever becomes of HQ's books.
type papers struct {
	w                   *World
	rawTrust, rawPolicy []byte
	policies            map[uint64]*policy.Document
	revoked             []*till // whose terminals are
}

func (w *World) foundPapers() {
	c := w.chain
	w.papers = papers{w: w, rawTrust: c.SignedTrust(), rawPolicy: c.SignedPolicy(), policies: map[uint64]*policy.Document{c.Doc.Version: c.Doc}}
}

// file sees to it that HQ's books hold what the chain says now. Books that were put back may have lost it: then it
// is signed again, under the versions that they give, and terminals are revoked again.
func (p *papers) file(books *ledger.Store) {
	w, c := p.w, p.w.chain
	held, err := books.Newest(w.ctx, ledger.PolicyDocument)
	w.must(err)
	if held == 0 {
		w.must(books.AddDocument(w.ctx, ledger.Document{Kind: ledger.TrustDocument, Version: c.Trust.Version, Sealed: p.rawTrust}))
		w.must(books.AddDocument(w.ctx, ledger.Document{Kind: ledger.PolicyDocument, Version: c.Doc.Version, Sealed: p.rawPolicy}))
		return
	}
	if trust, err := books.Newest(w.ctx, ledger.TrustDocument); err != nil || trust != c.Trust.Version {
		w.must(err)
		p.newTrust(books, func(*policy.Trust) {})
	}
	if held != c.Doc.Version {
		p.newPolicy(books, func(*policy.Document) {})
	}
	for _, t := range p.revoked {
		w.must(books.RevokeTerminal(w.ctx, t.id, "Tanaka", "stolen"))
	}
}

func (p *papers) newPolicy(books *ledger.Store, edit func(*policy.Document)) {
	w, c := p.w, p.w.chain
	next := *c.Doc
	next.Issued = policy.StampOf(c.Now)
	r := &next.Revoked
	r.Accounts, r.Phones, r.Issuers = slices.Clone(r.Accounts), slices.Clone(r.Phones), slices.Clone(r.Issuers)
	edit(&next)
	var err error
	next.Version, err = books.NextVersion(w.ctx, ledger.PolicyDocument)
	w.must(err)
	c.Doc = &next
	p.rawPolicy, p.policies[next.Version] = c.SignedPolicy(), c.Doc
	w.must(books.AddDocument(w.ctx, ledger.Document{Kind: ledger.PolicyDocument, Version: next.Version, Sealed: p.rawPolicy}))
	w.trace("policy %d is signed", next.Version)
}

func (p *papers) newTrust(books *ledger.Store, edit func(*policy.Trust)) {
	w, c := p.w, p.w.chain
	next := &policy.Trust{Chain: c.Trust.Chain, Issued: c.Trust.Issued, Policy: c.Trust.Policy, Rows: slices.Clone(c.Trust.Rows)}
	edit(next)
	var err error
	next.Version, err = books.NextVersion(w.ctx, ledger.TrustDocument)
	w.must(err)
	c.Trust = next
	p.rawTrust = c.SignedTrust()
	w.must(books.AddDocument(w.ctx, ledger.Document{Kind: ledger.TrustDocument, Version: next.Version, Sealed: p.rawTrust}))
	w.trace("trust bundle %d is signed", next.Version)
}

// paperwork is what people at HQ sign.
func (o *office) paperwork(i Incident) {
	w := o.w
	o.administer(func(books *ledger.Store) error {
		switch i.Kind {
		case NewPolicy:
			w.papers.newPolicy(books, func(d *policy.Document) {
				d.Caps.Payment = 3_000 + int64(i.Arg)*3
				d.Default.Sum = w.plan.Share/2 + w.plan.Share*int64(i.Arg)/1_000
				d.Default.Count = 1 + w.plan.ShareCount/2 + uint64(i.Arg)%w.plan.ShareCount
				d.Default.Cap = int64(d.Default.Lanes) * d.Default.Sum
			})
		case PhoneRevoked, AccountRevoked:
			w.papers.revokePhone(books, i)
		case IssuerRevoked:
			w.papers.changeIssuer(books)
		}
		return nil
	})
}

// revokePhone revokes a customer's phone, or his account. Whoever has the phone goes on trying; the customer comes
// with another one.
func (p *papers) revokePhone(books *ledger.Store, i Incident) {
	w := p.w
	lost := w.phones[i.Arg%len(w.phones)]
	p.newPolicy(books, func(d *policy.Document) {
		if kid := lost.Key.Public().KID(); i.Kind == PhoneRevoked {
			d.Revoked.Phones = append(d.Revoked.Phones, kid[:])
		} else {
			d.Revoked.Accounts = append(d.Revoked.Accounts, lost.Account[:])
		}
		d.Revoked.Phones, d.Revoked.Accounts = policySet(d.Revoked.Phones), policySet(d.Revoked.Accounts)
	})
	w.addPhone()
}

// policySet is a list in order and without repetitions.
func policySet(list []policy.Hex) []policy.Hex {
	slices.SortFunc(list, func(a, b policy.Hex) int { return slices.Compare(a, b) })
	return slices.CompactFunc(list, func(a, b policy.Hex) bool { return slices.Equal(a, b) })
}

// changeIssuer revokes the wallet's issuer and believes another one, which certifies as many phones.
func (p *papers) changeIssuer(books *ledger.Store) {
	w, c := p.w, p.w.chain
	old := c.Issuer.Public().KID()
	c.Issuer = ingesttest.P256(w.t)
	p.newTrust(books, func(t *policy.Trust) {
		row := t.Rows[slices.IndexFunc(t.Rows, func(r policy.TrustRow) bool { return r.Use == policy.UseIssuer })]
		row.Key = c.Issuer.Public().Bytes()
		t.Rows = append(t.Rows, row)
	})
	p.newPolicy(books, func(d *policy.Document) { d.Revoked.Issuers = policySet(append(d.Revoked.Issuers, old[:])) })
	for range w.plan.Phones {
		w.addPhone()
	}
}

// revokeTerminal ends a terminal. The machine stays, and another terminal takes its place.
func (t *till) revokeTerminal() {
	w := t.w
	if w.truth.revoked[t.id] {
		return
	}
	w.truth.revoked[t.id] = true
	w.papers.revoked = append(w.papers.revoked, t)
	w.office.administer(func(books *ledger.Store) error { return books.RevokeTerminal(w.ctx, t.id, "Tanaka", "stolen") })
	w.trace("lane %s is revoked", t.name)
	t.replace()
}
