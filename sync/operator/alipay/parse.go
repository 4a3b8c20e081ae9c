package alipay

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"tilld/agent/payment"
	"tilld/sync/operator"
)

// value is an amount [sdk]: a text of an integer.
type value struct {
	Currency payment.Currency `json:"currency"`
	Value    json.Number      `json:"value"`
}

func (v *value) is(m payment.Money) bool {
	return v != nil && v.Currency == m.Currency && string(v.Value) == strconv.FormatInt(m.Minor, 10)
}

// answer is the form of all of Antom's answers: HTTP 200, and a result; the rest by what was asked.
type answer struct {
	Result struct {
		Code   string `json:"resultCode"`
		Status string `json:"resultStatus"` // S, F or U
	} `json:"result"`
	PaymentRequestID operator.Ref `json:"paymentRequestId"`
	PaymentID        string       `json:"paymentId"`
	PaymentStatus    string       `json:"paymentStatus"`
	PaymentAmount    *value       `json:"paymentAmount"`
	PaymentTime      string       `json:"paymentTime"`
	CancelTime       string       `json:"cancelTime"`
	RefundRequestID  operator.Ref `json:"refundRequestId"`
	RefundAmount     *value       `json:"refundAmount"`
	RefundTime       string       `json:"refundTime"`
	Transactions     []struct {
		Type   string `json:"transactionType"`
		Status string `json:"transactionStatus"`
		Amount *value `json:"transactionAmount"`
	} `json:"transactions"`
}

const (
	inProcess     = "PAYMENT_IN_PROCESS"
	notExist      = "ORDER_NOT_EXIST"
	statusInvalid = "ORDER_STATUS_INVALID"
)

// strangers are the codes of a request that Antom doesn't take for ours ([upm], cancel's list). They come unsigned, or not.
var strangers = map[string]bool{"CLIENT_INVALID": true, "SIGNATURE_INVALID": true, "INVALID_SIGNATURE": true, "KEY_NOT_FOUND": true,
	"ACCESS_DENIED": true, "INVALID_CLIENT": true}

// declines are the codes of a failed payment that say that no money moved, and why [codes]. What is not among them is
// Unknown: REPEAT_REQ_INCONSISTENT and ORDER_IS_CLOSED may be about our own payment.
var declines = map[string]operator.Why{
	"USER_BALANCE_NOT_ENOUGH":          operator.NoFunds,
	"USER_AMOUNT_EXCEED_LIMIT":         operator.OverLimit,
	"PAYMENT_AMOUNT_EXCEED_LIMIT":      operator.OverLimit,
	"PAYMENT_COUNT_EXCEED_LIMIT":       operator.OverLimit,
	"USER_NOT_EXIST":                   operator.AccountStopped,
	"USER_STATUS_ABNORMAL":             operator.AccountStopped,
	"USER_KYC_NOT_QUALIFIED":           operator.AccountStopped,
	"USER_PAYMENT_VERIFICATION_FAILED": operator.CustomerSaidNo,
	"MERCHANT_NOT_REGISTERED":          operator.ShopNotAllowed,
	"INVALID_CONTRACT":                 operator.ShopNotAllowed,
	"BUSINESS_NOT_SUPPORT":             operator.ShopNotAllowed,
	"CURRENCY_NOT_SUPPORT":             operator.ShopNotAllowed,
	"UNAVAILABLE_PAYMENT_METHOD":       operator.NoReason,
	"RISK_REJECT":                      operator.NoReason,
	"PROCESS_FAIL":                     operator.NoReason, // "a general business failure. Do not retry"
}

func read(r operator.Reply) (*answer, *operator.Answer) {
	a := new(answer)
	err := operator.ReadJSON(r.Body, a)
	none := &operator.Answer{Said: a.Result.Code}
	switch {
	case err == nil && strangers[a.Result.Code]:
		none.Err = operator.ErrCredentials
	case r.Status != http.StatusOK:
		none.Err = operator.ErrStatus
	case err != nil:
		none.Err = err
	case a.Result.Code == "" || len(a.Result.Status) != 1:
		none.Err = operator.ErrGarbled
	default:
		return a, nil
	}
	return nil, none
}

func (a *answer) said(err error) operator.Answer {
	return operator.Answer{Said: a.Result.Code, Err: err}
}

func moment(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

func paid(a *answer, ref operator.Ref, want payment.Money) operator.Answer {
	switch a.Result.Status {
	case "S":
		return a.payment(ref, want, operator.Paid)
	case "F":
		if why, no := declines[a.Result.Code]; no {
			return operator.Answer{Outcome: operator.Declined, Why: why, Said: a.Result.Code}
		}
	case "U":
		if a.Result.Code == inProcess {
			return operator.Answer{Outcome: operator.Confirming, Transaction: a.PaymentID, Said: inProcess}
		}
	}
	return a.said(operator.ErrStatus)
}

// payment is an outcome if the answer is about this payment.
func (a *answer) payment(ref operator.Ref, want payment.Money, o operator.Outcome) operator.Answer {
	out := operator.Answer{Transaction: a.PaymentID, Said: a.Result.Code, At: moment(a.PaymentTime)}
	if a.PaymentRequestID != ref || a.PaymentID == "" || !a.PaymentAmount.is(want) {
		out.Err = operator.ErrMismatch
		return out
	}
	out.Outcome = o
	return out
}

// statuses of a payment ([upm], paymentStatus).
var statuses = map[string]operator.Outcome{"SUCCESS": operator.Paid, "FAIL": operator.Declined, "PROCESSING": operator.Confirming,
	"PENDING": operator.Confirming, "CANCELLED": operator.Reversed}

func found(a *answer, ref operator.Ref, want payment.Money) operator.Answer {
	o, known := statuses[a.PaymentStatus]
	switch {
	case a.Result.Status == "F" && a.Result.Code == notExist:
		return operator.Answer{Outcome: operator.Absent, Said: notExist}
	case a.Result.Status != "S":
		return a.said(operator.ErrStatus)
	case !known:
		return a.said(operator.ErrGarbled)
	}
	if o == operator.Paid && a.back() >= want.Minor {
		o = operator.Refunded
	}
	out := a.payment(ref, want, o)
	out.Said = a.PaymentStatus
	return out
}

// back is what was refunded, as far as the answer names it.
func (a *answer) back() int64 {
	var sum int64
	for _, t := range a.Transactions {
		if t.Type != "REFUND" || t.Status != "SUCCESS" || t.Amount == nil {
			continue
		}
		if n, err := operator.Whole(t.Amount.Value); err == nil && sum <= payment.MaxMinor {
			sum += n
		}
	}
	return sum
}

func cancelled(a *answer, ref operator.Ref) operator.Answer {
	switch {
	case a.Result.Status == "S" && a.PaymentRequestID != ref:
		return a.said(operator.ErrMismatch)
	case a.Result.Status == "S":
		return operator.Answer{Outcome: operator.Reversed, Transaction: a.PaymentID, At: moment(a.CancelTime), Said: a.Result.Code}
	case a.Result.Status == "F" && a.Result.Code == "CANCEL_WINDOW_EXCEED":
		return operator.Answer{Outcome: operator.TooLate, Said: a.Result.Code}
	case a.Result.Status == "F" && a.Result.Code == notExist:
		return operator.Answer{Outcome: operator.Absent, Said: notExist}
	}
	return a.said(operator.ErrStatus)
}

// noRefund are the codes of a refund that will not be ([sdk] AlipayDirectRefundNotify; [upm]).
var noRefund = map[string]operator.Answer{
	"REFUND_AMOUNT_EXCEED":        {Outcome: operator.Declined, Why: operator.OverLimit},
	"MERCHANT_BALANCE_NOT_ENOUGH": {Outcome: operator.Declined},
	"PROCESS_FAIL":                {Outcome: operator.Declined},
	statusInvalid:                 {Outcome: operator.Declined},
	"REFUND_WINDOW_EXCEED":        {Outcome: operator.TooLate},
	notExist:                      {Outcome: operator.Absent},
}

func refunded(a *answer, want *operator.Refund) operator.Answer {
	switch no, ok := noRefund[a.Result.Code]; {
	case a.Result.Status == "F" && ok:
		no.Said = a.Result.Code
		return no
	case a.Result.Status != "S": // U: "use the same refundRequestId to retry"
		return a.said(operator.ErrStatus)
	}
	out := operator.Answer{Transaction: a.PaymentID, Said: a.Result.Code, At: moment(a.RefundTime)}
	if a.RefundRequestID != want.Ref || a.PaymentID != want.Of.Transaction || !a.RefundAmount.is(want.Amount) {
		out.Err = operator.ErrMismatch
		return out
	}
	out.Outcome = operator.Refunded
	return out
}
