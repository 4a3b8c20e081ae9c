package wechat

import (
	"net/http"
	"time"

	"tilld/agent/payment"
	"tilld/sync/operator"
)

// amount is the form of amounts [pay], [refund].
type amount struct {
	Total    *int64           `json:"total,omitempty"`
	Refund   *int64           `json:"refund,omitempty"`
	Currency payment.Currency `json:"currency"`
}

// order is an order as Pay and Query have it, and as an error has it: then only Code [pay], [query].
type order struct {
	Code        string       `json:"code"`
	ID          string       `json:"id"`
	Transaction string       `json:"transaction_id"` // the mainland's name of id
	OutTradeNo  operator.Ref `json:"out_trade_no"`
	TradeState  string       `json:"trade_state"`
	SuccessTime string       `json:"success_time"`
	Amount      amount       `json:"amount"`
	OutRefundNo operator.Ref `json:"out_refund_no"`
	Status      string       `json:"status"` // of a refund
}

const paying = "USERPAYING"

// declines are the codes of a payment that say that no money moved, and why [codes]. What is not among them is Unknown:
// ORDERPAID and OUT_TRADE_NO_USED may be about our own payment; SYSTEMERROR and BANKERROR say nothing.
var declines = map[string]operator.Why{
	"AUTHCODEEXPIRE":    operator.CodeExpired,
	"AUTH_CODE_EXPIRED": operator.CodeExpired,
	"AUTH_CODE_INVALID": operator.CodeInvalid, // used ones too
	"AUTH_CODE_ERROR":   operator.CodeInvalid,
	"NOTENOUGH":         operator.NoFunds,
	"NOT_ENOUGH":        operator.NoFunds,
	"ACCOUNTERROR":      operator.AccountStopped,
	"ACCOUNT_ERROR":     operator.AccountStopped,
	"RULELIMIT":         operator.OverLimit,
	"RULE_LIMIT":        operator.OverLimit,
	"TRADE_ERROR":       operator.NoReason,
	"NOAUTH":            operator.ShopNotAllowed,
	"NO_AUTH":           operator.ShopNotAllowed,
}

var absent = map[string]bool{"ORDERNOTEXIST": true, "ORDER_NOT_EXIST": true, "RESOURCE_NOT_EXISTS": true}

// read decodes an answer. The Answer is for one that says nothing of the money: then it is to be given as it is.
func read(r operator.Reply) (*order, *operator.Answer) {
	o := new(order)
	err := operator.ReadJSON(r.Body, o)
	none := &operator.Answer{Said: o.Code}
	switch {
	case r.Status == http.StatusUnauthorized:
		none.Err = operator.ErrCredentials
	case r.Status >= 500 || r.Status == http.StatusTooManyRequests || r.Status >= 300 && r.Status < 400:
		none.Err = operator.ErrStatus
	case err != nil:
		none.Err = err
	case r.Status >= 400 && o.Code == "":
		none.Err = operator.ErrGarbled
	default:
		return o, nil
	}
	return nil, none
}

func (o *order) id() string {
	if o.ID != "" {
		return o.ID
	}
	return o.Transaction
}

// states of an order [query]. NOTPAY is not among them: it may be paid yet.
var states = map[string]operator.Answer{
	"SUCCESS":  {Outcome: operator.Paid},
	paying:     {Outcome: operator.Confirming},
	"PAYERROR": {Outcome: operator.Declined},
	"CLOSED":   {Outcome: operator.Reversed},
	"REVOKED":  {Outcome: operator.Reversed},
	"REFUND":   {Outcome: operator.Refunded},
}

func (o *order) state(ref operator.Ref, want payment.Money) operator.Answer {
	out := operator.Answer{Transaction: o.id(), Said: o.TradeState, At: moment(o.SuccessTime)}
	s, known := states[o.TradeState]
	money := s.Outcome == operator.Paid || s.Outcome == operator.Refunded
	switch {
	case o.OutTradeNo != ref || money && (out.Transaction == "" || o.Amount.Total == nil),
		o.Amount.Total != nil && (*o.Amount.Total != want.Minor || o.Amount.Currency != want.Currency):
		out.Err = operator.ErrMismatch
	case !known:
		out.Err = operator.ErrStatus
	default:
		out.Outcome = s.Outcome
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

func paid(r operator.Reply, ref operator.Ref, want payment.Money) operator.Answer {
	if r.Status == http.StatusAccepted { // [202], [codes]: the customer is asked; with an order, or a code alone
		o := new(order)
		if err := operator.ReadJSON(r.Body, o); err == nil && (o.TradeState == paying || o.Code == paying) && (o.OutTradeNo == "" || o.OutTradeNo == ref) {
			return operator.Answer{Outcome: operator.Confirming, Transaction: o.id(), Said: paying}
		}
		return operator.Answer{Err: operator.ErrGarbled}
	}
	o, none := read(r)
	if none != nil {
		return *none
	}
	if r.Status < 300 {
		return o.state(ref, want)
	}
	if why, no := declines[o.Code]; no {
		return operator.Answer{Outcome: operator.Declined, Why: why, Said: o.Code}
	}
	return operator.Answer{Said: o.Code, Err: operator.ErrStatus}
}

func found(r operator.Reply, ref operator.Ref, want payment.Money) operator.Answer {
	o, none := read(r)
	switch {
	case none != nil:
		return *none
	case r.Status < 300:
		return o.state(ref, want)
	case absent[o.Code]:
		return operator.Answer{Outcome: operator.Absent, Said: o.Code}
	}
	return operator.Answer{Said: o.Code, Err: operator.ErrStatus}
}

// reversed: success is HTTP 204, without a word [reverse]; it is believed because it is signed, on a connection of its own.
func reversed(r operator.Reply) operator.Answer {
	if r.Status == http.StatusNoContent {
		return operator.Answer{Outcome: operator.Reversed}
	}
	o, none := read(r)
	switch {
	case none != nil:
		return *none
	case r.Status < 300:
		return operator.Answer{Err: operator.ErrGarbled}
	case absent[o.Code]:
		return operator.Answer{Outcome: operator.Absent, Said: o.Code}
	case o.Code == "REVERSE_EXPIRE": // version 2's code for "beyond seven days"
		return operator.Answer{Outcome: operator.TooLate, Said: o.Code}
	}
	return operator.Answer{Said: o.Code, Err: operator.ErrStatus}
}

// accepted says whether a refund was taken; else the answer is what came of it.
func accepted(r operator.Reply, want *operator.Refund) (operator.Answer, bool) {
	o, none := read(r)
	switch {
	case none != nil:
		return *none, false
	case r.Status < 300 && (o.OutRefundNo != want.Ref || o.Amount.Refund != nil && *o.Amount.Refund != want.Amount.Minor):
		return operator.Answer{Err: operator.ErrMismatch}, false
	case r.Status < 300:
		return operator.Answer{}, true
	case absent[o.Code]:
		return operator.Answer{Outcome: operator.Absent, Said: o.Code}, false
	case o.Code == "TRADE_OVERDUE": // [refund]: a year
		return operator.Answer{Outcome: operator.TooLate, Said: o.Code}, false
	case o.Code == "INVALID_REQUEST": // not paid, or more than is left
		return operator.Answer{Outcome: operator.Declined, Said: o.Code}, false
	}
	return operator.Answer{Said: o.Code, Err: operator.ErrStatus}, false
}

// refunded reads the query of a refund [refund].
func refunded(r operator.Reply, want *operator.Refund) operator.Answer {
	o, none := read(r)
	switch {
	case none != nil:
		return *none
	case r.Status >= 300:
		return operator.Answer{Said: o.Code, Err: operator.ErrStatus}
	}
	out := operator.Answer{Transaction: o.id(), Said: o.Status, At: moment(o.SuccessTime)}
	switch {
	case o.OutRefundNo != want.Ref || o.Amount.Refund == nil || *o.Amount.Refund != want.Amount.Minor || o.Amount.Currency != want.Amount.Currency:
		out.Err = operator.ErrMismatch
	case o.Status == "SUCCESS":
		out.Outcome = operator.Refunded
	case o.Status == "REFUNDCLOSE" || o.Status == "CLOSED":
		out.Outcome = operator.Declined
	default: // PROCESSING; CHANGE and ABNORMAL are for people
		out.Err = operator.ErrStatus
	}
	return out
}
