package emulate

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"tilld/agent/payment"
	"tilld/sync/operator"
)

// WeChat is WeChat Pay's Quick Pay of version 3, outside mainland China (sync/operator/wechat names the sources).
const WeChat Wallet = "wechat"

type weChat struct{ Party }

func (*weChat) customs() customs {
	return customs{prefix: "13", length: 18, lives: time.Minute, cancel: operator.Window{Zone: time.FixedZone("CST", 8*3600), Days: 7}}
}

const (
	weChatPay     = "/v3/global/micropay/transactions/pay"
	weChatOrders  = "/v3/global/transactions/out-trade-no/"
	weChatReverse = "/v3/global/micropay/transactions/out-trade-no/"
	weChatRefunds = "/v3/global/refunds"
	weChatRefund  = "/v3/global/refunds/out-refund-no/"
)

func (*weChat) op(r *http.Request) (Op, bool) {
	switch p := r.URL.Path; {
	case r.Method == http.MethodPost && p == weChatPay:
		return Pay, true
	case r.Method == http.MethodPost && p == weChatRefunds:
		return Refund, true
	case r.Method == http.MethodPost && strings.HasPrefix(p, weChatReverse) && strings.HasSuffix(p, "/reverse"):
		return Cancel, true
	case r.Method == http.MethodGet && strings.HasPrefix(p, weChatOrders):
		return Query, true
	case r.Method == http.MethodGet && strings.HasPrefix(p, weChatRefund):
		return QueryRefund, true
	}
	return "", false
}

var weChatParts = regexp.MustCompile(`(\w+)="([^"]*)"`)

func (p *weChat) signed(r *http.Request, body []byte) bool {
	said, ok := strings.CutPrefix(r.Header.Get("Authorization"), "WECHATPAY2-SHA256-RSA2048 ")
	part := map[string]string{}
	for _, m := range weChatParts.FindAllStringSubmatch(said, -1) {
		part[m[1]] = m[2]
	}
	return ok && part["mchid"] == p.ID && part["serial_no"] == p.Serial && part["nonce_str"] != "" && operator.VerifiedRSA(p.Shop,
		r.Method+"\n"+r.URL.RequestURI()+"\n"+part["timestamp"]+"\n"+part["nonce_str"]+"\n"+string(body)+"\n", part["signature"])
}

func (p *weChat) read(op Op, r *http.Request, body []byte) (ask, error) {
	if !p.signed(r, body) {
		return ask{}, errParty
	}
	path := strings.TrimSuffix(r.URL.Path, "/reverse")
	last := path[strings.LastIndexByte(path, '/')+1:]
	if op == Query || op == QueryRefund {
		if r.URL.Query().Get("mchid") != p.ID {
			return ask{}, errors.New("another merchant")
		}
		return ask{ref: operator.Ref(last), refund: last}, nil
	}
	var q struct {
		MchID       string `json:"mchid"`
		OutTradeNo  string `json:"out_trade_no"`
		OutRefundNo string `json:"out_refund_no"`
		TradeType   string `json:"trade_type"`
		Category    string `json:"merchant_category_code"`
		Description string `json:"description"`
		AppID       string `json:"appid"`
		Payer       struct {
			AuthCode string `json:"auth_code"`
		} `json:"payer"`
		Amount struct {
			Total, Refund int64
			Currency      payment.Currency
		} `json:"amount"`
	}
	if err := json.Unmarshal(body, &q); err != nil {
		return ask{}, err
	}
	a := ask{ref: operator.Ref(q.OutTradeNo), code: q.Payer.AuthCode, refund: q.OutRefundNo, amount: payment.Of(q.Amount.Total, q.Amount.Currency)}
	bad := q.MchID != p.ID
	switch op {
	case Cancel:
		a.ref = operator.Ref(last)
	case Refund:
		a.amount.Minor = q.Amount.Refund
		bad = bad || a.refund == "" || q.Amount.Total < q.Amount.Refund || q.AppID == ""
	case Pay:
		bad = bad || a.ref == "" || a.code == "" || q.TradeType != "MICROPAY" || q.Category == "" || q.Description == "" || q.AppID == ""
	}
	if bad || op != Cancel && a.amount.Validate() != nil {
		return ask{}, errors.New("a field is missing")
	}
	return a, nil
}

func weChatSays(status int, code string) response {
	return reply(status, object{"code": code, "message": ""})
}

func (*weChat) refuse() response  { return weChatSays(401, "SIGN_ERROR") }
func (*weChat) invalid() response { return weChatSays(400, "PARAM_ERROR") }

func (p *weChat) seal(_ string, h http.Header, body []byte, now time.Time) {
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // never fails
	at, n := strconv.FormatInt(now.Unix(), 10), hex.EncodeToString(nonce[:])
	sig, err := operator.SignRSA(p.Own, at+"\n"+n+"\n"+string(body)+"\n")
	if err != nil {
		return // an answer without a signature is refused, as it should be
	}
	h.Set("Wechatpay-Timestamp", at)
	h.Set("Wechatpay-Nonce", n)
	h.Set("Wechatpay-Serial", p.OwnSerial)
	h.Set("Wechatpay-Signature", sig)
}

var weChatState = map[operator.Outcome]string{operator.Paid: "SUCCESS", operator.Confirming: "USERPAYING", operator.Declined: "PAYERROR",
	operator.Reversed: "REVOKED", operator.Refunded: "REFUND"}

var weChatWhy = map[operator.Why]response{
	operator.NoReason:       weChatSays(403, "TRADE_ERROR"),
	operator.CodeInvalid:    weChatSays(400, "AUTH_CODE_INVALID"),
	operator.CodeUsed:       weChatSays(400, "AUTH_CODE_INVALID"),
	operator.CodeExpired:    weChatSays(400, "AUTHCODEEXPIRE"),
	operator.NoFunds:        weChatSays(403, "NOTENOUGH"),
	operator.OverLimit:      weChatSays(403, "RULELIMIT"),
	operator.AccountStopped: weChatSays(403, "ACCOUNTERROR"),
	operator.RefUsed:        weChatSays(403, "OUT_TRADE_NO_USED"),
}

func (p *weChat) answer(op Op, t told) response {
	at := t.at.UTC().Format(time.RFC3339)
	state := weChatState[t.Outcome]
	if op == Query && t.Outcome == operator.Paid && t.refunded > 0 {
		state = "REFUND"
	}
	o := object{"id": t.transaction, "out_trade_no": t.ref, "trade_state": state, "success_time": at,
		"amount": object{"total": t.amount.Minor, "currency": t.amount.Currency}}
	back := object{"id": "5" + t.transaction, "out_refund_no": t.refund, "create_time": at, "success_time": at, "status": "SUCCESS",
		"amount": object{"refund": t.amount.Minor, "currency": t.amount.Currency}}
	switch {
	case t.Outcome == operator.Absent:
		return weChatSays(404, "ORDERNOTEXIST")
	case op == Cancel && t.Outcome == operator.TooLate && t.refunded == 0:
		return weChatSays(403, "REVERSE_EXPIRE")
	case op == Cancel && (t.again || t.Outcome == operator.TooLate):
		return weChatSays(400, "INVALID_REQUEST")
	case op == Cancel:
		return response{status: http.StatusNoContent}
	case op == Refund && t.Outcome == operator.Refunded:
		delete(back, "status")
		return reply(200, back)
	case op == Refund:
		return weChatSays(400, "INVALID_REQUEST")
	case op == QueryRefund:
		return reply(200, back)
	case op == Pay && t.Outcome == operator.Confirming:
		return reply(202, o)
	case op == Pay && t.Outcome == operator.Declined:
		return of(weChatWhy, t.Why)
	}
	return reply(200, o)
}
