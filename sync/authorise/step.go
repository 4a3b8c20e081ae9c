package authorise

import (
	"errors"
	"time"

	"tilld/sync/operator"
)

// Event is something that happened to an attempt. Answered, Reverse, Complete, Silent and Cleared are all.
type Event interface{ event() }

// Answered is what the operator said, to a charge (Call is Nothing) or to a call.
type Answered struct {
	Call   Call
	Answer operator.Answer
}

// Reverse is the lane's wish to take the attempt back: it gave up waiting, or the customer went.
type Reverse struct{}

// Complete is the lane's signed entry: it took the operator's word, and the goods are the customer's.
type Complete struct{}

// Silent says that the lane had its time to complete.
type Silent struct{}

// Cleared is a person's word that the trouble is dealt with: a customer was credited by hand, or there was nothing to do.
type Cleared struct{}

func (Answered) event() {}
func (Reverse) event()  {}
func (Complete) event() {}
func (Silent) event()   {}
func (Cleared) event()  {}

// ErrCompleted refuses to take back what the lane has completed: that is a refund.
var ErrCompleted = errors.New("the payment is completed: it can be refunded, not reversed")

// laneHas is how long a lane has for its entry to reach HQ, behind which its silence is reported. Lanes that are online
// send theirs within a second.
const laneHas = 10 * time.Minute

// overdue is how old an attempt gets before a person hears that it is still open.
const overdue = 24 * time.Hour

// slowest is the longest pause between two calls about one attempt, however often they came to nothing.
const slowest = 15 * time.Minute

// Step is what an event makes of an attempt, by the operator's rules. It does not change a. An error changes nothing
// and is ErrCompleted.
func Step(a Attempt, e Event, r *operator.Rules, now time.Time) (Attempt, error) {
	s := step{Attempt: a, r: r, now: now}
	switch e := e.(type) {
	case Answered:
		s.answered(e)
	case Reverse:
		if a.State == Completed {
			return a, ErrCompleted
		}
		s.reverse()
	case Complete:
		s.complete()
	case Silent:
		if a.State == Paid && a.Call == Silence {
			s.trouble(LaneSilent)
			s.idle()
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
	if s.now.Sub(s.Made) >= overdue {
		s.trouble(Overdue)
	}
}

// reverse begins to take back whatever is not settled. A cancel before its time would be refused.
func (s *step) reverse() {
	switch s.State {
	case Asked, Confirming, Doubtful, Paid:
		s.enter(Reversing, Cancel, later(s.now, s.Made.Add(s.r.CancelAfter)))
		if s.tooLate() {
			s.Call = Query
		}
	case Completed, Declined, Reversing, Closed, Manual: // it is over, or under way
	}
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
	case Asked, Confirming, Doubtful, Declined, Reversing, Closed, Manual:
		// The lane had no such word from us. What becomes of the charge is decided by what it is, and a person is told.
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
		s.enter(Paid, Silence, s.now.Add(laneHas))
	case operator.Declined:
		s.Why = e.Answer.Why
		s.end(Declined)
	case operator.Reversed, operator.Refunded:
		s.close()
	case operator.NotSent:
		if e.Call == Nothing { // the charge itself, which is sent once
			s.end(Declined)
			return
		}
		s.wait(Doubtful)
	case operator.Absent:
		if s.settled() {
			s.end(Declined)
			return
		}
		s.wait(Doubtful)
	case operator.Confirming:
		s.wait(Confirming)
	case operator.Unknown, operator.TooLate:
		s.wait(Doubtful)
	}
}

// wait asks again, and takes the attempt back when that has lasted too long: the customer is not there any more.
func (s *step) wait(in State) {
	s.State = in
	if !s.now.Before(s.Made.Add(s.r.GiveUp)) {
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
