package ledger

import (
	"context"
	"fmt"
	"math"

	"tilld/agent/payment"
)

// These lists walk positions downwards, the newest first: before is the position of the last row that was
// given, 0 to begin. Positions only rise and rows are never deleted, so that what comes in meanwhile moves
// nothing. Each walk follows an index to its limit and does not read past it.

// below is the position behind which a downward walk begins.
func below(before uint64) int64 {
	if before == 0 {
		return math.MaxInt64
	}
	return clamp(before)
}

// nearby is how many of the newest payments are looked at one by one for those that fit a filter, before it
// pays to look by dimension.
const nearby = 2000

// NewestPayments lists up to limit payments below a position that fit the filter, without the batches and
// exceptions that they are in.
func (s *Store) NewestPayments(ctx context.Context, want PaymentFilter, before uint64, limit int) ([]Payment, error) {
	list, err := s.newestPayments(ctx, want, below(before), limit)
	if err != nil {
		return nil, fmt.Errorf("listing the newest payments: %w", err)
	}
	return list, nil
}

func (s *Store) newestPayments(ctx context.Context, want PaymentFilter, before int64, limit int) ([]Payment, error) {
	where, dims := paymentState(want.State), dimensionFilter(want)
	where.add("p.no < ?", true, before)
	if want.State != "" && want.State != Posted || len(dims.where) == 0 {
		return s.walkPayments(ctx, where.and(dims), limit)
	}
	near := where.and(dims)
	near.add("p.no > min(?, (SELECT coalesce(max(no), 0) + 1 FROM payment)) - ?", true, before)
	near.args = append(near.args, nearby)
	list, err := s.walkPayments(ctx, near, limit)
	if err != nil || len(list) == limit {
		return list, err
	}
	return s.walkDimensions(ctx, where, dims, limit)
}

// paymentState narrows payments to a state. The index of those that are not posted is used only when the text
// says so.
func paymentState(state State) (f filter) {
	f.add("p.state = ?", state != "", string(state))
	if state != "" && state != Posted {
		f.where = append(f.where, "p.state <> 'posted'")
	}
	return f
}

func dimensionFilter(want PaymentFilter) (f filter) {
	f.add("d.terminal = ?", !want.Terminal.IsZero(), want.Terminal[:])
	f.add("d.store = ?", want.Store != "", want.Store)
	f.add("d.wallet = ?", want.Wallet != "", want.Wallet)
	f.add("d.business_date = ?", want.BusinessDate != 0, int64(want.BusinessDate))
	return f
}

// and is both filters in one, in this order.
func (f filter) and(g filter) filter {
	return filter{where: append(f.where[:len(f.where):len(f.where)], g.where...), args: append(f.args[:len(f.args):len(f.args)], g.args...)}
}

func (s *Store) walkPayments(ctx context.Context, f filter, limit int) ([]Payment, error) {
	rows, err := s.readers.QueryContext(ctx, paymentColumns+f.String()+" ORDER BY p.no DESC LIMIT ?", append(f.args, limit)...)
	return collect(rows, err, scanPayment)
}

// walkDimensions looks where few of all payments fit: it asks each dimension that fits for its newest payment,
// and reads on only in the limit dimensions whose newest are the newest of all. The list can't reach below the
// newest payment of the last of them when there are that many.
func (s *Store) walkDimensions(ctx context.Context, where, dims filter, limit int) ([]Payment, error) {
	query := `WITH newest (dimension, last) AS MATERIALIZED (
			SELECT * FROM (SELECT d.no, (SELECT p.no FROM payment p WHERE p.dimension = d.no AND ` + where.String() + `
				ORDER BY p.no DESC LIMIT 1) AS last FROM dimension d WHERE ` + dims.String() + `)
			WHERE last IS NOT NULL ORDER BY last DESC LIMIT ?)
		` + paymentColumns + `p.no IN (SELECT p.no FROM newest n CROSS JOIN payment p ON p.dimension = n.dimension
			AND p.no >= (SELECT CASE WHEN count(*) < ? THEN 0 ELSE min(last) END FROM newest) AND ` + where.String() + `
			ORDER BY p.no DESC LIMIT ?) ORDER BY p.no DESC`
	args := append(where.and(dims).args, limit, limit)
	args = append(append(args, where.args...), limit)
	rows, err := s.readers.QueryContext(ctx, query, args...)
	return collect(rows, err, scanPayment)
}

// NewestExceptions lists up to limit exceptions below a position that fit the filter.
func (s *Store) NewestExceptions(ctx context.Context, want ExceptionFilter, before uint64, limit int) ([]Exception, error) {
	f := filter{where: []string{"x.no < ?"}, args: []any{below(before)}}
	switch want.State {
	case "":
	case "open":
		f.where = append(f.where, "x.state = 'open'") // so that its own index is used
	default:
		f.add("x.state = ?", true, want.State)
	}
	f.add("x.kind = ?", want.Kind != "", string(want.Kind))
	f.add("x.owner = ?", want.Owner != "", want.Owner)
	f.add("t.id = ?", !want.Terminal.IsZero(), want.Terminal[:])
	rows, err := s.readers.QueryContext(ctx, exceptionColumns+f.String()+" ORDER BY x.no DESC LIMIT ?", append(f.args, limit)...)
	list, err := collect(rows, err, scanException)
	if err != nil {
		return nil, fmt.Errorf("listing the newest exceptions: %w", err)
	}
	return list, nil
}

// BatchFilter narrows a list of batches; an empty field does not.
type BatchFilter struct {
	Wallet         string
	SettlementDate payment.Date
}

// NewestBatches lists up to limit batches below a position that fit the filter. There are a few a day in all.
func (s *Store) NewestBatches(ctx context.Context, want BatchFilter, before uint64, limit int) ([]BatchRef, error) {
	f := filter{where: []string{"no < ?"}, args: []any{below(before)}}
	f.add("wallet = ?", want.Wallet != "", want.Wallet)
	f.add("settlement_date = ?", want.SettlementDate != 0, int64(want.SettlementDate))
	rows, err := s.readers.QueryContext(ctx, batchColumns+"WHERE "+f.String()+" ORDER BY no DESC LIMIT ?", append(f.args, limit)...)
	list, err := collect(rows, err, scanBatch)
	if err != nil {
		return nil, fmt.Errorf("listing the newest batches: %w", err)
	}
	return list, nil
}
