package web

import (
	"errors"

	"tilld/agent/payment"
)

// What a person at the lane may try, for Say.
const (
	DoSale         = "sale"    // open or leave one
	DoCancel       = "cancel"  // one that nobody paid
	DoAttempt      = "attempt" // put a sale aside whose wallet is being asked, or take its payment back
	DoDismiss      = "dismiss" // take a settled sale off the list
	DoCarry        = "carry"   // show a sale to the customer's phone
	DoVoid         = "void"
	DoRefund       = "refund"        // give money back
	DoVoidPractice = "void-practice" // of a practice sale, in which there is no money
)

// sayings are the catalogue's words for what can go wrong at the lane, by what was tried and the error's code.
var sayings = map[string]map[payment.Code]string{
	DoSale:    {payment.Conflict: "say.open", payment.NotFound: "say.gone", payment.NotAllowed: "say.clock"},
	DoCancel:  {payment.Conflict: "say.cancel", payment.NotFound: "say.gone", payment.NotAllowed: "say.clock"},
	DoAttempt: {payment.Conflict: "say.settled", payment.NotFound: "say.gone", payment.NotAllowed: "say.clock"},
	DoDismiss: {payment.Conflict: "say.unsettled", payment.NotFound: "say.gone"},
	DoCarry:   {payment.Conflict: "say.carry.long", payment.NotAllowed: "say.carry", payment.NotFound: "say.gone"},
	DoVoid: {
		payment.Invalid: "say.void.who", payment.Conflict: "say.void.twice",
		payment.NotAllowed: "say.void.refund", payment.NotFound: "say.gone",
	},
	DoRefund: {
		payment.Invalid: "say.refund.sum", payment.Conflict: "say.refund.over", payment.NotAllowed: "say.refund.off",
		payment.Forbidden: "say.refund.manager", payment.NotFound: "say.refund.none", payment.Retry: "say.refund.later",
	},
	DoVoidPractice: {
		payment.Invalid: "say.void.who", payment.Conflict: "say.void.twice",
		payment.NotAllowed: "say.void.practice", payment.NotFound: "say.gone",
	},
	"": {payment.Retry: "say.again", payment.Internal: "say.broken"}, // whatever was tried
}

// Say is an error in the language of whoever reads it. What has no words yet is said as the error says it.
func Say(lang, tried string, err error) string {
	if locked, ok := errors.AsType[*Locked](err); ok {
		return Text(lang, "say.pin.wait", Span(lang, locked.Left))
	}
	switch {
	case errors.Is(err, ErrWrongPIN):
		return Text(lang, "say.pin.wrong")
	case errors.Is(err, ErrNoPIN):
		return Text(lang, "say.pin.unset")
	}
	code := payment.CodeOf(err)
	for _, what := range []string{tried, ""} {
		if key := sayings[what][code]; key != "" {
			return Text(lang, key)
		}
	}
	return payment.MessageOf(err)
}
