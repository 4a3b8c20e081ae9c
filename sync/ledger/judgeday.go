package ledger

import (
	"cmp"
	"database/sql"
	"fmt"
	"math"
	"slices"

	"tilld/agent/payment"
)

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
