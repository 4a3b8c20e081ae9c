package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// Point is a line of a loyalty programme's points: what a payment earned its member, or the taking back of that.
type Point struct {
	Pos       uint64 // its place in the list: the order of judging
	Programme string
	Back      bool
	Payment   payment.ID
	Sale      payment.ID
	Number    [16]byte // the member's pseudonym
	Points    int64    // below zero when they are taken back
	Eligible  int64    // of the sale, minor units
	Dimension          // of the payment
	At        time.Time
	Entry     wire.Name // that attached the member
	Body      []byte    // of that entry: it has the number, sealed to HQ; nil: it was erased
}

const pointColumns = `SELECT o.no, o.programme, o.cause = 'taken_back', p.id, m.sale, m.number, o.points, m.eligible, ` + dimensionColumns + `, o.at,
	e.epoch, y.seq, y.body FROM point o JOIN payment p ON p.no = o.payment JOIN dimension d ON d.no = p.dimension
	JOIN member m ON m.entry = o.member JOIN entry y ON y.no = m.entry JOIN branch b ON b.no = y.branch JOIN epoch e ON e.no = b.epoch WHERE `

func scanPoint(rows *sql.Rows) (Point, error) {
	var p Point
	var id, sale, number, terminal []byte
	var at, epoch int64
	into := append([]any{&p.Pos, &p.Programme, &p.Back, &id, &sale, &number, &p.Points, &p.Eligible}, scanDimension(&p.Dimension, &terminal)...)
	if err := rows.Scan(append(into, &at, &epoch, &p.Entry.Seq, &p.Body)...); err != nil {
		return p, err
	}
	p.Payment, p.Sale, p.Terminal, p.At = payment.ID(id), payment.ID(sale), payment.ID(terminal), millis(at)
	p.Entry.Terminal, p.Entry.Epoch = p.Terminal, uint64(epoch)
	copy(p.Number[:], number)
	return p, nil
}

// Points lists up to limit lines of a programme behind a position. The list only grows.
func (s *Store) Points(ctx context.Context, programme string, after uint64, limit int) ([]Point, error) {
	rows, err := s.readers.QueryContext(ctx, pointColumns+"o.programme = ? AND o.no > ? ORDER BY o.no LIMIT ?", programme, clamp(after), limit)
	list, err := collect(rows, err, scanPoint)
	if err != nil {
		return nil, fmt.Errorf("listing points of %s: %w", programme, err)
	}
	return list, nil
}

// Point is the line at a position; payment.NotFound when there is none.
func (s *Store) Point(ctx context.Context, pos uint64) (Point, error) {
	rows, err := s.readers.QueryContext(ctx, pointColumns+"o.no = ?", clamp(pos))
	list, err := collect(rows, err, scanPoint)
	return one(list, err, "ledger.Point", "line of points", pos)
}

// PointsOf is what a member, by his pseudonym, stands at in a programme, as far as this chain knows.
func (s *Store) PointsOf(ctx context.Context, programme string, number []byte) (sum int64, err error) {
	err = s.readers.QueryRowContext(ctx, `SELECT coalesce(sum(o.points), 0) FROM member m JOIN point o ON o.member = m.entry
		WHERE m.programme = ? AND m.number = ?`, programme, number).Scan(&sum)
	if err != nil {
		return 0, fmt.Errorf("adding up points of %s: %w", programme, err)
	}
	return sum, nil
}
