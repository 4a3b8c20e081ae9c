package rule

import "time"

// Has is what somebody who asks has proven. It says which factors, never whose.
type Has uint8

// The factors. Knowledge and possession are two; an outside log-in stands for the password and is never a second one.
const (
	Password Has = 1 << iota // the account's password
	Outside                  // an outside log-in whose issuer and subject are bound to the account
	Phone                    // a signature of the account's active phone over what is asked
	Recovery                 // one of the account's recovery codes, now used
	NewPhone                 // a signature of the key that is to be bound
	Mail                     // a ticket that went to the contact on record
)

const (
	knows = Password | Outside
	owns  = Phone | Recovery
)

func (h Has) all(f Has) bool { return h&f == f }
func (h Has) any(f Has) bool { return h&f != 0 }

// Wish is a thing that needs factors.
type Wish uint8

// The wishes.
const (
	ToSignIn Wish = iota + 1
	ToBindPhone
	ToReset
	ToChangeContact
	ToLink
	ToRenewRecovery
	ToMoveMoney // with a session, which itself needed both factors
	wishEnd
)

// needs says what each wish takes. A table, so that a test can walk it: no row is met by one factor alone but ToReset,
// which replaces a factor and never stands for one, and ToMoveMoney, whose session had both.
var needs = [wishEnd]func(Has) bool{
	ToSignIn:        func(h Has) bool { return h.any(knows) && h.all(Phone) },
	ToBindPhone:     func(h Has) bool { return h.all(Password|NewPhone) && h.any(owns) },
	ToReset:         func(h Has) bool { return h.all(Mail) },
	ToChangeContact: func(h Has) bool { return h.all(Password | Phone) },
	ToLink:          func(h Has) bool { return h.all(Password | Phone) },
	ToRenewRecovery: func(h Has) bool { return h.all(Password | Phone) },
	ToMoveMoney:     func(h Has) bool { return h.all(Phone) },
}

// Allow says whether what was proven is enough for the wish.
func Allow(w Wish, h Has) Refusal {
	if w == 0 || w >= wishEnd || !needs[w](h) {
		return NotProven
	}
	return None
}

// Cools says whether a wish that was granted starts the cooling-off.
func Cools(w Wish) bool { return w == ToBindPhone || w == ToReset || w == ToChangeContact }

// Waits says whether a wish is not granted during a cooling-off. Whoever has taken an account over must not be able to
// make it his own before its customer was told: renew the recovery codes that are the customer's way back, or add a way
// in. Another phone can be bound all the same: that is the way back.
func Waits(w Wish) bool { return w == ToChangeContact || w == ToLink || w == ToRenewRecovery }

// Cooling says whether an account whose cooling-off ends at until is in it.
func Cooling(until, now time.Time) bool { return now.Before(until) }

// Session says whether a session goes on.
func (l *Limits) Session(made, used, now time.Time) Refusal {
	if now.Before(made) || now.Sub(used) > l.SessionIdle || now.Sub(made) > l.SessionLife {
		return NotSignedIn
	}
	return None
}

// Held is a certificate that a phone has.
type Held struct {
	Begins, Expires time.Time
	Cap, Left       int64
}

// Renew says whether a phone that asks gets a new certificate, whose cap would be fresh: the one it has is over half its
// life, has nothing left, or was made for the other side of a cooling-off. Each certificate earmarks money, so one is
// as good as two.
func Renew(c Held, fresh int64, cooling bool, now time.Time) bool {
	if cooling {
		return !c.Begins.After(now)
	}
	least := c.Cap == LeastCap && fresh > LeastCap
	return least || c.Left == 0 || !now.Before(c.Begins.Add(c.Expires.Sub(c.Begins)/2))
}
