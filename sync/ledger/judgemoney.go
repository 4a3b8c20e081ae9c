package ledger

import (
	"cmp"
	"database/sql"
	"fmt"
	"math"
	"slices"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

const addAccountDay = `INSERT INTO account_day (epoch, business_date, account, currency, spent) VALUES (?, ?, ?, ?, ?)
	ON CONFLICT DO UPDATE SET spent = spent + excluded.spent RETURNING spent`

const insertPayment = `INSERT INTO payment (id, sale, entry, dimension, amount, state, policy, account, taken_at)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`

// approval posts a payment, or lets it wait. The reasons to wait are asked in this order; the first is named.
func (j *judge) approval(b *branchState, w *Judgement) (Kind, error) {
	a := w.Approval
	if w.Kind.Status() == wire.Rejected {
		_, err := j.except(b, w, w.Kind, 0)
		return w.Kind, err
	}
	d := b.place
	d.Wallet, d.BusinessDate, d.Currency = a.Wallet, a.BusinessDate, a.Amount.Currency
	dimension, err := j.dimension(d)
	if err != nil {
		return "", err
	}
	repeated, err := j.repeated(a.Payment)
	if err != nil {
		return "", err
	}
	p := &paymentRow{entry: w.Entry.No, dimension: dimension, amount: a.Amount.Minor, state: Posted}
	p.no, err = j.insert(insertPayment, a.Payment[:], orNullID(a.Sale), p.entry, p.dimension, p.amount, string(p.state), int64(a.Policy), a.Account, a.TakenAt)
	if err != nil {
		return "", err
	}
	spent, err := j.spend(p.no, a.Replay)
	if err != nil {
		return "", err
	}
	over, err := j.accountDay(b, a)
	if err != nil {
		return "", err
	}
	var kind Kind
	switch {
	case w.Kind != "":
		kind = w.Kind
	case b.forkFrom != 0 && w.Entry.Name.Seq >= b.forkFrom:
		kind = Fork
	case b.heldFrom != 0 && w.Entry.Name.Seq >= b.heldFrom:
		kind = TerminalRevoked
	case repeated:
		kind = PaymentRepeated
	case spent != "":
		kind, w.Detail = SpentTwice, spent
	case over != "":
		kind, w.Detail = OverAccount, over
	}
	if kind == "" {
		return "", j.post(move{debit: WalletReceivable, credit: StorePayable, amount: p.amount, dimension: dimension,
			cause: causeApproved, payment: p.no, entry: p.entry})
	}
	x, err := j.except(b, w, kind, p.no)
	if err != nil {
		return "", err
	}
	if err := j.hold(p, x); err != nil {
		return "", err
	}
	return kind, j.setState(p, Suspended, 0)
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

// accountDay adds to what the account spent in this epoch of the lane on the date, and says when that is above
// the cap or more than the lane counted. It counts by epoch because that is what its order is known of: the answer does not depend on which
// of two epochs arrives first.
func (j *judge) accountDay(b *branchState, a *Approval) (over string, err error) {
	if a.Account == nil {
		return "", nil
	}
	var spent int64
	_, err = j.get(addAccountDay, []any{b.epoch, int64(a.BusinessDate), a.Account, string(a.Amount.Currency), a.Amount.Minor}, &spent)
	if most := min(a.AccountCap, a.AccountSpent); err == nil && spent > most {
		over = fmt.Sprintf("the account spent %d at this lane on %s; allowed are %d, the lane counted %d",
			spent, a.BusinessDate, a.AccountCap, a.AccountSpent)
	}
	return over, err
}

// void takes a payment back: always, wherever its money stands by now.
func (j *judge) void(b *branchState, w *Judgement) (Kind, error) {
	p, kind, err := j.voided(b, w)
	if err != nil {
		return "", err
	}
	if w.Kind != "" {
		kind = w.Kind
	}
	if kind != "" {
		_, err := j.except(b, w, kind, 0)
		return kind, err
	}
	if err := j.reverse(p, causeVoid, w.Entry.No, 0); err != nil {
		return "", err
	}
	if err := j.setState(p, Voided, w.Entry.No); err != nil {
		return "", err
	}
	_, err = j.exec(`UPDATE account_day SET spent = spent - p.amount FROM payment p JOIN dimension d ON d.no = p.dimension
		WHERE p.no = ? AND account_day.epoch = ? AND account_day.business_date = d.business_date
		AND account_day.account = p.account AND account_day.currency = d.currency`, p.no, b.epoch)
	if err != nil {
		return "", err
	}
	_, err = j.exec(`UPDATE exception SET state = 'resolved', outcome = 'voided', resolved_at = ?, resolved_by = ?, why = ?
		WHERE payment = ? AND state = 'open'`, j.now, b.place.Terminal.String(), "the lane took the payment back", p.no)
	return "", err
}

// voided finds the payment that a void takes back. A kind says why there is none.
func (j *judge) voided(b *branchState, w *Judgement) (*paymentRow, Kind, error) {
	v := w.Void
	at, err := j.ancestor(b, v.Of)
	if err != nil {
		return nil, "", err
	}
	var p paymentRow
	var id []byte
	var wallet string
	var currency payment.Currency
	found, err := j.get(`SELECT p.no, p.entry, p.dimension, p.amount, p.state, p.id, d.wallet, d.currency
		FROM entry y JOIN payment p ON p.entry = y.no JOIN dimension d ON d.no = p.dimension WHERE y.branch = ? AND y.seq = ?`,
		[]any{at, int64(v.Of)}, &p.no, &p.entry, &p.dimension, &p.amount, &p.state, &id, &wallet, &currency)
	switch {
	case err != nil:
		return nil, "", err
	case !found:
		w.Detail = fmt.Sprintf("entry %d is no payment", v.Of)
	case payment.ID(id) != v.Payment || v.Amount != payment.Of(p.amount, currency) || wallet != v.Wallet:
		w.Detail = fmt.Sprintf("entry %d is payment %s of %s by %s", v.Of, payment.ID(id), payment.Of(p.amount, currency), wallet)
	case p.state == Voided:
		w.Detail = fmt.Sprintf("payment %s", payment.ID(id))
		return nil, VoidRepeated, nil
	default:
		return &p, "", nil
	}
	return nil, VoidUnmatched, nil
}

// ancestor is the history that holds sequence seq of b: itself or one that it forked from.
func (j *judge) ancestor(b *branchState, seq uint64) (int64, error) {
	for seq < b.from && b.parent != 0 {
		var err error
		if b, err = j.look(b.parent); err != nil {
			return 0, err
		}
	}
	return b.no, nil
}

// look reads a history without taking part in its cursor.
func (j *judge) look(no int64) (*branchState, error) {
	if b := j.branches[no]; b != nil {
		return b, nil
	}
	b := &branchState{no: no}
	_, err := j.get("SELECT coalesce(parent, 0), from_seq FROM branch WHERE no = ?", []any{no}, &b.parent, &b.from)
	return b, err
}

// close holds the lane's own totals of a business date against HQ's.
func (j *judge) close(b *branchState, w *Judgement) (Kind, error) {
	c := w.Close
	ours, err := j.dayTotals(b, c.BusinessDate, w.Entry.Name.Seq)
	if err != nil {
		return "", err
	}
	theirs := slices.Clone(c.Totals)
	slices.SortFunc(theirs, compareTotals)
	theirs = slices.DeleteFunc(theirs, func(t payment.DayTotal) bool { return t.Count == 0 && t.VoidCount == 0 && t.Sum == 0 && t.VoidSum == 0 })
	agrees := slices.Equal(ours, theirs)
	_, err = j.exec("INSERT INTO day_close (entry, terminal, business_date, first_seq, agrees) VALUES (?, ?, ?, ?, ?)",
		w.Entry.No, b.terminal, int64(c.BusinessDate), int64(c.FirstSeq), agrees)
	if err != nil || agrees {
		return "", err
	}
	w.Detail = fmt.Sprintf("the lane says %v, HQ counts %v", theirs, ours)
	_, err = j.except(b, w, DayDiffers, 0)
	return DayDiffers, err
}

// dayTotals counts what the history says of a business date up to the close, from the payments as they were
// posted: taken gross, voids apart, by wallet and currency.
func (j *judge) dayTotals(b *branchState, date payment.Date, last uint64) ([]payment.DayTotal, error) {
	line, err := j.lineage(b)
	if err != nil {
		return nil, err
	}
	type row struct {
		total            payment.DayTotal
		branch, voidedIn int64
		seq, voidSeq     uint64
	}
	rows, err := each(j.tx, func(rows *sql.Rows) (row, error) {
		var r row
		var seq, voidSeq int64
		err := rows.Scan(&r.total.Wallet, &r.total.Currency, &r.total.Sum, &r.branch, &seq, &r.voidedIn, &voidSeq)
		r.seq, r.voidSeq = uint64(seq), uint64(voidSeq)
		return r, err
	}, `SELECT d.wallet, d.currency, p.amount, y.branch, y.seq, coalesce(v.branch, 0), coalesce(v.seq, 0)
		FROM dimension d JOIN payment p ON p.dimension = d.no JOIN entry y ON y.no = p.entry LEFT JOIN entry v ON v.no = p.void
		WHERE d.business_date = ? AND d.terminal = ?`, int64(date), b.place.Terminal[:])
	if err != nil {
		return nil, err
	}
	totals := map[string]*payment.DayTotal{}
	for _, r := range rows {
		if r.seq > min(last, line[r.branch]) {
			continue
		}
		t := r.total
		t.Count = 1
		if r.voidedIn != 0 && r.voidSeq <= min(last, line[r.voidedIn]) {
			t.VoidCount, t.VoidSum = 1, t.Sum
		}
		addTotal(totals, t)
	}
	var all []payment.DayTotal
	for _, t := range totals {
		all = append(all, *t)
	}
	slices.SortFunc(all, compareTotals)
	return all, nil
}

// lineage is up to which sequence b and the histories it forked from are one story. What is not in it is
// another story, of which nothing counts: the map's zero.
func (j *judge) lineage(b *branchState) (map[int64]uint64, error) {
	line := map[int64]uint64{b.no: math.MaxUint64}
	for b.parent != 0 {
		parent, err := j.look(b.parent)
		if err != nil {
			return nil, err
		}
		line[parent.no] = b.from - 1
		b = parent
	}
	return line, nil
}

func addTotal(totals map[string]*payment.DayTotal, t payment.DayTotal) {
	key := t.Wallet + "\x00" + string(t.Currency)
	sum := totals[key]
	if sum == nil {
		totals[key] = &t
		return
	}
	sum.Count, sum.Sum = sum.Count+t.Count, sum.Sum+t.Sum
	sum.VoidCount, sum.VoidSum = sum.VoidCount+t.VoidCount, sum.VoidSum+t.VoidSum
}

func compareTotals(a, b payment.DayTotal) int {
	return cmp.Or(cmp.Compare(a.Wallet, b.Wallet), cmp.Compare(a.Currency, b.Currency))
}
