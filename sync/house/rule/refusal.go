package rule

import (
	"fmt"

	"tilld/agent/payment"
)

// Refusal says why the issuer does not do what it was asked. It is an error, and a final one: the same request meets
// the same answer until something else changes. The zero value is no refusal.
type Refusal uint8

// The refusals.
const (
	None          Refusal = iota
	NotProven             // unknown log-in, wrong password, wrong key, wrong challenge: one answer for all of them
	TooMany               // too many tries from this address, or against this account by strangers
	NotSignedIn           // no such session, or it is over
	Stopped               // the account is stopped
	SpendingOff           // spending is stopped everywhere
	TopUpsOff             // top-ups are stopped everywhere
	Unconfirmed           // the contact was never confirmed
	CoolingOff            // not so soon after a change of phone, password or contact
	BadAmount             // not an amount in the wallet's currency
	OverTopUp             // above what one top-up may be
	OverTopUpDay          // above what may be topped up in 24 hours
	OverBalance           // the balance would be above its cap
	OverSpend             // above what one payment may be
	OverSpendDay          // above what may be spent in 24 hours
	NoFunds               // the balance that is not earmarked is too low
	WeakPassword          // too short, too long, or made of the log-in
	KnownPassword         // on a list of passwords that are known to be used elsewhere, or the account's last one
	BadLogin              // not a log-in name
	BadContact            // not an address that a message can go to
	LoginTaken            // the log-in name is another account's
	BadKey                // not a P-256 key, or one that was bound before
	Over                  // the ticket, the state or the code was used before, or its time is over
	BadCode               // not a code of this wallet
	CodeExpired           // a code that is too old, or of the future
	CodeUsed              // a code that paid before
	RefUsed               // the reference stands for something else
	TooLate               // a charge of which a part went back: the rest can be refunded
	NotPaid               // a charge that no money was taken for
	NotFound              // no such thing
	BadPerson             // who acts was not said, or why
	BadIdentity           // the outside log-in is bound to no account, or to another
	NoSource              // nobody takes money for a top-up from there
	BadOffer              // not a sale of a till that HQ vouches for
	OfferOver             // a sale that was offered for too long ago
	refusalEnd
)

// words has each refusal's class and the sentence for the person who asked: it tells nothing that a stranger could use.
var words = [refusalEnd]struct {
	code payment.Code
	text string
}{
	NotProven:     {payment.Unauthorized, "log-in, password or phone do not fit together"},
	TooMany:       {payment.Retry, "too many tries; wait a while"},
	NotSignedIn:   {payment.Unauthorized, "not signed in"},
	Stopped:       {payment.Forbidden, "this account is stopped; ask the wallet's office"},
	SpendingOff:   {payment.NotAllowed, "the wallet takes no payments at the moment"},
	TopUpsOff:     {payment.NotAllowed, "the wallet takes no top-ups at the moment"},
	Unconfirmed:   {payment.NotAllowed, "the contact must be confirmed first"},
	CoolingOff:    {payment.NotAllowed, "not so soon after a change of phone, password or contact"},
	BadAmount:     {payment.Invalid, "not an amount that the wallet takes"},
	OverTopUp:     {payment.NotAllowed, "more than one top-up may be"},
	OverTopUpDay:  {payment.NotAllowed, "more than may be topped up in 24 hours"},
	OverBalance:   {payment.NotAllowed, "the balance would be above its limit"},
	OverSpend:     {payment.NotAllowed, "more than one payment may be"},
	OverSpendDay:  {payment.NotAllowed, "more than may be spent in 24 hours"},
	NoFunds:       {payment.NotAllowed, "the balance is too low"},
	WeakPassword:  {payment.Invalid, "the password is too short, too long or like the log-in"},
	KnownPassword: {payment.Invalid, "this password is known from elsewhere; take another"},
	BadLogin:      {payment.Invalid, "not a log-in name"},
	BadContact:    {payment.Invalid, "not an address that a message can go to"},
	LoginTaken:    {payment.Conflict, "this log-in name is taken"},
	BadKey:        {payment.Invalid, "not a key that a phone can be bound by"},
	Over:          {payment.NotAllowed, "used before, or too late"},
	BadCode:       {payment.Invalid, "not a code of this wallet"},
	CodeExpired:   {payment.NotAllowed, "the code is too old; show a fresh one"},
	CodeUsed:      {payment.NotAllowed, "the code has paid already"},
	TooLate:       {payment.NotAllowed, "a part of it went back already; refund the rest"},
	NotPaid:       {payment.NotAllowed, "no money was taken for it"},
	RefUsed:       {payment.Conflict, "the reference stands for something else"},
	NotFound:      {payment.NotFound, "not found"},
	BadPerson:     {payment.Invalid, "say who does this, and why"},
	BadIdentity:   {payment.Forbidden, "this outside log-in opens no account here"},
	NoSource:      {payment.NotAllowed, "nobody takes money from there for this wallet; top up with cash at a till"},
	BadOffer:      {payment.Invalid, "not a sale of a shop that this wallet knows"},
	OfferOver:     {payment.NotAllowed, "this sale was shown for too long ago; let the shop show it again"},
}

// Error is the sentence for the person who asked.
func (r Refusal) Error() string {
	if r > None && r < refusalEnd {
		return words[r].text
	}
	return fmt.Sprintf("refusal %d", uint8(r))
}

// Code is what a caller can do about it.
func (r Refusal) Code() payment.Code {
	if r > None && r < refusalEnd {
		return words[r].code
	}
	return payment.Internal
}

// Err is the refusal as an error: nil for None.
func (r Refusal) Err() error {
	if r == None {
		return nil
	}
	return r
}

// Refusals lists them all, without None.
func Refusals() []Refusal {
	var all []Refusal
	for r := None + 1; r < refusalEnd; r++ {
		all = append(all, r)
	}
	return all
}
