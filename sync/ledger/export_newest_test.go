package ledger

import (
	"context"
	"time"

	"tilld/agent/payment"
)

// NewestByDimension is the way that NewestPayments goes when few payments fit.
func (s *Store) NewestByDimension(ctx context.Context, want PaymentFilter, before uint64, limit int) ([]Payment, error) {
	_, far := newestPayments(want, below(before), limit)
	return read(ctx, s, far, scanPayment, "payments")
}

// PaymentPlans and ExceptionPlan are what SQLite is asked.
func PaymentPlans(want PaymentFilter) (near, far string, nearArgs, farArgs []any) {
	n, f := newestPayments(want, 1000, 50)
	return n.text, f.text, n.args, f.args
}

// ExceptionPlan is what SQLite is asked for exceptions.
func ExceptionPlan(want ExceptionFilter) (string, []any) {
	q := newestExceptions(want, 1000, 50)
	return q.text, q.args
}

// AlarmPlan is what SQLite is asked of a terminal with every message of it.
func AlarmPlan() string {
	return "SELECT " + isAlarmed + ", " + isTwice + " FROM terminal t WHERE t.id = ?"
}

// EndingPlan is what SQLite is asked for payments by the end of their identifiers.
func EndingPlan() (string, []any) {
	q := paymentsEnding(payment.ID{15: 1}, time.UnixMilli(1), 50)
	return q.text, q.args
}
