package ledger

import (
	"context"
	"fmt"
	"math"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// MaxBranches bounds the histories that are kept of one epoch. A terminal with more is broken; what it sends
// beyond them is refused and stays in its outbox.
const MaxBranches = 16

// Arrival is a batch whose chain and last signature hold.
type Arrival struct {
	Batch  *wire.Batch
	Hashes [][wire.HashSize]byte
	Kinds  []payment.Kind // of each entry; 0: not known to this release
	Key    int            // number of the terminal's key that signed it (Key.N)
	NewKey wire.PublicKey // of a key change, which can only be the last entry, its proof checked; zero: none
}

// Outcome says what became of an arrival.
type Outcome string

// The outcomes. Created, Exists and Conflict mean that every entry of the batch is durably held.
const (
	Created   Outcome = "created"    // continues what was held
	Exists    Outcome = "exists"     // was held already
	Conflict  Outcome = "conflict"   // is another history of the epoch: a fork
	Gap       Outcome = "gap"        // something before it is missing
	WrongKey  Outcome = "wrong_key"  // signed by a key that is not in force there
	TooMany   Outcome = "too_many"   // the epoch has MaxBranches histories already
	NoSuch    Outcome = "unknown"    // no such terminal
	Unrelated Outcome = "unrelated"  // follows an entry that HQ holds in another version: what lies before is needed
	BadNumber Outcome = "bad_number" // sequences beyond what can be stored
)

// Place is where HQ stands in one history of an epoch.
type Place struct {
	Branch  int64
	Acked   uint64 // every entry up to here is held; 0: none
	Head    []byte // hash of entry Acked
	Judged  uint64
	Forked  bool
	Revoked bool // the terminal is
	Twice   bool // to HQ the terminal's journal exists twice, and nobody has dealt with it yet
	// Results are exceptions among this history's own entries and what was decided about them, the last changed last,
	// at most MaxResults; of more, half are the last changed and the others take turns. They are filled in for a beat.
	Results []wire.Result
}

// Answer is what HQ has to say to an arrival or a beat. With more than one history there is a place for each
// that the sender could be in.
type Answer struct {
	Outcome Outcome // of an arrival; empty for a beat
	Stored  int     // entries that were not held before
	Fresh   bool    // of a beat: it says more than the one before; a replayed one does not
	Places  []Place
	Alarms  []Alarm
	// Shown is, of an arrival that was held already, where the arrival itself ends, when the history goes on
	// behind it. A journal that is only the beginning of that history (its disk was put back, and a new epoch
	// begun) finds nothing of its own in Places, and would offer these entries for ever.
	Shown *Place
}

// MaxResults bounds the results in one place.
const MaxResults = 64

// Record stores arrivals and notes beats in one transaction, in order, and returns an answer to each. When it
// returns without an error everything in it is on the disk. Repetition changes nothing.
func (s *Store) Record(ctx context.Context, arrivals []*Arrival, beats []*wire.Beat) (toArrivals, toBeats []Answer, err error) {
	err = s.write(ctx, func(t *tx) error {
		toArrivals, toBeats = make([]Answer, len(arrivals)), make([]Answer, len(beats))
		for i, a := range arrivals {
			if toArrivals[i], err = t.record(a); err != nil {
				return fmt.Errorf("storing entries %d to %d of %s: %w", a.Batch.First, a.Batch.Last(), a.Batch.Terminal, err)
			}
		}
		for i, b := range beats {
			if toBeats[i], err = t.beat(b); err != nil {
				return fmt.Errorf("noting a beat of %s: %w", b.Terminal, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return toArrivals, toBeats, nil
}

// epochRow is an epoch with its histories.
type epochRow struct {
	no       int64
	terminal int64
	revoked  bool
	alarmed  bool   // see terminalRow
	forkFrom uint64 // 0: one history
	lost     uint64 // see migration 0005; 0: nothing is
	lostIn   uint64
	lead     uint64
	back     int64
	wordIn   uint64 // HQ epoch on whose word the terminal rests there, as its beats told; 0: on none
	branches []*branchRow
}

type branchRow struct {
	no       int64
	parent   *branchRow
	from     uint64
	head     uint64
	hash     []byte
	judged   uint64
	firstKey int
	key      int
}

func (t *tx) record(a *Arrival) (Answer, error) {
	b := a.Batch
	if b.Last() > math.MaxInt64 {
		return Answer{Outcome: BadNumber}, nil
	}
	term, err := t.terminal(b.Terminal)
	if err != nil || term.no == 0 {
		return Answer{Outcome: NoSuch}, err
	}
	no := term.no
	e, err := t.epoch(no, b.Epoch)
	if err != nil {
		return Answer{}, err
	}
	if e == nil {
		retired, err := t.retired(no, a.Key)
		if err != nil || retired {
			return Answer{Outcome: WrongKey, Places: []Place{{}}}, err
		}
		if e, err = t.openEpoch(no, b.Epoch, !term.RevokedAt.IsZero()); err != nil {
			return Answer{}, err
		}
	}
	e.revoked, e.alarmed = !term.RevokedAt.IsZero(), term.alarmed
	ans, err := t.place(e, a)
	if err != nil || ans.Outcome == WrongKey {
		return ans, err
	}
	if e.lostIn != 0 && ans.Stored > 0 {
		if err := t.regain(e); err != nil {
			return Answer{}, err
		}
	}
	if ans.Outcome == Gap { // nobody can tell yet whether a replaced key was in force there
		if retired, err := t.retired(no, a.Key); err != nil || retired {
			return ans, err
		}
	}
	return ans, t.learn(e, b.Last())
}

// place finds where an arrival belongs, and puts it there.
func (t *tx) place(e *epochRow, a *Arrival) (Answer, error) {
	b := a.Batch
	if len(e.branches) == 0 {
		if b.First > 1 {
			return e.answer(Gap, 0), nil
		}
		return t.openBranch(e, a)
	}
	at, agreed, err := t.longest(e, a)
	if err != nil {
		return Answer{}, err
	}
	switch {
	case at == nil && b.First > e.highest()+1:
		return e.answer(Gap, 0), nil
	case at == nil && b.First > 1:
		ans := Answer{Outcome: Unrelated, Places: []Place{{Forked: true, Revoked: e.revoked, Twice: e.alarmed}}}
		return ans, nil
	case at == nil:
		return t.fork(e, nil, 0, a)
	case agreed == b.Last():
		ans := e.answer(Exists, 0, at)
		if agreed < at.head {
			shown := ans.Places[0]
			shown.Acked, shown.Head, shown.Judged = agreed, a.Hashes[len(a.Hashes)-1][:], min(at.judged, agreed)
			ans.Shown = &shown
		}
		return ans, nil
	case agreed == at.head:
		return t.extend(e, at, agreed, a, Created)
	}
	return t.fork(e, at, agreed, a)
}

// longest finds the history that agrees with the arrival for longest: up to and with sequence agreed. It is
// nil when none holds what the arrival follows.
func (t *tx) longest(e *epochRow, a *Arrival) (at *branchRow, agreed uint64, err error) {
	for _, b := range e.branches {
		n, ok, err := t.agreement(b, a)
		if err != nil {
			return nil, 0, err
		}
		if ok && (at == nil || n > agreed) {
			at, agreed = b, n
		}
	}
	return at, agreed, nil
}

// agreement says up to which sequence the arrival and a history are the same; ok is false when they are not
// even at the entry that the arrival follows.
func (t *tx) agreement(b *branchRow, a *Arrival) (seq uint64, ok bool, err error) {
	seq = a.Batch.First - 1
	if seq > b.head {
		return 0, false, nil
	}
	if seq > 0 {
		if ok, err = t.holds(b, seq, a.Batch.Prev); err != nil || !ok {
			return 0, false, err
		}
	}
	for i := range a.Hashes {
		if seq == b.head {
			break
		}
		if ok, err = t.holds(b, seq+1, a.Hashes[i][:]); err != nil {
			return 0, false, err
		}
		if !ok {
			break
		}
		seq++
	}
	// An arrival at the root agrees with nothing unless its first entry does.
	return seq, seq > 0, nil
}

// holds says whether a history has this very entry at seq.
func (t *tx) holds(b *branchRow, seq uint64, hash []byte) (bool, error) {
	if seq == b.head {
		return string(b.hash) == string(hash), nil
	}
	for seq < b.from {
		b = b.parent
	}
	var held []byte
	_, err := t.get("SELECT hash FROM entry WHERE branch = ? AND seq = ?", []any{b.no, int64(seq)}, &held)
	return string(held) == string(hash), err
}

// answer names where HQ stands, in the given histories or in all.
func (e *epochRow) answer(o Outcome, stored int, in ...*branchRow) Answer {
	if len(in) == 0 {
		in = e.branches
	}
	ans := Answer{Outcome: o, Stored: stored}
	for _, b := range in {
		ans.Places = append(ans.Places, Place{Branch: b.no, Acked: b.head, Head: b.hash, Judged: b.judged, Forked: e.forkFrom != 0,
			Revoked: e.revoked, Twice: e.alarmed})
	}
	if len(in) == 0 {
		ans.Places = []Place{{Revoked: e.revoked, Twice: e.alarmed}}
	}
	return ans
}

func (e *epochRow) highest() (seq uint64) {
	for _, b := range e.branches {
		seq = max(seq, b.head)
	}
	return seq
}
