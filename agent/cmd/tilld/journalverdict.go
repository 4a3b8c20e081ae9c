package main

import (
	"fmt"
	"strings"
	"time"
)

// text is the answer for people. Whatever is the file's own stands escaped, in a line.
func (a *verifyAnswer) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "terminal %s\n", a.Terminal)
	for _, e := range a.Epochs {
		fmt.Fprintf(&b, "epoch %s: entries %d to %d hold, head %s\n", e.Epoch, e.First, e.Last, e.Head)
	}
	fmt.Fprintf(&b, "%d entries and %d bodies (%d erased) hold; %d entries are of a later release\n", a.Entries, a.Bodies, a.Erased, a.SetAside)
	a.projectedText(&b)
	for _, ack := range a.Acks {
		if ack.Error == "" && ack.HQTime != nil {
			fmt.Fprintf(&b, "epoch %s: HQ signed on %s that it holds entries up to %d\n", ack.Epoch, ack.HQTime.Format(time.RFC3339), ack.Acked)
		}
	}
	for _, what := range a.NotChecked {
		fmt.Fprintf(&b, "NOT CHECKED: %s\n", what)
	}
	a.verdictText(&b)
	return b.String()
}

// projectedText tells of what lies beside the entries.
func (a *verifyAnswer) projectedText(b *strings.Builder) {
	p := a.Projected
	if p == nil {
		return
	}
	fmt.Fprintf(b, "schema version %d, and %d rows computed from the entries, compared\n", p.Schema, p.Rows)
	if p.Resting > 0 {
		fmt.Fprintf(b, "  %d of them rest on entries or bodies that retention took: they are at least what is left says\n", p.Resting)
	}
	if p.CountersFrom != 0 {
		fmt.Fprintf(b, "  by its own word, phone counters last used before %s were forgotten\n", p.CountersFrom)
	}
	if p.BodiesFrom != 0 {
		fmt.Fprintf(b, "  by its own word, what accounts spent before %s was forgotten\n", p.BodiesFrom)
	}
	if p.Behind > 0 {
		fmt.Fprintf(b, "  %d entries are not in them yet: the lane's next start puts them there\n", p.Behind)
	}
}

func (a *verifyAnswer) verdictText(b *strings.Builder) {
	f := a.Fault
	switch {
	case f == nil && a.Trusted == "own":
		b.WriteString("VERIFIED BY ITS OWN KEY ALONE\n")
	case f == nil:
		b.WriteString("VERIFIED\n")
	case f.Epoch != "":
		fmt.Fprintf(b, "NOT VERIFIED: row %d, entry %d of epoch %s: %s: %s\n", f.Pos, f.Seq, f.Epoch, f.Part, inline(f.Error))
	case len(a.Differences) > 0:
		fmt.Fprintf(b, "NOT VERIFIED: the entries hold, and what lies beside them does not:\n")
		for _, d := range a.Differences {
			fmt.Fprintf(b, "  %s\n", inline(d.Error()))
		}
		if a.More > 0 {
			fmt.Fprintf(b, "  and %d more\n", a.More)
		}
	default:
		fmt.Fprintf(b, "NOT VERIFIED: %s: %s\n", f.Part, inline(f.Error))
	}
	for _, ack := range a.Acks {
		if ack.Error != "" {
			fmt.Fprintf(b, "NOT PROVEN: epoch %s, that HQ holds entries up to %d: %s\n", ack.Epoch, ack.Acked, inline(ack.Error))
		}
	}
}
