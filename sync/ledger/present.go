package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// A payment that a lane took offline is drawn from the customer's account when its issuer is told of it. What is to be
// told follows from the postings, in their order: a payment that is posted is presented, one that is voided or lost since
// is withdrawn. That is said of one that was never presented, too: the issuer may have heard of it and its answer was lost,
// or the books that knew were put back; unless another entry is of the same payment, which may stand. A cursor says how far the postings have been gone through; it is moved in the
// transaction that writes down what the issuer answered, so that behind a crash the same is said again, which the issuer
// knows by the payment. Books that were put back begin further behind, and say it all again.

// Presenting is what is to be said of a payment to its wallet's issuer.
type Presenting struct {
	Transfer    int64 // the posting that this follows from
	No          int64 // of the payment, for Presented
	Payment     payment.ID
	Amount      payment.Money
	Store, Lane string
	State       State  // of the payment now
	Told        ToldTo // what the issuer was told before; "": nothing
	Entry       wire.Name
	EntryHash   [wire.HashSize]byte
	Body        []byte // of its entry, with the code as evidence; nil: erased
}

// ToldTo is what an issuer was told of a payment. The names are stored.
type ToldTo string

// What it was told, and answered.
const (
	Presented ToldTo = "presented" // it was drawn from the customer's account, or is the issuer's loss
	Withdrawn ToldTo = "withdrawn" // and given back
	Denied    ToldTo = "refused"   // the issuer does not know the code, or says that it is another payment: a person has to look
)

// presentWindow is how many transfers are gone through at once: others' are passed over.
const presentWindow = 20_000

// Present lists what is to be said to a wallet's issuer, up to limit payments, in the order of their postings, and how
// far the postings were gone through when there is no more than that. Nothing to say and the same to as the cursor: all
// has been said.
func (s *Store) Present(ctx context.Context, wallet string, limit int) (list []Presenting, to int64, err error) {
	err = s.look(ctx, func(q querier) error {
		var from, last int64
		err := q.QueryRowContext(ctx, `SELECT coalesce((SELECT transfer FROM presenting WHERE wallet = ?), 0), coalesce((SELECT max(no) FROM transfer), 0)`,
			wallet).Scan(&from, &last)
		if err != nil {
			return err
		}
		to = min(max(last, from), from+presentWindow)
		rows, err := q.QueryContext(ctx, `SELECT min(x.no), p.no, p.id, p.amount, d.currency, d.store, d.lane, p.state, coalesce(o.state, ''),
			t.id, e.epoch, y.seq, y.hash, y.body FROM transfer x JOIN payment p ON p.no = x.payment JOIN dimension d ON d.no = p.dimension
			JOIN entry y ON y.no = p.entry JOIN branch b ON b.no = y.branch JOIN epoch e ON e.no = b.epoch JOIN terminal t ON t.no = e.terminal
			LEFT JOIN presented o ON o.payment = p.no
			WHERE x.no > ? AND x.no <= ? AND p.ref IS NULL AND d.wallet = ? AND ((p.state = 'posted' AND o.payment IS NULL)
				OR (p.state IN ('voided', 'lost') AND (o.state = 'presented'
					OR o.payment IS NULL AND NOT EXISTS (SELECT 1 FROM payment q WHERE q.id = p.id AND q.no <> p.no))))
			GROUP BY p.no ORDER BY min(x.no) LIMIT ?`, from, to, wallet, limit)
		if list, err = collect(rows, err, scanPresenting); err == nil && len(list) == limit {
			to = list[len(list)-1].Transfer
		}
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("reading what is to be presented to the issuer of %s: %w", wallet, err)
	}
	return list, to, nil
}

func scanPresenting(rows *sql.Rows) (p Presenting, err error) {
	var id, terminal, hash []byte
	var epoch, seq int64
	err = rows.Scan(&p.Transfer, &p.No, &id, &p.Amount.Minor, &p.Amount.Currency, &p.Store, &p.Lane, &p.State, &p.Told,
		&terminal, &epoch, &seq, &hash, &p.Body)
	if err != nil {
		return p, err
	}
	p.Payment, p.EntryHash = payment.ID(id), [wire.HashSize]byte(hash)
	p.Entry = wire.Name{Terminal: payment.ID(terminal), Epoch: uint64(epoch), Seq: uint64(seq)}
	return p, nil
}

// ToldIssuer writes down what an issuer answered about a payment.
func (s *Store) ToldIssuer(ctx context.Context, p *Presenting, told ToldTo, said string) error {
	err := s.write(ctx, func(t *tx) error {
		_, err := t.exec(`INSERT INTO presented (payment, state, said, at) VALUES (?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET state = excluded.state, said = excluded.said, at = excluded.at`, p.No, string(told), said, t.now)
		return err
	})
	if err != nil {
		return fmt.Errorf("writing down that the issuer was told of payment %s: %w", p.Payment, err)
	}
	return nil
}

// PassPresented moves a wallet's cursor to where Present went through the postings. It never goes back.
func (s *Store) PassPresented(ctx context.Context, wallet string, to int64) error {
	err := s.write(ctx, func(t *tx) error {
		_, err := t.exec(`INSERT INTO presenting (wallet, transfer) VALUES (?, ?) ON CONFLICT DO UPDATE SET transfer = max(transfer, excluded.transfer)`, wallet, to)
		return err
	})
	if err != nil {
		return fmt.Errorf("moving the cursor of the issuer of %s: %w", wallet, err)
	}
	return nil
}

// ToldCounts counts what issuers were told, by what it was.
func (s *Store) ToldCounts(ctx context.Context) (denied int, err error) {
	err = s.readers.QueryRowContext(ctx, "SELECT count(*) FROM presented WHERE state = 'refused'").Scan(&denied)
	return denied, err
}

// SettledUntil is the time up to which everything that any lane sold offline by a wallet has been posted, so that an
// issuer to whom all is presented need not keep anything for it: the least time at which HQ heard from a lane that had
// nothing left, or at which a payment came in that waits for somebody's decision. Zero: it can't be said.
func (s *Store) SettledUntil(ctx context.Context, wallet string) (until time.Time, err error) {
	var least sql.NullInt64
	err = s.readers.QueryRowContext(ctx, `SELECT min(at) FROM (
		SELECT CASE WHEN `+isBehind+` OR EXISTS (SELECT 1 FROM branch b JOIN epoch e ON e.no = b.epoch WHERE e.terminal = t.no AND b.judged < b.head)
			THEN 0 ELSE coalesce(s.at, 0) END AS at FROM terminal t LEFT JOIN beat s ON s.terminal = t.no WHERE t.revoked_at IS NULL
		UNION ALL SELECT min(y.received_at, p.taken_at) FROM exception x JOIN payment p ON p.no = x.payment JOIN entry y ON y.no = p.entry
			JOIN dimension d ON d.no = p.dimension WHERE x.state = 'open' AND p.state = 'suspense' AND d.wallet = ?)`, wallet).Scan(&least)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading up to when all is here: %w", err)
	}
	if least.Int64 <= 0 {
		return time.Time{}, nil
	}
	return millis(least.Int64), nil
}
