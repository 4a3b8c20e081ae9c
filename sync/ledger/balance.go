package ledger

import (
	"context"
	"database/sql"
	"fmt"

	"tilld/agent/payment"
)

// Balance is the sums of an account in one dimension, or, from Trial, in one currency.
type Balance struct {
	Account Account
	Dimension
	Debits  int64
	Credits int64
}

// Net is what the account stands at, above zero on the side on which it grows.
func (b *Balance) Net() int64 {
	for _, row := range Chart() {
		if row.Account == b.Account && row.Type == Liability {
			return b.Credits - b.Debits
		}
	}
	return b.Debits - b.Credits
}

// BalanceFilter narrows a list of balances; an empty field does not.
type BalanceFilter struct {
	Account      Account
	Entity       string
	Store        string
	Terminal     payment.ID
	Wallet       string
	BusinessDate payment.Date
	Currency     payment.Currency
}

// Balances lists balances by dimension and account.
func (s *Store) Balances(ctx context.Context, want BalanceFilter) ([]Balance, error) {
	f := filter{where: []string{"1"}}
	f.add("b.account = ?", want.Account != 0, int(want.Account))
	f.add("d.entity = ?", want.Entity != "", want.Entity)
	f.add("d.store = ?", want.Store != "", want.Store)
	f.add("d.terminal = ?", !want.Terminal.IsZero(), want.Terminal[:])
	f.add("d.wallet = ?", want.Wallet != "", want.Wallet)
	f.add("d.business_date = ?", want.BusinessDate != 0, int64(want.BusinessDate))
	f.add("d.currency = ?", want.Currency != "", string(want.Currency))
	rows, err := s.readers.QueryContext(ctx, "SELECT b.account, "+dimensionColumns+`, b.debits, b.credits FROM balance b
		JOIN dimension d ON d.no = b.dimension WHERE `+f.String()+" ORDER BY d.business_date, d.no, b.account", f.args...)
	list, err := collect(rows, err, func(rows *sql.Rows) (Balance, error) {
		var b Balance
		var terminal []byte
		err := rows.Scan(append(append([]any{&b.Account}, scanDimension(&b.Dimension, &terminal)...), &b.Debits, &b.Credits)...)
		copy(b.Terminal[:], terminal)
		return b, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading balances: %w", err)
	}
	return list, nil
}

// Trial is the trial balance: every account's sums by currency. Over all accounts of a currency debits and
// credits are equal.
func (s *Store) Trial(ctx context.Context) ([]Balance, error) {
	rows, err := s.readers.QueryContext(ctx, `SELECT b.account, d.currency, sum(b.debits), sum(b.credits) FROM balance b
		JOIN dimension d ON d.no = b.dimension GROUP BY b.account, d.currency ORDER BY d.currency, b.account`)
	list, err := collect(rows, err, func(rows *sql.Rows) (b Balance, err error) {
		return b, rows.Scan(&b.Account, &b.Currency, &b.Debits, &b.Credits)
	})
	if err != nil {
		return nil, fmt.Errorf("reading the trial balance: %w", err)
	}
	return list, nil
}
