package ledger

import (
	"context"
	"time"

	"tilld/agent/payment"
)

// Trouble is what can be wrong with a terminal.
type Trouble string

// The troubles. Being silent is one only of a terminal that is not revoked.
const (
	TroubleBehind  Trouble = "behind" // HQ knows of entries that it does not hold
	TroubleSilent  Trouble = "silent" // not heard from since a given time
	TroubleForked  Trouble = "forked" // it works in a forked epoch, or has had one and something is open still; or it lives twice
	TroubleLost    Trouble = "lost"   // HQ lacks entries of it that it had acknowledged
	TroubleOpen    Trouble = "open"   // an exception is open
	TroubleRevoked Trouble = "revoked"
)

// What each trouble is, of a terminal t with its newest beat s.
const (
	entriesBehind = `(SELECT coalesce(sum(e.known - min(e.known, coalesce((SELECT max(b.head) FROM branch b WHERE b.epoch = e.no), 0))), 0)
		FROM epoch e WHERE e.terminal = t.no)`
	isBehind = entriesBehind + " > 0"
	isHeard  = "coalesce(s.at, 0) >= ?"
	isOpen   = "EXISTS (SELECT 1 FROM exception x WHERE x.terminal = t.no AND x.state = 'open')"
	isTwice  = `EXISTS (SELECT 1 FROM exception x WHERE x.terminal = t.no AND x.state = 'open' AND x.kind = 'terminal_twice'
		AND x.kind IN ('epoch_forked', 'epoch_sibling', 'terminal_twice'))`
	isLost    = "EXISTS (SELECT 1 FROM epoch e WHERE e.terminal = t.no AND e.lost IS NOT NULL)"
	isAwaited = `(` + isLost + ` AND NOT EXISTS (SELECT 1 FROM epoch e WHERE e.terminal = t.no AND e.lost IS NOT NULL
		AND e.lost_in = (SELECT max(epoch) FROM hq_epoch)))`
	isForked = `EXISTS (SELECT 1 FROM epoch e WHERE e.terminal = t.no AND e.fork_from IS NOT NULL
		AND (e.no = (SELECT max(no) FROM epoch WHERE terminal = t.no) OR ` + isOpen + `))`
)

// Forked says that the terminal works in an epoch with two histories, or that it has had one and an exception
// of it is open still. A fork that was decided and left behind is history.
func (t *TerminalStatus) Forked() bool {
	for i, e := range t.Epochs {
		if e.Forked && (i == len(t.Epochs)-1 || t.Exceptions > 0) {
			return true
		}
	}
	return false
}

// TerminalFilter narrows a list of terminals; an empty field does not.
type TerminalFilter struct {
	Store   string
	Trouble Trouble
	Since   time.Time // for TroubleSilent
}

// TerminalsByPlace lists up to limit terminals by store and lane, behind the given one; the zero ID begins. A
// terminal keeps its place in this list for ever.
func (s *Store) TerminalsByPlace(ctx context.Context, want TerminalFilter, after payment.ID, limit int) ([]TerminalStatus, error) {
	f := filter{where: []string{"1"}}
	if !after.IsZero() {
		f.add("(t.store, t.lane, t.no) > (SELECT store, lane, no FROM terminal WHERE id = ?)", true, after[:])
	}
	f.add("t.store = ?", want.Store != "", want.Store)
	switch want.Trouble {
	case "":
	case TroubleSilent:
		f.add("t.revoked_at IS NULL AND NOT "+isHeard, true, want.Since.UnixMilli())
	case TroubleBehind:
		f.where = append(f.where, isBehind)
	case TroubleForked:
		f.where = append(f.where, "("+isForked+" OR "+isTwice+")")
	case TroubleLost:
		f.where = append(f.where, isLost)
	case TroubleOpen:
		f.where = append(f.where, isOpen)
	case TroubleRevoked:
		f.where = append(f.where, "t.revoked_at IS NOT NULL")
	default:
		return nil, payment.Errorf(payment.Invalid, "ledger.TerminalsByPlace", "no such trouble: %q", string(want.Trouble))
	}
	return s.terminals(ctx, f.String()+" ORDER BY t.store, t.lane, t.no LIMIT ?", append(f.args, limit)...)
}

// MostBehind lists up to limit terminals of which HQ lacks most, the worst first; revoked ones are not among
// them.
func (s *Store) MostBehind(ctx context.Context, limit int) ([]TerminalStatus, error) {
	return s.terminals(ctx, "t.revoked_at IS NULL AND "+isBehind+" ORDER BY "+entriesBehind+" DESC, t.no LIMIT ?", limit)
}
