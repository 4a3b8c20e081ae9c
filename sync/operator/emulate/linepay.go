package emulate

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"tilld/agent/payment"
	"tilld/sync/operator"
)

// LINEPay is LINE Pay's Offline API v4, in Taiwan (sync/operator/linepay names the sources).
const LINEPay Wallet = "linepay"

type linePay struct{ Party }

func (*linePay) customs() customs {
	return customs{prefix: "38", length: 18, lives: 5 * time.Minute, neverCancels: true}
}

const linePayPath, linePayOrders = "/v4/payments/oneTimeKeys/pay", "/v4/payments/orders/"

func (*linePay) op(r *http.Request) (Op, bool) {
	if r.URL.Path == linePayPath {
		return Pay, r.Method == http.MethodPost
	}
	if _, act, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, linePayOrders), "/"); ok && strings.HasPrefix(r.URL.Path, linePayOrders) {
		op := map[string]Op{"GET check": Query, "POST void": Cancel, "POST refund": Refund}[r.Method+" "+act]
		return op, op != ""
	}
	return "", false
}

func (p *linePay) signed(r *http.Request, body []byte) bool {
	if r.Method == http.MethodGet {
		body = []byte(r.URL.RawQuery)
	}
	mac := hmac.New(sha256.New, []byte(p.Secret.Reveal()))
	mac.Write([]byte(p.Secret.Reveal() + r.URL.EscapedPath() + string(body) + r.Header.Get("X-LINE-Authorization-Nonce")))
	want := base64.StdEncoding.EncodeToString(mac.Sum(nil))
	return r.Header.Get("X-LINE-ChannelId") == p.ID && r.Header.Get("X-LINE-Authorization-Nonce") != "" &&
		hmac.Equal([]byte(want), []byte(r.Header.Get("X-LINE-Authorization")))
}

func (p *linePay) read(op Op, r *http.Request, body []byte) (ask, error) {
	if !p.signed(r, body) {
		return ask{}, errParty
	}
	ref, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, linePayOrders), "/")
	a := ask{ref: operator.Ref(ref)}
	switch op {
	case Query, Cancel:
		return a, nil
	case Refund:
		var q struct{ RefundAmount int64 }
		if len(body) > 0 {
			if err := json.Unmarshal(body, &q); err != nil {
				return ask{}, err
			}
		}
		a.whole, a.amount = q.RefundAmount == 0, dollars(q.RefundAmount)
		return a, nil
	case Pay:
	}
	var q struct {
		Amount              int64
		Currency            string
		OrderID, OneTimeKey string
		Packages            []struct {
			ID       string
			Amount   int64
			Products []struct {
				Name            string
				Quantity, Price int64
			}
		}
	}
	if err := json.Unmarshal(body, &q); err != nil {
		return ask{}, err
	}
	var sum int64
	for _, g := range q.Packages {
		for _, product := range g.Products {
			sum += product.Quantity * product.Price
		}
	}
	if q.Currency != "TWD" || q.OrderID == "" || q.OneTimeKey == "" || q.Amount < 1 || sum != q.Amount {
		return ask{}, errors.New("a field is missing")
	}
	return ask{ref: operator.Ref(q.OrderID), code: q.OneTimeKey, amount: dollars(q.Amount)}, nil
}

// dollars are Taiwan dollars as LINE Pay has them, whole.
func dollars(n int64) payment.Money { return payment.Of(n*100, "TWD") }

func linePaySays(code string, info any) response {
	o := object{"returnCode": code, "returnMessage": "-"}
	if info != nil {
		o["info"] = info
	}
	return reply(200, o)
}

func (*linePay) refuse() response  { return linePaySays("1106", nil) }
func (*linePay) invalid() response { return linePaySays("2101", nil) }

func (*linePay) seal(string, http.Header, []byte, time.Time) {}

var linePayWhy = map[operator.Why]string{operator.NoReason: "1179", operator.CodeInvalid: "1133", operator.CodeUsed: "1133",
	operator.CodeExpired: "1133", operator.NoFunds: "1142", operator.OverLimit: "2022", operator.AccountStopped: "1141",
	operator.ShopNotAllowed: "1178", operator.RefUsed: "1172"}

var linePayStatus = map[operator.Outcome]string{operator.Paid: "COMPLETE", operator.Confirming: "AUTH_READY", operator.Declined: "FAIL",
	operator.Reversed: "CANCEL", operator.Refunded: "REFUND"}

func (p *linePay) answer(op Op, t told) response {
	info := object{"transactionId": json.Number(t.transaction), "orderId": t.ref, "transactionDate": t.at.UTC().Format(time.RFC3339),
		"payInfo": []object{{"method": "BALANCE", "amount": t.amount.Minor / 100}}}
	if !number(t.transaction) {
		info["transactionId"] = t.transaction
	}
	switch {
	case t.Outcome == operator.Absent:
		return linePaySays("1150", nil)
	case op == Query:
		info["status"] = linePayStatus[t.Outcome]
		return linePaySays("0000", info)
	case op == Cancel && (t.again || t.Outcome == operator.TooLate):
		return linePaySays("1155", nil)
	case op == Cancel && t.Outcome == operator.Reversed:
		return linePaySays("0000", nil)
	case op == Refund && t.Outcome == operator.Refunded:
		return linePaySays("0000", object{"refundTransactionId": json.Number(t.transaction + "1"), "refundTransactionDate": t.at.UTC().Format(time.RFC3339)})
	case op == Refund && t.again:
		return linePaySays("1165", nil)
	case op == Refund && t.Why == operator.OverLimit:
		return linePaySays("1164", nil)
	case op == Refund:
		return linePaySays("1155", nil)
	case op == Pay && t.Outcome == operator.Confirming:
		return linePaySays("1145", nil)
	case t.Outcome == operator.Declined:
		return linePaySays(of(linePayWhy, t.Why), nil)
	}
	return linePaySays("0000", info)
}

func number(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" && s[0] != '0' }
