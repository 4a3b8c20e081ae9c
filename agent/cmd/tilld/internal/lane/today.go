package lane

import (
	"context"
	"time"

	"tilld/agent/journal"
	"tilld/agent/payment"
	"tilld/ui/cashier"
)

// mostLeft is how many payments of earlier dates the cashier's list takes.
const mostLeft = 500

// Today is the business date's list, and what earlier ones left unfinished at the till.
func (s screen) Today(ctx context.Context) ([]cashier.Row, error) {
	v := s.lane.View()
	list, err := s.journal.Payments(ctx, v.Day)
	if err != nil {
		return nil, err
	}
	open, err := s.journal.NotCompleted(ctx)
	if err != nil {
		return nil, err
	}
	back, err := s.givenBack(ctx, v)
	if err != nil {
		return nil, err
	}
	left := map[payment.ID]bool{}
	for _, o := range open {
		left[o.ID] = true
	}
	behind, err := s.journal.LeftBehind(ctx, v.Day, mostLeft)
	if err != nil {
		return nil, err
	}
	rows := make([]cashier.Row, 0, len(list)+len(behind))
	for _, p := range list {
		r := rowOf(p)
		back.fill(&r, &p)
		r.Voidable, r.Uncompleted = p.Progress == journal.Waiting && !p.Voided, left[p.Sale] && !p.Voided && !p.Training
		rows = append(rows, r)
	}
	for _, p := range behind {
		if p.Training { // no customer has paid anything
			continue
		}
		r := rowOf(p)
		r.Date, r.Uncompleted = p.Date, true
		rows = append(rows, r)
	}
	return rows, nil
}

func rowOf(p journal.Payment) cashier.Row {
	return cashier.Row{At: time.UnixMilli(p.Wall), Payment: p.ID, Amount: p.Amount, Wallet: p.Wallet, Note: p.Reason, State: rowState(p), Training: p.Training}
}

func rowState(p journal.Payment) cashier.RowState {
	switch {
	case p.Voided:
		return cashier.Voided
	case p.Training: // wherever its record is
		return cashier.Practice
	case p.Progress == journal.AtHQ:
		return cashier.AtHQ
	case p.Progress == journal.Settling:
		return cashier.Posted
	case p.Progress == journal.Suspense || p.Progress == journal.Rejected:
		return cashier.Held
	case p.Progress == journal.Borne:
		return cashier.Borne
	}
	return cashier.AtLane
}
