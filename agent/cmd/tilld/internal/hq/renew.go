package hq

import (
	"bytes"
	"context"
	"time"

	"tilld/agent/policy"
	"tilld/sync/ledger"
)

// renewBefore is how long before the end of a key's time people are told of it.
const renewBefore = 90 * 24 * time.Hour

// Renew has HQ's own keys believed for another keyLife from now on, by a new trust bundle. An issuer's key is
// renewed by adding it again: that is another decision.
func (o *Office) Renew(ctx context.Context) (until time.Time, err error) {
	t, _, err := o.Trust(ctx)
	if err != nil {
		return until, err
	}
	next, err := o.nextTrust(ctx, t)
	if err != nil {
		return until, err
	}
	at := o.now()
	for _, own := range o.ownRows(at) {
		next.Rows = believe(next.Rows, own)
	}
	return at.Add(keyLife), o.signTrust(ctx, next)
}

// Expiring lists the keys that will not be believed for much longer, or are not any more.
func (o *Office) Expiring(ctx context.Context) ([]policy.TrustRow, error) {
	t, _, err := o.Trust(ctx)
	if err != nil {
		return nil, err
	}
	var list []policy.TrustRow
	for _, r := range t.Rows {
		if r.NotAfter.Time().Before(o.now().Add(renewBefore)) {
			list = append(list, r)
		}
	}
	return list, nil
}

// nextTrust is the bundle that follows another, with the same rows.
func (o *Office) nextTrust(ctx context.Context, t *policy.Trust) (*policy.Trust, error) {
	version, err := o.Books.NextVersion(ctx, ledger.TrustDocument)
	if err != nil {
		return nil, err
	}
	return &policy.Trust{
		Version: version, Chain: t.Chain, Issued: policy.StampOf(o.now()), Policy: t.Policy, Rows: append([]policy.TrustRow(nil), t.Rows...),
	}, nil
}

// believe adds a row, or makes the one with its use and key end as late. When it began stays.
func believe(rows []policy.TrustRow, r policy.TrustRow) []policy.TrustRow {
	for i := range rows {
		if rows[i].Use == r.Use && bytes.Equal(rows[i].Key, r.Key) {
			rows[i].NotAfter = max(rows[i].NotAfter, r.NotAfter)
			return rows
		}
	}
	return append(rows, r)
}
