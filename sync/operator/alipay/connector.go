package alipay

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"tilld/agent/payment"
	"tilld/sync/operator"
)

// Connector is Antom as an operator.Operator.
type Connector struct {
	client *operator.Client
	cfg    Config
	sign   func(message string) (string, error)
	theirs *rsa.PublicKey
	rules  operator.Rules
}

var _ operator.Operator = (*Connector)(nil)

// New makes one; its errors are operator.ErrConfig.
func New(cfg Config, cred Credentials) (*Connector, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	key, err := operator.RSAKey(cred.Key)
	if err != nil {
		return nil, err
	}
	theirs, err := operator.RSAPublicKey(cfg.AntomKey)
	if err != nil {
		return nil, err
	}
	client, err := operator.NewClient(cfg.Reach, timeout)
	if err != nil {
		return nil, err
	}
	if cfg.Method == "" {
		cfg.Method = "CONNECT_WALLET"
	}
	if cfg.Description == "" {
		cfg.Description = "-"
	}
	cfg.KeyVersion = max(cfg.KeyVersion, 1)
	// The key hides in a function: fmt looks into every field, and prints a private key's numbers.
	sign := func(message string) (string, error) { return operator.SignRSA(key, message) }
	return &Connector{client: client, cfg: cfg, sign: sign, theirs: theirs, rules: cfg.rules(client.Timeout())}, nil
}

// Rules are Antom's, with their sources in the code.
func (c *Connector) Rules() operator.Rules { return c.rules }

// object is a JSON object to be sent; all its scalars are texts [upm].
type object map[string]any

// Pay pays with the customer's code: pay [upm].
func (c *Connector) Pay(ctx context.Context, q operator.Charge) operator.Answer {
	if err := q.Validate(); err != nil {
		return operator.Refused(err)
	}
	store := object{"referenceStoreId": q.Shop.Store, "storeName": c.cfg.Name, "storeMCC": c.cfg.Category}
	if q.Shop.Terminal != "" {
		store["storeTerminalId"] = q.Shop.Terminal
	}
	order := q.Sale
	if order == "" {
		order = string(q.Ref)
	}
	amount := money(q.Amount)
	a, none := c.call(ctx, "pay", object{
		"productCode": "IN_STORE_PAYMENT", "paymentRequestId": q.Ref, "paymentAmount": amount, "paymentNotifyUrl": c.cfg.NotifyURL,
		"paymentExpiryTime": q.Made.Add(expiry).UTC().Format(time.RFC3339),
		"paymentMethod":     object{"paymentMethodType": c.cfg.Method, "paymentMethodId": string(q.Code)},
		"paymentFactor":     object{"inStorePaymentScenario": "PaymentCode"},
		"order": object{"referenceOrderId": order, "orderDescription": c.cfg.Description, "orderAmount": amount, "merchant": object{
			"referenceMerchantId": q.Shop.Merchant, "merchantName": c.cfg.Name, "merchantMCC": c.cfg.Category, "store": store}},
	})
	if none != nil {
		return none.Guarded(string(q.Code))
	}
	return paid(a, q.Ref, q.Amount).Guarded(string(q.Code))
}

// Query inquires after a payment: inquiryPayment [upm].
func (c *Connector) Query(ctx context.Context, f operator.Find) operator.Answer {
	if err := f.Validate(); err != nil {
		return operator.Refused(err)
	}
	a, none := c.call(ctx, "inquiryPayment", object{"paymentRequestId": f.Ref})
	if none != nil {
		return none.Guarded()
	}
	return found(a, f.Ref, f.Amount).Guarded()
}

// Cancel closes a payment, or gives it back: cancel [upm].
func (c *Connector) Cancel(ctx context.Context, f operator.Find) operator.Answer {
	ctx, stop := c.client.Bound(ctx)
	defer stop()
	if err := f.Validate(); err != nil {
		return operator.Refused(err)
	}
	a, none := c.call(ctx, "cancel", object{"paymentRequestId": f.Ref})
	if none != nil {
		return none.Guarded()
	}
	out := cancelled(a, f.Ref).Guarded()
	if out.Said != statusInvalid {
		return out
	}
	return operator.TakenBack(c.Query(ctx, f))
}

// Refund pays back: refund [upm]. It wants Antom's own ID of the payment, and asks for it when r has none.
func (c *Connector) Refund(ctx context.Context, r operator.Refund) operator.Answer {
	ctx, stop := c.client.Bound(ctx)
	defer stop()
	if err := r.Validate(); err != nil {
		return operator.Refused(err)
	}
	of, missing := operator.Identified(ctx, c, r.Of)
	if missing != nil {
		return *missing
	}
	r.Of = of
	a, none := c.call(ctx, "refund", object{"refundRequestId": r.Ref, "paymentId": r.Of.Transaction, "refundAmount": money(r.Amount)})
	if none != nil {
		return none.Guarded()
	}
	return refunded(a, &r).Guarded()
}

func money(m payment.Money) object {
	return object{"currency": m.Currency, "value": strconv.FormatInt(m.Minor, 10)}
}

// call asks Antom, signed over method, path, client, time and body; and holds the answer to its signature over the same
// with its own time and body [sign].
func (c *Connector) call(ctx context.Context, act string, fields object) (*answer, *operator.Answer) {
	fail := func(err error) (*answer, *operator.Answer) { a := operator.NoAnswer(err); return nil, &a }
	body, err := json.Marshal(fields)
	if err != nil {
		return fail(fmt.Errorf("%w: the request can't be encoded", operator.ErrNotSent))
	}
	path, at := c.cfg.prefix()+act, strconv.FormatInt(c.client.Now().UnixMilli(), 10)
	sig, err := c.sign(c.message(path, at, body))
	if err != nil {
		return fail(err)
	}
	r, err := c.client.Do(ctx, operator.Request{Method: http.MethodPost, Path: path, Body: body, Header: http.Header{
		"Content-Type": {"application/json; charset=UTF-8"}, "Client-Id": {c.cfg.Client}, "Request-Time": {at},
		"Signature": {fmt.Sprintf("algorithm=RSA256,keyVersion=%d,signature=%s", c.cfg.KeyVersion, url.QueryEscape(sig))},
	}})
	if err != nil {
		return fail(err)
	}
	a, none := read(r)
	if none == nil && !c.signed(path, r) {
		return fail(operator.ErrSignature)
	}
	return a, none
}

func (c *Connector) message(path, at string, body []byte) string {
	return http.MethodPost + " " + path + "\n" + c.cfg.Client + "." + at + "." + string(body)
}

func (c *Connector) signed(path string, r operator.Reply) bool {
	_, sig, ok := strings.Cut(r.Header.Get("Signature"), "signature=")
	sig, err := url.QueryUnescape(sig)
	return ok && err == nil && operator.VerifiedRSA(c.theirs, c.message(path, r.Header.Get("Response-Time"), r.Body), sig)
}
