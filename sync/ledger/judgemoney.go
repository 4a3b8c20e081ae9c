package ledger

import (
	"fmt"
	"math"

	"tilld/agent/payment"
	"tilld/sync/operator"
	"tilld/sync/wire"
)

const addAccountDay = `INSERT INTO account_wallet_day (epoch, business_date, wallet, account, currency, spent, count) VALUES (?, ?, ?, ?, ?, ?, 1)
	ON CONFLICT DO UPDATE SET spent = spent + excluded.spent, count = count + 1 RETURNING spent, count`

const insertPayment = `INSERT INTO payment (id, sale, entry, dimension, amount, state, policy, account, taken_at, ref, carried)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

// taken is what makes a row of a payment.
type taken struct {
	Payment      payment.ID
	Sale         payment.ID
	Amount       payment.Money
	Wallet       string
	BusinessDate payment.Date
	Policy       uint64
	TakenAt      int64
	account      []byte       // of an offline approval; nil: not known
	ref          operator.Ref // of an online one; "": it is offline
	carried      bool         // through the customer's own phone
}

// approval posts a payment, or lets it wait.
func (j *judge) approval(b *branchState, w *Judgement) (Kind, error) {
	if w.Kind.Status() == wire.Rejected {
		_, err := j.except(b, w, w.Kind, 0)
		return w.Kind, err
	}
	repeated, err := j.repeated(w.Approval.Payment)
	if err != nil {
		return "", err
	}
	a := w.Approval
	p, err := j.newPayment(b, w, Posted, &taken{Payment: a.Payment, Sale: a.Sale, Amount: a.Amount, Wallet: a.Wallet,
		BusinessDate: a.BusinessDate, Policy: a.Policy, TakenAt: a.TakenAt, account: a.Account})
	if err != nil {
		return "", err
	}
	kind, err := j.reason(b, w, p, repeated)
	if err != nil {
		return "", err
	}
	var was standing
	if kind != "" {
		if was, err = j.standing(w.Entry.Hash[:]); err != nil {
			return "", err
		}
	}
	if was.settled && kind == SpentTwice {
		took, err := j.takeOver(p, w.Approval, was)
		if err != nil {
			return "", err
		}
		if took {
			kind = ""
		}
	}
	if kind == "" || was.settled {
		err = j.post(move{debit: WalletReceivable, credit: StorePayable, amount: p.amount, dimension: p.dimension,
			cause: causeApproved, payment: p.no, entry: p.entry})
	}
	if err != nil || kind == "" {
		return "", err
	}
	x, err := j.except(b, w, kind, p.no)
	if err != nil {
		return "", err
	}
	if was.settled {
		return kind, j.suspend(p, x)
	}
	if err := j.hold(p, x); err != nil {
		return "", err
	}
	return kind, j.setState(p, Suspended, 0)
}

// newPayment makes the row of a payment, and what follows from its sale: sales figures and points. What its state says is
// still to be posted.
func (j *judge) newPayment(b *branchState, w *Judgement, state State, a *taken) (*paymentRow, error) {
	d := b.place
	d.Wallet, d.BusinessDate, d.Currency = a.Wallet, a.BusinessDate, a.Amount.Currency
	dimension, err := j.dimension(d)
	if err != nil {
		return nil, err
	}
	var ref any
	if a.ref != "" {
		ref = string(a.ref)
	}
	p := &paymentRow{entry: w.Entry.No, dimension: dimension, amount: a.Amount.Minor, state: state}
	p.no, err = j.insert(insertPayment, a.Payment[:], orNullID(a.Sale), p.entry, p.dimension, p.amount, string(p.state),
		int64(a.Policy), a.account, a.TakenAt, ref, a.carried)
	if err == nil {
		err = j.sold(b, w, p, a.Sale, a.BusinessDate)
	}
	if err == nil {
		err = j.earned(b, w, p, a.Sale)
	}
	return p, err
}

// reason says why a payment has to wait; empty: it doesn't. They are asked in this order, and the first is
// named. That the code is used up and the account and the lane have spent is noted in any case.
func (j *judge) reason(b *branchState, w *Judgement, p *paymentRow, repeated bool) (Kind, error) {
	spent, err := j.spend(p.no, w.Approval.Replay)
	if err != nil {
		return "", err
	}
	over, err := j.accountDay(b, w.Approval)
	if err != nil {
		return "", err
	}
	short := j.share(b, w)
	if kind := b.history(w, w.Approval.Policy); kind != "" {
		return kind, nil
	}
	switch {
	case repeated:
		return PaymentRepeated, nil
	case spent != "":
		w.Detail = spent
		return SpentTwice, nil
	case over != "":
		w.Detail = over
		return OverAccount, nil
	case short != "":
		w.Detail = short
		return OverShare, nil
	}
	return "", nil
}

// history says what an approval's examination found, or else what is wrong with where it stands in its history; and
// notes its policy.
func (b *branchState) history(w *Judgement, policy uint64) Kind {
	held, seq := b.policy, w.Entry.Name.Seq
	if w.Kind == "" {
		b.policy = max(b.policy, policy)
	}
	switch {
	case w.Kind != "":
		return w.Kind
	case b.forkFrom != 0 && seq >= b.forkFrom:
		return Fork
	case b.heldFrom != 0 && seq >= b.heldFrom:
		return TerminalRevoked
	case policy < held:
		w.Detail = fmt.Sprintf("the entry names policy %d behind one of policy %d: no lane goes back", policy, held)
		return PolicyUnknown
	}
	return ""
}

func orNullID(id payment.ID) any {
	if id.IsZero() {
		return nil
	}
	return id[:]
}

func (j *judge) repeated(id payment.ID) (bool, error) {
	var n int
	_, err := j.get("SELECT count(*) FROM payment WHERE id = ?", []any{id[:]}, &n)
	return n > 0, err
}

// spend uses the code up. It says which payment had it before, if one had.
func (j *judge) spend(p int64, key *payment.ReplayKey) (before string, err error) {
	if key == nil {
		return "", nil
	}
	n, err := j.exec("INSERT INTO spent (phone, counter, payment) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", key.Phone, int64(key.Counter), p)
	if err != nil || n == 1 {
		return "", err
	}
	var id []byte
	_, err = j.get("SELECT p.id FROM spent s JOIN payment p ON p.no = s.payment WHERE s.phone = ? AND s.counter = ?",
		[]any{key.Phone, int64(key.Counter)}, &id)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("the code paid for %s first", payment.ID(id)), nil
}

// accountDay adds to what the account of the wallet spent in this epoch of the lane on the date, and how often, and says when
// that is above the cap or more than the lane counted. It counts by epoch because within one the order is known: the answer
// does not depend on which of two epochs arrives first. A void takes it off again, by a trigger: see the migration.
func (j *judge) accountDay(b *branchState, a *Approval) (over string, err error) {
	if a.Account == nil {
		return "", nil
	}
	var spent, count int64
	_, err = j.get(addAccountDay, []any{b.epoch, int64(a.BusinessDate), a.Wallet, a.Account, string(a.Amount.Currency), a.Amount.Minor}, &spent, &count)
	if err != nil {
		return "", err
	}
	if spent > min(a.AccountCap, a.AccountSpent) {
		return fmt.Sprintf("the account spent %d at this lane on %s; allowed are %d, the lane counted %d",
			spent, a.BusinessDate, a.AccountCap, a.AccountSpent), nil
	}
	if a.AccountMost > 0 && count > int64(min(a.AccountMost, a.AccountUsed)) {
		return fmt.Sprintf("the account paid %d times at this lane on %s; allowed are %d, the lane counted %d",
			count, a.BusinessDate, a.AccountMost, a.AccountUsed), nil
	}
	if b.epochs == 1 {
		return "", nil
	}
	return j.accountEpochs(b, a)
}

// accountEpochs adds up what the account spent in all epochs of the terminal on the date. A lane counts on when it begins
// a new one, so even with the voids of the last one still on the road that is not above twice the caps; but whoever has
// its key could begin epochs for as long as he likes, each with the caps anew.
func (j *judge) accountEpochs(b *branchState, a *Approval) (over string, err error) {
	var spent, count int64
	_, err = j.get(`SELECT coalesce(sum(a.spent), 0), coalesce(sum(a.count), 0) FROM epoch e JOIN account_wallet_day a ON a.epoch = e.no
		WHERE e.terminal = ? AND a.business_date = ? AND a.wallet = ? AND a.account = ? AND a.currency = ?`,
		[]any{b.terminal, int64(a.BusinessDate), a.Wallet, a.Account, string(a.Amount.Currency)}, &spent, &count)
	most := int64(min(a.AccountMost, math.MaxInt32))
	if err == nil && (spent > 2*a.AccountCap || most > 0 && count > 2*most) {
		over = fmt.Sprintf("the account spent %d in %d payments at this terminal on %s, over several epochs of its journal; allowed are %d", spent, count,
			a.BusinessDate, a.AccountCap)
	}
	return over, err
}
