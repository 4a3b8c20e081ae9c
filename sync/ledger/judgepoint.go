package ledger

import "tilld/agent/payment"

// Member is a loyalty programme's member whom a lane attached to a sale.
type Member struct {
	Sale      payment.ID
	Payment   payment.ID // of the sale, when there was one by then; zero: none
	Programme string
	Number    []byte // the member's pseudonym
	Eligible  int64  // minor units
	Points    int64  // that a payment of the sale earns, under the policy that the entry names
}

// earns says of a payment p of the dimension d that member m may earn by it: it is of the member's sale and terminal, it is
// not taken back or lost, and nothing stands earned by another payment of that sale.
const earns = ` p.state IN ('posted', 'suspense') AND m.points > 0
	AND (SELECT count(*) FILTER (WHERE cause = 'earned') - count(*) FILTER (WHERE cause = 'taken_back') FROM point WHERE member = m.entry) = 0`

const insertPoint = `INSERT INTO point (programme, member, payment, cause, points, at) SELECT m.programme, m.entry, p.no, 'earned', m.points, ?1 `

// member attaches a member to a sale, and lets a payment that came before earn.
func (j *judge) member(b *branchState, w *Judgement) error {
	m := w.Member
	n, err := j.exec(`INSERT INTO member (entry, terminal, sale, programme, number, eligible, points) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO NOTHING`, w.Entry.No, b.terminal, m.Sale[:], m.Programme, m.Number, m.Eligible, m.Points)
	if err != nil || n == 0 || m.Payment.IsZero() {
		return err
	}
	_, err = j.exec(insertPoint+`FROM payment p JOIN dimension d ON d.no = p.dimension, member m
		WHERE p.id = ?2 AND p.sale = ?3 AND d.terminal = ?4 AND m.entry = ?5 AND`+earns+` ORDER BY p.no LIMIT 1`,
		j.now, m.Payment[:], m.Sale[:], b.place.Terminal[:], w.Entry.No)
	return err
}

// earned lets a payment earn for the members that were attached to its sale before it.
func (j *judge) earned(b *branchState, w *Judgement, p *paymentRow, sale payment.ID) error {
	if !w.Points || sale.IsZero() {
		return nil
	}
	_, err := j.exec(insertPoint+`FROM member m, payment p WHERE m.sale = ?2 AND m.terminal = ?3 AND p.no = ?4 AND`+earns,
		j.now, sale[:], b.terminal, p.no)
	return err
}
