package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// Exception is something that HQ could not simply post, or that somebody should see.
type Exception struct {
	Pos      uint64 // its place in the list: the order of opening
	ID       payment.ID
	Kind     Kind
	Owner    string
	Entry    wire.Name // what it is about; or, of an alarm, the terminal's epoch from there on
	Store    string
	Lane     string
	Payment  payment.ID    // zero: no money waits
	Amount   payment.Money // of the payment
	Wallet   string
	Detail   string
	OpenedAt time.Time
	// Set when it is decided.
	Decision   Decision // empty: open
	Account    Account  // the loss account
	ResolvedAt time.Time
	ResolvedBy string
	Why        string
}

// Open says that nobody has decided it.
func (x *Exception) Open() bool { return x.Decision == "" }

const exceptionColumns = `SELECT x.no, x.id, x.kind, x.owner, t.id, e.epoch, coalesce(y.seq, x.seq), t.store, t.lane, p.id, coalesce(p.amount, 0),
	coalesce(d.currency, ''), coalesce(d.wallet, ''), x.detail, x.opened_at, coalesce(x.outcome, ''), coalesce(x.account, 0),
	coalesce(x.resolved_at, 0), coalesce(x.resolved_by, ''), coalesce(x.why, '')
	FROM exception x LEFT JOIN entry y ON y.no = x.entry LEFT JOIN branch b ON b.no = y.branch
	LEFT JOIN epoch e ON e.no = coalesce(b.epoch, x.epoch) JOIN terminal t ON t.no = x.terminal LEFT JOIN payment p ON p.no = x.payment LEFT JOIN dimension d ON d.no = p.dimension WHERE `

func scanException(rows *sql.Rows) (Exception, error) {
	var x Exception
	var no, epoch, seq, opened, resolved int64
	var id, terminal, paid []byte
	err := rows.Scan(&no, &id, &x.Kind, &x.Owner, &terminal, &epoch, &seq, &x.Store, &x.Lane, &paid, &x.Amount.Minor,
		&x.Amount.Currency, &x.Wallet, &x.Detail, &opened, &x.Decision, &x.Account, &resolved, &x.ResolvedBy, &x.Why)
	if err != nil {
		return x, err
	}
	x.Pos, x.ID, x.OpenedAt = uint64(no), payment.ID(id), millis(opened)
	x.Entry = wire.Name{Terminal: payment.ID(terminal), Epoch: uint64(epoch), Seq: uint64(seq)}
	copy(x.Payment[:], paid)
	if resolved != 0 {
		x.ResolvedAt = millis(resolved)
	}
	return x, nil
}

// ExceptionFilter narrows a list of exceptions; an empty field does not.
type ExceptionFilter struct {
	State    string // "open" or "resolved"
	Kind     Kind
	Owner    string
	Terminal payment.ID
	Payment  payment.ID // that waits for them, or waited; NewestExceptions only
}

// Exceptions lists up to limit exceptions behind a position that fit the filter, in the order of opening.
func (s *Store) Exceptions(ctx context.Context, want ExceptionFilter, after uint64, limit int) ([]Exception, error) {
	f := filter{where: []string{"x.no > ?"}, args: []any{clamp(after)}}
	f.add("x.state = ?", want.State != "", want.State)
	f.add("x.kind = ?", want.Kind != "", string(want.Kind))
	f.add("x.owner = ?", want.Owner != "", want.Owner)
	f.add("t.id = ?", !want.Terminal.IsZero(), want.Terminal[:])
	rows, err := s.readers.QueryContext(ctx, exceptionColumns+f.String()+" ORDER BY x.no LIMIT ?", append(f.args, limit)...)
	return collect(rows, err, scanException)
}

// Exception finds an exception; payment.NotFound when there is none.
func (s *Store) Exception(ctx context.Context, id payment.ID) (Exception, error) {
	rows, err := s.readers.QueryContext(ctx, exceptionColumns+"x.id = ?", id[:])
	list, err := collect(rows, err, scanException)
	return one(list, err, "ledger.Exception", "exception", id)
}

// OpenByKind counts the open exceptions of each kind that has any.
func (s *Store) OpenByKind(ctx context.Context) (map[Kind]int, error) {
	rows, err := s.readers.QueryContext(ctx, "SELECT kind, count(*) FROM exception WHERE state = 'open' GROUP BY kind")
	counts := map[Kind]int{}
	_, err = collect(rows, err, func(rows *sql.Rows) (struct{}, error) {
		var kind Kind
		var n int
		err := rows.Scan(&kind, &n)
		counts[kind] = n
		return struct{}{}, err
	})
	if err != nil {
		return nil, fmt.Errorf("counting exceptions: %w", err)
	}
	return counts, nil
}
