package authorise

import (
	"fmt"
	"time"

	"tilld/agent/payment"
	"tilld/sync/operator"
)

// State is where an attempt stands. The numbers are stored.
type State uint8

// The states; the package comment draws who enters and leaves them.
const (
	Asked      State = 1 // written down; the charge is being sent, or HQ died over it
	Confirming State = 2 // the customer is asked on the phone
	Doubtful   State = 3 // sent, or perhaps sent, and no answer: it may have been paid
	Paid       State = 4 // the operator charged the customer; the lane's entry is not here yet
	Completed  State = 5 // and the lane's entry is here
	Declined   State = 6 // no money moved, and none will
	Reversing  State = 7 // to be taken back, whatever has become of it
	Closed     State = 8 // taken back, or never charged
	Manual     State = 9 // charged, and neither cancel nor refund is left: a person has to credit the customer
	stateEnd   State = 10
)

var stateNames = [stateEnd]string{"", "asked", "confirming", "doubtful", "paid", "completed", "declined", "reversing", "closed", "manual"}

// String is the state's name, such as "doubtful".
func (s State) String() string {
	if s > 0 && s < stateEnd {
		return stateNames[s]
	}
	return fmt.Sprintf("state_%d", uint8(s))
}

// MarshalText writes String.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Outcome is what the cashier is told. An attempt that is being taken back stays Unknown until it is: the customer may
// see the charge on the phone meanwhile.
func (s State) Outcome() payment.Outcome {
	switch s {
	case Paid, Completed:
		return payment.Paid
	case Declined, Closed:
		return payment.NotPaid
	case Confirming:
		return payment.Pending
	case Asked, Doubtful, Reversing, Manual:
		return payment.Unknown
	}
	return payment.Unknown
}

// Unpaid says that no money is the shop's, and that another attempt of the same payment may be made.
func (s State) Unpaid() bool { return s == Declined || s == Closed }

// waiting says that the operator's answer to the charge is not known.
func (s State) waiting() bool { return s == Asked || s == Confirming || s == Doubtful }

// Call is what is to be asked of the operator next. The numbers are stored.
type Call uint8

// The calls. A charge is none of them: it is sent once, by whoever has the customer's code.
const (
	Nothing Call = 0
	Query   Call = 1
	Cancel  Call = 2
	Refund  Call = 3
	Silence Call = 4 // nothing is asked: the lane's silence is to be reported
	callEnd Call = 5
)

var callNames = [callEnd]string{"nothing", "query", "cancel", "refund", "silence"}

// String is the call's name, such as "query".
func (c Call) String() string {
	if c < callEnd {
		return callNames[c]
	}
	return fmt.Sprintf("call_%d", uint8(c))
}

// Trouble is what a person has to look at. The numbers are stored.
type Trouble uint8

// The troubles. An attempt has one at most: a later one is the worse.
const (
	NoTrouble   Trouble = 0
	LaneSilent  Trouble = 1 // paid, and the lane's entry has not come: the goods may be gone, or the customer without them
	Overdue     Trouble = 2 // a day old, and still not known what became of it, or not taken back
	NoWayBack   Trouble = 3 // Manual: charged, to be taken back, and the operator will not
	Contradicts Trouble = 4 // the lane says that it completed what was taken back, or what nobody paid
	troubleEnd  Trouble = 5
)

var troubleNames = [troubleEnd]string{"", "lane_silent", "overdue", "no_way_back", "contradicts"}

// String is the trouble's name, such as "lane_silent", or "" for none.
func (t Trouble) String() string {
	if t < troubleEnd {
		return troubleNames[t]
	}
	return fmt.Sprintf("trouble_%d", uint8(t))
}

// MarshalText writes String.
func (t Trouble) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// Claim is what the lane may have taken the attempt for, before HQ's own row says that it was paid. HQ does not give up
// such an attempt by itself: the goods may be gone. The numbers are stored.
type Claim uint8

// The claims.
const (
	Unclaimed Claim = 0
	Perhaps   Claim = 1 // the books were put back since: in the life that is gone the lane may have been told that it is paid
	Claimed   Claim = 2 // the lane's signed entry says that HQ told it so
	claimEnd  Claim = 3
)

var claimNames = [claimEnd]string{"", "perhaps", "claimed"}

// String is the claim's name, such as "claimed", or "" for none.
func (c Claim) String() string {
	if c < claimEnd {
		return claimNames[c]
	}
	return fmt.Sprintf("claim_%d", uint8(c))
}

// Attempt is one try to be paid by a wallet operator, as HQ keeps it. It holds no customer's code.
type Attempt struct {
	Ref         operator.Ref // names it, here and at the operator
	Payment     payment.ID
	Sale        payment.ID
	Terminal    payment.ID
	Store, Lane string
	Wallet      string // whose operator is asked
	Shop        operator.Shop
	Amount      payment.Money
	Reference   string    // of the sale, the shop's own
	Made        time.Time // when it was written down, HQ's time

	State   State
	Call    Call      // what is next
	Due     time.Time // when; zero with Nothing. While a call is under way: when another worker may take it for lost
	Tries   int       // calls in a row that changed nothing
	Trouble Trouble
	NoUndo  bool // the operator refused to cancel: only a refund takes it back
	Checked bool // of Closed: looked at when nothing could be on its way any longer
	Claim   Claim

	Why         operator.Why // of Declined
	Transaction string       // the operator's ID
	At          time.Time    // when the operator says that it was paid; zero: it does not
	Said        string       // the operator's last word, for people

	Version int64 // counts what was stored of it
}

// RefundRef is the reference of the refund that takes a whole attempt back. It never changes, so that asking again pays
// back once.
func (a *Attempt) RefundRef() operator.Ref { return a.Ref + "R" }

// find names the charge to the operator.
func (a *Attempt) find() operator.Find {
	return operator.Find{Ref: a.Ref, Transaction: a.Transaction, Amount: a.Amount, Shop: a.Shop, Made: a.Made}
}

// Adopt makes an attempt of what HQ hears of it from elsewhere and has not written down itself: its books were put back
// to before it. Of a, who it is about and Made are taken. The operator, who knows, is asked at once; on nobody's silence
// is it taken back.
func Adopt(a Attempt, c Claim, now time.Time) Attempt {
	a.State, a.Call, a.Due, a.Claim = Doubtful, Query, now, c
	return a
}

// Tombstone makes the attempt that kills a request which its reversal has overtaken. With look the operator is asked all
// the same: books that were put back may have forgotten that they asked.
func Tombstone(a Attempt, look bool, now time.Time) Attempt {
	a.State, a.Checked, a.Said = Closed, !look, "reversed before it was asked"
	if look {
		a.Call, a.Due = Query, now
	}
	return a
}

// Same says whether two attempts of one reference are one.
func (a *Attempt) Same(b *Attempt) bool {
	return a.Terminal == b.Terminal && a.Payment == b.Payment && a.Amount == b.Amount && a.Wallet == b.Wallet
}
