package paypay

import (
	"net/http"
	"time"

	"tilld/agent/payment"
	"tilld/sync/operator"
)

// answer is the form of all of PayPay's answers: resultInfo says whether the call worked, data what it gave [opa].
type answer struct {
	ResultInfo struct {
		Code string `json:"code"`
	} `json:"resultInfo"`
	Data *struct {
		PaymentID         string       `json:"paymentId"`
		MerchantPaymentID operator.Ref `json:"merchantPaymentId"`
		MerchantRefundID  operator.Ref `json:"merchantRefundId"`
		Status            string       `json:"status"`
		AcceptedAt        int64        `json:"acceptedAt"`
		Amount            money        `json:"amount"`
	} `json:"data"`
}

const (
	success       = "SUCCESS"
	accepted      = "REQUEST_ACCEPTED" // 202 [opa]
	askedUser     = "USER_CONFIRMATION_REQUIRED"
	notReversible = "ORDER_NOT_REVERSIBLE"
)

// declines are the codes of a refused payment that say that no money moved, and why ([sdk] PreAuthCapture.md and README,
// "Error Handling"; [opa] "Response code list"). What is not among them is Unknown: the query decides.
var declines = map[string]operator.Why{
	"NO_SUFFICIENT_FUND":                  operator.NoFunds,
	"LIMIT_EXCEEDED":                      operator.OverLimit,
	"USER_DEFINED_DAILY_LIMIT_EXCEEDED":   operator.OverLimit,
	"USER_DEFINED_MONTHLY_LIMIT_EXCEEDED": operator.OverLimit,
	"UNACCEPTABLE_OP":                     operator.NoReason,
	"UNSUPPORTED_PAYMENT_METHOD":          operator.NoReason,
	"NO_VALID_PAYMENT_METHOD":             operator.NoReason,
	"PAYMENT_METHOD_NOT_FOUND":            operator.NoReason,
	"SUSPECTED_DUPLICATE_PAYMENT":         operator.Duplicate,
	"CANCELED_USER":                       operator.AccountStopped,
	"USER_STATE_IS_NOT_ACTIVE":            operator.AccountStopped,
	"INVALID_USER_AUTHORIZATION_ID":       operator.CodeInvalid,
	"EXPIRED_USER_AUTHORIZATION_ID":       operator.CodeExpired,
}

// absent are the codes of a query for an order that isn't there ([sdk] README, [opa]).
var absent = map[string]bool{"RESOURCE_NOT_FOUND": true, "DYNAMIC_QR_PAYMENT_NOT_FOUND": true}

// read decodes an answer. The Answer is for one that says nothing of the money: then it is to be given as it is.
func read(r operator.Reply) (*answer, *operator.Answer) {
	a := new(answer)
	err := operator.ReadJSON(r.Body, a)
	none := &operator.Answer{Said: a.ResultInfo.Code}
	switch {
	case r.Status >= 500 || r.Status == http.StatusTooManyRequests:
		none.Err = operator.ErrStatus // [sdk]: "treated as unknown payment status"
	case r.Status >= 300 && r.Status < 400:
		none.Err = operator.ErrStatus
	case err != nil:
		none.Err = err
	case a.ResultInfo.Code == "":
		none.Err = operator.ErrGarbled
	case a.ResultInfo.Code == "UNAUTHORIZED", a.ResultInfo.Code == "OP_OUT_OF_SCOPE":
		none.Err = operator.ErrCredentials
	default:
		return a, nil
	}
	return nil, none
}

// state is what a payment's details come to [sdk]: PaymentState.
func (a *answer) state(ref operator.Ref, want payment.Money) operator.Answer {
	d := a.Data
	if d == nil {
		return operator.Answer{Said: a.ResultInfo.Code, Err: operator.ErrGarbled}
	}
	out := operator.Answer{Transaction: d.PaymentID, Said: d.Status, At: moment(d.AcceptedAt)}
	if d.MerchantPaymentID != ref || d.PaymentID == "" || (d.Amount != money{want.Minor, want.Currency}) {
		out.Err = operator.ErrMismatch
		return out
	}
	switch d.Status {
	case "COMPLETED":
		out.Outcome = operator.Paid
	case "CREATED":
		out.Outcome = operator.Confirming
	case "FAILED":
		out.Outcome = operator.Declined
	case "EXPIRED":
		out.Outcome, out.Why = operator.Declined, operator.CustomerTooSlow
	case "CANCELED":
		out.Outcome = operator.Reversed
	case "REFUNDED":
		out.Outcome = operator.Refunded
	default: // AUTHORIZED and REAUTHORIZING are of another way to pay
		out.Err = operator.ErrGarbled
	}
	return out
}

// moment is an "epoch timestamp in seconds" [opa] within reason.
func moment(epoch int64) time.Time {
	if epoch <= 0 || epoch > 1<<34 {
		return time.Time{}
	}
	return time.Unix(epoch, 0).UTC()
}

func paid(r operator.Reply, ref operator.Ref, want payment.Money) operator.Answer {
	a, none := read(r)
	if none != nil {
		return *none
	}
	code := a.ResultInfo.Code
	why, no := declines[code]
	switch {
	case code == askedUser && r.Status < 300:
		return operator.Answer{Outcome: operator.Confirming, Said: code}
	case code == success && r.Status < 300:
		return a.state(ref, want)
	case no && r.Status >= 400:
		return operator.Answer{Outcome: operator.Declined, Why: why, Said: code}
	}
	return operator.Answer{Said: code, Err: operator.ErrStatus} // REQUEST_ACCEPTED, INVALID_PARAMS, …
}

func found(r operator.Reply, ref operator.Ref, want payment.Money) operator.Answer {
	a, none := read(r)
	if none != nil {
		return *none
	}
	switch code := a.ResultInfo.Code; {
	case code == success && r.Status < 300:
		return a.state(ref, want)
	case absent[code] && r.Status >= 400:
		return operator.Answer{Outcome: operator.Absent, Said: code}
	default:
		return operator.Answer{Said: code, Err: operator.ErrStatus}
	}
}

// cancelled: the answer names no payment; it is believed because it came on a connection of its own.
func cancelled(r operator.Reply) operator.Answer {
	a, none := read(r)
	if none != nil {
		return *none
	}
	switch code := a.ResultInfo.Code; {
	case (code == success || code == accepted) && r.Status < 300:
		return operator.Answer{Outcome: operator.Reversed, Said: code}
	case absent[code] && r.Status >= 400:
		return operator.Answer{Outcome: operator.Absent, Said: code}
	default:
		return operator.Answer{Said: code, Err: operator.ErrStatus}
	}
}

// noRefund are the codes of a refund that will not be ([opa], "Refund a payment"; [sdk] README).
var noRefund = map[string]operator.Answer{
	"REFUND_WINDOW_EXCEED":              {Outcome: operator.TooLate},
	"ORDER_NO_LONGER_AVAILABLE":         {Outcome: operator.TooLate},
	"UNACCEPTABLE_OP":                   {Outcome: operator.Declined},
	"REFUND_LIMIT_EXCEEDED":             {Outcome: operator.Declined, Why: operator.OverLimit},
	"MERCHANT_MULTIPLE_REFUND_REJECTED": {Outcome: operator.Declined, Why: operator.ShopNotAllowed},
	"CANCELED_USER":                     {Outcome: operator.Declined, Why: operator.AccountStopped},
	"USER_STATE_IS_NOT_ACTIVE":          {Outcome: operator.Declined, Why: operator.AccountStopped},
	"INVALID_PARAMS":                    {Outcome: operator.Declined, Why: operator.OverLimit}, // "Invalid refund amount"
}

func refunded(r operator.Reply, want *operator.Refund) operator.Answer {
	a, none := read(r)
	if none != nil {
		return *none
	}
	code := a.ResultInfo.Code
	if code != success || r.Status >= 300 || a.Data == nil {
		no, ok := noRefund[code]
		switch {
		case ok && r.Status >= 400:
			no.Said = code
			return no
		case absent[code] && r.Status >= 400:
			return operator.Answer{Outcome: operator.Absent, Said: code}
		}
		return operator.Answer{Said: code, Err: operator.ErrStatus}
	}
	d := a.Data
	out := operator.Answer{Transaction: d.PaymentID, Said: d.Status, At: moment(d.AcceptedAt)}
	if d.MerchantRefundID != want.Ref || d.PaymentID != want.Of.Transaction || (d.Amount != money{want.Amount.Minor, want.Amount.Currency}) {
		out.Err = operator.ErrMismatch
		return out
	}
	switch d.Status {
	case "REFUNDED":
		out.Outcome = operator.Refunded
	case "REFUND_FAILED": // [sdk] RefundState
		out.Outcome = operator.Declined
	case "CREATED": // taken, not yet paid: the same refund asks again
		out.Err = operator.ErrStatus
	default:
		out.Err = operator.ErrGarbled
	}
	return out
}
