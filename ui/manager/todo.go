package manager

import (
	"time"

	"tilld/agent/payment"
)

// Kinds of what waits for somebody. Their words are the catalogue's manager.todo.*.
const (
	TodoRevoked = "revoked" // head office has closed the lane
	TodoPolicy  = "policy"  // the lane has no rules yet
	TodoClock   = "clock"   // the lane doesn't know the time
	TodoOpen    = "open"    // paid, and not finished by the shop's POS: the customer could be charged again
	TodoHeld    = "held"    // HQ is clarifying: nobody here has to do anything, see Clarified
	TodoOut     = "out"     // wallets are refused: the offline right or share is used up
	TodoSmall   = "small"   // no line, and small amounts only
	TodoLine    = "line"    // no line
	TodoScanner = "scanner" // the scanner is not heard
	TodoDisk    = "disk"    // the second disk has failed
)

// Todo is one kind of thing that waits for somebody.
type Todo struct {
	Kind  string
	Tone  string // bad: now. The first of a list has the list's
	Count int    // how many are in the list below; 0: there is no list
	Sums  []payment.Money
	State string    // the scanner's, for its title
	Since time.Time // how long it has been so; zero: not known
}

// Todos is everything on the page that waits for somebody, the most urgent first: whoever looks for a second
// has to see it without moving the page. What stops the lane has a card of its own.
func (b Board) Todos() ([]Todo, error) {
	var list []Todo
	if kind := b.blocked(); kind != "" {
		list = append(list, Todo{Kind: kind, Tone: "bad"})
	}
	if len(b.Open) > 0 {
		t := Todo{Kind: TodoOpen, Tone: "bad", Count: len(b.Open)}
		for _, o := range b.Open {
			if err := t.add(o.Amount); err != nil {
				return nil, err
			}
		}
		list = append(list, t)
	}
	if kind := b.line(); kind != "" {
		t := Todo{Kind: kind, Tone: "bad", Since: b.HQSince}
		if b.Online {
			t.Since = time.Time{} // it is since when HQ is reached
		}
		list = append(list, t)
	}
	switch b.Scanner {
	case "ok", "start": // it is being looked for: nobody need do anything yet
	default:
		list = append(list, Todo{Kind: TodoScanner, Tone: "bad", State: b.Scanner, Since: b.ScannerAt})
	}
	if b.Second == "failed" && b.Stopped == payment.ReasonNone { // a lane that stopped records nothing at all
		list = append(list, Todo{Kind: TodoDisk, Tone: "bad"})
	}
	return list, nil
}

// Clarified is what HQ is clarifying, for the manager to know; nil: nothing. It is nothing to act on: HQ decides.
func (b Board) Clarified() (*Todo, error) {
	asked := b.Asked()
	if len(asked) == 0 {
		return nil, nil
	}
	t := &Todo{Kind: TodoHeld, Count: len(asked)}
	for _, h := range asked {
		if err := t.add(h.Amount); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Asked are the payments that wait for HQ's decision.
func (b Board) Asked() (list []Held) {
	for _, h := range b.Held {
		if !h.Borne {
			list = append(list, h)
		}
	}
	return list
}

// blocked is what shuts the lane to every wallet and no look at the cable mends, or not alone.
func (b Board) blocked() string {
	switch b.Blocked {
	case payment.TerminalRevoked:
		return TodoRevoked
	case payment.NoPolicy:
		return TodoPolicy
	case payment.ClockUntrusted:
		return TodoClock
	}
	return ""
}

// line is what the line to HQ, or the want of it, asks of somebody.
func (b Board) line() string {
	switch {
	case b.blocked() != "": // it is said already, and the line is not why
		return ""
	case b.SmallLeft <= 0 || b.Blocked == payment.OfflineTooLong || b.Level() == "gone":
		return TodoOut
	case b.Online:
		return ""
	case b.FullLeft <= 0:
		return TodoSmall
	}
	return TodoLine
}

// Key is the key that leads to the list; empty: there is none.
func (t Todo) Key() string {
	switch t.Kind {
	case TodoOpen:
		return "1"
	case TodoHeld:
		return "2"
	}
	return ""
}

// add adds an amount to the sum of its currency: a lane's currency may have changed, and its records stay.
func (t *Todo) add(m payment.Money) error {
	for i, sum := range t.Sums {
		if sum.Currency == m.Currency {
			var err error
			t.Sums[i], err = sum.Add(m)
			return err
		}
	}
	t.Sums = append(t.Sums, m)
	return nil
}
