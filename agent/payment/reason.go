package payment

import "fmt"

// Reason says why a code or a sale was refused. The numbers are signed into entries: they are never
// changed or reused, and new ones are added at the end.
type Reason uint16

// The reasons. Order of precedence is the order in which checkout asks; see agent/checkout.
const (
	ReasonNone         Reason = 0
	NotPaymentCode     Reason = 1  // goods, a bill, a carrier: nothing to charge
	UnknownCode        Reason = 2  // fits no wallet of the table
	MalformedCode      Reason = 3  // looks like a known format and is broken
	OnlineOnly         Reason = 4  // an opaque code: only its operator can check it, and this lane asks none
	BadSignature       Reason = 5  // a signed code whose signature does not hold
	UnknownIssuer      Reason = 6  // signed by nobody in the trust bundle
	CertificateExpired Reason = 7  // the phone must go online to renew its right to pay offline
	CertificateNotYet  Reason = 8  // valid only later: somebody's clock is wrong
	CodeExpired        Reason = 9  // an old code: a screenshot, or a phone whose clock is slow
	CodeFromFuture     Reason = 10 // a code of later: the phone's or the lane's clock is wrong
	CodeUsed           Reason = 11 // this very code paid already
	CounterNotAbove    Reason = 12 // a newer code of this phone was taken: this is an older one
	OtherPlace         Reason = 13 // the code names another store or lane
	AccountRevoked     Reason = 14
	KeyRevoked         Reason = 15
	IssuerRevoked      Reason = 16
	WalletDisabled     Reason = 17 // the store does not take this wallet
	CurrencyMismatch   Reason = 18 // the code or policy is for another currency
	OverPaymentCap     Reason = 19 // above what one offline payment may be
	OverAccountCap     Reason = 20 // above what this account may spend offline in a day
	OverShareSum       Reason = 21 // the lane's offline money is used up
	OverShareCount     Reason = 22 // the lane's offline count is used up
	OfflineTooLong     Reason = 23 // the offline right has run out
	ClockUntrusted     Reason = 24 // the lane can't tell what time it is
	NoPolicy           Reason = 25 // the lane holds no valid policy
	JournalStopped     Reason = 26 // the lane can't write: it must not sell
	TerminalRevoked    Reason = 27
	AmountNotEligible  Reason = 28 // more than the part of the sale that a wallet may pay
	UnboundAboveCap    Reason = 29 // above the cap for codes that name no store
	StorageFull        Reason = 30 // the lane's disk has too little room to begin a sale
	OverAccountCount   Reason = 31 // more payments than this account may make offline in a day
	OperatorDeclined   Reason = 32 // the wallet's operator said no, and not why
	NoFunds            Reason = 33 // the customer's balance at the operator is too low
	OverWalletLimit    Reason = 34 // above a limit that the operator sets the customer
	CustomerSaidNo     Reason = 35 // cancelled on the phone
	CustomerTooSlow    Reason = 36 // not confirmed on the phone in time
	AccountStopped     Reason = 37 // the operator has stopped this customer
	ShopNotAllowed     Reason = 38 // the operator does not serve this shop, or HQ asks none for this wallet there
	OperatorBusy       Reason = 39 // too much is under way to the operator
	AskedTooLate       Reason = 40 // the request reached HQ when nobody wanted it any more
	TakenBack          Reason = 41 // this lane gave the attempt up: what was charged is given back
	HQAway             Reason = 42 // only the operator can check this code, and HQ does not answer
	ApprovalElsewhere  Reason = 43 // an issuer's approval for another lane's sale
	ApprovalEnded      Reason = 44 // an issuer's approval for a sale of this lane that has ended, or for too long ago
	ApprovalUsed       Reason = 45 // an issuer's approval that has paid already
	ApprovalDiffers    Reason = 46 // an issuer's approval of another amount than was offered
	RefundUnknown      Reason = 47 // HQ knows no such payment to give back, or not by this wallet
	RefundWaits        Reason = 48 // HQ has not decided yet whether the payment stands
	RefundVoided       Reason = 49 // the payment was taken back before
	RefundLost         Reason = 50 // the payment was never charged to the customer
	RefundOver         Reason = 51 // more than is left of the payment
	RefundElsewhere    Reason = 52 // the payment is another owner's: his store gives it back
	RefundWhole        Reason = 53 // the operator gives back the whole payment only
	RefundTooLate      Reason = 54 // the operator gives nothing back any more
	RefundRefused      Reason = 55 // the operator does not give it back, and says no more
	reasonEnd          Reason = 56
)

// reasons holds, for each reason, its name in APIs, logs and catalogues, and whether the same customer may
// succeed shortly with a fresh code and nothing else changed.
var reasons = [reasonEnd]struct {
	name      string
	transient bool
}{
	ReasonNone:         {"none", false},
	NotPaymentCode:     {"not_payment_code", false},
	UnknownCode:        {"unknown_code", false},
	MalformedCode:      {"malformed_code", true},
	OnlineOnly:         {"online_only", false},
	BadSignature:       {"bad_signature", false},
	UnknownIssuer:      {"unknown_issuer", false},
	CertificateExpired: {"certificate_expired", false},
	CertificateNotYet:  {"certificate_not_yet", false},
	CodeExpired:        {"code_expired", true},
	CodeFromFuture:     {"code_from_future", true},
	CodeUsed:           {"code_used", true},
	CounterNotAbove:    {"counter_not_above", true},
	OtherPlace:         {"other_place", true},
	AccountRevoked:     {"account_revoked", false},
	KeyRevoked:         {"key_revoked", false},
	IssuerRevoked:      {"issuer_revoked", false},
	WalletDisabled:     {"wallet_disabled", false},
	CurrencyMismatch:   {"currency_mismatch", false},
	OverPaymentCap:     {"over_payment_cap", false},
	OverAccountCap:     {"over_account_cap", false},
	OverShareSum:       {"over_share_sum", false},
	OverShareCount:     {"over_share_count", false},
	OfflineTooLong:     {"offline_too_long", false},
	ClockUntrusted:     {"clock_untrusted", false},
	NoPolicy:           {"no_policy", false},
	JournalStopped:     {"journal_stopped", false},
	TerminalRevoked:    {"terminal_revoked", false},
	AmountNotEligible:  {"amount_not_eligible", false},
	UnboundAboveCap:    {"unbound_above_cap", true},
	StorageFull:        {"storage_full", false},
	OverAccountCount:   {"over_account_count", false},
	OperatorDeclined:   {"operator_declined", true},
	NoFunds:            {"no_funds", false},
	OverWalletLimit:    {"over_wallet_limit", false},
	CustomerSaidNo:     {"customer_said_no", true},
	CustomerTooSlow:    {"customer_too_slow", true},
	AccountStopped:     {"account_stopped", false},
	ShopNotAllowed:     {"shop_not_allowed", false},
	OperatorBusy:       {"operator_busy", true},
	AskedTooLate:       {"asked_too_late", true},
	TakenBack:          {"taken_back", true},
	HQAway:             {"hq_away", false},
	ApprovalElsewhere:  {"approval_elsewhere", false},
	ApprovalEnded:      {"approval_ended", false},
	ApprovalUsed:       {"approval_used", false},
	ApprovalDiffers:    {"approval_differs", false},
	RefundUnknown:      {"refund_unknown", false},
	RefundWaits:        {"refund_waits", false},
	RefundVoided:       {"refund_voided", false},
	RefundLost:         {"refund_lost", false},
	RefundOver:         {"refund_over", false},
	RefundElsewhere:    {"refund_elsewhere", false},
	RefundWhole:        {"refund_whole", false},
	RefundTooLate:      {"refund_too_late", false},
	RefundRefused:      {"refund_refused", false},
}

// Reasons lists every reason in order, ReasonNone aside, so that catalogues can be checked for gaps.
func Reasons() []Reason {
	var all []Reason
	for r := ReasonNone + 1; r < reasonEnd; r++ {
		all = append(all, r)
	}
	return all
}

// String is the reason's name, such as "code_used".
func (r Reason) String() string {
	if r < reasonEnd {
		return reasons[r].name
	}
	return fmt.Sprintf("reason_%d", uint16(r))
}

// Transient says whether a fresh code of the same customer may be taken.
func (r Reason) Transient() bool { return r < reasonEnd && reasons[r].transient }

// MarshalText writes String.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads a known reason's name.
func (r *Reason) UnmarshalText(b []byte) error {
	for i, row := range reasons {
		if row.name == string(b) {
			*r = Reason(i)
			return nil
		}
	}
	return fmt.Errorf("unknown reason %q", b)
}

// Outcome is what the cashier is told about a payment.
type Outcome uint8

// The outcomes. Offline decisions are Paid or NotPaid; Pending and Unknown are an online payment's.
const (
	NoOutcome Outcome = iota
	Paid              // the shop has the money, or the right to it: hand over the goods
	NotPaid           // no money moved
	Pending           // the customer is confirming on the phone
	Unknown           // asked, and not answered: HQ owns finding out
)

// String is "paid", "not_paid", "pending", "unknown", or "" for none.
func (o Outcome) String() string {
	names := [...]string{"", "paid", "not_paid", "pending", "unknown"}
	if int(o) < len(names) {
		return names[o]
	}
	return fmt.Sprintf("outcome_%d", uint8(o))
}

// MarshalText writes String.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }
