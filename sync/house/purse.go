package house

import (
	"time"

	"tilld/sync/house/rule"
)

const day = 24 * time.Hour

// purse adds up what the rules of money ask about an account. What is due to be released is released first, so an
// earmark ends by the clock alone, whether anything swept or not, and so does what was approved and no lane took.
func (t *tx) purse(acc *account) (p rule.Purse, err error) {
	if err := t.release(acc); err != nil {
		return rule.Purse{}, err
	}
	if err := t.unclaimed(acc); err != nil {
		return rule.Purse{}, err
	}
	p.Cooling = rule.Cooling(acc.coolingUntil, t.now)
	last := t.now.Add(-day).UnixMilli()
	cooling := acc.coolingFrom.UnixMilli()
	for _, sum := range []struct {
		into  *int64
		query string
		args  []any
	}{
		{&p.Balance, "SELECT coalesce((SELECT balance FROM movement WHERE account = ? ORDER BY no DESC LIMIT 1), 0)", []any{acc.no}},
		{&p.Held, "SELECT coalesce(sum(left), 0) FROM certificate WHERE account = ? AND released = 0", []any{acc.no}},
		{&p.Asked, "SELECT coalesce(sum(amount), 0) FROM topup WHERE account = ? AND state = 'asked'", []any{acc.no}},
		{&p.ToppedUp, toppedUpSince, []any{acc.no, last}},
		{&p.Spent, spentSince, []any{acc.no, last}},
		{&p.CoolingToppedUp, toppedUpSince, []any{acc.no, cooling}},
		{&p.CoolingSpent, spentSince, []any{acc.no, cooling}},
	} {
		if *sum.into, err = t.number(sum.query, sum.args...); err != nil {
			return rule.Purse{}, err
		}
	}
	return p, nil
}

// A top-up counts from when it was asked for; one whose end is not known counts however old it is. What was given back
// counts against what was spent only for charges of the same time: a refund of last week is no leave to spend today.
const (
	toppedUpSince = `SELECT (SELECT coalesce(sum(amount), 0) FROM topup WHERE account = ?1 AND state <> 'refused' AND (asked_at >= ?2 OR state = 'asked'))
		+ (SELECT coalesce(sum(amount), 0) FROM cash WHERE account = ?1 AND state = 'credited' AND at >= ?2)`
	spentSince = `SELECT (SELECT coalesce(sum(amount - given), 0) FROM charge WHERE account = ?1 AND at >= ?2 AND state <> 'declined')
		+ (SELECT coalesce(sum(amount), 0) FROM offline WHERE account = ?1 AND at >= ?2 AND payment NOT IN (SELECT payment FROM withdrawn))`
)

// move appends a movement. The schema refuses one that does not continue the balance, or leaves it below nothing.
func (t *tx) move(acc *account, cause, ref string, amount int64) error {
	return t.exec(1, `INSERT INTO movement (account, cause, ref, amount, balance, at)
		VALUES (?1, ?2, ?3, ?4, ?4 + coalesce((SELECT balance FROM movement WHERE account = ?1 ORDER BY no DESC LIMIT 1), 0), ?5)`,
		acc.no, cause, ref, amount, t.ms())
}

// release ends the earmarks of an account whose time is over: longer ago than a payment can take to come in, or
// expired before the moment up to which HQ says that it brought everything.
func (t *tx) release(acc *account) error {
	return t.exec(-1, `UPDATE certificate SET released = 1 WHERE account = ? AND released = 0
		AND (release_at <= ? OR expires_at <= coalesce((SELECT until FROM settled), 0))`, acc.no, t.ms())
}
