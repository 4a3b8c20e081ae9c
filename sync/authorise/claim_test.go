package authorise

import (
	"errors"
	"testing"
	"time"

	"tilld/sync/operator"
)

var ruled = operator.Rules{Timeout: 10 * time.Second, QueryAfter: 5 * time.Second, QueryEvery: 3 * time.Second, GiveUp: time.Minute,
	CancelAfter: 15 * time.Second, AbsentIsFinal: 10 * time.Minute}

var noon = time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)

// in is an attempt in a state, made at noon.
func in(s State) Attempt { return Attempt{Ref: "R", State: s, Made: noon} }

// take makes steps of an attempt, each a minute behind the one before.
func take(t *testing.T, a Attempt, events ...Event) Attempt {
	t.Helper()
	for i, e := range events {
		next, err := Step(a, e, &ruled, noon.Add(time.Duration(i+1)*time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		a = next
	}
	return a
}

func said(o operator.Outcome) Event {
	return Answered{Call: Query, Answer: operator.Answer{Outcome: o}}
}

// TestClaim: what the lane has completed before HQ knows that it was paid is asked about for as long as it takes; what the
// lane may have completed is not given up either, but the lane may.
func TestClaim(t *testing.T) {
	adopted := func(c Claim) Attempt { return Adopt(Attempt{Ref: "R", Made: noon.Add(-72 * time.Hour)}, c, noon) }
	for _, tt := range []struct {
		name    string
		from    Attempt
		events  []Event
		want    State
		trouble Trouble
	}{
		{"claimed, paid", adopted(Claimed), []Event{said(operator.Unknown), said(operator.Confirming), said(operator.Paid)}, Completed, NoTrouble},
		{"claimed, declined", adopted(Claimed), []Event{said(operator.Declined)}, Declined, Contradicts},
		{"claimed, never heard of", adopted(Claimed), []Event{said(operator.Absent)}, Declined, Contradicts},
		{"claimed, taken back", adopted(Claimed), []Event{said(operator.Refunded)}, Closed, Contradicts},
		{"claimed, and out of reach", adopted(Claimed), []Event{said(operator.Unknown), said(operator.Unknown)}, Doubtful, Overdue},
		{"claimed while the charge is under way", in(Asked), []Event{Complete{}, Answered{Answer: operator.Answer{Outcome: operator.Paid}}}, Completed, NoTrouble},
		{"claimed while the customer is asked", in(Confirming), []Event{Complete{}, Complete{}, said(operator.Paid)}, Completed, NoTrouble},
		{"claimed, never sent", in(Asked), []Event{Complete{}, Answered{Answer: operator.Answer{Outcome: operator.NotSent}}}, Declined, Contradicts},
		{"perhaps, paid", adopted(Perhaps), []Event{said(operator.Unknown), said(operator.Paid)}, Paid, Overdue},
		{"perhaps, then completed", adopted(Perhaps), []Event{said(operator.Unknown), Complete{}, said(operator.Paid)}, Completed, NoTrouble},
		{"perhaps, given up", adopted(Perhaps), []Event{said(operator.Unknown), Reverse{}}, Reversing, Overdue},
		{"unclaimed, and out of reach", adopted(Unclaimed), []Event{said(operator.Unknown)}, Reversing, NoTrouble},
		{"voided", in(Paid), []Event{Complete{}, Undo{}, said(operator.Refunded)}, Closed, NoTrouble},
		{"voided before anybody knew", adopted(Claimed), []Event{Undo{}, said(operator.Declined)}, Closed, NoTrouble},
		{"voided when it was over", in(Declined), []Event{Undo{}}, Declined, NoTrouble},
		{"let stand, paid", in(Paid), []Event{Silent{}, Stand{}}, Completed, NoTrouble},
		{"let stand, with no way back", Attempt{Ref: "R", State: Manual, Trouble: NoWayBack, Made: noon}, []Event{Stand{}}, Completed, NoTrouble},
		{"let stand before the operator said so", adopted(Perhaps), []Event{Stand{}, said(operator.Paid)}, Completed, NoTrouble},
		{"completed, let stand", in(Completed), []Event{Stand{}, Complete{}}, Completed, NoTrouble},
		{"doubted, and charged", in(Closed), []Event{Doubted{}, said(operator.Paid)}, Reversing, NoTrouble},
		{"doubted, and nothing", Attempt{Ref: "R", State: Closed, Made: noon.Add(-time.Hour)}, []Event{Doubted{}, said(operator.Absent)}, Closed, NoTrouble},
		{"not doubted", in(Completed), []Event{Doubted{}}, Completed, NoTrouble},
	} {
		got := take(t, tt.from, tt.events...)
		if got.State != tt.want || got.Trouble != tt.trouble {
			t.Errorf("%s: %s, trouble %q", tt.name, got.State, got.Trouble)
		}
		if open := got.State.waiting() || got.State == Reversing; open && got.Due.IsZero() {
			t.Errorf("%s: nothing is due of %+v", tt.name, got)
		}
	}
}

// TestRefusedSteps: an attempt that is completed or claimed is not reversed, and nobody lets a charge stand that is not there.
func TestRefusedSteps(t *testing.T) {
	claimed := Adopt(in(0), Claimed, noon)
	for _, tt := range []struct {
		from Attempt
		e    Event
		want error
	}{
		{in(Completed), Reverse{}, ErrCompleted}, {claimed, Reverse{}, ErrCompleted},
		{in(Declined), Stand{}, ErrNotCharged}, {in(Closed), Stand{}, ErrNotCharged}, {in(Reversing), Stand{}, ErrNotCharged},
	} {
		if got, err := Step(tt.from, tt.e, nil, noon); !errors.Is(err, tt.want) || got != tt.from {
			t.Errorf("%T of what is %s: %+v, %v", tt.e, tt.from.State, got, err)
		}
	}
}

// TestWithoutRules: what knows no operator's rules (HQ's books) has it asked before anything is taken back; then cancels
// are not made before their time.
func TestWithoutRules(t *testing.T) {
	for _, e := range []Event{Reverse{}, Undo{}} {
		a, err := Step(in(Paid), e, nil, noon.Add(time.Second))
		if err != nil || a.State != Reversing || a.Call != Query || !a.Due.Equal(noon.Add(time.Second)) {
			t.Errorf("%+v, %v", a, err)
		}
		a, err = Step(a, said(operator.Paid), &ruled, noon.Add(2*time.Second))
		if err != nil || a.Call != Cancel || !a.Due.Equal(noon.Add(ruled.CancelAfter)) {
			t.Errorf("%+v, %v", a, err)
		}
	}
}
