package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"tilld/agent/payment"
	"tilld/sync/authorise"
	"tilld/sync/operator"
	"tilld/sync/settle"
	"tilld/sync/wire"
)

// Report is what Check found.
type Report struct {
	Days    []LaneDay
	Missing []Range     // of entries that a terminal signed and HQ does not hold
	Waiting []Range     // of entries that are held and not judged yet
	Lost    []LostRange // of entries that HQ had acknowledged
	// Awaited counts batch lines whose entries are not here: HQ was restored from a backup, and the lanes have
	// not sent everything again.
	Awaited int
	// Unclaimed are what operators charged, as far as HQ knows, and of which no payment is posted or waits: the lane's
	// entry has not come, or a person has completed it without one.
	Unclaimed []Charge
	// Faults are contradictions of the books with themselves or with the entries. There are none, ever.
	Faults []string
}

// LaneDay is what one lane approved on one business date with one wallet, training left out, and where that
// stands: Approved is always the sum of the other four.
type LaneDay struct {
	Dimension
	Approved settle.Total // from the entries as they were signed
	Posted   settle.Total
	Suspense settle.Total
	Lost     settle.Total
	Voided   settle.Total
	Rejected int  // approvals whose amount or names made no sense, of this terminal and date
	Closed   bool // the lane closed the date
	Differs  bool // and its totals were not HQ's
}

// Range is a run of sequences of an epoch.
type Range struct {
	Terminal payment.ID
	Epoch    uint64
	From, To uint64
}

// Check goes through the books as of one moment, for what arrived since a time (zero: for all): per lane and
// business date approved = posted + suspense + lost + voided, recomputed from the signed entries; the transfers'
// sums against the balances and the payments; batches against their lines and postings.
func (s *Store) Check(ctx context.Context, since time.Time) (*Report, error) {
	c := &checker{days: map[Dimension]*LaneDay{}, report: &Report{}}
	err := s.look(ctx, func(q querier) error {
		c.q = q
		var steps = []func(context.Context) error{c.ranges, c.balances, c.states, c.exceptions, c.charges, c.refunds, c.sales, c.unclaimed, c.batches, c.lost}
		if err := c.first(ctx, since); err != nil {
			return err
		}
		for _, step := range append([]func(context.Context) error{c.entries, c.payments, c.closes}, steps...) {
			if err := step(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("checking the books: %w", err)
	}
	c.compare()
	return c.report, nil
}

type checker struct {
	q      querier
	from   int64 // entries before this one are not looked at
	days   map[Dimension]*LaneDay
	report *Report
}

func (c *checker) fault(format string, args ...any) {
	c.report.Faults = append(c.report.Faults, fmt.Sprintf(format, args...))
}

func (c *checker) day(d Dimension) *LaneDay {
	if c.days[d] == nil {
		c.days[d] = &LaneDay{Dimension: d}
	}
	return c.days[d]
}

func (c *checker) first(ctx context.Context, since time.Time) error {
	if since.IsZero() {
		return nil
	}
	return c.q.QueryRowContext(ctx, "SELECT coalesce(min(no), 9223372036854775807) FROM entry WHERE received_at >= ?", since.UnixMilli()).Scan(&c.from)
}

// entries sums up what the lanes approved, from the signed bytes.
func (c *checker) entries(ctx context.Context) error {
	rows, err := c.q.QueryContext(ctx, `SELECT y.payload, t.entity, t.store, t.lane,
		EXISTS (SELECT 1 FROM exception x WHERE x.entry = y.no AND x.kind = 'malformed') FROM entry y JOIN branch b ON b.no = y.branch
		JOIN epoch e ON e.no = b.epoch JOIN terminal t ON t.no = e.terminal WHERE y.no >= ? AND y.kind IN (?, ?, ?) AND y.seq <= b.judged`,
		c.from, int64(payment.KindApproved), int64(payment.KindAuthorised), int64(payment.KindCarried))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var payload []byte
		var d Dimension
		var malformed bool
		if err := rows.Scan(&payload, &d.Entity, &d.Store, &d.Lane, &malformed); err != nil {
			return err
		}
		e, err := wire.DecodeEntry(payload)
		if errors.Is(err, wire.ErrSetAside) {
			continue // an exception names it; no release yet knew its amount
		}
		if err != nil {
			c.fault("an entry that was judged can't be read: %v", err)
			continue
		}
		amount, wallet := approvedBy(e.Fact)
		if wallet == "" || e.Training {
			continue
		}
		d.Terminal, d.Wallet, d.BusinessDate, d.Currency = e.Terminal, wallet, e.BusinessDate, amount.Currency
		if malformed {
			c.day(d).Rejected++
			continue
		}
		add(&c.day(d).Approved, 1, amount.Minor)
	}
	return rows.Err()
}

// approvedBy is what a fact says that a lane took, offline or online; no wallet: it is no approval.
func approvedBy(f payment.Fact) (amount payment.Money, wallet string) {
	switch f := f.(type) {
	case *payment.Approved:
		return f.Amount, f.Wallet
	case *payment.Authorised:
		return f.Amount, f.Wallet
	case *payment.Carried:
		return f.Amount, f.Wallet
	}
	return amount, ""
}

func add(t *settle.Total, count uint64, sum int64) { t.Count, t.Sum = t.Count+count, t.Sum+sum }

const dimensionColumns = "d.entity, d.store, d.lane, d.terminal, d.wallet, d.business_date, d.currency"

func scanDimension(d *Dimension, terminal *[]byte) []any {
	return []any{&d.Entity, &d.Store, &d.Lane, terminal, &d.Wallet, &d.BusinessDate, &d.Currency}
}

// payments sums up where the payments stand.
func (c *checker) payments(ctx context.Context) error {
	rows, err := c.q.QueryContext(ctx, "SELECT "+dimensionColumns+`, p.state, count(*), sum(p.amount) FROM payment p
		JOIN dimension d ON d.no = p.dimension WHERE p.entry >= ? GROUP BY d.no, p.state`, c.from)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var d Dimension
		var terminal []byte
		var state State
		var count uint64
		var sum int64
		if err := rows.Scan(append(scanDimension(&d, &terminal), &state, &count, &sum)...); err != nil {
			return err
		}
		d.Terminal = payment.ID(terminal)
		day := c.day(d)
		switch state {
		case Posted:
			add(&day.Posted, count, sum)
		case Suspended:
			add(&day.Suspense, count, sum)
		case Lost:
			add(&day.Lost, count, sum)
		case Voided:
			add(&day.Voided, count, sum)
		}
	}
	return rows.Err()
}

// closes notes which lanes closed which dates.
func (c *checker) closes(ctx context.Context) error {
	rows, err := c.q.QueryContext(ctx, `SELECT t.id, c.business_date, min(c.agrees) FROM day_close c JOIN terminal t ON t.no = c.terminal
		WHERE c.entry >= ? GROUP BY t.no, c.business_date`, c.from)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id []byte
		var date payment.Date
		var agrees bool
		if err := rows.Scan(&id, &date, &agrees); err != nil {
			return err
		}
		for d, day := range c.days {
			if d.Terminal == payment.ID(id) && d.BusinessDate == date {
				day.Closed, day.Differs = true, !agrees
			}
		}
	}
	return rows.Err()
}

// compare holds each lane's approvals against where they stand.
func (c *checker) compare() {
	for _, day := range c.days {
		sum := day.Posted
		for _, t := range []settle.Total{day.Suspense, day.Lost, day.Voided} {
			add(&sum, t.Count, t.Sum)
		}
		if sum != day.Approved {
			c.fault("terminal %s, %s, %s %s: approved %d (%d), but posted, suspense, lost and voided are %d (%d)", day.Terminal,
				day.BusinessDate, day.Wallet, day.Currency, day.Approved.Sum, day.Approved.Count, sum.Sum, sum.Count)
		}
		c.report.Days = append(c.report.Days, *day)
	}
	slices.SortFunc(c.report.Days, func(a, b LaneDay) int { return compareDimensions(&a.Dimension, &b.Dimension) })
	slices.Sort(c.report.Faults)
}

func compareDimensions(a, b *Dimension) int {
	return cmp.Or(cmp.Compare(a.BusinessDate, b.BusinessDate), cmp.Compare(a.Entity, b.Entity), cmp.Compare(a.Store, b.Store),
		cmp.Compare(a.Lane, b.Lane), slices.Compare(a.Terminal[:], b.Terminal[:]), cmp.Compare(a.Wallet, b.Wallet), cmp.Compare(a.Currency, b.Currency))
}

// Charge is an operator's charge of a customer.
type Charge struct {
	Ref      operator.Ref
	Terminal payment.ID
	Wallet   string
	Amount   payment.Money
	State    authorise.State
	Made     time.Time
}

// unclaimed names the charges that no payment stands for.
func (c *checker) unclaimed(ctx context.Context) error {
	rows, err := c.q.QueryContext(ctx, `SELECT a.ref, a.terminal, a.wallet, a.amount, a.currency, a.state, a.made FROM attempt a
		WHERE a.state IN (4, 5, 9) AND NOT EXISTS (SELECT 1 FROM payment p JOIN dimension d ON d.no = p.dimension
		WHERE p.state IN ('posted', 'suspense') AND `+itsAttempt+`) ORDER BY a.no`)
	c.report.Unclaimed, err = collect(rows, err, func(rows *sql.Rows) (h Charge, err error) {
		var terminal []byte
		var made int64
		err = rows.Scan(&h.Ref, &terminal, &h.Wallet, &h.Amount.Minor, &h.Amount.Currency, &h.State, &made)
		copy(h.Terminal[:], terminal)
		h.Made = millis(made)
		return h, err
	})
	return err
}

// lost names what HQ had acknowledged.
func (c *checker) lost(ctx context.Context) (err error) {
	c.report.Lost, err = lostRanges(ctx, c.q)
	return err
}

// ranges names what is missing and what waits.
func (c *checker) ranges(ctx context.Context) error {
	for _, q := range []struct {
		into  *[]Range
		query string
	}{
		{&c.report.Missing, `SELECT t.id, e.epoch, 1 + coalesce(max(b.head), 0), e.known FROM epoch e JOIN terminal t ON t.no = e.terminal
			LEFT JOIN branch b ON b.epoch = e.no GROUP BY e.no HAVING e.known > coalesce(max(b.head), 0) ORDER BY e.no`},
		{&c.report.Waiting, `SELECT t.id, e.epoch, b.judged + 1, b.head FROM branch b JOIN epoch e ON e.no = b.epoch
			JOIN terminal t ON t.no = e.terminal WHERE b.judged < b.head ORDER BY b.no`},
	} {
		rows, err := c.q.QueryContext(ctx, q.query)
		*q.into, err = collect(rows, err, func(rows *sql.Rows) (Range, error) {
			var r Range
			var id []byte
			var epoch int64
			err := rows.Scan(&id, &epoch, &r.From, &r.To)
			copy(r.Terminal[:], id)
			r.Epoch = uint64(epoch)
			return r, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
