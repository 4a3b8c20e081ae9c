package journal

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// preparer is a database, a connection or a transaction.
type preparer interface {
	PrepareContext(ctx context.Context, text string) (*sql.Stmt, error)
}

// comparison holds stored projections against rebuilt ones.
type comparison struct {
	r      *rebuild
	stored preparer
	// whole goes through the stored rows too, so that those that no entry made are found; else only the rows
	// that the entries at hand have made are looked at, however many are stored.
	whole   bool
	rows    int // that were compared
	resting int // of them, those that rest on entries that are gone, or were forgotten
	diff    DifferError
}

// run compares every projection.
func (c *comparison) run(ctx context.Context) error {
	tables := projectionsOf(c.r.project.version)
	for i := range tables {
		p := &tables[i]
		if err := c.table(ctx, p, c.r.store.conn, c.stored, c.rebuilt); err != nil {
			return err
		}
		// Epochs are few, so the exposure is always gone through.
		if !c.whole && p.table != "exposure" {
			continue
		}
		if err := c.table(ctx, p, c.stored, c.r.store.conn, c.extra); err != nil {
			return err
		}
	}
	return nil
}

// table walks the rows of one side and finds each on the other.
func (c *comparison) table(ctx context.Context, p *projection, walk, find preparer, with func(row, other *projectedRow)) (err error) {
	names := append([]string(nil), p.key...)
	for _, col := range p.columns {
		names = append(names, col.name)
	}
	text := "SELECT " + strings.Join(names, ", ") + " FROM " + p.table
	all, err := walk.PrepareContext(ctx, text)
	if err != nil {
		return fmt.Errorf("reading the projection %s: %w", p.table, err)
	}
	defer func() { err = errors.Join(err, all.Close()) }()
	one, err := find.PrepareContext(ctx, text+" WHERE "+strings.Join(p.key, " = ? AND ")+" = ?")
	if err != nil {
		return fmt.Errorf("reading the projection %s: %w", p.table, err)
	}
	defer func() { err = errors.Join(err, one.Close()) }()
	rows, err := all.QueryContext(ctx)
	if err != nil {
		return fmt.Errorf("reading the projection %s: %w", p.table, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		row, other := newProjectedRow(p), newProjectedRow(p)
		if err := rows.Scan(row.into()...); err != nil {
			return fmt.Errorf("reading the projection %s: %w", p.table, err)
		}
		err := one.QueryRowContext(ctx, row.values[:len(p.key)]...).Scan(other.into()...)
		if isNoRows(err) {
			other, err = nil, nil
		}
		if err != nil {
			return fmt.Errorf("reading the projection %s: %w", p.table, err)
		}
		with(row, other)
	}
	return rows.Err()
}

func newProjectedRow(p *projection) *projectedRow {
	return &projectedRow{of: p, values: make([]any, len(p.key)+len(p.columns))}
}

func (s *projectedRow) into() []any {
	list := make([]any, len(s.values))
	for i := range list {
		list[i] = &s.values[i]
	}
	return list
}

// rebuilt takes a row that the entries make, and what is stored of it.
func (c *comparison) rebuilt(want, has *projectedRow) {
	p := want.of
	c.rows++
	switch {
	case p.past != nil && p.past(c.r, want):
		c.resting++
		return
	case has == nil && want.nothing():
		return
	case has == nil:
		c.add(Difference{Table: p.table, Key: want.name(), Stored: "not there", Want: want.text()})
		return
	}
	rests, lax := p.rests != nil && p.rests(c.r, has), false
	for i, col := range p.columns {
		a, b := has.values[len(p.key)+i], want.values[len(p.key)+i]
		if order, ok := compareValues(a, b); ok && order == 0 {
			continue
		} else if lax = rests && col.like.allows(order, ok, b); !lax {
			c.add(Difference{Table: p.table, Key: want.name(), Column: col.name, Stored: valueText(a), Want: valueText(b)})
			return
		}
	}
	if lax {
		c.resting++
	}
}

// extra takes a stored row, and finds those that no entry makes.
func (c *comparison) extra(has, want *projectedRow) {
	p := has.of
	switch {
	case want != nil || has.nothing():
	case p.past != nil && p.past(c.r, has), p.rests != nil && p.rests(c.r, has):
		c.rows++
		c.resting++
	default:
		c.add(Difference{Table: p.table, Key: has.name(), Stored: has.text(), Want: "not there"})
	}
}

func (c *comparison) add(d Difference) {
	if len(c.diff.List) == maxDifferences {
		c.diff.More++
		return
	}
	c.diff.List = append(c.diff.List, d)
}

// err is a *DifferError, or nil.
func (c *comparison) err() error {
	if len(c.diff.List) == 0 {
		return nil
	}
	return &c.diff
}

// allows says whether a stored value may stand in this order to the rebuilt one.
func (l likeness) allows(order int, comparable bool, rebuilt any) bool {
	switch l {
	case atLeast:
		return comparable && order > 0
	case atMost:
		return comparable && order < 0
	case sooner:
		return rebuilt == nil
	}
	return false
}

// compareValues orders two values of one type; ok is false for different types.
func compareValues(a, b any) (order int, ok bool) {
	switch a := a.(type) {
	case nil:
		return 0, b == nil
	case int64:
		if b, ok := b.(int64); ok {
			return cmp.Compare(a, b), true
		}
	case string:
		if b, ok := b.(string); ok {
			return cmp.Compare(a, b), true
		}
	case []byte:
		if b, ok := b.([]byte); ok {
			return bytes.Compare(a, b), true
		}
	}
	return 0, false
}

// name is the row's key for people.
func (s *projectedRow) name() string { return s.list(s.of.key, s.values) }

// text is the row's columns for people.
func (s *projectedRow) text() string {
	names := make([]string, len(s.of.columns))
	for i, c := range s.of.columns {
		names[i] = c.name
	}
	return s.list(names, s.values[len(s.of.key):])
}

func (s *projectedRow) list(names []string, values []any) string {
	parts := make([]string, len(names))
	for i, name := range names {
		if n, ok := values[i].(int64); ok && name == "epoch" {
			parts[i] = fmt.Sprintf("epoch %016x", uint64(n))
		} else {
			parts[i] = name + " " + valueText(values[i])
		}
	}
	return strings.Join(parts, ", ")
}

// valueText is a value for people. A text may be anybody's: it stands quoted.
func valueText(v any) string {
	switch v := v.(type) {
	case []byte:
		return hex.EncodeToString(v)
	case string:
		return fmt.Sprintf("%+q", v)
	case nil:
		return "NULL"
	}
	return fmt.Sprint(v)
}
