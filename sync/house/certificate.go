package house

import (
	"context"
	"net/netip"
	"time"

	"tilld/agent/paycode/signed"
	"tilld/sync/house/rule"
)

// Certificate gives a signed-in phone the certificate that its codes need, and by which lanes take them offline. Its cap
// is set aside out of the balance until every payment under it must have come in. While the phone's last one is under half its life and
// has something left, that one is given again.
func (i *Issuer) Certificate(ctx context.Context, from netip.Addr, session Secret, p Proof) (cert []byte, err error) {
	err = i.do(ctx, func(t *tx) error {
		acc, err := t.signedBy(session, from, p, ForCertificate)
		if err != nil {
			return err
		}
		if err := t.mayGetCertificate(acc); err != nil {
			return err
		}
		purse, err := t.purse(acc)
		if err != nil {
			return err
		}
		limit, r := purse.Earmark(t.l)
		if cert, err = t.current(acc, limit); err != nil || cert != nil {
			return err
		}
		if r == rule.NoFunds && t.i.c.Cash {
			cert, err = t.forCash(acc)
			return err
		}
		if r != rule.None {
			return r
		}
		cert, err = t.certify(acc, limit, rule.Begins(acc.coolingUntil, t.now), false)
		return err
	})
	return cert, err
}

func (t *tx) mayGetCertificate(acc *account) error {
	if err := t.open(true, false); err != nil {
		return err
	}
	if !acc.confirmed {
		return rule.Unconfirmed
	}
	return t.may(acc, rule.Money)
}

// current is the phone's last certificate if it is still as good as one with the cap fresh.
func (t *tx) current(acc *account, fresh int64) ([]byte, error) {
	var cert []byte
	var from, until int64
	var c rule.Held
	found, err := t.get("SELECT bytes, not_before, expires_at, cap, left FROM certificate WHERE account = ? AND phone = ? AND released = 0 ORDER BY no DESC LIMIT 1",
		[]any{acc.no, acc.phone}, &cert, &from, &until, &c.Cap, &c.Left)
	c.Begins, c.Expires = fromMS(from), fromMS(until)
	if err != nil || !found || rule.Renew(c, fresh, rule.Cooling(acc.coolingUntil, t.now), t.now) {
		return nil, err
	}
	return cert, nil
}

// forCash is a certificate for an account without money, so that a code can be shown to be topped up by. It sets nothing
// aside, for there is nothing; so lanes may not take it offline for as long as a certificate lives, by when it was
// renewed, and then for the least amount. The same one is given again.
func (t *tx) forCash(acc *account) (cert []byte, err error) {
	found, err := t.get("SELECT bytes FROM certificate WHERE account = ? AND phone = ? AND released = 1 AND left = cap AND not_before > ? ORDER BY no DESC LIMIT 1",
		[]any{acc.no, acc.phone, t.ms()}, &cert)
	if err != nil || found {
		return cert, err
	}
	begins := t.now.Add(time.Duration(t.l.CertHours) * time.Hour)
	if cooling := rule.Begins(acc.coolingUntil, t.now); cooling.After(begins) {
		begins = cooling
	}
	return t.certify(acc, rule.LeastCap, begins, true)
}

// certify signs a certificate and sets its cap aside, in one transaction: a certificate that nobody got is covered
// too, and one that is not covered was never made, but for forCash's.
func (t *tx) certify(acc *account, limit int64, begins time.Time, released bool) ([]byte, error) {
	claims := signed.Claims{
		Account: acc.pseudonym, Phone: acc.key, Cap: t.money(limit),
		NotBefore: begins.Truncate(time.Second), Hours: t.l.CertHours,
	}
	cert, err := signed.Certify(t.i.c.Signer, claims)
	if err != nil {
		return nil, err
	}
	parsed, err := signed.ParseCertificate(cert)
	if err != nil {
		return nil, err
	}
	id := parsed.ID()
	same, err := t.number("SELECT count(*) FROM certificate WHERE id = ?", id[:])
	if err != nil || same > 0 { // within one second a second one would be the same one, with two earmarks
		return nil, orRefuse(err, rule.TooMany)
	}
	return cert, t.exec(1, `INSERT INTO certificate (id, account, phone, cap, left, not_before, expires_at, release_at, released, bytes)
		VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7, ?8, ?9)`, id[:], acc.no, acc.phone, limit, parsed.NotBefore.UnixMilli(),
		parsed.Expiry().UnixMilli(), t.l.Release(parsed.Expiry()).UnixMilli(), released, cert)
}
