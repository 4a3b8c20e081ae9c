package emulate

import (
	"crypto/hmac"
	"crypto/md5" // PayPay's own digest of a body, inside an HMAC-SHA-256
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

// PayPay is PayPay's Open Payment API (sync/operator/paypay names the sources).
const PayPay Wallet = "paypay"

type payPay struct{ Party }

func (*payPay) customs() customs {
	return customs{prefix: "9000818188", length: 24, lives: 5 * time.Minute, payAgain: true, guard: 5 * time.Minute,
		cancel: operator.Window{Zone: time.FixedZone("JST", 9*3600), Days: 1, End: 15 * time.Minute}}
}

const payPayPath, payPayRefunds = "/v2/payments", "/v2/refunds"

func (*payPay) op(r *http.Request) (Op, bool) {
	one := strings.HasPrefix(r.URL.Path, payPayPath+"/")
	switch {
	case r.Method == http.MethodPost && r.URL.Path == payPayPath:
		return Pay, true
	case r.Method == http.MethodPost && r.URL.Path == payPayRefunds:
		return Refund, true
	case r.Method == http.MethodGet && one:
		return Query, true
	case r.Method == http.MethodDelete && one:
		return Cancel, true
	}
	return "", false
}

// signed checks "hmac OPA-Auth:key:mac:nonce:epoch:digest".
func (p *payPay) signed(r *http.Request, body []byte) bool {
	part := strings.Split(strings.TrimPrefix(r.Header.Get("Authorization"), "hmac OPA-Auth:"), ":")
	if len(part) != 5 || part[0] != p.ID || r.Header.Get("X-ASSUME-MERCHANT") == "" {
		return false
	}
	kind, digest := "empty", "empty"
	if len(body) > 0 {
		kind = r.Header.Get("Content-Type")
		sum := md5.Sum(append([]byte(kind), body...)) // see the import
		digest = base64.StdEncoding.EncodeToString(sum[:])
	}
	mac := hmac.New(sha256.New, []byte(p.Secret.Reveal()))
	mac.Write([]byte(strings.Join([]string{r.URL.EscapedPath(), r.Method, part[2], part[3], kind, digest}, "\n")))
	return part[4] == digest && hmac.Equal([]byte(part[1]), []byte(base64.StdEncoding.EncodeToString(mac.Sum(nil))))
}

func (p *payPay) read(op Op, r *http.Request, body []byte) (ask, error) {
	if !p.signed(r, body) {
		return ask{}, errParty
	}
	if op == Query || op == Cancel {
		return ask{ref: operator.Ref(strings.TrimPrefix(r.URL.Path, payPayPath+"/"))}, nil
	}
	var q struct {
		MerchantPaymentID   string
		UserAuthorizationID string
		MerchantRefundID    string
		PaymentID           string
		RequestedAt         int64
		Amount              struct {
			Amount   int64
			Currency payment.Currency
		}
	}
	if err := json.Unmarshal(body, &q); err != nil {
		return ask{}, err
	}
	a := ask{ref: operator.Ref(q.MerchantPaymentID), code: q.UserAuthorizationID, refund: q.MerchantRefundID,
		transaction: q.PaymentID, amount: payment.Of(q.Amount.Amount, q.Amount.Currency)}
	if q.RequestedAt == 0 || a.amount.Validate() != nil || (op == Pay && (a.ref == "" || a.code == "")) ||
		(op == Refund && (a.refund == "" || a.transaction == "")) {
		return ask{}, errors.New("a field is missing")
	}
	return a, nil
}

func payPaySays(status int, code string, data any) response {
	return reply(status, object{"resultInfo": object{"code": code, "message": "", "codeId": ""}, "data": data})
}

func (*payPay) refuse() response  { return payPaySays(401, "UNAUTHORIZED", nil) }
func (*payPay) invalid() response { return payPaySays(400, "INVALID_REQUEST_PARAMS", nil) }

func (*payPay) seal(string, http.Header, []byte, time.Time) {}

var payPayStatus = map[operator.Outcome]string{operator.Paid: "COMPLETED", operator.Confirming: "CREATED", operator.Declined: "FAILED",
	operator.Reversed: "CANCELED", operator.Refunded: "REFUNDED"}

var payPayWhy = map[operator.Why]response{
	operator.NoReason:       payPaySays(400, "UNACCEPTABLE_OP", nil),
	operator.CodeInvalid:    payPaySays(401, "INVALID_USER_AUTHORIZATION_ID", nil),
	operator.CodeUsed:       payPaySays(401, "INVALID_USER_AUTHORIZATION_ID", nil),
	operator.CodeExpired:    payPaySays(401, "EXPIRED_USER_AUTHORIZATION_ID", nil),
	operator.NoFunds:        payPaySays(400, "NO_SUFFICIENT_FUND", nil),
	operator.OverLimit:      payPaySays(400, "LIMIT_EXCEEDED", nil),
	operator.AccountStopped: payPaySays(401, "USER_STATE_IS_NOT_ACTIVE", nil),
	operator.Duplicate:      payPaySays(400, "SUSPECTED_DUPLICATE_PAYMENT", nil),
	operator.RefUsed:        payPaySays(400, "INVALID_PARAMS", nil),
}

func (p *payPay) answer(op Op, t told) response {
	amount := object{"amount": t.amount.Minor, "currency": t.amount.Currency}
	switch {
	case t.Outcome == operator.Absent:
		return payPaySays(404, "RESOURCE_NOT_FOUND", nil)
	case op == Cancel && (t.Outcome == operator.TooLate || t.again):
		return payPaySays(400, "ORDER_NOT_REVERSIBLE", nil)
	case op == Cancel && t.Outcome == operator.Reversed:
		return payPaySays(200, "SUCCESS", nil)
	case op == Refund && t.Outcome == operator.Refunded:
		return payPaySays(200, "SUCCESS", object{"status": "REFUNDED", "acceptedAt": seconds(t.at), "merchantRefundId": t.refund,
			"paymentId": t.transaction, "amount": amount, "requestedAt": seconds(t.at)})
	case op == Refund && t.Why == operator.OverLimit:
		return payPaySays(400, "INVALID_PARAMS", nil)
	case op == Pay && t.Outcome == operator.Confirming:
		return payPaySays(202, "USER_CONFIRMATION_REQUIRED", nil)
	case op == Pay && t.Outcome == operator.Declined, op != Query && t.Outcome == operator.Declined:
		return of(payPayWhy, t.Why)
	}
	return payPaySays(200, "SUCCESS", object{"paymentId": t.transaction, "status": payPayStatus[t.Outcome], "acceptedAt": seconds(t.at),
		"merchantPaymentId": t.ref, "amount": amount, "requestedAt": seconds(t.at)})
}
