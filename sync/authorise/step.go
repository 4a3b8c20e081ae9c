package authorise

import (
	"errors"
	"time"

	"tilld/sync/operator"
)

// Event is something that happened to an attempt. Answered, Reverse, Undo, Complete, Stand, Silent, Doubted and
// Cleared are all.
type Event interface{ event() }

// Answered is what the operator said, to a charge (Call is Nothing) or to a call.
type Answered struct {
	Call   Call
	Answer operator.Answer
}

// Reverse is the lane's wish to take the attempt back: it gave up waiting, or the customer went.
type Reverse struct{}

// Undo takes an attempt back though the lane has completed it: a void, or the loss that a person decided on. Nobody is
// to be paid for the charge any more, so the customer must not pay.
type Undo struct{}

// Complete is the lane's signed entry: it took the operator's word, and the goods are the customer's. Where HQ's own row
// does not know yet that it was paid, the attempt is claimed, and completed when the operator says so.
type Complete struct{}

// Stand is a person's word that the charge stands and is the shop's, whatever was thought of it before.
type Stand struct{}

// Silent says that the lane had its time to complete.
type Silent struct{}

// Doubted says that HQ may have forgotten what it asked, for its books were put back: what is closed is looked at again.
type Doubted struct{}

// Cleared is a person's word that the trouble is dealt with: a customer was credited by hand, or there was nothing to do.
type Cleared struct{}

func (Answered) event() {}
func (Reverse) event()  {}
func (Undo) event()     {}
func (Complete) event() {}
func (Stand) event()    {}
func (Silent) event()   {}
func (Doubted) event()  {}
func (Cleared) event()  {}

// ErrCompleted refuses to take back what the lane has completed, or claims to: that is a refund.
var ErrCompleted = errors.New("the payment is completed: it can be refunded, not reversed")

// ErrNotCharged refuses to let a charge stand that is not there, or is being taken back.
var ErrNotCharged = errors.New("the operator's charge was taken back or never came to be")

// laneHas is how long a lane has for its entry to reach HQ, behind which its silence is reported. Lanes that are online
// send theirs within a second.
const laneHas = 10 * time.Minute

// overdue is how old an attempt gets before a person hears that it is still open.
const overdue = 24 * time.Hour

// slowest is the longest pause between two calls about one attempt, however often they came to nothing.
const slowest = 15 * time.Minute

// Step is what an event makes of an attempt, by the operator's rules. It does not change a. An error changes nothing
// and is ErrCompleted or ErrNotCharged. Only Answered needs rules; where they are not at hand (r is nil), what is to be
// taken back is asked about first, and the answer decides by them how.
func Step(a Attempt, e Event, r *operator.Rules, now time.Time) (Attempt, error) {
	s := step{Attempt: a, r: r, now: now}
	switch e := e.(type) {
	case Answered:
		s.answered(e)
	case Reverse:
		if a.State == Completed || a.Claim == Claimed && a.State.waiting() {
			return a, ErrCompleted
		}
		s.reverse()
	case Undo:
		s.undoAll()
	case Complete:
		s.complete()
	case Stand:
		if a.State.Unpaid() || a.State == Reversing {
			return a, ErrNotCharged
		}
		s.stand()
	case Silent:
		if a.State == Paid && a.Call == Silence {
			s.trouble(LaneSilent)
			s.idle()
		}
	case Doubted:
		if a.State == Closed {
			s.Checked, s.Call, s.Due = false, Query, now
		}
	case Cleared:
		s.cleared()
	}
	return s.Attempt, nil
}

// step is one transition while it is worked out.
type step struct {
	Attempt
	r   *operator.Rules
	now time.Time
}

func (s *step) idle() { s.Call, s.Due, s.Tries = Nothing, time.Time{}, 0 }

func (s *step) trouble(t Trouble) { s.Trouble = max(s.Trouble, t) }

// enter is a change of state, with what comes next at once.
func (s *step) enter(to State, c Call, at time.Time) { s.State, s.Call, s.Due, s.Tries = to, c, at, 0 }

// end is a state that nothing leaves by itself.
func (s *step) end(to State) {
	s.State = to
	s.idle()
	s.inTime()
}

// inTime takes the word back that an attempt is open for too long.
func (s *step) inTime() {
	if s.Trouble == Overdue {
		s.Trouble = NoTrouble
	}
}

// again makes the same or another call, later the more often nothing came of it.
func (s *step) again(c Call) {
	if c != s.Call {
		s.Tries = 0
	}
	pause := s.r.QueryEvery << min(s.Tries/8, 8) // the first minute decides at the lane; then it can wait
	s.Call, s.Due, s.Tries = c, s.now.Add(min(max(pause, time.Second), slowest)), s.Tries+1
	if c == Cancel {
		s.Due = later(s.Due, s.Made.Add(s.r.CancelAfter)) // before its time it would be refused
	}
	if s.now.Sub(s.Made) >= overdue {
		s.trouble(Overdue)
	}
}

// reverse begins to take back whatever is not settled. A cancel before its time would be refused.
func (s *step) reverse() {
	switch s.State {
	case Asked, Confirming, Doubtful, Paid:
		s.takeBack()
	case Completed, Declined, Reversing, Closed, Manual: // it is over, or under way
	}
}

// undoAll is reverse, of what is completed or claimed too.
func (s *step) undoAll() {
	switch s.State {
	case Asked, Confirming, Doubtful, Paid, Completed:
		s.Claim = Unclaimed
		s.takeBack()
	case Declined, Reversing, Closed, Manual: // nothing is charged, or it is under way, or a person is at it
	}
}

func (s *step) takeBack() {
	if s.Trouble == LaneSilent {
		s.Trouble = NoTrouble
	}
	if s.r == nil {
		s.enter(Reversing, Query, s.now)
		return
	}
	s.enter(Reversing, Cancel, later(s.now, s.Made.Add(s.r.CancelAfter)))
	if s.tooLate() {
		s.Call = Query
	}
}

// stand completes what is charged. What is not known to be is claimed: the operator is asked on.
func (s *step) stand() {
	switch s.State {
	case Paid, Manual:
		s.Trouble = NoTrouble
		s.end(Completed)
	case Asked, Confirming, Doubtful:
		s.claim()
	case Completed, Declined, Reversing, Closed:
	}
}

// claim notes the lane's word, and has the operator asked soon. While the charge itself may be under way, Due is what
// keeps another from asking.
func (s *step) claim() {
	if s.Claim != Claimed && s.State == Doubtful {
		s.Call, s.Due = Query, s.now
	}
	s.Claim = Claimed
}

func (s *step) cleared() {
	s.Trouble = NoTrouble
	if s.State == Manual {
		s.end(Closed)
		s.Checked = true
	}
}

func (s *step) complete() {
	switch s.State {
	case Paid:
		s.end(Completed)
		if s.Trouble == LaneSilent {
			s.Trouble = NoTrouble
		}
	case Completed:
	case Asked, Confirming, Doubtful:
		// Either the books were put back, or the lane had no such word from us. The operator knows.
		s.claim()
	case Declined, Reversing, Closed, Manual:
		// What becomes of the charge is decided by what it is, and a person is told.
		s.trouble(Contradicts)
	}
}

// tooLate says that the operator would not cancel any more, by its own clock's day.
func (s *step) tooLate() bool {
	ends := s.r.CancelEnds(s.Made)
	return s.NoUndo || !ends.IsZero() && !s.now.Before(ends)
}

// settled says that nothing of the charge can be on its way any longer.
func (s *step) settled() bool { return !s.now.Before(s.Made.Add(s.r.AbsentIsFinal)) }

func (s *step) answered(e Answered) {
	s.note(&e.Answer)
	switch {
	case s.State == Closed:
		s.checked(e)
	case s.State == Reversing && e.Call == Refund:
		s.refunded(e.Answer.Outcome)
	case s.State == Reversing:
		s.undone(e)
	case s.State.waiting():
		s.charged(e)
	case s.State == Paid, s.State == Completed, s.State == Declined, s.State == Manual:
		// A late answer to what is decided. Whatever a charge came to behind Declined is not asked: the operator said
		// that it is final.
	}
}

// note keeps what the operator said for people, and its ID.
func (s *step) note(a *operator.Answer) {
	if a.Transaction != "" {
		s.Transaction = a.Transaction
	}
	if a.Said != "" {
		s.Said = a.Said
	}
	if s.At.IsZero() && a.Outcome == operator.Paid {
		s.At = a.At
	}
}

// charged takes an answer to the charge, or to a query about it.
func (s *step) charged(e Answered) {
	switch o := e.Answer.Outcome; o {
	case operator.Paid:
		if s.Claim == Claimed {
			s.end(Completed)
			return
		}
		s.enter(Paid, Silence, s.now.Add(laneHas))
	case operator.Declined:
		s.Why = e.Answer.Why
		s.unpaid()
	case operator.Reversed, operator.Refunded:
		s.close()
		s.contradicted()
	case operator.NotSent:
		if e.Call == Nothing { // the charge itself, which is sent once
			s.unpaid()
			return
		}
		s.wait(Doubtful)
	case operator.Absent:
		if s.settled() {
			s.unpaid()
			return
		}
		s.wait(Doubtful)
	case operator.Confirming:
		s.wait(Confirming)
	case operator.Unknown, operator.TooLate:
		s.wait(Doubtful)
	}
}

// unpaid ends an attempt that nobody was charged for.
func (s *step) unpaid() {
	s.end(Declined)
	s.contradicted()
}

// contradicted tells a person when the lane has let the goods go for what was not paid.
func (s *step) contradicted() {
	if s.Claim == Claimed {
		s.trouble(Contradicts)
	}
}

// wait asks again, and takes the attempt back when that has lasted too long: the customer is not there any more, unless
// the lane may have been told that it is paid.
func (s *step) wait(in State) {
	s.State = in
	if s.Claim == Unclaimed && !s.now.Before(s.Made.Add(s.r.GiveUp)) {
		s.reverse()
		return
	}
	first := s.Made.Add(s.r.QueryAfter)
	if s.again(Query); s.Due.Before(first) {
		s.Due = first
	}
}

// close ends an attempt that nobody paid in the end, and has it looked at once more.
func (s *step) close() {
	s.enter(Closed, Query, later(s.now.Add(s.r.QueryEvery), s.Made.Add(s.r.AbsentIsFinal)))
	s.Checked = false
	s.inTime()
}

// undone takes an answer to a cancel, or to a query while an attempt is taken back.
func (s *step) undone(e Answered) {
	switch e.Answer.Outcome {
	case operator.Reversed, operator.Refunded:
		s.close()
	case operator.Declined:
		if e.Call != Cancel { // of the charge: it was refused
			s.close()
			return
		}
		s.NoUndo = true
		s.again(Query)
	case operator.TooLate:
		s.NoUndo = true
		s.again(Query)
	case operator.Paid:
		if s.tooLate() {
			s.again(Refund)
			return
		}
		s.again(Cancel)
	case operator.Absent:
		if s.settled() {
			s.close()
			return
		}
		s.again(s.undo())
	case operator.NotSent:
		if e.Call == Nothing { // the charge itself: there is nothing to take back
			s.close()
			return
		}
		s.again(s.undo())
	case operator.Unknown, operator.Confirming:
		s.again(s.undo())
	}
}

// undo is how to go on taking back: by cancels while they are possible; then only what was paid is refunded, which a
// query tells.
func (s *step) undo() Call {
	if s.tooLate() {
		return Query
	}
	return Cancel
}

func (s *step) refunded(o operator.Outcome) {
	switch o {
	case operator.Refunded, operator.Reversed:
		s.close()
	case operator.Declined, operator.TooLate:
		s.trouble(NoWayBack)
		s.end(Manual)
	case operator.Absent: // of what was said to be paid; the next query decides
		s.again(Query)
	case operator.Unknown, operator.NotSent, operator.Confirming, operator.Paid:
		s.again(Refund)
	}
}

// checked looks at an attempt that was taken back, or that is.
func (s *step) checked(e Answered) {
	switch e.Answer.Outcome {
	case operator.Paid, operator.Confirming: // some approve after a cancel
		s.enter(Reversing, s.undo(), s.now)
	case operator.Reversed, operator.Refunded, operator.Declined, operator.Absent:
		s.Checked = s.settled()
		s.looked()
	case operator.Unknown, operator.NotSent, operator.TooLate:
		s.again(Query)
	}
}

func (s *step) looked() {
	if s.Checked {
		s.idle()
		return
	}
	s.Call, s.Due = Query, s.Made.Add(s.r.AbsentIsFinal)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
