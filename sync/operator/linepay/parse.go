package linepay

import (
	"encoding/json"
	"net/http"
	"time"

	"tilld/sync/operator"
)

// answer is the form of LINE Pay's answers [v4]: HTTP 200, and returnCode says how it went.
type answer struct {
	ReturnCode string `json:"returnCode"`
	Info       *struct {
		TransactionID         json.Number  `json:"transactionId"` // beyond 2^53 [sandbox]: never a float
		RefundTransactionID   json.Number  `json:"refundTransactionId"`
		OrderID               operator.Ref `json:"orderId"`
		TransactionDate       string       `json:"transactionDate"`
		RefundTransactionDate string       `json:"refundTransactionDate"`
		Status                string       `json:"status"`
		PayInfo               []struct {
			Amount json.Number `json:"amount"`
		} `json:"payInfo"`
	} `json:"info"`
}

const (
	success  = "0000"
	header   = "1106" // "a header info error": credentials or signature
	absent   = "1150" // "transaction history does not exist"
	overRest = "1164" // "exceeded refundable amount"
)

// declines are the return codes that say that no money moved, and why ([codes]; 2020 to 2024 of the v4 result codes).
// What is not among them is Unknown: 1172 and 1152, a record with the same order, may be our own payment; 1198, 1199
// and 9000 say nothing.
var declines = map[string]operator.Why{
	"1101": operator.AccountStopped, // not a LINE Pay member
	"1102": operator.AccountStopped, // the member is unable to proceed
	"1104": operator.ShopNotAllowed,
	"1105": operator.ShopNotAllowed,
	"1110": operator.NoFunds, // the credit card can't be used
	"1124": operator.ShopNotAllowed,
	"1133": operator.CodeInvalid, // invalid oneTimeKey [sandbox]: broken, used or too old
	"1141": operator.AccountStopped,
	"1142": operator.NoFunds,
	"1178": operator.ShopNotAllowed, // the currency
	"1183": operator.ShopNotAllowed, // the amount is too small
	"1184": operator.OverLimit,
	"2020": operator.OverLimit,
	"2021": operator.OverLimit,
	"2022": operator.OverLimit,
	"2023": operator.OverLimit,
	"2024": operator.OverLimit,
}

// confirming are the codes of a payment that waits for its customer [codes]: in process; a password is wanted.
var confirming = map[string]bool{"1145": true, "1169": true}

func read(r operator.Reply) (*answer, *operator.Answer) {
	a := new(answer)
	err := operator.ReadJSON(r.Body, a)
	none := &operator.Answer{Said: a.ReturnCode}
	switch {
	case r.Status == http.StatusUnauthorized || r.Status == http.StatusForbidden || a.ReturnCode == header:
		none.Err = operator.ErrCredentials
	case r.Status != http.StatusOK:
		none.Err = operator.ErrStatus
	case err != nil:
		none.Err = err
	case a.ReturnCode == "":
		none.Err = operator.ErrGarbled
	default:
		return a, nil
	}
	return nil, none
}

// about is the answer's own words, or why they are not about this payment. strict wants the transaction and the amount
// to be there.
func (a *answer) about(ref operator.Ref, amount int64, strict bool) operator.Answer {
	d := a.Info
	if d == nil {
		return operator.Answer{Said: a.ReturnCode, Err: operator.ErrGarbled}
	}
	out := operator.Answer{Transaction: string(d.TransactionID), Said: a.ReturnCode, At: moment(d.TransactionDate)}
	if d.OrderID != ref || strict && (out.Transaction == "" || len(d.PayInfo) == 0) {
		out.Err = operator.ErrMismatch
		return out
	}
	var sum int64
	for _, p := range d.PayInfo {
		n, err := operator.Whole(p.Amount)
		if err != nil {
			out.Err = err
			return out
		}
		if sum += n; sum > amount {
			break
		}
	}
	if len(d.PayInfo) > 0 && sum != amount {
		out.Err = operator.ErrMismatch
	}
	return out
}

func moment(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

func paid(a *answer, ref operator.Ref, amount int64) operator.Answer {
	why, no := declines[a.ReturnCode]
	switch {
	case a.ReturnCode == success:
		out := a.about(ref, amount, true)
		if out.Err == nil {
			out.Outcome = operator.Paid
		}
		return out
	case confirming[a.ReturnCode]:
		return operator.Answer{Outcome: operator.Confirming, Said: a.ReturnCode}
	case no:
		return operator.Answer{Outcome: operator.Declined, Why: why, Said: a.ReturnCode}
	}
	return operator.Answer{Said: a.ReturnCode, Err: operator.ErrStatus}
}

// statuses of "check" [guide]; REFUND as [sdk] names it.
var statuses = map[string]operator.Answer{
	"COMPLETE":   {Outcome: operator.Paid},
	"AUTH_READY": {Outcome: operator.Confirming},
	"CANCEL":     {Outcome: operator.Declined, Why: operator.CustomerSaidNo},
	"FAIL":       {Outcome: operator.Declined},
	"REFUND":     {Outcome: operator.Refunded},
}

func found(a *answer, ref operator.Ref, amount int64) operator.Answer {
	switch a.ReturnCode {
	case absent:
		return operator.Answer{Outcome: operator.Absent, Said: a.ReturnCode}
	case success:
	default:
		return operator.Answer{Said: a.ReturnCode, Err: operator.ErrStatus}
	}
	if a.Info == nil {
		return operator.Answer{Said: a.ReturnCode, Err: operator.ErrGarbled}
	}
	state, known := statuses[a.Info.Status]
	// Only what was paid has amounts to name.
	out := a.about(ref, amount, state.Outcome == operator.Paid)
	if out.Said = a.Info.Status; !known {
		out.Err = operator.ErrGarbled
	}
	if out.Err == nil {
		out.Outcome, out.Why = state.Outcome, state.Why
	}
	return out
}

// noRefund are the codes of a refund that will not be [codes].
var noRefund = map[string]operator.Answer{
	"1155":   {Outcome: operator.Declined}, // of a type that can't be refunded
	"1163":   {Outcome: operator.TooLate},
	overRest: {Outcome: operator.Declined, Why: operator.OverLimit},
	"1165":   {Outcome: operator.Refunded}, // already: whole refunds are the only ones we ask for
	absent:   {Outcome: operator.Absent},
}

// refunded: the answer names no order; it is believed because it came on a connection of its own.
func refunded(a *answer) operator.Answer {
	if a.ReturnCode == success {
		if a.Info == nil || a.Info.RefundTransactionID == "" {
			return operator.Answer{Said: a.ReturnCode, Err: operator.ErrGarbled}
		}
		return operator.Answer{Outcome: operator.Refunded, Transaction: string(a.Info.RefundTransactionID),
			At: moment(a.Info.RefundTransactionDate), Said: a.ReturnCode}
	}
	if no, ok := noRefund[a.ReturnCode]; ok {
		no.Said = a.ReturnCode
		return no
	}
	return operator.Answer{Said: a.ReturnCode, Err: operator.ErrStatus}
}
