package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// Row is an entry as it lies in a journal: the signed envelope, and the columns that repeat its content.
type Row struct {
	Pos          int64
	Epoch        uint64
	Seq          uint64
	Hash         []byte
	Prev         []byte
	Envelope     []byte
	Kind         payment.Kind // 0 in a copy that a release made which did not know the kind
	Sale         payment.ID   // zero: none
	Payment      payment.ID
	BusinessDate payment.Date
	Wall         int64
	Body         []byte // nil: none, or erased
	HasBody      bool   // with Body nil: it was erased
}

// Filter chooses rows. Zero fields choose all.
type Filter struct {
	Epoch   uint64
	From    uint64 // first sequence
	To      uint64 // last sequence
	Kind    payment.Kind
	Sale    payment.ID
	Payment payment.ID
	Date    payment.Date // business date
	Last    int          // only the last so many of those chosen

	after int64 // only rows behind this position
	upTo  int64 // and not behind this one
	kinds []payment.Kind
}

// sqlText is the query of a filter, in the order of writing.
func (f *Filter) sqlText() (string, []any) {
	where := `WHERE true`
	var args []any
	add := func(cond string, v any) { where, args = where+" AND "+cond, append(args, v) }
	if f.after != 0 {
		add("e.pos > ?", f.after)
	}
	if f.upTo != 0 {
		add("e.pos <= ?", f.upTo)
	}
	if len(f.kinds) > 0 {
		for _, k := range f.kinds {
			args = append(args, int64(k))
		}
		where += " AND e.kind IN (?" + strings.Repeat(", ?", len(f.kinds)-1) + ")"
	}
	if f.Epoch != 0 {
		add("e.epoch = ?", int64(f.Epoch))
	}
	if f.From > 0 {
		add("e.seq >= ?", clampInt(f.From))
	}
	if f.To > 0 {
		add("e.seq <= ?", clampInt(f.To))
	}
	if f.Kind != 0 {
		add("e.kind = ?", int64(f.Kind))
	}
	if !f.Sale.IsZero() {
		add("e.sale = ?", f.Sale[:])
	}
	if !f.Payment.IsZero() {
		add("e.payment = ?", f.Payment[:])
	}
	if f.Date != 0 {
		add("e.business_date = ?", int64(f.Date))
	}
	text := `SELECT e.pos, e.epoch, e.seq, e.hash, e.prev, e.envelope, e.kind, e.sale, e.payment, e.business_date, e.wall,
		b.raw, b.pos IS NOT NULL FROM entry e LEFT JOIN body b ON b.pos = e.pos ` + where
	if f.Last > 0 {
		args = append(args, f.Last)
		return `SELECT * FROM (` + text + ` ORDER BY e.pos DESC LIMIT ?) ORDER BY 1`, args
	}
	return text + ` ORDER BY e.pos`, args
}

// clampInt is n, or the largest number that SQLite compares with.
func clampInt(n uint64) int64 { return int64(min(n, math.MaxInt64)) }

// rows reads the rows of a filter one by one. It ends after an error.
func rows(ctx context.Context, query queryFunc, f Filter) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		text, args := f.sqlText()
		list, err := query(ctx, text, args...)
		if err != nil {
			yield(Row{}, fmt.Errorf("reading the entries: %w", err))
			return
		}
		defer list.Close()
		for list.Next() {
			r, err := scanRow(list)
			if !yield(r, err) || err != nil {
				return
			}
		}
		if err := list.Err(); err != nil {
			yield(Row{}, fmt.Errorf("reading the entries: %w", err))
		}
	}
}

func scanRow(list *sql.Rows) (r Row, err error) {
	var epoch, seq, kind, date int64
	var sale, pay []byte
	err = list.Scan(&r.Pos, &epoch, &seq, &r.Hash, &r.Prev, &r.Envelope, &kind, &sale, &pay, &date, &r.Wall, &r.Body, &r.HasBody)
	if err != nil {
		return r, fmt.Errorf("reading an entry: %w", err)
	}
	r.Epoch, r.Seq, r.Kind, r.BusinessDate = uint64(epoch), uint64(seq), payment.Kind(kind), payment.Date(date)
	r.Sale, r.Payment = idOf(sale), idOf(pay)
	return r, nil
}

// idOf is the identifier in a column; the schema takes none of another length.
func idOf(b []byte) (id payment.ID) {
	copy(id[:], b)
	return id
}

// record decodes a row that was verified before.
func (r *Row) record() (Record, error) {
	p, err := cutEnvelope(r.Envelope)
	if err != nil {
		return Record{}, corrupt("entry %d: %w", r.Seq, err)
	}
	e, err := wire.DecodeEntry(p.payload)
	if err != nil && !errors.Is(err, wire.ErrSetAside) {
		return Record{}, corrupt("entry %d: %w", r.Seq, err)
	}
	return Record{Pos: r.Pos, Entry: e, Hash: wire.Hash(p.protected, p.payload), Envelope: r.Envelope, Body: r.Body}, nil
}

// written decodes a row with its body.
func (r *Row) written() (written, error) {
	rec, err := r.record()
	if err != nil || len(rec.Body) == 0 {
		return written{Record: rec}, err
	}
	body, err := wire.DecodeBody(rec.Body)
	if err != nil {
		return written{}, corrupt("entry %d: %w", r.Seq, err)
	}
	return written{rec, body}, nil
}
