package journal

import "tilld/agent/payment"

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
	name string
	like likeness
}

// projectionTables are all tables that entries alone decide. The cursor of the outbox is taken as given: see proof.go.
var projectionTables = []projection{
	{
		table: "phone", key: []string{"key"}, columns: []column{{"counter", atLeast}, {"business_date", atLeast}},
		rests: restsCounter, past: pastCounter,
	},
	{
		table: "spent", key: []string{"phone", "counter"}, columns: []column{{"payment", same}, {"business_date", same}},
		rests: restsCounter, past: pastCounter,
	},
	{
		table: "spend", key: []string{"wallet", "account", "business_date", "currency"},
		columns: []column{{"minor", atLeast}, {"count", atLeast}}, zero: "count",
		rests: func(r *rebuild, row *projectedRow) bool { return !r.whole() || r.erased[row.date()] },
		past:  func(r *rebuild, row *projectedRow) bool { return row.date() < r.cuts.bodies },
	},
	{
		table: "exposure", key: []string{"epoch", "currency"}, columns: []column{{"minor", atLeast}, {"count", atLeast}}, zero: "count",
		rests: func(r *rebuild, row *projectedRow) bool { e := r.epoch(row.epoch()); return e.Acked < e.gone },
	},
	{
		table: "day", key: []string{"epoch", "business_date"}, columns: []column{{"first_seq", atMost}, {"closed_seq", same}},
		rests: func(r *rebuild, row *projectedRow) bool {
			return uint64(row.number("first_seq")) <= r.epoch(row.epoch()).gone
		},
	},
	{
		table: "day_total", key: []string{"epoch", "business_date", "wallet", "currency"},
		columns: []column{{"count", atLeast}, {"minor", atLeast}, {"void_count", atLeast}, {"void_minor", atLeast}},
		rests:   func(r *rebuild, row *projectedRow) bool { return r.epoch(row.epoch()).gone > 0 },
	},
	{
		table: "sale", key: []string{"id"},
		columns: []column{
			{"epoch", same}, {"seq", same}, {"business_date", same}, {"wall", same}, {"reference", same}, {"currency", same}, {"total", same},
			{"due", same}, {"paid", atLeast}, {"request", same}, {"digest", same}, {"training", same}, {"completed", sooner}, {"cancelled", sooner},
		},
		// An epoch that follows may be pruned before this one is: it is acknowledged by itself.
		rests: func(r *rebuild, row *projectedRow) bool {
			epoch := row.epoch()
			return uint64(row.number("seq")) <= r.epoch(epoch).gone || r.goneBehind(epoch)
		},
	},
	{
		table: "payment", key: []string{"id"},
		columns: []column{
			{"sale", same}, {"epoch", same}, {"seq", same}, {"business_date", same}, {"wall", same}, {"wallet", same}, {"currency", same},
			{"amount", same}, {"account", same}, {"training", same}, {"voided", same},
		},
	},
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
