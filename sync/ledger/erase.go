package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"tilld/agent/payment"
)

// PseudonymSize is the length of the name under which an erasure is kept.
const PseudonymSize = 16

// Erasure is an account, or a member of a loyalty programme, that somebody had forgotten.
type Erasure struct {
	At        time.Time
	By, Why   string
	Pseudonym [PseudonymSize]byte // of the account, under the chain's key
	Payments  int                 // of the account that the books have
	Bodies    int                 // that were erased
	Kept      int                 // that an open exception, or the wallet's issuer, needs as evidence: erase again when it has had it
}

// AccountOf is a wallet's account: a pseudonym is its issuer's own.
type AccountOf struct {
	Wallet  string
	Account []byte
}

// Accounts gives the accounts of all payments, in parts and each at least once, until more is false.
func (s *Store) Accounts(ctx context.Context, after uint64, limit int) (list []AccountOf, next uint64, more bool, err error) {
	rows, err := s.readers.QueryContext(ctx, `SELECT p.no, d.wallet, p.account FROM payment p JOIN dimension d ON d.no = p.dimension
		WHERE p.no > ? AND p.account IS NOT NULL ORDER BY p.no LIMIT ?`, clamp(after), limit)
	list, err = collect(rows, err, func(rows *sql.Rows) (a AccountOf, err error) { return a, rows.Scan(&next, &a.Wallet, &a.Account) })
	if err != nil {
		return nil, 0, false, fmt.Errorf("listing accounts: %w", err)
	}
	return list, next, len(list) == limit, nil
}

// erasable are the entries of a payment whose bodies may say something of its customer, with whether an open exception
// needs them, or an issuer that is still to be told: without the code it draws nothing, and the customer never pays.
const erasable = `SELECT y.no, EXISTS (SELECT 1 FROM exception x WHERE x.state = 'open' AND (x.entry = y.no OR x.payment = ?1))
	OR EXISTS (SELECT 1 FROM payment p JOIN dimension d ON d.no = p.dimension JOIN presenting r ON r.wallet = d.wallet
		WHERE p.no = ?1 AND p.entry = y.no AND p.state = 'posted' AND p.ref IS NULL AND NOT EXISTS (SELECT 1 FROM presented o WHERE o.payment = p.no)) FROM entry y
	WHERE y.body IS NOT NULL AND y.no IN (SELECT entry FROM payment WHERE no = ?1 UNION ALL SELECT void FROM payment WHERE no = ?1
	UNION ALL SELECT basket FROM figure WHERE payment = ?1 UNION ALL SELECT member FROM point WHERE payment = ?1)`

// Erase forgets an account: the bodies of its payments' entries, its payments' link to it, and what it spent on dates
// before a given one (what is left bounds it today). Chains stay verifiable, and the money stands. It is kept who had that done.
func (s *Store) Erase(ctx context.Context, account AccountOf, before payment.Date, e Erasure) (Erasure, error) {
	const op = "ledger.Erase"
	if len(account.Account) == 0 || account.Wallet == "" || e.By == "" || e.Why == "" {
		return e, payment.Errorf(payment.Invalid, op, "an account with its wallet, who and why are needed")
	}
	err := s.write(ctx, func(t *tx) error {
		e.At, e.Payments, e.Bodies, e.Kept = millis(t.now), 0, 0, 0
		nos, err := each(t, scanNumber, `SELECT p.no FROM payment p JOIN dimension d ON d.no = p.dimension
			WHERE p.account = ? AND d.wallet = ? ORDER BY p.no`, account.Account, account.Wallet)
		if err != nil {
			return err
		}
		for _, no := range nos {
			if err := t.erasePayment(no, &e); err != nil {
				return err
			}
		}
		if _, err := t.exec("DELETE FROM account_wallet_day WHERE account = ? AND wallet = ? AND business_date < ?",
			account.Account, account.Wallet, int64(before)); err != nil {
			return err
		}
		if _, err := t.exec("DELETE FROM account_day WHERE account = ? AND business_date < ?", account.Account, int64(before)); err != nil {
			return err
		}
		_, err = t.exec("INSERT INTO erasure (at, by, why, pseudonym, payments, bodies, kept) VALUES (?, ?, ?, ?, ?, ?, ?)",
			t.now, e.By, e.Why, e.Pseudonym[:], e.Payments, e.Bodies, e.Kept)
		return err
	})
	if err != nil {
		return e, fmt.Errorf("erasing an account: %w", err)
	}
	return e, nil
}

// EraseMember forgets the number of a loyalty programme's member, who is told by his pseudonym: the bodies of the entries
// that attached him to sales. What he earned stands. Payments of e counts these entries.
func (s *Store) EraseMember(ctx context.Context, programme string, number [PseudonymSize]byte, e Erasure) (Erasure, error) {
	const op = "ledger.EraseMember"
	if programme == "" || e.By == "" || e.Why == "" {
		return e, payment.Errorf(payment.Invalid, op, "a programme, who and why are needed")
	}
	e.Pseudonym = number
	err := s.write(ctx, func(t *tx) error {
		e.At, e.Payments, e.Bodies, e.Kept = millis(t.now), 0, 0, 0
		nos, err := each(t, scanNumber, "SELECT entry FROM member WHERE programme = ? AND number = ? ORDER BY entry", programme, number[:])
		if err != nil {
			return err
		}
		e.Payments = len(nos)
		for _, no := range nos {
			n, err := t.exec("UPDATE entry SET body = NULL WHERE no = ? AND body IS NOT NULL", no)
			if err != nil {
				return err
			}
			e.Bodies += int(n)
		}
		_, err = t.exec("INSERT INTO erasure (at, by, why, pseudonym, payments, bodies, kept) VALUES (?, ?, ?, ?, ?, ?, ?)",
			t.now, e.By, e.Why, e.Pseudonym[:], e.Payments, e.Bodies, e.Kept)
		return err
	})
	if err != nil {
		return e, fmt.Errorf("erasing a member's number: %w", err)
	}
	return e, nil
}

func scanNumber(rows *sql.Rows) (no int64, err error) { return no, rows.Scan(&no) }

// erasePayment erases what one payment says of its account. While anything of it is evidence it keeps its link, by which
// it is found again.
func (t *tx) erasePayment(no int64, e *Erasure) error {
	type body struct {
		no     int64
		needed bool
	}
	e.Payments++
	list, err := each(t, func(rows *sql.Rows) (b body, err error) { return b, rows.Scan(&b.no, &b.needed) }, erasable, no)
	if err != nil {
		return err
	}
	kept := e.Kept
	for _, b := range list {
		if b.needed {
			e.Kept++
			continue
		}
		if _, err := t.exec("UPDATE entry SET body = NULL WHERE no = ?", b.no); err != nil {
			return err
		}
		e.Bodies++
	}
	if e.Kept > kept {
		return nil
	}
	_, err = t.exec("UPDATE payment SET account = NULL WHERE no = ?", no)
	return err
}

// Erasures lists who had accounts forgotten, the newest first.
func (s *Store) Erasures(ctx context.Context, limit int) ([]Erasure, error) {
	rows, err := s.readers.QueryContext(ctx, "SELECT at, by, why, pseudonym, payments, bodies, kept FROM erasure ORDER BY no DESC LIMIT ?", limit)
	return collect(rows, err, func(rows *sql.Rows) (e Erasure, err error) {
		var at int64
		var pseudonym []byte
		err = rows.Scan(&at, &e.By, &e.Why, &pseudonym, &e.Payments, &e.Bodies, &e.Kept)
		copy(e.Pseudonym[:], pseudonym)
		e.At = millis(at)
		return e, err
	})
}
