package rule

import (
	"errors"
	"fmt"
	"time"

	"tilld/agent/payment"
)

// Limits are the issuer's settings. Amounts are minor units of Currency; every count and time is at least 1.
type Limits struct {
	Currency payment.Currency

	TopUp    int64 // the most of one top-up
	TopUpDay int64 // within 24 hours
	Balance  int64 // the most that an account may hold
	Spend    int64 // the most of one payment
	SpendDay int64 // within 24 hours, what was approved offline too
	Unbound  int64 // the most of one payment by a code that names no store

	Cooling      time.Duration // after a change of phone, password or contact
	CoolingTopUp int64         // the most that may be topped up from the change until it is over
	CoolingSpend int64         // the most that may be spent online within it
	ContactDelay time.Duration // from asking for another contact until it counts

	OfflineCap     int64         // the most that one certificate allows offline
	OfflinePercent int64         // of what is free, the most that one certificate sets aside: 1 to 100
	CertHours      int           // a certificate's life, 1 to 24
	SyncDelay      time.Duration // how long after its expiry a payment under it can still come in
	CodeAge        time.Duration // the oldest code that is charged online
	CodeAhead      time.Duration // how far a phone's clock may be fast

	Challenge   time.Duration // the life of a challenge
	Ticket      time.Duration // of a ticket that was sent to a contact
	SessionIdle time.Duration
	SessionLife time.Duration

	Watch Watch
}

// Watch are the velocity rules' settings.
type Watch struct {
	PerAddress    Rate // failed tries from one address, whatever the account: then TooMany
	PerAccount    Rate // failed tries against one account by strangers: then TooMany for strangers
	Addresses     Rate // addresses from which strangers failed against one account: then Strangers
	Guesses       Rate // wrong passwords from the account's own phone: then Guessing
	TopUps        Rate // top-ups of one account: then TopUpRate
	NewPhone      Rate // top-ups above the small cap during the cooling-off: then NewPhoneTopUp
	Lanes         Rate // lanes at which one account spends: then ManyLanes
	Accounts      Rate // accounts stopped over money: then all spending and all top-ups stop
	Asks          Rate // tickets, enrolments and outside log-ins begun from one address: then TooMany
	Challenges    Rate // challenges from one address, which thousands of a carrier's customers may share: then TooMany
	AsksOfAccount Rate // tickets asked for one account: then TooMany
}

// Rate is reached by Count of something within Within.
type Rate struct {
	Count  int
	Within time.Duration
}

// Defaults are the settings that the wallet starts with, in yen. 7pay took 300,000 a day in top-ups of 30,000, and
// three of them in one minute.
func Defaults() Limits {
	const hour, day = time.Hour, 24 * time.Hour
	return Limits{
		Currency: "JPY",
		TopUp:    20_000, TopUpDay: 50_000, Balance: 100_000, Spend: 30_000, SpendDay: 50_000, Unbound: 2_000,
		Cooling: day, CoolingTopUp: 1_000, CoolingSpend: 3_000, ContactDelay: 3 * day,
		OfflineCap: 5_000, OfflinePercent: 50, CertHours: 4, SyncDelay: 3 * day,
		CodeAge: time.Minute, CodeAhead: 10 * time.Second,
		Challenge: 2 * time.Minute, Ticket: 15 * time.Minute, SessionIdle: 15 * time.Minute, SessionLife: 12 * hour,
		Watch: Watch{
			PerAddress: Rate{20, 15 * time.Minute}, PerAccount: Rate{10, 15 * time.Minute}, Addresses: Rate{5, hour},
			Guesses: Rate{10, hour}, TopUps: Rate{3, time.Minute}, NewPhone: Rate{2, day}, Lanes: Rate{3, 2 * time.Minute},
			Accounts: Rate{20, time.Hour}, Asks: Rate{60, 10 * time.Minute}, Challenges: Rate{5_000, 10 * time.Minute}, AsksOfAccount: Rate{5, hour},
		},
	}
}

// ErrLimits reports settings that the issuer can't work with.
var ErrLimits = errors.New("the wallet's limits")

// Validate names the first setting that is out of range.
func (l *Limits) Validate() error {
	if !l.Currency.Known() {
		return fmt.Errorf("%w: unknown currency %q", ErrLimits, string(l.Currency))
	}
	for _, a := range l.amounts() {
		if a.value < 1 || a.value > payment.MaxMinor {
			return fmt.Errorf("%w: %s is %d, not within 1..%d", ErrLimits, a.name, a.value, int64(payment.MaxMinor))
		}
	}
	for _, d := range l.times() {
		if d.value <= 0 || d.value > 366*24*time.Hour {
			return fmt.Errorf("%w: %s is %s", ErrLimits, d.name, d.value)
		}
	}
	for _, r := range l.Watch.rates() {
		if r.value.Count < 1 || r.value.Within <= 0 || r.value.Within > longestRate {
			return fmt.Errorf("%w: watch %s is %d within %s", ErrLimits, r.name, r.value.Count, r.value.Within)
		}
	}
	return l.fits()
}

// longestRate is for how long the issuer remembers what it counts.
const longestRate = 24 * time.Hour

// fits compares settings with each other.
func (l *Limits) fits() error {
	switch {
	case l.CertHours < 1 || l.CertHours > 24:
		return fmt.Errorf("%w: a certificate of %d hours, not 1..24", ErrLimits, l.CertHours)
	case l.OfflinePercent < 1 || l.OfflinePercent > 100:
		return fmt.Errorf("%w: a certificate sets aside %d percent", ErrLimits, l.OfflinePercent)
	case l.OfflineCap > 1<<32-1:
		return fmt.Errorf("%w: offline cap %d can't be written in a certificate", ErrLimits, l.OfflineCap)
	case l.TopUpDay < l.TopUp, l.SpendDay < l.Spend, l.Balance < l.TopUp:
		return fmt.Errorf("%w: a day's or the balance's limit is below that of one", ErrLimits)
	case l.CoolingTopUp > l.TopUpDay, l.CoolingSpend > l.SpendDay:
		return fmt.Errorf("%w: the cooling-off allows more than a day", ErrLimits)
	}
	return nil
}

type named[T any] struct {
	name  string
	value T
}

func (l *Limits) amounts() []named[int64] {
	return []named[int64]{
		{"top-up", l.TopUp}, {"top-up per day", l.TopUpDay}, {"balance", l.Balance}, {"spend", l.Spend},
		{"spend per day", l.SpendDay}, {"cooling-off top-up", l.CoolingTopUp}, {"cooling-off spend", l.CoolingSpend},
		{"offline cap", l.OfflineCap}, {"unbound", l.Unbound},
	}
}

func (l *Limits) times() []named[time.Duration] {
	return []named[time.Duration]{
		{"cooling-off", l.Cooling}, {"contact delay", l.ContactDelay}, {"sync delay", l.SyncDelay}, {"code age", l.CodeAge},
		{"code ahead", l.CodeAhead}, {"challenge", l.Challenge}, {"ticket", l.Ticket},
		{"session idle", l.SessionIdle}, {"session life", l.SessionLife},
	}
}

func (w *Watch) rates() []named[Rate] {
	return []named[Rate]{
		{"per address", w.PerAddress}, {"per account", w.PerAccount}, {"addresses", w.Addresses}, {"guesses", w.Guesses},
		{"top-ups", w.TopUps}, {"new phone", w.NewPhone}, {"lanes", w.Lanes}, {"accounts", w.Accounts}, {"asks", w.Asks}, {"challenges", w.Challenges},
		{"asks of account", w.AsksOfAccount},
	}
}
