package ledgertest

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"tilld/sync/authorise"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/operator"
)

// tried is an attempt of a story, with what the lane wrote of it in the end.
type tried struct {
	ingesttest.Tried
	lane *ingesttest.Lane
	end  end
}

type end int

const (
	completed end = iota
	voided        // behind that
	givenUp
	turnedDown
)

// online is one attempt of a story.
func (w *walk) online(t *rapid.T, amount int64) {
	a := tried{Tried: w.l.Ask(amount), lane: w.l, end: end(rapid.IntRange(0, 3).Draw(t, "online"))}
	switch a.end {
	case completed, voided:
		a.Tried = w.l.Authorise(a.Tried)
	case givenUp:
		w.l.GiveUp(a.Tried)
	case turnedDown:
		w.l.Decline(a.Tried)
	}
	switch a.end {
	case completed:
		w.sum += amount
	case voided:
		w.l.VoidOnline(a.Tried)
	case givenUp, turnedDown:
	}
	w.tried = append(w.tried, a)
}

// answer is what the operator says of the attempt.
func (a *tried) answer() authorise.Event {
	if a.end == turnedDown {
		return Says(operator.Declined)
	}
	return Says(operator.Paid)
}

// operators writes HQ's own attempts down before any entry comes: what the operator said is known, or is not yet, or HQ
// has no such attempt.
func (b *Bench) operators(t *rapid.T, all []tried) {
	b.Helper()
	for i := range all {
		a := &all[i]
		know := rapid.IntRange(0, 2).Draw(t, "known")
		if know > 0 {
			b.Begun(a.lane, a.Tried)
		}
		if know > 1 {
			b.Happens(a.Ref, a.answer())
		}
	}
}

// answered has the operator say what is not known when all entries are here; before that every payment that HQ can't know
// of waits for it.
func (b *Bench) answered(t *rapid.T, all []tried) {
	b.Helper()
	for i := range all {
		a := &all[i]
		at, err := b.Attempts().Get(b.Ctx, a.Ref)
		if a.end == turnedDown && err != nil {
			continue // HQ never heard of it, and need not
		}
		b.Must(err)
		want := map[authorise.State]ledger.State{authorise.Completed: ledger.Posted, authorise.Doubtful: ledger.Suspended, authorise.Asked: ledger.Suspended}[at.State]
		if a.end == completed {
			b.WantState(a.Sold, want)
		}
		if at.State != authorise.Completed {
			b.Happens(a.Ref, a.answer())
		}
	}
	for i := range all {
		a := &all[i]
		state := map[end]ledger.State{completed: ledger.Posted, voided: ledger.Voided}[a.end]
		if state != "" {
			b.WantState(a.Sold, state)
		}
	}
	if b.Failed() {
		t.Fatal("an online payment is not where it belongs")
	}
}

// charges tells of each attempt whether its charge stands.
func (b *Bench) charges(all []tried) string {
	b.Helper()
	var lines []string
	for i := range all {
		a, err := b.Attempts().Get(b.Ctx, all[i].Ref)
		stands := err == nil && a.State == authorise.Completed
		if stands != (all[i].end == completed) {
			b.Errorf("attempt %s is %s", a.Ref, a.State)
		}
		lines = append(lines, fmt.Sprintf("%s %v\n", all[i].Ref, stands))
	}
	slices.Sort(lines)
	return fmt.Sprint(lines)
}
