package ledger

import (
	"context"
	"database/sql"
)

// rule is a contradiction that must not be there: each row of the query is one, told by its first column.
type rule struct{ what, query string }

func (c *checker) rules(ctx context.Context, rules []rule) error {
	for _, r := range rules {
		rows, err := c.q.QueryContext(ctx, r.query)
		list, err := collect(rows, err, func(rows *sql.Rows) (s string, err error) { return s, rows.Scan(&s) })
		if err != nil {
			return err
		}
		for _, s := range list {
			c.fault("%s: %s", r.what, s)
		}
	}
	return nil
}

// balances holds the kept sums against the transfers.
func (c *checker) balances(ctx context.Context) error {
	const legs = `(SELECT dimension, debit AS account, amount AS debits, 0 AS credits FROM transfer
		UNION ALL SELECT dimension, credit, 0, amount FROM transfer)`
	return c.rules(ctx, []rule{
		{"balance is not the sum of its transfers", `SELECT printf('account %d, dimension %d', account, dimension) FROM (
			SELECT dimension, account, sum(debits) AS debits, sum(credits) AS credits FROM ` + legs + ` GROUP BY dimension, account
			EXCEPT SELECT dimension, account, debits, credits FROM balance)`},
		{"balance of nothing", `SELECT printf('account %d, dimension %d', account, dimension) FROM (
			SELECT dimension, account, debits, credits FROM balance
			EXCEPT SELECT dimension, account, sum(debits), sum(credits) FROM ` + legs + ` GROUP BY dimension, account)`},
		{"debits and credits differ", `SELECT printf('%s: %d and %d', d.currency, sum(b.debits), sum(b.credits)) FROM balance b
			JOIN dimension d ON d.no = b.dimension GROUP BY d.currency HAVING sum(b.debits) <> sum(b.credits)`},
	})
}

// states holds every payment's state against what is posted of it, account by account.
func (c *checker) states(ctx context.Context) error {
	// What each state says about a payment's net on each side of the chart.
	const net = `SELECT p.no, p.id, p.state, p.amount,
		sum(CASE t.debit WHEN 1100 THEN t.amount ELSE 0 END) - sum(CASE t.credit WHEN 1100 THEN t.amount ELSE 0 END) AS receivable,
		sum(CASE t.debit WHEN 1900 THEN t.amount ELSE 0 END) - sum(CASE t.credit WHEN 1900 THEN t.amount ELSE 0 END) AS claims,
		sum(CASE t.credit WHEN 2100 THEN t.amount ELSE 0 END) - sum(CASE t.debit WHEN 2100 THEN t.amount ELSE 0 END) AS payable,
		sum(CASE t.credit WHEN 2900 THEN t.amount ELSE 0 END) - sum(CASE t.debit WHEN 2900 THEN t.amount ELSE 0 END) AS held,
		sum(CASE t.credit WHEN 5290 THEN t.amount ELSE 0 END) - sum(CASE t.debit WHEN 5290 THEN t.amount ELSE 0 END) AS borne
		FROM payment p LEFT JOIN transfer t ON t.payment = p.no AND t.cause <> 'refund' GROUP BY p.no`
	return c.rules(ctx, []rule{{"payment is not posted as its state says", `SELECT printf('%s, %s', hex(id), state) FROM (` + net + `) WHERE
		CASE state
		WHEN 'posted'   THEN receivable <> amount OR payable <> amount OR claims <> 0 OR held <> 0 OR borne <> 0
		WHEN 'suspense' THEN receivable <> 0 OR payable <> 0 OR claims <> amount OR held <> amount OR borne <> 0
		WHEN 'lost'     THEN receivable <> 0 OR claims <> 0 OR held <> 0 OR payable + borne <> amount
		ELSE coalesce(receivable, 0) <> 0 OR coalesce(claims, 0) <> 0 OR coalesce(payable, 0) <> 0 OR coalesce(held, 0) <> 0 OR coalesce(borne, 0) <> 0
		END`}})
}

// exceptions holds open exceptions against the payments that wait for them.
func (c *checker) exceptions(ctx context.Context) error {
	return c.rules(ctx, []rule{
		{"payment in suspense without one open exception", `SELECT hex(p.id) FROM payment p WHERE p.state = 'suspense'
			AND (SELECT count(*) FROM exception x WHERE x.payment = p.no AND x.state = 'open') <> 1`},
		{"open exception of a payment that does not wait", `SELECT hex(x.id) FROM exception x JOIN payment p ON p.no = x.payment
			WHERE x.state = 'open' AND p.state <> 'suspense'`},
		{"code that paid for nothing", `SELECT hex(s.phone) || printf(' %d', s.counter) FROM spent s
			LEFT JOIN payment p ON p.no = s.payment WHERE p.no IS NULL`},
	})
}

// charges holds posted online payments against what HQ knows of their charges. One that a person has decided on before
// the operator did, and whom the operator contradicted, is told by the attempt's trouble.
func (c *checker) charges(ctx context.Context) error {
	return c.rules(ctx, []rule{{"posted payment of a charge that is not there", `SELECT p.ref FROM payment p JOIN dimension d ON d.no = p.dimension
		WHERE p.ref IS NOT NULL AND p.state = 'posted' AND NOT EXISTS (SELECT 1 FROM attempt a WHERE ` + itsAttempt + `
		AND (a.state = 5 OR a.trouble = 4 OR a.claim = 2 AND a.state IN (1, 2, 3)))`}})
}

// refunds holds what was given back against the payments and the postings.
func (c *checker) refunds(ctx context.Context) error {
	return c.rules(ctx, []rule{
		{"more given back than was paid", `SELECT printf('%s: %d of %d', hex(p.id), sum(r.amount), p.amount) FROM refund r
			JOIN payment p ON p.no = r.payment WHERE r.state <> 4 GROUP BY p.id HAVING sum(r.amount) > max(p.amount)`},
		{"refund is not posted as its state says", `SELECT r.ref FROM refund r JOIN payment p ON p.no = r.payment LEFT JOIN transfer t ON t.refund = r.no
			WHERE (r.state = 3) <> (t.no IS NOT NULL) OR t.no IS NOT NULL AND (t.amount <> r.amount OR t.payment <> p.no
			OR t.dimension <> p.dimension OR t.debit <> 2100 OR t.credit <> 1100)`},
		{"given back of a payment that was taken back", `SELECT r.ref FROM refund r JOIN payment p ON p.no = r.payment
			WHERE r.state <> 4 AND p.state IN ('voided', 'lost')
			AND NOT EXISTS (SELECT 1 FROM payment o WHERE o.id = p.id AND o.state IN ('posted', 'suspense'))`},
	})
}

// batches holds batches against their lines, and lines against the transfers that they stand for.
func (c *checker) batches(ctx context.Context) error {
	err := c.rules(ctx, []rule{
		{"batch is not the sum of its lines", `SELECT hex(b.id) FROM batch b WHERE b.count <> (SELECT count(*) FROM batch_line WHERE batch = b.no)
			OR b.sum <> (SELECT coalesce(sum(amount), 0) FROM batch_line WHERE batch = b.no)`},
		{"batch is not what was posted for it", `SELECT hex(b.id) FROM batch b WHERE b.sum <> (SELECT
			coalesce(sum(CASE t.credit WHEN 2400 THEN t.amount ELSE -t.amount END), 0) FROM transfer t WHERE t.batch = b.no)`},
		{"line in a batch of another amount", `SELECT hex(y.hash) FROM transfer t JOIN entry y ON y.no = t.entry
			LEFT JOIN exception x ON x.no = t.exception LEFT JOIN refund r ON r.no = t.refund JOIN batch_line l ON l.entry = y.hash AND l.kind = ` + lineKind + `
			AND l.decision = ` + lineDecision + ` AND l.back = (t.debit = 2100)
			WHERE t.cause <> 'cut' AND 2100 IN (t.debit, t.credit) AND abs(l.amount) <> t.amount`},
	})
	if err != nil {
		return err
	}
	return c.q.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM batch_line) - (SELECT count(*) FROM transfer t
		JOIN entry y ON y.no = t.entry LEFT JOIN exception x ON x.no = t.exception LEFT JOIN refund r ON r.no = t.refund
		WHERE t.cause <> 'cut' AND 2100 IN (t.debit, t.credit) AND`+settledHere+`)`).Scan(&c.report.Awaited)
}

// sales holds figures and points against the payments that they follow from.
func (c *checker) sales(ctx context.Context) error {
	return c.rules(ctx, []rule{
		{"sale among the figures whose payment was voided", `SELECT hex(p.id) FROM figure f JOIN payment p ON p.no = f.payment
			GROUP BY f.payment HAVING (p.state = 'voided') <> (count(*) = 2)`},
		{"points of a payment that nobody pays", `SELECT hex(p.id) FROM point o JOIN payment p ON p.no = o.payment
			WHERE p.state IN ('voided', 'lost') GROUP BY o.payment, o.member HAVING sum(o.points) <> 0`},
		{"points of a sale that are not what it earns", `SELECT hex(m.sale) FROM point o JOIN member m ON m.entry = o.member
			GROUP BY o.member HAVING sum(o.points) NOT IN (0, m.points)`},
	})
}
