package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"tilld/agent/cmd/tilld/internal/hq"
	"tilld/sync/ledger"
)

type hqCheckCmd struct{ hqData }

// Run prints what does not balance or is missing, and last what was checked.
func (c hqCheckCmd) Run(ctx context.Context, std streams) error {
	return c.with(ctx, func(o *hq.Office) error {
		r, err := o.Books.Check(ctx, time.Time{})
		if err != nil {
			return err
		}
		if err := printDays(std.out, r.Days); err != nil {
			return err
		}
		found, err := expiring(ctx, o)
		if err != nil {
			return err
		}
		found = append(found, findings(r)...)
		putBack := o.CheckPutBack(ctx)
		if _, ok := errors.AsType[*hq.PutBackError](putBack); ok {
			found = append(found, "LOST: "+putBack.Error())
		} else if putBack != nil {
			return putBack
		}
		for _, f := range found {
			if _, err := fmt.Fprintln(std.out, f); err != nil {
				return err
			}
		}
		lost := putBack != nil || inSilence(r)
		if _, err := fmt.Fprintln(std.out, verdict(r, len(found), lost)); err != nil {
			return err
		}
		if lost || len(r.Faults) > 0 {
			return errNegative
		}
		return nil
	})
}

func printDays(w io.Writer, days []ledger.LaneDay) error {
	for _, d := range days {
		_, err := fmt.Fprintf(w, "%s %s/%s %s %s: approved %d = posted %d + suspense %d + lost %d + voided %d\n",
			d.BusinessDate, d.Store, d.Lane, d.Wallet, d.Currency, d.Approved.Sum, d.Posted.Sum, d.Suspense.Sum, d.Lost.Sum, d.Voided.Sum)
		if err != nil {
			return err
		}
	}
	return nil
}

// findings are the lines about all that is not as it will be in the end; the contradictions come last.
func findings(r *ledger.Report) (lines []string) {
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for _, d := range r.Days {
		if d.Rejected > 0 {
			add("rejected: %d approvals of terminal %s on %s made no sense; see the exceptions", d.Rejected, d.Terminal, d.BusinessDate)
		}
		if d.Differs {
			add("differs: terminal %s closed %s with other totals than these", d.Terminal, d.BusinessDate)
		}
	}
	for _, m := range r.Missing {
		add("missing: terminal %s, epoch %016x, entries %d to %d", m.Terminal, m.Epoch, m.From, m.To)
	}
	for _, m := range r.Waiting {
		add("not judged yet: terminal %s, epoch %016x, entries %d to %d", m.Terminal, m.Epoch, m.From, m.To)
	}
	if r.Awaited > 0 {
		add("awaited: %d settled payments whose entries lanes have not sent again since the books were restored", r.Awaited)
	}
	for _, l := range r.Lost {
		add("%s", lostLine(&l))
	}
	for _, f := range r.Faults {
		add("FAULT: %s", f)
	}
	return lines
}

// inSilence says that something is lost and nobody has declared HQ restored.
func inSilence(r *ledger.Report) bool {
	return slices.ContainsFunc(r.Lost, func(l ledger.LostRange) bool { return !l.Restored })
}

// lostLine is about entries that HQ had acknowledged and does not hold.
func lostLine(l *ledger.LostRange) string {
	where := fmt.Sprintf("%s/%s, terminal %s, epoch %016x", l.Store, l.Lane, l.Terminal, l.Epoch)
	switch {
	case l.Restored && l.From > l.To:
		return fmt.Sprintf("awaited: %s: nothing is missing; it has not been heard since the books were restored", where)
	case l.Restored:
		return fmt.Sprintf("awaited: %s has not sent entries %d to %d again since the books were restored", where, l.From, l.To)
	case l.From > l.To:
		return fmt.Sprintf("LOST: %s knows a later HQ epoch than these books do; stop HQ, run \"tilld hq restored\", start it again", where)
	}
	return fmt.Sprintf("LOST: entries %d to %d of %s, which HQ had acknowledged; stop HQ, run \"tilld hq restored\", start it again", l.From, l.To, where)
}

// verdict is the last line: what was checked, and what came of it.
func verdict(r *ledger.Report, found int, lost bool) string {
	var payments uint64
	for _, d := range r.Days {
		payments += d.Approved.Count
	}
	s := fmt.Sprintf("checked: %s (%s by lane, date and wallet), the postings and the batches. ",
		count(payments, "payment"), count(uint64(len(r.Days)), "sum"))
	switch {
	case len(r.Faults) > 0:
		return s + "THE BOOKS CONTRADICT THEMSELVES: see FAULT above."
	case lost:
		return s + "THE BOOKS LACK WHAT HQ HAD ACKNOWLEDGED: see LOST above."
	case found > 0:
		return s + "The books balance; to look at: " + count(uint64(found), "line") + " above."
	}
	return s + "All is well: the books balance, and of what has arrived nothing is missing. (What lanes still hold HQ can't know: their pages say it.)"
}

func count(n uint64, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprint(n, " ", what)
}
