package ledger

import (
	"database/sql"
	"fmt"

	"tilld/agent/payment"
)

// Dimension is what every posting carries besides its accounts.
type Dimension struct {
	Entity       string
	Store        string
	Lane         string
	Terminal     payment.ID
	Wallet       string
	BusinessDate payment.Date
	Currency     payment.Currency
}

// cause says why a transfer was made.
type cause string

const (
	causeApproved cause = "approved" // a lane's approval, verified
	causeSuspense cause = "suspense" // it waits for an exception
	causeVoid     cause = "void"     // the lane took it back
	causeDecided  cause = "decided"  // somebody decided the exception
	causeCut      cause = "cut"      // a batch was closed
	causeRefund   cause = "refund"   // money was given back of a payment that stands
)

// paymentRow is a payment as the postings need it.
type paymentRow struct {
	no        int64
	entry     int64
	dimension int64
	amount    int64
	state     State
	online    bool // filled in for voids only
	carried   bool // the same
}

// move is one transfer to be posted.
type move struct {
	debit, credit Account
	amount        int64
	dimension     int64
	cause         cause
	payment       int64
	entry         int64
	exception     int64 // 0: none
	batch         int64 // 0: none
	refund        int64 // 0: none
}

type balanceKey struct {
	dimension int64
	account   Account
}

type balanceDelta struct{ debits, credits int64 }

const insertTransfer = `INSERT INTO transfer (debit, credit, amount, dimension, cause, payment, entry, exception, batch, posted_at, refund)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

// post writes a transfer and adds it to the balances of the transaction.
func (t *tx) post(m move) error {
	_, err := t.exec(insertTransfer, int(m.debit), int(m.credit), m.amount, m.dimension, string(m.cause),
		orNull(m.payment), orNull(m.entry), orNull(m.exception), orNull(m.batch), t.now, orNull(m.refund))
	if err != nil {
		return fmt.Errorf("posting %d from %d to %d: %w", m.amount, m.credit, m.debit, err)
	}
	t.delta(m.dimension, m.debit).debits += m.amount
	t.delta(m.dimension, m.credit).credits += m.amount
	return nil
}

func orNull(no int64) any {
	if no == 0 {
		return nil
	}
	return no
}

func (t *tx) delta(dimension int64, account Account) *balanceDelta {
	key := balanceKey{dimension, account}
	d := t.deltas[key]
	if d == nil {
		d = new(balanceDelta)
		t.deltas[key] = d
	}
	return d
}

// flushBalances adds the transaction's sums to the balances, once for each instead of once for each transfer.
func (t *tx) flushBalances() error {
	for key, d := range t.deltas {
		_, err := t.exec(`INSERT INTO balance (dimension, account, debits, credits) VALUES (?, ?, ?, ?)
			ON CONFLICT (dimension, account) DO UPDATE SET debits = debits + excluded.debits, credits = credits + excluded.credits`,
			key.dimension, int(key.account), d.debits, d.credits)
		if err != nil {
			return fmt.Errorf("adding to the balance of account %d: %w", key.account, err)
		}
	}
	return nil
}

// dimension finds or makes the row of a dimension.
func (t *tx) dimension(d Dimension) (int64, error) {
	if no, ok := t.w.dims[d]; ok {
		return no, nil
	}
	args := []any{d.Entity, d.Store, d.Lane, d.Terminal[:], d.Wallet, int64(d.BusinessDate), string(d.Currency)}
	var no int64
	found, err := t.get(`SELECT no FROM dimension WHERE entity = ? AND store = ? AND lane = ? AND terminal = ?
		AND wallet = ? AND business_date = ? AND currency = ?`, args, &no)
	if err != nil {
		return 0, err
	}
	if !found {
		no, err = t.insert(`INSERT INTO dimension (entity, store, lane, terminal, wallet, business_date, currency)
			VALUES (?, ?, ?, ?, ?, ?, ?)`, args...)
		if err != nil {
			return 0, err
		}
	}
	if len(t.w.dims) >= maxCached {
		clear(t.w.dims)
	}
	t.w.dims[d] = no
	return no, nil
}

// setState moves a payment from the state that it is known to be in.
func (t *tx) setState(p *paymentRow, to State, void int64) error {
	n, err := t.exec("UPDATE payment SET state = ?, void = ? WHERE no = ? AND state = ?", string(to), orNull(void), p.no, string(p.state))
	if err != nil {
		return err
	}
	if n != 1 {
		return fmt.Errorf("payment row %d is not %s any more", p.no, p.state)
	}
	p.state = to
	return nil
}

// suspend takes back what is posted of a payment and lets it wait for an exception.
func (t *tx) suspend(p *paymentRow, exception int64) error {
	if err := t.reverse(p, causeSuspense, p.entry, exception); err != nil {
		return err
	}
	if err := t.hold(p, exception); err != nil {
		return err
	}
	return t.setState(p, Suspended, 0)
}

// hold posts a payment's amount to suspense.
func (t *tx) hold(p *paymentRow, exception int64) error {
	return t.post(move{debit: SuspenseClaims, credit: SuspenseHeld, amount: p.amount, dimension: p.dimension,
		cause: causeSuspense, payment: p.no, entry: p.entry, exception: exception})
}

// reverse takes back whatever is posted of a payment, wherever it stands by now. What was given back of it stays so.
func (t *tx) reverse(p *paymentRow, why cause, entry, exception int64) error {
	type net struct {
		debit, credit Account
		amount        int64
	}
	rows, err := each(t, func(rows *sql.Rows) (net, error) {
		var n net
		return n, rows.Scan(&n.debit, &n.credit, &n.amount)
	}, "SELECT debit, credit, sum(amount) FROM transfer WHERE payment = ? AND cause <> 'refund' GROUP BY debit, credit ORDER BY min(no)", p.no)
	if err != nil {
		return err
	}
	for i, n := range rows {
		for _, back := range rows[i+1:] {
			if back.debit == n.credit && back.credit == n.debit {
				n.amount -= back.amount
			}
		}
		for _, earlier := range rows[:i] {
			if earlier.debit == n.credit && earlier.credit == n.debit {
				n.amount = 0 // seen with its counterpart
			}
		}
		if n.amount < 0 {
			n = net{n.credit, n.debit, -n.amount}
		}
		if n.amount == 0 {
			continue
		}
		err := t.post(move{debit: n.credit, credit: n.debit, amount: n.amount, dimension: p.dimension, cause: why,
			payment: p.no, entry: entry, exception: exception})
		if err != nil {
			return err
		}
	}
	return nil
}
