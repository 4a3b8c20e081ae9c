package settle

import (
	"cmp"
	"slices"

	"tilld/agent/payment"
)

// Reason says what a batch may be missing from a terminal.
type Reason string

// The reasons.
const (
	MissingEntries Reason = "entries_missing" // HQ knows of entries From..To of the epoch and does not hold them all
	MissingJudging Reason = "not_judged"      // HQ holds entries From..To and has not posted them yet
	MissingClose   Reason = "day_not_closed"  // no day-close for the settlement date: more may come
	MissingAll     Reason = "never_heard"     // the terminal is known and has never been heard
)

// Part is what one epoch of a terminal brought to the batch: the range that its lines lie in.
type Part struct {
	Terminal payment.ID `json:"terminal"`
	Entity   string     `json:"entity"`
	Store    string     `json:"store"`
	Lane     string     `json:"lane"`
	Epoch    Epoch      `json:"epoch"`
	First    uint64     `json:"first_seq"`
	Last     uint64     `json:"last_seq"`
	Held     uint64     `json:"held_seq"` // HQ holds every entry 1..Held of the epoch; 0: not told
	Total
}

// Missing names what may still come from a terminal, so that nobody takes a batch for complete.
type Missing struct {
	Terminal   payment.ID   `json:"terminal"`
	Entity     string       `json:"entity"`
	Store      string       `json:"store"`
	Lane       string       `json:"lane"`
	Reason     Reason       `json:"reason"`
	Epoch      Epoch        `json:"epoch"`
	From       uint64       `json:"from_seq"`
	To         uint64       `json:"to_seq"`
	LastClosed payment.Date `json:"last_closed"`
}

// Manifest says where the lines came from and what is not there.
type Manifest struct {
	Terminals []Part    `json:"terminals"`
	Missing   []Missing `json:"missing"`
	Expected  Total     `json:"expected"` // business date = settlement date
	Late      Total     `json:"late"`     // earlier business dates: they missed their own cut
	Early     Total     `json:"early"`    // later business dates: the store's day rolled before the cut
}

// manifestOf expects lines in canonical order and within the cut's limits, so that no sum overflows.
func manifestOf(c *Cut, lines []Line) Manifest {
	m := Manifest{Terminals: partsOf(lines, c.Coverage), Missing: missingOf(c.SettlementDate, c.Coverage)}
	for i := range lines {
		l := &lines[i]
		switch cmp.Compare(l.BusinessDate, c.SettlementDate) {
		case -1:
			m.Late.add(l.Amount)
		case 0:
			m.Expected.add(l.Amount)
		default:
			m.Early.add(l.Amount)
		}
	}
	return m
}

func (t *Total) add(amount int64) {
	t.Count++
	t.Sum += amount
}

type partKey struct {
	terminal            payment.ID
	epoch               Epoch
	entity, store, lane string
}

func partsOf(lines []Line, coverage []Coverage) []Part {
	held := map[partKey]uint64{}
	for _, c := range coverage {
		held[partKey{c.Terminal, c.Epoch, "", "", ""}] = c.Held
	}
	at := map[partKey]int{}
	parts := []Part{}
	for i := range lines {
		l := &lines[i]
		key := partKey{l.Terminal, l.Epoch, l.Entity, l.Store, l.Lane}
		n, seen := at[key]
		if !seen {
			n = len(parts)
			at[key] = n
			parts = append(parts, Part{Terminal: l.Terminal, Entity: l.Entity, Store: l.Store, Lane: l.Lane, Epoch: l.Epoch,
				First: l.Seq, Last: l.Seq, Held: held[partKey{l.Terminal, l.Epoch, "", "", ""}]})
		}
		p := &parts[n]
		p.First, p.Last = min(p.First, l.Seq), max(p.Last, l.Seq)
		p.add(l.Amount)
	}
	slices.SortFunc(parts, func(a, b Part) int {
		return cmp.Or(cmp.Compare(a.Entity, b.Entity), cmp.Compare(a.Store, b.Store), cmp.Compare(a.Lane, b.Lane),
			compareID(a.Terminal, b.Terminal), cmp.Compare(a.Epoch, b.Epoch))
	})
	return parts
}

func missingOf(date payment.Date, coverage []Coverage) []Missing {
	missing := []Missing{}
	closed := map[payment.ID]bool{} // terminals whose open day has been named
	for _, c := range coverage {
		row := Missing{Terminal: c.Terminal, Entity: c.Entity, Store: c.Store, Lane: c.Lane, Epoch: c.Epoch, LastClosed: c.LastClosed}
		add := func(reason Reason, from, to uint64) {
			row.Reason, row.From, row.To = reason, from, to
			missing = append(missing, row)
		}
		if c.Epoch == 0 {
			add(MissingAll, 0, 0)
			continue
		}
		if c.Known > c.Held {
			add(MissingEntries, c.Held+1, c.Known)
		}
		if c.Held > c.Judged {
			add(MissingJudging, c.Judged+1, c.Held)
		}
		if c.LastClosed < date && !closed[c.Terminal] {
			closed[c.Terminal] = true
			row.Epoch = 0
			add(MissingClose, 0, 0)
		}
	}
	slices.SortFunc(missing, compareMissing)
	return missing
}

func compareMissing(a, b Missing) int {
	return cmp.Or(cmp.Compare(a.Entity, b.Entity), cmp.Compare(a.Store, b.Store), cmp.Compare(a.Lane, b.Lane),
		compareID(a.Terminal, b.Terminal), cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Reason, b.Reason))
}

func compareID(a, b payment.ID) int { return slices.Compare(a[:], b[:]) }
