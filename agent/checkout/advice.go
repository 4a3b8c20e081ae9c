package checkout

import "tilld/agent/payment"

// Advice is what the cashier can do now; the pages have a sentence for each.
type Advice uint8

// The advice.
const (
	NoAdvice     Advice = iota
	ScanAgain           // the read was bad, or two codes ran together
	FreshCode           // the customer shows a new code
	GoOnline            // the customer's phone must go online, to renew its right to pay offline
	BindCode            // the customer chooses this store in the wallet, and shows a new code
	SetPhone            // the clock of the phone is wrong: set it, then a new code
	PaySmaller          // less by this wallet, the rest by other means
	PayOtherwise        // another way to pay: this one can't work here now
	CallManager         // nothing that a cashier can do
	UsePOS              // no payment code: it belongs to the shop's own program
	OpenASale           // enter the amount first
	ShowThere           // an approval is for another lane's sale: the customer shows it there
	OfferSale           // the sale can be paid through the customer's phone: show it anew
	adviceEnd
)

var adviceNames = [adviceEnd]string{
	"", "scan_again", "fresh_code", "go_online", "bind_code", "set_phone", "pay_smaller", "pay_otherwise",
	"call_manager", "use_pos", "open_a_sale", "show_there", "offer_sale",
}

// String is the advice's name in APIs and catalogues, such as "fresh_code"; empty for none.
func (a Advice) String() string {
	if a < adviceEnd {
		return adviceNames[a]
	}
	return "call_manager"
}

// MarshalText writes String.
func (a Advice) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// AllAdvice lists every advice but NoAdvice, so that catalogues can be checked for gaps.
func AllAdvice() []Advice {
	var all []Advice
	for a := NoAdvice + 1; a < adviceEnd; a++ {
		all = append(all, a)
	}
	return all
}

// AdviceFor is what to do about a refusal. Every reason has one.
func AdviceFor(r payment.Reason) Advice {
	if a, ok := adviceFor(r); ok {
		return a
	}
	return CallManager // a reason of a later release
}

func adviceFor(r payment.Reason) (a Advice, listed bool) {
	switch r {
	case payment.ReasonNone:
		return NoAdvice, true
	case payment.NotPaymentCode:
		return UsePOS, true
	case payment.MalformedCode:
		return ScanAgain, true
	case payment.CodeExpired, payment.CodeUsed, payment.CounterNotAbove, payment.OperatorDeclined, payment.CustomerSaidNo,
		payment.CustomerTooSlow, payment.OperatorBusy, payment.AskedTooLate, payment.TakenBack:
		return FreshCode, true
	case payment.CodeFromFuture, payment.CertificateNotYet:
		return SetPhone, true
	case payment.CertificateExpired:
		return GoOnline, true
	case payment.OtherPlace, payment.UnboundAboveCap:
		return BindCode, true
	case payment.OverPaymentCap, payment.OverAccountCap, payment.AmountNotEligible:
		return PaySmaller, true
	case payment.UnknownCode, payment.OnlineOnly, payment.BadSignature, payment.UnknownIssuer,
		payment.AccountRevoked, payment.KeyRevoked, payment.IssuerRevoked, payment.WalletDisabled, payment.CurrencyMismatch,
		payment.OverAccountCount, payment.OverShareSum, payment.OverShareCount, payment.OfflineTooLong, payment.NoFunds,
		payment.OverWalletLimit, payment.AccountStopped, payment.ShopNotAllowed, payment.HQAway:
		return PayOtherwise, true
	case payment.ApprovalElsewhere:
		return ShowThere, true
	case payment.ApprovalEnded, payment.ApprovalUsed, payment.ApprovalDiffers:
		return OfferSale, true
	case payment.ClockUntrusted, payment.NoPolicy, payment.JournalStopped, payment.StorageFull, payment.TerminalRevoked,
		payment.RefundUnknown, payment.RefundWaits, payment.RefundVoided, payment.RefundLost, payment.RefundOver, payment.RefundElsewhere,
		payment.RefundWhole, payment.RefundTooLate, payment.RefundRefused:
		return CallManager, true
	}
	return NoAdvice, false
}
