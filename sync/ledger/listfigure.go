package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// Figure is a sale with basket lines that was paid, or the taking back of one. It never changes, but for the account,
// which can be erased.
type Figure struct {
	Pos     uint64 // its place in the list: the order of judging
	Back    bool   // the payment was taken back: its lines count with the other sign
	Payment payment.ID
	Sale    payment.ID
	Dimension
	Amount  int64     // of the payment, minor units
	TakenAt time.Time // by the lane's clock: a note
	Account []byte    // the issuer's pseudonym; nil: not known, erased, or the policy does not let HQ export any
	Basket  int64     // for Lines
}

// FigureFilter says which figures are wanted. The date must be set; an empty store means all.
type FigureFilter struct {
	BusinessDate payment.Date
	Store        string
}

const figureColumns = `SELECT f.no, f.cause = 'void', p.id, k.sale, ` + dimensionColumns + `, p.amount, p.taken_at,
	CASE f.accounts WHEN 1 THEN p.account END, f.basket FROM figure f JOIN payment p ON p.no = f.payment
	JOIN dimension d ON d.no = p.dimension JOIN basket k ON k.entry = f.basket WHERE `

func scanFigure(rows *sql.Rows) (Figure, error) {
	var f Figure
	var id, sale, terminal []byte
	var taken int64
	into := append([]any{&f.Pos, &f.Back, &id, &sale}, scanDimension(&f.Dimension, &terminal)...)
	if err := rows.Scan(append(into, &f.Amount, &taken, &f.Account, &f.Basket)...); err != nil {
		return f, err
	}
	f.Payment, f.Sale, f.Terminal, f.TakenAt = payment.ID(id), payment.ID(sale), payment.ID(terminal), millis(taken)
	return f, nil
}

// Figures lists up to limit sales figures of a business date behind a position. The list only grows, and a date that all
// lanes have closed and HQ holds grows no more.
func (s *Store) Figures(ctx context.Context, want FigureFilter, after uint64, limit int) ([]Figure, error) {
	f := filter{where: []string{"f.no > ?"}, args: []any{clamp(after)}}
	f.add("f.business_date = ?", true, int64(want.BusinessDate))
	f.add("f.store = ?", want.Store != "", want.Store)
	rows, err := s.readers.QueryContext(ctx, figureColumns+f.String()+" ORDER BY f.no LIMIT ?", append(f.args, limit)...)
	list, err := collect(rows, err, scanFigure)
	if err != nil {
		return nil, fmt.Errorf("listing sales figures: %w", err)
	}
	return list, nil
}

// Figure is the sales figure at a position; payment.NotFound when there is none.
func (s *Store) Figure(ctx context.Context, pos uint64) (Figure, error) {
	rows, err := s.readers.QueryContext(ctx, figureColumns+"f.no = ?", clamp(pos))
	list, err := collect(rows, err, scanFigure)
	return one(list, err, "ledger.Figure", "sales figure", pos)
}

// Lines reads a figure's basket lines; none when they were erased.
func (s *Store) Lines(ctx context.Context, f *Figure) ([]payment.Article, error) {
	var raw []byte
	if err := s.readers.QueryRowContext(ctx, "SELECT body FROM entry WHERE no = ?", f.Basket).Scan(&raw); err != nil {
		return nil, fmt.Errorf("reading the lines of sale %s: %w", f.Sale, err)
	}
	if len(raw) == 0 {
		return nil, nil
	}
	b, err := wire.DecodeBody(raw) // which held when it was judged
	if err != nil {
		return nil, fmt.Errorf("reading the lines of sale %s: %w", f.Sale, err)
	}
	return b.Articles(), nil
}

// Tenders reads how the shop said that a figure's sale was to be paid; none when it did not say.
func (s *Store) Tenders(ctx context.Context, f *Figure) ([]payment.Tender, error) {
	var payload []byte
	if err := s.readers.QueryRowContext(ctx, "SELECT payload FROM entry WHERE no = ?", f.Basket).Scan(&payload); err != nil {
		return nil, fmt.Errorf("reading the tenders of sale %s: %w", f.Sale, err)
	}
	e, err := wire.DecodeEntry(payload)
	if err != nil {
		return nil, fmt.Errorf("reading the tenders of sale %s: %w", f.Sale, err)
	}
	opened, ok := e.Fact.(*payment.SaleOpened)
	if !ok {
		return nil, fmt.Errorf("sale %s begins with %s", f.Sale, e.Kind)
	}
	return opened.NamedTenders(), nil
}

// DateClosed says whether every lane, of a store or of all, that is not revoked has closed a business date or a later one,
// and HQ has judged that.
func (s *Store) DateClosed(ctx context.Context, want FigureFilter) (closed bool, err error) {
	err = s.readers.QueryRowContext(ctx, `SELECT NOT EXISTS (SELECT 1 FROM terminal t WHERE t.revoked_at IS NULL AND (?1 = '' OR t.store = ?1)
		AND NOT EXISTS (SELECT 1 FROM day_close c WHERE c.terminal = t.no AND c.business_date >= ?2))`,
		want.Store, int64(want.BusinessDate)).Scan(&closed)
	if err != nil {
		return false, fmt.Errorf("reading whether %s is closed: %w", want.BusinessDate, err)
	}
	return closed, nil
}
