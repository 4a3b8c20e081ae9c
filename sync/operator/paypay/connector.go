package paypay

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"tilld/sync/operator"
)

// Connector is PayPay as an operator.Operator.
type Connector struct {
	client *operator.Client
	cred   Credentials
	rules  operator.Rules
	field  string
}

var _ operator.Operator = (*Connector)(nil)

// New makes one; its errors are operator.ErrConfig.
func New(cfg Config, cred Credentials) (*Connector, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := cred.Validate(); err != nil {
		return nil, err
	}
	client, err := operator.NewClient(cfg.Reach, timeout)
	if err != nil {
		return nil, err
	}
	if cfg.CodeField == "" {
		cfg.CodeField = "userAuthorizationId"
	}
	return &Connector{client: client, cred: cred, rules: cfg.rules(client.Timeout()), field: cfg.CodeField}, nil
}

// Rules are PayPay's, with their sources in the code.
func (c *Connector) Rules() operator.Rules { return c.rules }

// Pay creates a payment: POST /v2/payments [sdk].
func (c *Connector) Pay(ctx context.Context, q operator.Charge) operator.Answer {
	if err := q.Validate(); err != nil {
		return operator.Refused(err)
	}
	amount, err := yen(q.Amount)
	if err != nil {
		return operator.Refused(err)
	}
	// The duplicate check stays on: the parameter that turns it off is for a person to decide ([sdk] README,
	// agreeSimilarTransaction).
	body := map[string]any{"merchantPaymentId": q.Ref, c.field: string(q.Code), "amount": amount, "requestedAt": q.Made.Unix()}
	optional(body, "storeId", q.Shop.Store)
	optional(body, "terminalId", q.Shop.Terminal)
	optional(body, "orderReceiptNumber", q.Sale)
	r, err := c.call(ctx, http.MethodPost, "/v2/payments", q.Shop, body)
	if err != nil {
		return operator.NoAnswer(err)
	}
	return paid(r, q.Ref, q.Amount).Guarded(string(q.Code))
}

// Query gets a payment's details: GET /v2/payments/{merchantPaymentId} [sdk].
func (c *Connector) Query(ctx context.Context, f operator.Find) operator.Answer {
	if err := f.Validate(); err != nil {
		return operator.Refused(err)
	}
	r, err := c.call(ctx, http.MethodGet, "/v2/payments/"+string(f.Ref), f.Shop, nil)
	if err != nil {
		return operator.NoAnswer(err)
	}
	return found(r, f.Ref, f.Amount).Guarded()
}

// Cancel takes a payment back: DELETE /v2/payments/{merchantPaymentId} [sdk]. "By calling this api, if accepted, the OPA
// will guarantee the money eventually goes back" ([sdk] PaymentApi.java).
func (c *Connector) Cancel(ctx context.Context, f operator.Find) operator.Answer {
	ctx, stop := c.client.Bound(ctx)
	defer stop()
	if err := f.Validate(); err != nil {
		return operator.Refused(err)
	}
	r, err := c.call(ctx, http.MethodDelete, "/v2/payments/"+string(f.Ref), f.Shop, nil)
	if err != nil {
		return operator.NoAnswer(err)
	}
	a := cancelled(r)
	if a.Said != notReversible {
		return a.Guarded()
	}
	return operator.TakenBack(c.Query(ctx, f))
}

// Refund pays back: POST /v2/refunds [sdk]. It wants PayPay's own ID of the payment, and asks for it when r has none.
func (c *Connector) Refund(ctx context.Context, r operator.Refund) operator.Answer {
	ctx, stop := c.client.Bound(ctx)
	defer stop()
	if err := r.Validate(); err != nil {
		return operator.Refused(err)
	}
	amount, err := yen(r.Amount)
	if err != nil {
		return operator.Refused(err)
	}
	of, missing := operator.Identified(ctx, c, r.Of)
	if missing != nil {
		return *missing
	}
	r.Of = of
	body := map[string]any{"merchantRefundId": r.Ref, "paymentId": r.Of.Transaction, "amount": amount, "requestedAt": c.client.Now().Unix()}
	res, err := c.call(ctx, http.MethodPost, "/v2/refunds", r.Of.Shop, body)
	if err != nil {
		return operator.NoAnswer(err)
	}
	return refunded(res, &r).Guarded()
}

func optional(body map[string]any, key, value string) {
	if value != "" {
		body[key] = value
	}
}

// call asks PayPay as the shop's merchant, signed.
func (c *Connector) call(ctx context.Context, method, path string, shop operator.Shop, fields map[string]any) (operator.Reply, error) {
	var body []byte
	header := http.Header{}
	if fields != nil {
		var err error
		if body, err = json.Marshal(fields); err != nil {
			return operator.Reply{}, fmt.Errorf("%w: the request can't be encoded", operator.ErrNotSent)
		}
		header.Set("Content-Type", contentType)
	}
	nonce, err := c.client.Nonce()
	if err != nil {
		return operator.Reply{}, err
	}
	header.Set("Authorization", c.cred.sign(method, path, body, nonce, c.client.Now().Unix()))
	// [opa]: the merchant, in each request. The SDKs write the header so, in capitals.
	header["X-ASSUME-MERCHANT"] = []string{shop.Merchant}
	return c.client.Do(ctx, operator.Request{Method: method, Path: path, Header: header, Body: body})
}
