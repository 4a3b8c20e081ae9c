package emulate

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"tilld/agent/payment"
	"tilld/sync/operator"
)

// Alipay is Antom's payment API for codes of Alipay and Alipay+ (sync/operator/alipay names the sources).
const Alipay Wallet = "alipay"

type alipay struct{ Party }

func (*alipay) customs() customs {
	return customs{prefix: "28", length: 18, lives: time.Minute, payAgain: true,
		cancel: operator.Window{Zone: time.FixedZone("CST", 8*3600), Days: 1, End: 15 * time.Minute}}
}

const alipayPath = "/ams/api/v1/payments/"

var alipayOps = map[string]Op{"pay": Pay, "inquiryPayment": Query, "cancel": Cancel, "refund": Refund}

func (*alipay) op(r *http.Request) (Op, bool) {
	act, ok := strings.CutPrefix(r.URL.Path, alipayPath)
	return alipayOps[act], ok && r.Method == http.MethodPost && alipayOps[act] != ""
}

func (p *alipay) message(path, at string, body []byte) string {
	return fmt.Sprintf("POST %s\n%s.%s.%s", path, p.ID, at, body)
}

func (p *alipay) signed(r *http.Request, body []byte) bool {
	_, sig, ok := strings.Cut(r.Header.Get("Signature"), "algorithm=RSA256,keyVersion=1,signature=")
	sig, err := url.QueryUnescape(sig)
	return ok && err == nil && r.Header.Get("Client-Id") == p.ID &&
		operator.VerifiedRSA(p.Shop, p.message(r.URL.Path, r.Header.Get("Request-Time"), body), sig)
}

type alipayAmount struct {
	Currency payment.Currency `json:"currency"`
	Value    string           `json:"value"`
}

func (a alipayAmount) money() payment.Money {
	n, err := strconv.ParseInt(a.Value, 10, 64)
	if err != nil {
		return payment.Money{}
	}
	return payment.Of(n, a.Currency)
}

func (p *alipay) read(op Op, r *http.Request, body []byte) (ask, error) {
	if !p.signed(r, body) {
		return ask{}, errParty
	}
	var q struct {
		ProductCode, PaymentNotifyURL                string
		PaymentRequestID, PaymentID, RefundRequestID string
		PaymentAmount, RefundAmount                  alipayAmount
		PaymentMethod                                struct{ PaymentMethodType, PaymentMethodID string }
		PaymentFactor                                struct{ InStorePaymentScenario string }
		Order                                        struct{ OrderAmount alipayAmount }
	}
	if err := json.Unmarshal(body, &q); err != nil {
		return ask{}, err
	}
	a := ask{ref: operator.Ref(q.PaymentRequestID), code: q.PaymentMethod.PaymentMethodID, amount: q.PaymentAmount.money(),
		transaction: q.PaymentID, refund: q.RefundRequestID}
	var bad bool
	switch op {
	case Pay:
		bad = q.ProductCode != "IN_STORE_PAYMENT" || q.PaymentFactor.InStorePaymentScenario != "PaymentCode" || a.code == "" || a.ref == "" ||
			q.PaymentMethod.PaymentMethodType == "" || q.PaymentNotifyURL == "" || q.Order.OrderAmount != q.PaymentAmount || a.amount.Validate() != nil
	case Refund:
		a.amount = q.RefundAmount.money()
		bad = a.refund == "" || a.transaction == "" || a.amount.Validate() != nil
	case Query, Cancel:
		bad = a.ref == "" && a.transaction == ""
	}
	if bad {
		return ask{}, errors.New("a field is missing")
	}
	return a, nil
}

func alipaySays(status, code string, more object) response {
	o := object{"result": object{"resultStatus": status, "resultCode": code, "resultMessage": ""}}
	for k, v := range more {
		o[k] = v
	}
	return reply(200, o)
}

func (*alipay) refuse() response  { return alipaySays("F", "SIGNATURE_INVALID", nil) }
func (*alipay) invalid() response { return alipaySays("F", "PARAM_ILLEGAL", nil) }

func (p *alipay) seal(path string, h http.Header, body []byte, now time.Time) {
	at := now.Format(time.RFC3339)
	sig, err := operator.SignRSA(p.Own, p.message(path, at, body))
	if err != nil {
		return // an answer without a signature is refused, as it should be
	}
	h.Set("Response-Time", at)
	h.Set("Signature", "algorithm=RSA256,keyVersion=1,signature="+url.QueryEscape(sig))
}

var alipayStatus = map[operator.Outcome]string{operator.Paid: "SUCCESS", operator.Refunded: "SUCCESS", operator.Confirming: "PROCESSING",
	operator.Declined: "FAIL", operator.Reversed: "CANCELLED"}

var alipayWhy = map[operator.Why]string{operator.NoReason: "PROCESS_FAIL", operator.NoFunds: "USER_BALANCE_NOT_ENOUGH",
	operator.OverLimit: "USER_AMOUNT_EXCEED_LIMIT", operator.AccountStopped: "USER_STATUS_ABNORMAL", operator.RefUsed: "REPEAT_REQ_INCONSISTENT"}

func (p *alipay) answer(op Op, t told) response {
	amount := alipayAmount{t.amount.Currency, strconv.FormatInt(t.amount.Minor, 10)}
	o := object{"paymentRequestId": t.ref, "paymentId": t.transaction, "paymentAmount": amount, "paymentTime": t.at.Format(time.RFC3339)}
	switch {
	case t.Outcome == operator.Absent:
		return alipaySays("F", "ORDER_NOT_EXIST", nil)
	case op == Query:
		o["paymentStatus"] = alipayStatus[t.Outcome]
		if t.refunded > 0 {
			o["transactions"] = []object{{"transactionType": "REFUND", "transactionStatus": "SUCCESS",
				"transactionAmount": alipayAmount{t.amount.Currency, strconv.FormatInt(t.refunded, 10)}}}
		}
		return alipaySays("S", "SUCCESS", o)
	case op == Cancel && t.Outcome == operator.Reversed:
		return alipaySays("S", "SUCCESS", object{"paymentRequestId": t.ref, "paymentId": t.transaction, "cancelTime": t.at.Format(time.RFC3339)})
	case op == Cancel && t.Outcome == operator.TooLate && t.refunded == 0:
		return alipaySays("F", "CANCEL_WINDOW_EXCEED", nil)
	case op == Cancel:
		return alipaySays("F", "ORDER_STATUS_INVALID", nil)
	case op == Refund && t.Outcome == operator.Refunded:
		return alipaySays("S", "SUCCESS", object{"refundRequestId": t.refund, "paymentId": t.transaction, "refundAmount": amount, "refundTime": t.at.Format(time.RFC3339)})
	case op == Refund && t.Why == operator.OverLimit:
		return alipaySays("F", "REFUND_AMOUNT_EXCEED", nil)
	case op == Refund && t.Why == operator.RefUsed:
		return alipaySays("F", "REPEAT_REQ_INCONSISTENT", nil)
	case op == Refund:
		return alipaySays("F", "ORDER_STATUS_INVALID", nil)
	case t.Outcome == operator.Confirming:
		return alipaySays("U", "PAYMENT_IN_PROCESS", object{"paymentRequestId": t.ref, "paymentId": t.transaction})
	case t.Outcome == operator.Paid:
		return alipaySays("S", "SUCCESS", o)
	}
	return alipaySays("F", of(alipayWhy, t.Why), nil)
}
