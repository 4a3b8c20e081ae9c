package journal

import (
	"context"
	"database/sql"
	"fmt"

	"tilld/agent/payment"
)

// AttemptState is how far an attempt at an online payment has come, as the lane knows it.
type AttemptState string

// The states of an attempt. Each is entered by the entry of its name, and nothing leaves the last three.
//
//	asked ──HQ says PAID──> authorised
//	  ├──HQ says NOT PAID──> declined
//	  └──given up──> reversed
const (
	AttemptAsked      AttemptState = "asked" // nobody here knows what became of it
	AttemptAuthorised AttemptState = "authorised"
	AttemptDeclined   AttemptState = "declined"
	AttemptReversed   AttemptState = "reversed"
)

// Attempt is an attempt to have a wallet's operator charge the customer: what its Asked says, and what became of it.
type Attempt struct {
	Ref       string        `json:"ref"`
	Payment   payment.ID    `json:"payment"`
	Sale      payment.ID    `json:"sale"`
	Reference string        `json:"reference,omitempty"` // of the sale, the shop's own; empty too when the sale was pruned
	Epoch     uint64        `json:"epoch,string"`
	Seq       uint64        `json:"seq"` // of the Asked
	Date      payment.Date  `json:"date"`
	Wall      int64         `json:"wall"` // of the Asked, Unix ms, by the lane's clock
	Wallet    string        `json:"wallet"`
	Amount    payment.Money `json:"amount"`
	NotAfter  int64         `json:"not_after"` // HQ's clock, Unix ms
	Training  bool          `json:"training,omitempty"`
	State     AttemptState  `json:"state"`
}

// attemptColumns are what scanAttempt reads.
const attemptColumns = `SELECT a.ref, a.payment, a.sale, coalesce(s.reference, ''), a.epoch, a.seq, a.business_date, a.wall, a.wallet,
	a.currency, a.amount, a.not_after, a.training, a.state
	FROM attempt a JOIN epoch e ON e.epoch = a.epoch LEFT JOIN sale s ON s.id = a.sale `

// OpenAttempts lists the attempts of which nobody here knows what became, oldest first: after a restart, those to ask
// HQ about.
func (j *Journal) OpenAttempts(ctx context.Context) ([]Attempt, error) {
	return j.attempts(ctx, `WHERE a.state = 'asked' ORDER BY e.id, a.seq`)
}

// AttemptsOf lists a sale's attempts in the order of their making.
func (j *Journal) AttemptsOf(ctx context.Context, sale payment.ID) ([]Attempt, error) {
	return j.attempts(ctx, `WHERE a.sale = ? ORDER BY e.id, a.seq`, sale[:])
}

// Attempt finds an attempt; ok is false when there is none, or it has been pruned.
func (j *Journal) Attempt(ctx context.Context, ref string) (a Attempt, ok bool, err error) {
	list, err := j.attempts(ctx, `WHERE a.ref = ?`, ref)
	if len(list) == 0 {
		return Attempt{}, false, err
	}
	return list[0], true, err
}

func (j *Journal) attempts(ctx context.Context, where string, args ...any) (list []Attempt, err error) {
	err = j.read(ctx, func(ctx context.Context, db *sql.DB) (err error) {
		if list, err = collect(ctx, db.QueryContext, scanAttempt, attemptColumns+where, args...); err != nil {
			return fmt.Errorf("listing attempts: %w", err)
		}
		return nil
	})
	return list, err
}

func scanAttempt(rows *sql.Rows) (Attempt, error) {
	var a Attempt
	var id, sale []byte
	var epoch, seq, date int64
	err := rows.Scan(&a.Ref, &id, &sale, &a.Reference, &epoch, &seq, &date, &a.Wall, &a.Wallet, &a.Amount.Currency, &a.Amount.Minor,
		&a.NotAfter, &a.Training, &a.State)
	a.Payment, a.Sale, a.Epoch, a.Seq, a.Date = idOf(id), idOf(sale), uint64(epoch), uint64(seq), payment.Date(date)
	return a, err
}
