package journal

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"tilld/agent/payment"
)

// days sells n sales a day for the days that follow today, and acknowledges all but the last two days.
func sellDays(t *testing.T, j *Journal, days, n int) (dates []payment.Date) {
	t.Helper()
	date := today
	var upTo Record
	for d := range days {
		for i := range n {
			sale := 1 + d*n + i
			o, a := opened(sale, 100), approved(t, sale, 100, byte(i%3+1), uint64(sale))
			o.Moment, a.Moment = moment(date), moment(date)
			r := mustAppend(t, j, o, a)
			if d < days-2 {
				upTo = r[1]
			}
		}
		dates, date = append(dates, date), date.Next()
	}
	mustAck(t, j, ackFor(upTo, 1))
	return dates
}

func TestPrune(t *testing.T) {
	j := newSecond(t)
	dates := sellDays(t, j, 5, 150) // more than one chunk a day
	p, err := j.Prune(ctx, Retention{Entries: dates[2]})
	if err != nil {
		t.Fatal(err)
	}
	if p.Entries != 601 { // the epoch's first entry, and two days
		t.Errorf("pruned %+v", p)
	}
	sameSecond(t, j)
	for i, date := range dates {
		list, err := j.Payments(ctx, date)
		if err != nil {
			t.Fatal(err)
		}
		if want := map[bool]int{true: 0, false: 150}[i < 2]; len(list) != want {
			t.Errorf("%s: %d payments, want %d", date, len(list), want)
		}
		if d, err := j.Day(ctx, date); err != nil || len(d.Totals) != 1 || d.Totals[0].Sum != 15000 {
			t.Errorf("%s: figures %+v, %v", date, d, err)
		}
	}
	if _, ok, _ := j.SaleByID(ctx, *id(1)); ok {
		t.Error("a pruned sale is found")
	}
	if _, err := j.Append(ctx, opened(5000, 100), approved(t, 5000, 100, 1, 1)); !errors.Is(err, ErrCodeUsed) {
		t.Errorf("a code of a pruned payment: %v", err)
	}
	if _, err := j.NextBatch(ctx, j.currentEpoch(), 0, 10, 1000); !errors.Is(err, ErrGone) {
		t.Errorf("asking for pruned entries: %v", err)
	}
	// What HQ has not acknowledged stays, however old.
	if p, err := j.Prune(ctx, Retention{Entries: dates[4].Next()}); err != nil || p.Entries != 300 {
		t.Errorf("pruned %+v, %v", p, err)
	}
	if p := mustPending(t, j); p.Entries != 600 || p.Count != 300 {
		t.Errorf("pending %+v", p)
	}
	reopen(t, &j)
	sell(t, j, 6000, 1)
	verifyCopy(t, j)
}

// TestPruneKeepsTheLastEntry: the chain goes on from something.
func TestPruneKeepsTheLastEntry(t *testing.T) {
	j := newJournal(t)
	r := sell(t, j, 1, 3)
	mustAck(t, j, ackFor(r[2], 1))
	if p, err := j.Prune(ctx, Retention{Entries: today.Next()}); err != nil || p.Entries != 6 {
		t.Fatalf("pruned %+v, %v", p, err)
	}
	if p, err := j.Prune(ctx, Retention{Entries: today.Next()}); err != nil || p.Entries != 0 {
		t.Fatalf("pruned again %+v, %v", p, err)
	}
	reopen(t, &j)
	sell(t, j, 4, 1)
	verifyCopy(t, j)
}

// TestPruneStopsAtAClockThatWasSetBack: a late date in front keeps what lies behind it.
func TestPruneStopsAtAClockThatWasSetBack(t *testing.T) {
	j := newJournal(t)
	later := opened(1, 100)
	later.Moment = moment(today.Next())
	mustAppend(t, j, later)
	r := sell(t, j, 2, 2)
	mustAck(t, j, ackFor(r[1], 1))
	if p, err := j.Prune(ctx, Retention{Entries: today.Next()}); err != nil || p.Entries != 1 {
		t.Errorf("pruned %+v, %v", p, err)
	}
}

// TestRewindIntoThePruned: retention was shorter than HQ's recovery point. What is there is sent; the rest is
// counted as lost, not papered over.
func TestRewindIntoThePruned(t *testing.T) {
	j := newJournal(t)
	r := sell(t, j, 1, 5)
	mustAck(t, j, ackFor(r[4], 1))
	if _, err := j.Prune(ctx, Retention{Entries: today.Next()}); err != nil {
		t.Fatal(err)
	}
	got := mustAck(t, j, ackFor(r[1], 2)) // entry 5 of 11; 10 are pruned
	if want := (AckResult{Taken: true, Acked: 10, Rewound: 1, Lost: 5}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if b, err := j.NextBatch(ctx, r[0].Entry.Epoch, 10, 10, 1000); err != nil || b.First != 11 || b.Prev == nil {
		t.Errorf("batch %+v, %v", b, err)
	}
}

func TestCountersOutliveEntries(t *testing.T) {
	j := newJournal(t)
	dates := sellDays(t, j, 4, 3)
	if _, err := j.Prune(ctx, Retention{Entries: dates[2], Counters: dates[3]}); err != nil {
		t.Fatal(err)
	}
	q := Question{Replay: payment.ReplayKey{Phone: bytes.Repeat([]byte{1}, 8), Counter: 1}}
	if k, err := j.Known(ctx, q); err != nil || !k.PhoneKnown || k.CodeUsed.IsZero() {
		t.Errorf("a phone that paid on the last day: %+v, %v", k, err)
	}
	p, err := j.Prune(ctx, Retention{Counters: dates[3].Next()})
	if err != nil || p.Counters != 0 {
		t.Errorf("the last day's counters: %+v, %v", p, err)
	}
	mustAppend(t, j, on(draft(&payment.DayOpened{}), dates[3].Next()))
	p, err = j.Prune(ctx, Retention{Counters: dates[3].Next()})
	if err != nil || p.Counters != 3 {
		t.Errorf("pruned %+v, %v", p, err)
	}
	if k, err := j.Known(ctx, q); err != nil || k.PhoneKnown || !k.CodeUsed.IsZero() {
		t.Errorf("forgotten: %+v, %v", k, err)
	}
}

// TestErasedBytesAreGone looks for them in every file, free pages and log included.
func TestErasedBytesAreGone(t *testing.T) {
	secret := []byte("cashier-to-be-forgotten")
	for _, how := range []string{"one body", "by date", "with the entry"} {
		t.Run(how, func(t *testing.T) {
			j := newSecond(t)
			d := opened(1, 100)
			d.Body = &payment.Body{Cashier: string(secret), Lines: []payment.Line{{Text: string(bytes.Repeat(secret, 8)), Count: 1, Amount: 1}}}
			a := approved(t, 1, 100, 1, 1)
			a.Body.Account = secret
			r := mustAppend(t, j, d, a)
			sell(t, j, 2, 2)
			mustAppend(t, j, on(opened(9, 100), today.Next()))
			mustAck(t, j, ackFor(r[1], 1))
			if len(where(t, j, secret)) == 0 {
				t.Fatal("the secret is nowhere to begin with")
			}
			var err error
			switch how {
			case "one body":
				for _, rec := range r {
					err = errors.Join(err, j.EraseBody(ctx, rec.Entry.Epoch, rec.Entry.Seq))
				}
				_, pruneErr := j.Prune(ctx, Retention{Bodies: today.Next()}) // what the account spent
				err = errors.Join(err, pruneErr)
			case "by date":
				_, err = j.Prune(ctx, Retention{Bodies: today.Next()})
			case "with the entry":
				_, err = j.Prune(ctx, Retention{Entries: today.Next(), Bodies: today.Next()})
			}
			if err != nil {
				t.Fatal(err)
			}
			if found := where(t, j, secret); len(found) > 0 {
				t.Errorf("still in %v", found)
			}
			sameSecond(t, j)
			verifyCopy(t, j)
		})
	}
}

// where lists the files that hold some bytes.
func where(t *testing.T, j *Journal, secret []byte) (found []string) {
	t.Helper()
	for _, path := range []string{j.cfg.database(), j.cfg.database() + "-wal", secondPath(&j.cfg)} {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, secret) {
			found = append(found, path)
		}
	}
	return found
}

func TestEraseBody(t *testing.T) {
	j := newJournal(t)
	r := sell(t, j, 1, 2)
	e := r[0].Entry
	if err := j.EraseBody(ctx, e.Epoch, e.Seq); !errors.Is(err, ErrNotAcknowledged) || payment.CodeOf(err) != payment.NotAllowed {
		t.Errorf("before HQ has it: %v", err)
	}
	if err := j.EraseBody(ctx, e.Epoch+1, e.Seq); !errors.Is(err, ErrUnknownEpoch) {
		t.Errorf("of an unknown epoch: %v", err)
	}
	mustAck(t, j, ackFor(r[0], 1))
	for range 2 {
		if err := j.EraseBody(ctx, e.Epoch, e.Seq); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.EraseBody(ctx, e.Epoch, 2); err != nil { // has none
		t.Error(err)
	}
	a := ackFor(r[0], 2) // a restored HQ wants it again: the entry comes without its body
	a.Acked, a.Head, a.Judged = 0, nil, 0
	mustAck(t, j, a)
	b, err := j.NextBatch(ctx, e.Epoch, 0, 10, 1<<20)
	if err != nil || b.Bodies[2] != nil || b.Bodies[4] == nil {
		t.Errorf("bodies %v, %v", b.Bodies, err)
	}
	if r := verifyCopy(t, j); r.Erased != 1 {
		t.Errorf("report %+v", r)
	}
}
