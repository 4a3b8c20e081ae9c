package rule

import (
	"fmt"
	"time"
)

// Reason says why an account was stopped. The numbers are stored.
type Reason uint8

// The reasons. Each is a rule of velocity but ByHand.
const (
	Strangers     Reason = 1 // failed log-ins from many addresses, none with the account's phone
	Guessing      Reason = 2 // wrong passwords from the account's own phone
	TopUpRate     Reason = 3 // too many top-ups in a minute
	NewPhoneTopUp Reason = 4 // top-ups beyond the small cap right after a change
	ManyLanes     Reason = 5 // spending at many lanes at once
	DoubleSpent   Reason = 6 // a code taken twice, or a certificate overdrawn
	ByHand        Reason = 7 // somebody at the office
	reasonEnd     Reason = 8
)

var reasonNames = [reasonEnd]string{"", "strangers", "guessing", "top_up_rate", "new_phone_top_up", "many_lanes", "double_spent", "by_hand"}

// String is the reason's name, such as "many_lanes".
func (r Reason) String() string {
	if r > 0 && r < reasonEnd {
		return reasonNames[r]
	}
	return fmt.Sprintf("reason_%d", uint8(r))
}

// MarshalText writes String.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Act is a kind of thing that can be done with an account.
type Act uint8

// The acts.
const (
	Change Act = 1 << iota // another phone, password, contact or outside log-in
	SignIn
	Money // top up, spend, get a certificate
)

// stops says what each reason stops.
var stops = [reasonEnd]Act{
	// Strangers who fail must not take the customer's own phone out of service: that would be a weapon. They stop what
	// a stranger could get further by.
	Strangers: Change,
	Guessing:  Change | SignIn | Money, TopUpRate: Change | SignIn | Money, NewPhoneTopUp: Change | SignIn | Money,
	ManyLanes: Change | SignIn | Money, DoubleSpent: Change | SignIn | Money, ByHand: Change | SignIn | Money,
}

// Stops says whether an account that is stopped for this reason may not act so. A reason of the future stops all.
func (r Reason) Stops(a Act) bool { return r == 0 || r >= reasonEnd || stops[r]&a != 0 }

// OverMoney says that stops for this reason count towards the stop of everything. Those that a stranger can cause
// without a second factor do not: nobody may close the wallet from outside.
func (r Reason) OverMoney() bool {
	switch r {
	case TopUpRate, NewPhoneTopUp, ManyLanes, DoubleSpent:
		return true
	}
	return false
}

// Reached says whether seen, the number within the rate's time, is too many.
func (r Rate) Reached(seen int) bool { return seen >= r.Count }

// Since is when the rate's time began.
func (r Rate) Since(now time.Time) time.Time { return now.Add(-r.Within) }
