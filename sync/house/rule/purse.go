package rule

import "time"

// Purse is what the rules of money ask about one account, in minor units. Its sums are of the last 24 hours, or since
// the cooling-off began.
type Purse struct {
	Balance int64 // the sum of its movements
	Held    int64 // what is earmarked for certificates and not yet drawn
	Asked   int64 // top-ups that were asked for and whose end is not known

	ToppedUp int64 // credited or asked for
	Spent    int64 // online less what was given back, and offline

	Cooling         bool
	CoolingToppedUp int64
	CoolingSpent    int64
}

// Free is what can be spent online, or earmarked.
func (p Purse) Free() int64 { return p.Balance - p.Held }

// TopUp says whether amount may be added. What was asked for counts as if it were there: two top-ups side by side
// can't both take the last of a limit.
func (p Purse) TopUp(l *Limits, amount int64) Refusal {
	switch {
	case amount < 1:
		return BadAmount
	case amount > l.TopUp:
		return OverTopUp
	case p.Cooling && amount > l.CoolingTopUp-p.CoolingToppedUp:
		return CoolingOff
	case amount > l.TopUpDay-p.ToppedUp:
		return OverTopUpDay
	case amount > l.Balance-p.Balance-p.Asked:
		return OverBalance
	}
	return None
}

// Spend says whether amount may be charged online, by a code that is bound to a store or one that would do anywhere.
// What is earmarked is not there to be spent.
func (p Purse) Spend(l *Limits, bound bool, amount int64) Refusal {
	switch {
	case amount < 1:
		return BadAmount
	case amount > l.Spend, !bound && amount > l.Unbound:
		return OverSpend
	case p.Cooling && amount > l.CoolingSpend-p.CoolingSpent:
		return CoolingOff
	case amount > l.SpendDay-p.Spent:
		return OverSpendDay
	case amount > p.Free():
		return NoFunds
	}
	return None
}

// LeastCap is the cap of a certificate that is meant for payments online only: a code can't be shown without one.
const LeastCap = 1

// Earmark is the cap of a new certificate: the offline cap, or a part of what is free when that is less, so that
// something stays to be spent online. What it allows is taken out of Free until Release. While cooling off it is
// LeastCap, and the certificate Begins when that is over.
func (p Purse) Earmark(l *Limits) (limit int64, r Refusal) {
	free := p.Free()
	switch {
	case free < LeastCap:
		return 0, NoFunds
	case p.Cooling:
		return LeastCap, None
	}
	return min(l.OfflineCap, max(LeastCap, free/100*l.OfflinePercent+free%100*l.OfflinePercent/100)), None
}

// Begins is when lanes may take a new certificate: at once, or when the cooling-off is over. Online, the issuer goes by
// what it knows of the phone and takes it before.
func Begins(coolingUntil, now time.Time) time.Time {
	if Cooling(coolingUntil, now) {
		return coolingUntil
	}
	return now
}

// Release is when the earmark of a certificate ends by itself.
func (l *Limits) Release(expiry time.Time) time.Time { return expiry.Add(l.SyncDelay) }

// Drawn is how a payment that was approved offline is covered. The three parts sum to its amount.
type Drawn struct {
	Earmark int64 // out of what was set aside for it
	Free    int64 // beyond: out of the rest of the balance
	Lost    int64 // and what nothing covers, which is the issuer's loss
}

// Draw covers amount, which is positive, with what is left of the certificate's earmark and with what is free. A
// payment that a lane approved within its rights is never refused here: the goods are gone, and the shop is paid.
func Draw(left, free, amount int64) Drawn {
	d := Drawn{Earmark: max(min(left, amount), 0)}
	d.Free = max(min(free, amount-d.Earmark), 0)
	d.Lost = amount - d.Earmark - d.Free
	return d
}

// Refund says whether amount of a payment may be given back, of which given was before.
func Refund(paid, given, amount int64) Refusal {
	if amount < 1 || given < 0 || amount > paid-given {
		return BadAmount
	}
	return None
}

// CodeTime says whether a code of the phone's time is charged online now.
func (l *Limits) CodeTime(code, now time.Time) Refusal {
	if age := now.Sub(code); age > l.CodeAge || age < -l.CodeAhead {
		return CodeExpired
	}
	return None
}
