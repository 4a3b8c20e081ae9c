package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"

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

// query is a statement with its arguments.
type query struct {
	text string
	args []any
}

func read[T any](ctx context.Context, s *Store, q query, scan func(*sql.Rows) (T, error), what string) ([]T, error) {
	rows, err := s.readers.QueryContext(ctx, q.text, q.args...)
	list, err := collect(rows, err, scan)
	if err != nil {
		return nil, fmt.Errorf("listing the newest %s: %w", what, err)
	}
	return list, nil
}

// NewestPayments lists up to limit payments below a position that fit the filter, without the batches and
// exceptions that they are in.
func (s *Store) NewestPayments(ctx context.Context, want PaymentFilter, before uint64, limit int) ([]Payment, error) {
	near, far := newestPayments(want, below(before), limit)
	list, err := read(ctx, s, near, scanPayment, "payments")
	if err != nil || len(list) == limit || far.text == "" {
		return list, err
	}
	return read(ctx, s, far, scanPayment, "payments")
}

// newestPayments gives the statement that walks payments one by one, and, where that must not go on for ever,
// the one that finds the list when few fit.
func newestPayments(want PaymentFilter, before int64, limit int) (near, far query) {
	where, dims := paymentState(want.State), dimensionFilter(want)
	where.add("p.no < ?", true, before)
	walk := where.and(dims.unindexed())
	if len(dims.where) > 0 && (want.State == "" || want.State == Posted) {
		walk.add("p.no >= min(?, (SELECT coalesce(max(no), 0) FROM payment)) - ?", true, before)
		walk.args = append(walk.args, nearby)
		far = paymentsByDimension(where, dims, limit)
	}
	return query{paymentColumns + walk.String() + " ORDER BY p.no DESC LIMIT ?", append(walk.args, limit)}, far
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
	return filter{where: slices.Concat(f.where, g.where), args: slices.Concat(f.args, g.args)}
}

// unindexed keeps SQLite from beginning with the dimensions, which are in no order of payments.
func (f filter) unindexed() filter {
	g := filter{args: f.args}
	for _, cond := range f.where {
		g.where = append(g.where, "+"+cond)
	}
	return g
}

// paymentsByDimension asks each dimension that fits for its newest payment, and reads on only in the limit
// dimensions whose newest are the newest of all. When there are that many, the list can't reach below the
// newest payment of the last of them.
func paymentsByDimension(where, dims filter, limit int) query {
	text := `WITH found (dimension, last) AS MATERIALIZED (SELECT d.no, (SELECT p.no FROM payment p
			WHERE p.dimension = d.no AND ` + where.String() + ` ORDER BY p.no DESC LIMIT 1) FROM dimension d WHERE ` + dims.String() + `),
		newest AS MATERIALIZED (SELECT * FROM found WHERE last IS NOT NULL ORDER BY last DESC LIMIT ?)
		` + paymentColumns + `p.no IN (SELECT p.no FROM newest n CROSS JOIN payment p ON p.dimension = n.dimension
			AND p.no >= (SELECT CASE WHEN count(*) < ? THEN 0 ELSE min(last) END FROM newest) AND ` + where.String() + `
			ORDER BY p.no DESC LIMIT ?) ORDER BY p.no DESC`
	return query{text, slices.Concat(where.args, dims.args, []any{limit, limit}, where.args, []any{limit})}
}

// NewestExceptions lists up to limit exceptions below a position that fit the filter.
func (s *Store) NewestExceptions(ctx context.Context, want ExceptionFilter, before uint64, limit int) ([]Exception, error) {
	return read(ctx, s, newestExceptions(want, below(before), limit), scanException, "exceptions")
}

func newestExceptions(want ExceptionFilter, before int64, limit int) query {
	f := filter{where: []string{"x.no < ?"}, args: []any{before}}
	f.add("x.state = ?", want.State != "", want.State)
	if want.State == "open" {
		f.where = append(f.where, "x.state = 'open'") // the index of those that are open is used only then
	}
	f.add("x.kind = ?", want.Kind != "", string(want.Kind))
	f.add("x.owner = ?", want.Owner != "", want.Owner)
	f.add("x.terminal = (SELECT no FROM terminal WHERE id = ?)", !want.Terminal.IsZero(), want.Terminal[:])
	f.add("x.payment IN (SELECT no FROM payment WHERE id = ?)", !want.Payment.IsZero(), want.Payment[:])
	return query{exceptionColumns + f.String() + " ORDER BY x.no DESC LIMIT ?", append(f.args, limit)}
}

// BatchFilter narrows a list of batches; an empty field does not.
type BatchFilter struct {
	Wallet         string
	SettlementDate payment.Date
}

// NewestBatches lists up to limit batches below a position that fit the filter. They are a few a day: their
// table alone is read one by one.
func (s *Store) NewestBatches(ctx context.Context, want BatchFilter, before uint64, limit int) ([]BatchRef, error) {
	f := filter{where: []string{"no < ?"}, args: []any{below(before)}}
	f.add("wallet = ?", want.Wallet != "", want.Wallet)
	f.add("settlement_date = ?", want.SettlementDate != 0, int64(want.SettlementDate))
	q := query{batchColumns + "WHERE " + f.String() + " ORDER BY no DESC LIMIT ?", append(f.args, limit)}
	return read(ctx, s, q, scanBatch, "batches")
}
