package journal

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// Question is what the rules ask before an approval.
type Question struct {
	Replay   payment.ReplayKey
	Wallet   string
	Account  []byte // pseudonym, as it stands in bodies
	Date     payment.Date
	Currency payment.Currency
}

// Known is what the journal knows about a question. Sums are in minor units of the question's currency.
type Known struct {
	PhoneKnown    bool       // the phone key has paid here before, or HQ was asked about a code of it
	LastCounter   uint64     // its highest counter
	CodeUsed      payment.ID // the payment that this very code paid, or was asked about for; zero: none
	AccountSpent  int64      // by the account at this lane on the date, voids taken off
	AccountCount  uint64     // of the account's payments, likewise
	ExposureSum   int64      // approved, not voided, and not acknowledged by HQ
	ExposureCount uint64
	Epoch         uint64
	Last          uint64 // highest sequence in the current epoch
	Acked         uint64 // of it, acknowledged by HQ
}

// Known answers all that the rules of an offline approval ask, at one moment.
func (j *Journal) Known(ctx context.Context, q Question) (Known, error) {
	var k Known
	err := j.read(ctx, func(ctx context.Context, _ *sql.DB) error {
		var counter, used []byte
		var spent, spentCount, sum, count sql.NullInt64
		var epoch, last, acked int64
		row, err := j.store.ask(ctx, `SELECT
			(SELECT max(counter) FROM (SELECT counter FROM phone WHERE key = ?1 UNION ALL SELECT max(counter) FROM attempt_code WHERE phone = ?1)),
			coalesce((SELECT payment FROM spent WHERE phone = ?1 AND counter = ?2), (SELECT payment FROM attempt_code WHERE phone = ?1 AND counter = ?2)),
			(SELECT minor FROM spend WHERE wallet = ?3 AND account = ?4 AND business_date = ?5 AND currency = ?6),
			(SELECT count FROM spend WHERE wallet = ?3 AND account = ?4 AND business_date = ?5 AND currency = ?6),
			(SELECT sum(minor) FROM exposure WHERE currency = ?6),
			(SELECT sum(count) FROM exposure WHERE currency = ?6),
			epoch, last, acked FROM epoch ORDER BY id DESC LIMIT 1`,
			q.Replay.Phone, counterBytes(q.Replay.Counter), q.Wallet, orEmpty(q.Account), int64(q.Date), string(q.Currency))
		if err == nil {
			err = row.Scan(&counter, &used, &spent, &spentCount, &sum, &count, &epoch, &last, &acked)
		}
		if err != nil {
			return fmt.Errorf("looking up what is known: %w", err)
		}
		k = Known{
			CodeUsed: idOf(used), AccountSpent: spent.Int64, AccountCount: uint64(spentCount.Int64), ExposureSum: sum.Int64,
			ExposureCount: uint64(count.Int64), Epoch: uint64(epoch), Last: uint64(last), Acked: uint64(acked),
		}
		if len(counter) == 8 {
			k.PhoneKnown, k.LastCounter = true, binary.BigEndian.Uint64(counter)
		}
		return nil
	})
	return k, err
}

// Progress is how far HQ has come with an entry.
type Progress string

// The progress of an entry. Suspense, Rejected and Borne come with a reason.
const (
	Waiting  Progress = "waiting"  // HQ has not got it
	AtHQ     Progress = "at_hq"    // HQ holds it durably
	Settling Progress = "posted"   // HQ has posted it
	Suspense Progress = "suspense" // HQ asks: its money waits for somebody to decide
	Rejected Progress = "rejected" // HQ posted nothing, and somebody has to see why
	Borne    Progress = "borne"    // HQ decided: the store bears it
)

// Payment is a payment as the cashier's list shows it.
type Payment struct {
	ID       payment.ID    `json:"id"`
	Sale     payment.ID    `json:"sale"`
	Epoch    uint64        `json:"epoch,string"`
	Seq      uint64        `json:"seq"`
	Date     payment.Date  `json:"date"`
	Wall     int64         `json:"wall"` // Unix ms, by the lane's clock
	Wallet   string        `json:"wallet"`
	Amount   payment.Money `json:"amount"`
	Training bool          `json:"training,omitempty"`
	Voided   bool          `json:"voided,omitempty"`
	Ref      string        `json:"ref,omitempty"`     // the attempt that HQ had the operator charge; empty: approved here
	Carried  bool          `json:"carried,omitempty"` // by an issuer's approval, through the customer's own phone; else offline when Ref is empty
	Progress Progress      `json:"progress"`
	Reason   string        `json:"reason,omitempty"` // HQ's, with Suspense, Rejected and Borne
}

// paymentsQuery reads the payments, offline and online, that fit a condition, as scanPayment takes them. The condition
// stands where the tables' indexes are.
func paymentsQuery(where, order string) string {
	const columns = `id, sale, epoch, seq, business_date, wall, wallet, currency, amount, training, voided`
	return `SELECT p.id, p.sale, p.epoch, p.seq, p.business_date, p.wall, p.wallet, p.currency, p.amount, p.training,
	p.voided IS NOT NULL, p.seq <= e.acked, p.seq <= e.judged, coalesce(r.status, 0), coalesce(r.reason, ''), p.ref, p.carried
	FROM (SELECT ` + columns + `, '' AS ref, 0 AS carried FROM payment WHERE ` + where + ` UNION ALL SELECT ` + columns + `, ref, 0 FROM charge WHERE ` + where + `
	UNION ALL SELECT ` + columns + `, '', 1 FROM carried WHERE ` + where + `) p
	JOIN epoch e ON e.epoch = p.epoch LEFT JOIN result r ON r.epoch = p.epoch AND r.seq = p.seq ORDER BY ` + order
}

// Payments lists a business date's payments, the newest first.
func (j *Journal) Payments(ctx context.Context, date payment.Date) ([]Payment, error) {
	return j.payments(ctx, `business_date = ?1`, `e.id DESC, p.seq DESC`, int64(date))
}

// PaymentsOf lists a sale's payments in the order of their making.
func (j *Journal) PaymentsOf(ctx context.Context, sale payment.ID) ([]Payment, error) {
	return j.payments(ctx, `sale = ?1`, `e.id, p.seq`, sale[:])
}

// PaymentByID finds a payment; ok is false when there is none, or it has been pruned.
func (j *Journal) PaymentByID(ctx context.Context, id payment.ID) (p Payment, ok bool, err error) {
	list, err := j.payments(ctx, `id = ?1`, `p.id`, id[:])
	if len(list) == 0 {
		return Payment{}, false, err
	}
	return list[0], true, err
}

// Exceptions lists the payments that HQ did not simply post: those that wait for a decision, then those that were
// decided against the store (Borne), each the newest first. One that was decided otherwise is posted, or moves no
// money, and is not in it any more.
func (j *Journal) Exceptions(ctx context.Context) ([]Payment, error) {
	return j.payments(ctx, `(epoch, seq) IN (SELECT epoch, seq FROM result WHERE status IN (?1, ?2, ?3))`, `r.status = ?3, e.id DESC, p.seq DESC`,
		int64(wire.Suspense), int64(wire.Rejected), int64(wire.Borne))
}

func (j *Journal) payments(ctx context.Context, where, order string, args ...any) (list []Payment, err error) {
	err = j.read(ctx, func(ctx context.Context, db *sql.DB) (err error) {
		if list, err = collect(ctx, db.QueryContext, scanPayment, paymentsQuery(where, order), args...); err != nil {
			return fmt.Errorf("listing payments: %w", err)
		}
		return nil
	})
	return list, err
}
