package house

import (
	"context"
	"errors"
	"fmt"
)

// Audit is the issuer's money in one view, in minor units.
type Audit struct {
	ToppedUp int64 // came in
	Spent    int64 // went to shops out of balances, less what was given back
	Balances int64 // is owed to customers
	Held     int64 // of it: earmarked
	Lost     int64 // was paid to shops and by no customer
}

// ErrAudit reports books that do not add up. Nothing of the issuer's own can do that: the file was changed by others.
var ErrAudit = errors.New("the issuer's books do not add up")

// Audit adds everything up from the single movements and compares: each running balance, each cause, each earmark.
func (i *Issuer) Audit(ctx context.Context) (a Audit, err error) {
	err = i.do(ctx, func(t *tx) error {
		for _, sum := range []struct {
			into  *int64
			query string
		}{
			{&a.ToppedUp, "SELECT coalesce(sum(amount), 0) FROM movement WHERE cause IN ('topup', 'cash', 'cash_back')"},
			{&a.Spent, "SELECT coalesce(-sum(amount), 0) FROM movement WHERE cause NOT IN ('topup', 'cash', 'cash_back')"},
			{&a.Balances, "SELECT coalesce(sum(balance), 0) FROM movement m WHERE no = (SELECT max(no) FROM movement WHERE account = m.account)"},
			{&a.Held, "SELECT coalesce(sum(left), 0) FROM certificate WHERE released = 0"},
			{&a.Lost, `SELECT (SELECT coalesce(sum(lost), 0) FROM offline WHERE payment NOT IN (SELECT payment FROM withdrawn))
				+ (SELECT coalesce(sum(late_lost), 0) FROM approval)`},
		} {
			if *sum.into, err = t.number(sum.query); err != nil {
				return err
			}
		}
		for _, wrong := range audits {
			n, err := t.number(wrong.query)
			if err != nil {
				return err
			}
			if n != 0 {
				return fmt.Errorf("%w: %d %s", ErrAudit, n, wrong.what)
			}
		}
		return nil
	})
	return a, err
}

// audits count what is wrong.
var audits = []struct{ what, query string }{
	{"balances are not the sum of their movements", `SELECT count(*) FROM (SELECT sum(amount) OVER (PARTITION BY account ORDER BY no) AS s, balance FROM movement) WHERE s <> balance`},
	{"accounts hold less than is earmarked of them", `SELECT count(*) FROM (SELECT account, sum(left) AS held FROM certificate WHERE released = 0 GROUP BY account) h
		WHERE held > coalesce((SELECT sum(amount) FROM movement WHERE account = h.account), 0)`},
	{"top-ups and their movements differ", `SELECT count(*) FROM topup u FULL JOIN (SELECT * FROM movement WHERE cause = 'topup') m ON m.ref = u.ref
		WHERE (u.state = 'credited' OR m.no IS NOT NULL) AND (u.state, u.account, u.amount) IS NOT ('credited', m.account, m.amount)`},
	{"charges and their movements differ", `SELECT count(*) FROM charge c WHERE
		(CASE WHEN state = 'declined' OR account IS NULL THEN 0 ELSE given - amount END) <>
		(SELECT coalesce(sum(amount), 0) FROM movement WHERE (cause IN ('charge', 'reversal') AND ref = c.ref)
			OR (cause = 'refund' AND ref IN (SELECT ref FROM refund WHERE charge = c.no)))`},
	{"offline payments and their certificates differ", `SELECT count(*) FROM certificate c WHERE
		cap - left <> (SELECT coalesce(sum(earmark), 0) FROM offline WHERE certificate = c.no)`},
	{"offline payments and their movements differ", `SELECT (SELECT coalesce(sum(earmark + free), 0) FROM offline) + (SELECT coalesce(sum(late_free), 0) FROM approval)
		+ (SELECT coalesce(sum(amount), 0) FROM movement WHERE cause = 'offline') <> 0`},
	{"approvals were completed late and never given back", `SELECT count(*) FROM approval p JOIN charge c ON c.no = p.charge WHERE p.late_free + p.late_lost NOT IN (0, c.amount)
		OR (p.late_free + p.late_lost > 0 AND c.state <> 'reversed')`},
	{"cash and its movements differ", `SELECT count(*) FROM cash c WHERE (CASE state WHEN 'credited' THEN amount ELSE 0 END) <>
		(SELECT coalesce(sum(amount), 0) FROM movement WHERE cause IN ('cash', 'cash_back') AND ref = c.ref AND account = c.account)`},
	{"movements of cash that nobody counted", `SELECT count(*) FROM movement WHERE cause IN ('cash', 'cash_back') AND ref NOT IN (SELECT ref FROM cash)`},
	{"withdrawn payments and their movements differ", `SELECT (SELECT coalesce(sum(earmark + free), 0) FROM offline WHERE payment IN (SELECT payment FROM withdrawn))
		<> (SELECT coalesce(sum(amount), 0) FROM movement WHERE cause = 'refund' AND ref NOT IN (SELECT ref FROM refund))`},
	{"accounts have more than one active phone", `SELECT count(*) FROM (SELECT account FROM phone WHERE ended_at IS NULL GROUP BY account HAVING count(*) > 1)`},
}
