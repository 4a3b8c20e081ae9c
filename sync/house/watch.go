package house

import (
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"tilld/sync/house/rule"
)

// kind is what is counted. The numbers are stored.
type kind int

const (
	failedAt    kind = 1  // by address: failed tries
	failedFor   kind = 2  // by log-in name, from an address: tries without the account's phone
	guessed     kind = 3  // by account: wrong passwords with its phone
	toppedUp    kind = 4  // by account
	newPhone    kind = 5  // by account: top-ups above the small cap while cooling off
	spentAt     kind = 6  // by account, at a lane
	overMoney   kind = 7  // of all: accounts stopped over money
	askedFrom   kind = 8  // by address: tickets, enrolments, outside log-ins
	askedTicket kind = 9  // by account
	challenged  kind = 10 // by address
)

// address is how somebody is counted who comes over the network: an IPv4 address, or the 64-bit network of an IPv6 one,
// since whoever has one address there has them all.
func address(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		return netip.PrefixFrom(a, 64).Masked().String()
	}
	return a.String()
}

func subject(account int64) string { return strconv.FormatInt(account, 10) }

// count writes down that it happened.
func (t *tx) count(k kind, subject, source string) error { return t.countAt(k, subject, source, t.now) }

func (t *tx) countAt(k kind, subject, source string, at time.Time) error {
	return t.exec(1, "INSERT INTO tally (kind, subject, source, at) VALUES (?, ?, ?, ?)", k, subject, source, at.UnixMilli())
}

// often says whether it happened too often by now.
func (t *tx) often(k kind, subject string, r rule.Rate) (bool, error) {
	n, err := t.number("SELECT count(*) FROM tally WHERE kind = ? AND subject = ? AND at > ?", k, subject, r.Since(t.now).UnixMilli())
	return r.Reached(int(n)), err
}

// widely says whether it came from too many sources around a moment: within the rate's time before it or after it.
func (t *tx) widely(k kind, subject string, r rule.Rate, at time.Time) (bool, error) {
	n, err := t.number("SELECT count(DISTINCT source) FROM tally WHERE kind = ? AND subject = ? AND at > ? AND at < ?",
		k, subject, at.Add(-r.Within).UnixMilli(), at.Add(r.Within).UnixMilli())
	return r.Reached(int(n)), err
}

// ask counts what anybody may ask for without having proven anything.
func (t *tx) ask(from netip.Addr, k kind, rate rule.Rate) error {
	often, err := t.often(k, address(from), rate)
	if err != nil {
		return err
	}
	if often {
		return rule.TooMany
	}
	return t.count(k, address(from), "")
}

// room says whether an address may try at all.
func (t *tx) room(from netip.Addr) error {
	often, err := t.often(failedAt, address(from), t.l.Watch.PerAddress)
	if err == nil && often {
		err = rule.TooMany
	}
	return err
}

// stranger counts a try that was not backed by the account's phone, and stops what strangers could get at when they
// come from many addresses. It gives the answer: TooMany or NotProven, or what went wrong here. acc is nil when no
// account has that log-in name; it is counted all the same, so that the answers don't tell.
func (t *tx) stranger(acc *account, login string, from netip.Addr) error {
	if err := t.room(from); err != nil {
		return err
	}
	if err := t.roomFor(login); err != nil {
		return err
	}
	if err := t.count(failedAt, address(from), ""); err != nil {
		return err
	}
	name, _ := rule.Login(login)
	if err := t.count(failedFor, name, address(from)); err != nil || acc == nil {
		return orRefuse(err, rule.NotProven)
	}
	wide, err := t.widely(failedFor, name, t.l.Watch.Addresses, t.now)
	if err == nil && wide {
		err = t.stop(acc, rule.Strangers, "", "failed log-ins from many addresses")
	}
	return orRefuse(err, rule.NotProven)
}

// roomFor says whether strangers may try a log-in name at all. The account's own phone is never asked this.
func (t *tx) roomFor(login string) error {
	name, _ := rule.Login(login)
	often, err := t.often(failedFor, name, t.l.Watch.PerAccount)
	if err == nil && often {
		err = rule.TooMany
	}
	return err
}

// guess counts a wrong password that came with the account's own phone.
func (t *tx) guess(acc *account, from netip.Addr) error {
	if err := t.count(failedAt, address(from), ""); err != nil {
		return err
	}
	return t.over(acc, guessed, t.l.Watch.Guesses, rule.Guessing, rule.NotProven)
}

// over counts something, stops the account when it happened too often, and refuses.
func (t *tx) over(acc *account, k kind, rate rule.Rate, why rule.Reason, r rule.Refusal) error {
	if err := t.count(k, subject(acc.no), ""); err != nil {
		return err
	}
	often, err := t.often(k, subject(acc.no), rate)
	if err == nil && often {
		err = t.stop(acc, why, "", "too often")
	}
	return orRefuse(err, r)
}

// lane counts a payment at a lane, and stops the account when it pays at many at once. Nobody is at three lanes within
// two minutes.
func (t *tx) lane(acc *account, store, lane string, at time.Time) error {
	who := subject(acc.no)
	if err := t.countAt(spentAt, who, fmt.Sprintf("%q/%q", store, lane), at); err != nil {
		return err
	}
	wide, err := t.widely(spentAt, who, t.l.Watch.Lanes, at)
	if err == nil && wide {
		err = t.stop(acc, rule.ManyLanes, "", "payments at many lanes at once")
	}
	return err
}

func orRefuse(err error, r rule.Refusal) error {
	if err != nil {
		return err
	}
	return r.Err()
}
