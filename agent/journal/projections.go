package journal

import (
	"slices"

	"tilld/agent/payment"
)

// likeness is how a stored column must be to the rebuilt one. Where a row rests on entries that were not
// gone through (pruned ones, or those before the part that is looked at) some may differ in one direction.
type likeness int

const (
	same    likeness = iota
	atLeast          // those entries can only have added
	atMost           // those entries were earlier
	sooner           // those entries may have set what the others left NULL
)

// projection is how a table of projections is compared.
type projection struct {
	table   string
	since   int64 // version of the schema; 0: the first
	key     []string
	columns []column
	// zero is a column in which 0 says the same as no row; "": there is none.
	zero string
	// rests says that a row rests on entries that were not gone through.
	rests func(r *rebuild, row *projectedRow) bool
	// past says that a row is of before what retention has left, and proves nothing.
	past func(r *rebuild, row *projectedRow) bool
}

type column struct {
	name  string
	like  likeness
	since int64 // version of the schema; 0: the first
}

// projectionsOf are the tables that entries alone decide, as a version of the schema has them.
func projectionsOf(version int64) []projection {
	var list []projection
	for _, p := range projectionTables {
		if p.since > version {
			continue
		}
		p.columns = slices.DeleteFunc(slices.Clone(p.columns), func(c column) bool { return c.since > version })
		list = append(list, p)
	}
	return list
}

// projectionTables are all tables that entries alone decide. The cursor of the outbox is taken as given: see proof.go.
var projectionTables = []projection{
	{
		table: "phone", key: []string{"key"}, columns: []column{{name: "counter", like: atLeast}, {name: "business_date", like: atLeast}},
		rests: restsCounter, past: pastCounter,
	},
	{
		table: "spent", key: []string{"phone", "counter"}, columns: []column{{name: "payment", like: same}, {name: "business_date", like: same}},
		rests: restsCounter, past: pastCounter,
	},
	{
		table: "attempt_code", since: codeSchema, key: []string{"phone", "counter"},
		columns: []column{{name: "payment", like: same}, {name: "business_date", like: same}}, rests: restsCounter, past: pastCounter,
	},
	{
		table: "spend", key: []string{"wallet", "account", "business_date", "currency"},
		columns: []column{{name: "minor", like: atLeast}, {name: "count", like: atLeast}}, zero: "count",
		rests: func(r *rebuild, row *projectedRow) bool { return !r.whole() || r.erased[row.date()] },
		past:  func(r *rebuild, row *projectedRow) bool { return row.date() < r.cuts.bodies },
	},
	{
		table: "exposure", key: []string{"epoch", "currency"}, columns: []column{{name: "minor", like: atLeast}, {name: "count", like: atLeast}}, zero: "count",
		rests: func(r *rebuild, row *projectedRow) bool { e := r.epoch(row.epoch()); return e.Acked < e.gone },
	},
	{
		table: "day", key: []string{"epoch", "business_date"}, columns: []column{{name: "first_seq", like: atMost}, {name: "closed_seq", like: same}},
		rests: func(r *rebuild, row *projectedRow) bool {
			return uint64(row.number("first_seq")) <= r.epoch(row.epoch()).gone
		},
	},
	{
		table: "day_total", key: []string{"epoch", "business_date", "wallet", "currency"},
		columns: totalColumns, rests: restsDay,
	},
	{
		table: "sale", key: []string{"id"},
		columns: []column{
			{name: "epoch", like: same}, {name: "seq", like: same}, {name: "business_date", like: same}, {name: "wall", like: same}, {name: "reference", like: same}, {name: "currency", like: same}, {name: "total", like: same},
			{name: "due", like: same}, {name: "paid", like: atLeast}, {name: "request", like: same}, {name: "digest", like: same}, {name: "training", like: same}, {name: "completed", like: sooner}, {name: "cancelled", like: sooner},
			{name: "online", like: atLeast, since: onlineSchema}, {name: "carried", like: atLeast, since: carriedSchema},
		},
		rests: restsOpening,
	},
	{
		table: "payment", key: []string{"id"},
		columns: []column{
			{name: "sale", like: same}, {name: "epoch", like: same}, {name: "seq", like: same}, {name: "business_date", like: same}, {name: "wall", like: same}, {name: "wallet", like: same}, {name: "currency", like: same},
			{name: "amount", like: same}, {name: "account", like: same}, {name: "training", like: same}, {name: "voided", like: same},
		},
	},
	{
		table: "charge", since: onlineSchema, key: []string{"id"},
		columns: []column{
			{name: "sale", like: same}, {name: "epoch", like: same}, {name: "seq", like: same}, {name: "business_date", like: same},
			{name: "wall", like: same}, {name: "wallet", like: same}, {name: "currency", like: same}, {name: "amount", like: same},
			{name: "training", like: same}, {name: "ref", like: same}, {name: "voided", like: same},
		},
	},
	{
		table: "charge_total", since: onlineSchema, key: []string{"epoch", "business_date", "wallet", "currency"},
		columns: totalColumns, rests: restsDay,
	},
	{
		table: "offer", since: carriedSchema, key: []string{"payment"},
		columns: []column{
			{name: "sale", like: same}, {name: "epoch", like: same}, {name: "seq", like: same}, {name: "business_date", like: same},
			{name: "currency", like: same}, {name: "amount", like: same}, {name: "until", like: same},
		},
		rests: restsOpening,
	},
	{
		table: "carried", since: carriedSchema, key: []string{"id"},
		columns: []column{
			{name: "sale", like: same}, {name: "epoch", like: same}, {name: "seq", like: same}, {name: "business_date", like: same},
			{name: "wall", like: same}, {name: "wallet", like: same}, {name: "currency", like: same}, {name: "amount", like: same},
			{name: "training", like: same}, {name: "voided", like: same},
		},
	},
	{
		table: "carried_total", since: carriedSchema, key: []string{"epoch", "business_date", "wallet", "currency"},
		columns: totalColumns, rests: restsDay,
	},
	{
		table: "attempt", since: onlineSchema, key: []string{"ref"},
		columns: []column{
			{name: "payment", like: same}, {name: "sale", like: same}, {name: "epoch", like: same}, {name: "seq", like: same}, {name: "business_date", like: same}, {name: "wall", like: same}, {name: "wallet", like: same},
			{name: "currency", like: same}, {name: "amount", like: same}, {name: "training", like: same}, {name: "not_after", like: same}, {name: "state", like: atLeast}, {name: "ended", like: sooner},
		},
		// Of the states' names "asked" comes first, so that an end that is not seen any more is above it.
		rests: restsOpening,
	},
	{
		table: "refund", since: refundSchema, key: []string{"ref"},
		columns: []column{
			{name: "payment", like: same}, {name: "sale", like: same}, {name: "epoch", like: same}, {name: "seq", like: same}, {name: "business_date", like: same}, {name: "wall", like: same},
			{name: "wallet", like: atLeast}, {name: "currency", like: same}, {name: "amount", like: same}, {name: "alone", like: same}, {name: "state", like: atLeast}, {name: "why", like: atLeast}, {name: "ended", like: sooner},
		},
		rests: restsOpening,
	},
	{
		table: "refund_total", since: refundSchema, key: []string{"epoch", "business_date", "wallet", "currency"},
		columns: []column{{name: "count", like: atLeast}, {name: "minor", like: atLeast}}, rests: restsDay,
	},
}

var totalColumns = []column{
	{name: "count", like: atLeast}, {name: "minor", like: atLeast}, {name: "void_count", like: atLeast}, {name: "void_minor", like: atLeast},
}

func restsDay(r *rebuild, row *projectedRow) bool { return r.epoch(row.epoch()).gone > 0 }

// restsOpening: what begins with one entry and goes on with others rests on those that are gone. An epoch that follows
// may be pruned before its own is: it is acknowledged by itself.
func restsOpening(r *rebuild, row *projectedRow) bool {
	epoch := row.epoch()
	return uint64(row.number("seq")) <= r.epoch(epoch).gone || r.goneBehind(epoch)
}

// restsCounter: once a counter was forgotten, which of a phone's codes are left can't be told one by one.
func restsCounter(r *rebuild, _ *projectedRow) bool { return !r.whole() || r.cuts.counters > 0 }

func pastCounter(r *rebuild, row *projectedRow) bool { return row.date() < r.cuts.counters }

// projectedRow is a row of a projection: its key and then its columns.
type projectedRow struct {
	of     *projection
	values []any // int64, string, []byte or nil
}

func (s *projectedRow) value(name string) any {
	for i, k := range s.of.key {
		if k == name {
			return s.values[i]
		}
	}
	for i, c := range s.of.columns {
		if c.name == name {
			return s.values[len(s.of.key)+i]
		}
	}
	return nil
}

func (s *projectedRow) number(name string) int64 {
	n, _ := s.value(name).(int64)
	return n
}

func (s *projectedRow) epoch() uint64      { return uint64(s.number("epoch")) }
func (s *projectedRow) date() payment.Date { return payment.Date(s.number("business_date")) }

// nothing says that the row counts nothing, and so says the same as no row.
func (s *projectedRow) nothing() bool { return s.of.zero != "" && s.number(s.of.zero) == 0 }
