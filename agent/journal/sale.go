package journal

import (
	"context"
	"database/sql"
	"fmt"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// SaleState is how far a sale has come.
type SaleState string

// The states of a sale: open until it is paid or cancelled; paid until the shop's POS has the outcome.
//
//	open ──payments reach what is due──> paid ──POS has it──> completed
//	  └──nobody paid──> cancelled          └──void──> open
const (
	SaleOpen      SaleState = "open"
	SalePaid      SaleState = "paid"
	SaleCompleted SaleState = "completed"
	SaleCancelled SaleState = "cancelled"
)

// Sale is a sale as the journal knows it.
type Sale struct {
	ID        payment.ID    `json:"id"`
	Epoch     uint64        `json:"epoch,string"`
	Seq       uint64        `json:"seq"` // its opening
	Date      payment.Date  `json:"date"`
	Wall      int64         `json:"wall"` // Unix ms, by the lane's clock
	Reference string        `json:"reference,omitempty"`
	Total     payment.Money `json:"total"`
	Due       payment.Money `json:"due"`
	Paid      payment.Money `json:"paid"` // voids taken off
	State     SaleState     `json:"state"`
	Training  bool          `json:"training,omitempty"`
	Digest    []byte        `json:"-"` // SHA-256 of the request that opened it under an idempotency key, or what stands in for it; nil: none
}

const saleColumns = `SELECT id, epoch, seq, business_date, wall, reference, currency, total, due, ` + takenColumns + `, training, digest,
	completed IS NOT NULL, cancelled IS NOT NULL FROM sale `

// SaleByID finds a sale; ok is false when there is none, or it has been pruned.
func (j *Journal) SaleByID(ctx context.Context, id payment.ID) (s Sale, ok bool, err error) {
	return j.oneSale(ctx, `WHERE id = ?`, id[:])
}

// SaleByRequest finds the sale that an idempotency key opened, by the key's SHA-256. The caller compares
// Digest: the same key with another request is the integrator's mistake.
func (j *Journal) SaleByRequest(ctx context.Context, request []byte) (s Sale, ok bool, err error) {
	return j.oneSale(ctx, `WHERE request = ?`, orEmpty(request))
}

// SalesByReference lists the sales with the shop's reference, the newest first.
func (j *Journal) SalesByReference(ctx context.Context, reference string) ([]Sale, error) {
	return j.sales(ctx, `WHERE reference = ? AND reference <> ''`+newestFirst, reference)
}

// newestFirst orders sales as the journal has them: identifiers follow the wall clock, which may have been set.
const newestFirst = ` ORDER BY (SELECT e.id FROM epoch e WHERE e.epoch = sale.epoch) DESC, seq DESC`

// LastSale finds the sale that was opened last, whatever became of it; ok is false when the journal holds none.
func (j *Journal) LastSale(ctx context.Context) (s Sale, ok bool, err error) {
	return j.oneSale(ctx, `WHERE id = (SELECT s.id FROM epoch e JOIN sale s ON s.epoch = e.epoch ORDER BY e.id DESC, s.seq DESC LIMIT 1)`)
}

// NotCompleted lists the sales that were paid, wholly or in part, and of which the POS never had the
// outcome, the newest first.
func (j *Journal) NotCompleted(ctx context.Context) ([]Sale, error) {
	return j.sales(ctx, `WHERE completed IS NULL AND `+takenColumns+` > 0`+newestFirst)
}

// LeftBehind lists the payments of NotCompleted's sales that are of another business date than the given one, the
// newest first, and most of them at most. What was voided is not among them.
func (j *Journal) LeftBehind(ctx context.Context, today payment.Date, most int) ([]Payment, error) {
	return j.payments(ctx, `sale IN (SELECT id FROM sale WHERE completed IS NULL AND `+takenColumns+` > 0) AND voided IS NULL AND business_date <> ?1`,
		`e.id DESC, p.seq DESC LIMIT ?2`, int64(today), most)
}

// OpenSales lists the sales that are neither paid in full, completed nor cancelled, the newest first: what
// a crash left open is among them.
func (j *Journal) OpenSales(ctx context.Context) ([]Sale, error) {
	return j.sales(ctx, `WHERE completed IS NULL AND cancelled IS NULL AND `+takenColumns+` < due`+newestFirst)
}

func (j *Journal) oneSale(ctx context.Context, where string, args ...any) (Sale, bool, error) {
	list, err := j.sales(ctx, where, args...)
	if len(list) == 0 {
		return Sale{}, false, err
	}
	return list[0], true, err
}

func (j *Journal) sales(ctx context.Context, where string, args ...any) (list []Sale, err error) {
	err = j.read(ctx, func(ctx context.Context, db *sql.DB) (err error) {
		if list, err = collect(ctx, db.QueryContext, scanSale, saleColumns+where, args...); err != nil {
			return fmt.Errorf("listing sales: %w", err)
		}
		return nil
	})
	return list, err
}

func scanSale(rows *sql.Rows) (Sale, error) {
	var s Sale
	var id []byte
	var epoch, seq, date int64
	var currency string
	var completed, cancelled bool
	err := rows.Scan(&id, &epoch, &seq, &date, &s.Wall, &s.Reference, &currency, &s.Total.Minor, &s.Due.Minor, &s.Paid.Minor,
		&s.Training, &s.Digest, &completed, &cancelled)
	c := payment.Currency(currency)
	s.ID, s.Epoch, s.Seq, s.Date = idOf(id), uint64(epoch), uint64(seq), payment.Date(date)
	s.Total.Currency, s.Due.Currency, s.Paid.Currency = c, c, c
	switch {
	case completed:
		s.State = SaleCompleted
	case cancelled:
		s.State = SaleCancelled
	case s.Paid.Minor >= s.Due.Minor:
		s.State = SalePaid
	default:
		s.State = SaleOpen
	}
	return s, err
}

func scanPayment(rows *sql.Rows) (Payment, error) {
	var p Payment
	var id, sale []byte
	var epoch, seq, date int64
	var atHQ, judged bool
	var status int64
	err := rows.Scan(&id, &sale, &epoch, &seq, &date, &p.Wall, &p.Wallet, &p.Amount.Currency, &p.Amount.Minor, &p.Training,
		&p.Voided, &atHQ, &judged, &status, &p.Reason, &p.Ref, &p.Carried)
	p.ID, p.Sale, p.Epoch, p.Seq, p.Date = idOf(id), idOf(sale), uint64(epoch), uint64(seq), payment.Date(date)
	p.Progress = progress(wire.Status(status), atHQ, judged)
	return p, err
}

func progress(status wire.Status, atHQ, judged bool) Progress {
	switch {
	case status == wire.Suspense:
		return Suspense
	case status == wire.Rejected:
		return Rejected
	case status == wire.Borne:
		return Borne
	case judged:
		return Settling
	case atHQ:
		return AtHQ
	}
	return Waiting
}
