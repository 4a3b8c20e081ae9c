package hq

import (
	"context"

	"tilld/agent/payment"
	"tilld/sync/hqapi"
	"tilld/sync/ledger"
	pages "tilld/ui/hq"
)

// The console's lists. A cursor of one is none of another, nor of the API's, whose lists run the other way.
const (
	listTerminals  = 'T'
	listPayments   = 'P'
	listBatches    = 'B'
	listExceptions = 'X'
)

// behind reads a cursor; the empty one is the zero place, where lists begin. Find gives the positions under an
// identifier: a cursor that this ledger never gave finds none that fits.
func (c *console) behind(ctx context.Context, list byte, text string, find func(context.Context, payment.ID) ([]uint64, error)) (hqapi.Place, error) {
	const op = "hq.behind"
	epoch, err := c.books.HQEpoch(ctx)
	if err != nil || text == "" {
		return hqapi.Place{List: list, Epoch: epoch}, err
	}
	at, err := hqapi.ParsePlace(list, text)
	if err != nil {
		return at, err
	}
	if at.Epoch != epoch {
		return at, payment.Errorf(payment.Invalid, op, "HQ was restored from a backup since: begin the list anew")
	}
	found, err := find(ctx, at.ID)
	if err != nil && payment.CodeOf(err) != payment.NotFound {
		return at, err
	}
	for _, pos := range found {
		if pos == at.Pos {
			return at, nil
		}
	}
	return at, payment.Errorf(payment.Invalid, op, "not a cursor of this list: begin the list anew")
}

// cut keeps limit rows of limit+1 that were asked for, and says where the next page begins.
func cut[R, V any](at hqapi.Place, rows []R, limit int, place func(*R) (uint64, payment.ID), view func(*R) V) (list []V, older string) {
	if len(rows) > limit {
		rows = rows[:limit]
		at.Pos, at.ID = place(&rows[limit-1])
		older = at.Cursor()
	}
	for i := range rows {
		list = append(list, view(&rows[i]))
	}
	return list, older
}

// one is what behind wants of a look-up that finds one thing.
func one[R any](get func(context.Context, payment.ID) (R, error), pos func(*R) uint64) func(context.Context, payment.ID) ([]uint64, error) {
	return func(ctx context.Context, id payment.ID) ([]uint64, error) {
		r, err := get(ctx, id)
		if err != nil {
			return nil, err
		}
		return []uint64{pos(&r)}, nil
	}
}

// Terminals lists terminals by store and lane.
func (c *console) Terminals(ctx context.Context, q pages.TerminalQuery) (list pages.TerminalList, err error) {
	at, err := c.behind(ctx, listTerminals, q.After, one(c.books.Terminal, func(t *ledger.TerminalStatus) uint64 { return t.Pos }))
	if err != nil {
		return list, err
	}
	f := ledger.TerminalFilter{Store: q.Store, Trouble: ledger.Trouble(q.Only), Since: c.now().Add(-pages.Lately)}
	rows, err := c.books.TerminalsByPlace(ctx, f, at.ID, q.Limit+1)
	if err != nil {
		return list, err
	}
	list.Rows, list.Older = cut(at, rows, q.Limit, func(t *ledger.TerminalStatus) (uint64, payment.ID) { return t.Pos, t.ID }, c.viewTerminal)
	list.PolicyLast, err = c.books.Newest(ctx, ledger.PolicyDocument)
	return list, err
}

// Payments lists payments, the last judged first; by the end of an identifier, the last made first.
func (c *console) Payments(ctx context.Context, q pages.PaymentQuery) (list pages.PaymentList, err error) {
	if q.End != "" {
		rows, err := c.books.PaymentsEnding(ctx, q.End, c.now().Add(-pages.FindBack), q.Limit)
		for i := range rows {
			list.Rows = append(list.Rows, viewPayment(&rows[i]))
		}
		return list, err
	}
	at, err := c.behind(ctx, listPayments, q.After, c.paymentPlaces)
	if err != nil {
		return list, err
	}
	f := ledger.PaymentFilter{Store: q.Store, Wallet: q.Wallet, BusinessDate: q.Date, State: ledger.State(q.State)}
	rows, err := c.books.NewestPayments(ctx, f, at.Pos, q.Limit+1)
	if err != nil {
		return list, err
	}
	list.Rows, list.Older = cut(at, rows, q.Limit, func(p *ledger.Payment) (uint64, payment.ID) { return p.Pos, p.ID }, viewPayment)
	return list, nil
}

func (c *console) paymentPlaces(ctx context.Context, id payment.ID) (places []uint64, err error) {
	records, err := c.books.Payment(ctx, id)
	for _, p := range records {
		places = append(places, p.Pos)
	}
	return places, err
}

// Payment gives every record under the identifier.
func (c *console) Payment(ctx context.Context, id payment.ID) (list []pages.Payment, err error) {
	records, err := c.books.Payment(ctx, id)
	for i := range records {
		v := viewPayment(&records[i])
		for _, id := range records[i].Exceptions {
			x, err := c.books.Exception(ctx, id)
			if err != nil {
				return nil, err
			}
			v.Exceptions = append(v.Exceptions, viewException(&x))
		}
		list = append(list, v)
	}
	return list, err
}

// Exceptions lists exceptions, the last opened first.
func (c *console) Exceptions(ctx context.Context, q pages.ExceptionQuery) (list pages.ExceptionList, err error) {
	at, err := c.behind(ctx, listExceptions, q.After, one(c.books.Exception, func(x *ledger.Exception) uint64 { return x.Pos }))
	if err != nil {
		return list, err
	}
	f := ledger.ExceptionFilter{State: q.State, Kind: ledger.Kind(q.Kind), Owner: q.Owner, Terminal: q.Terminal, Payment: q.Payment}
	rows, err := c.books.NewestExceptions(ctx, f, at.Pos, q.Limit+1)
	if err != nil {
		return list, err
	}
	list.Rows, list.Older = cut(at, rows, q.Limit, func(x *ledger.Exception) (uint64, payment.ID) { return x.Pos, x.ID }, viewException)
	return list, nil
}

// Exception finds an exception.
func (c *console) Exception(ctx context.Context, id payment.ID) (pages.Exception, error) {
	x, err := c.books.Exception(ctx, id)
	return viewException(&x), err
}

// Resolve decides an exception in the books.
func (c *console) Resolve(ctx context.Context, who string, id payment.ID, outcome pages.Outcome, why string) error {
	return decider{c.books, c.settler.CatchUp}.Resolve(ctx, []payment.ID{id}, ledger.Decision(outcome), who, why)
}
