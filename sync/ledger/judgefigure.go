package ledger

import "tilld/agent/payment"

// Basket is a sale whose opening came with basket lines, which its body holds.
type Basket struct{ Sale payment.ID }

// Figures says what the policy of an approval lets HQ export of its sale.
type Figures uint8

// What may be exported.
const (
	NoFigures           Figures = iota
	FiguresOnly                 // the basket lines
	FiguresWithAccounts         // and a pseudonym of the account that paid
)

// basket notes where a sale's lines are.
func (j *judge) basket(b *branchState, w *Judgement) error {
	_, err := j.exec("INSERT OR IGNORE INTO basket (entry, terminal, sale) VALUES (?, ?, ?)", w.Entry.No, b.terminal, w.Basket.Sale[:])
	return err
}

// sold notes that a sale was paid, when it has lines. That HQ may still doubt the payment is no matter here: the goods
// are sold.
func (j *judge) sold(b *branchState, w *Judgement, p *paymentRow, sale payment.ID, date payment.Date) error {
	if w.Figures == NoFigures || sale.IsZero() {
		return nil
	}
	_, err := j.exec(`INSERT INTO figure (business_date, store, payment, basket, cause, accounts)
		SELECT ?, ?, ?, entry, 'sold', ? FROM basket WHERE sale = ? AND terminal = ? ORDER BY entry LIMIT 1`,
		int64(date), b.place.Store, p.no, w.Figures == FiguresWithAccounts, sale[:], b.terminal)
	return err
}

// unsold notes that a sale which is one of the figures was taken back.
func (j *judge) unsold(p *paymentRow) error {
	_, err := j.exec(`INSERT INTO figure (business_date, store, payment, basket, cause, accounts)
		SELECT business_date, store, payment, basket, 'void', accounts FROM figure WHERE payment = ? AND cause = 'sold'`, p.no)
	return err
}
