package linepay

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"

	"tilld/agent/payment"
	"tilld/sync/operator"
)

// Connector is LINE Pay as an operator.Operator.
type Connector struct {
	client *operator.Client
	cfg    Config
	cred   Credentials
	rules  operator.Rules
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
	return &Connector{client: client, cfg: cfg, cred: cred, rules: cfg.rules(client.Timeout())}, nil
}

// Rules are LINE Pay's, with their sources in the code.
func (c *Connector) Rules() operator.Rules { return c.rules }

type (
	payBody struct {
		Amount     int64        `json:"amount"`
		Currency   string       `json:"currency"`
		OrderID    operator.Ref `json:"orderId"`
		OneTimeKey string       `json:"oneTimeKey"`
		Packages   []group      `json:"packages"`
	}
	group struct {
		ID       string    `json:"id"`
		Amount   int64     `json:"amount"`
		Name     string    `json:"name"`
		Products []product `json:"products"`
	}
	product struct {
		Name     string `json:"name"`
		Quantity int64  `json:"quantity"`
		Price    int64  `json:"price"`
	}
)

// Pay requests a payment, captured at once: POST /v4/payments/oneTimeKeys/pay [v4], with one package of one product
// that is the whole purchase [sandbox].
func (c *Connector) Pay(ctx context.Context, q operator.Charge) operator.Answer {
	if err := q.Validate(); err != nil {
		return operator.Refused(err)
	}
	amount, err := dollars(q.Amount)
	if err != nil {
		return operator.Refused(err)
	}
	name := c.cfg.Product
	if name == "" {
		name = q.Shop.Store
	}
	if name == "" {
		name = "-"
	}
	a, none := c.call(ctx, http.MethodPost, "/v4/payments/oneTimeKeys/pay", q.Shop, payBody{amount, "TWD", q.Ref, string(q.Code),
		[]group{{"1", amount, name, []product{{name, 1, amount}}}}})
	if none != nil {
		return none.Guarded(string(q.Code))
	}
	return paid(a, q.Ref, amount).Guarded(string(q.Code))
}

// Query checks a payment's status: GET /v4/payments/orders/{orderId}/check [v4].
func (c *Connector) Query(ctx context.Context, f operator.Find) operator.Answer {
	amount, err := asked(&f)
	if err != nil {
		return operator.Refused(err)
	}
	a, none := c.call(ctx, http.MethodGet, order(f.Ref, "check"), f.Shop, nil)
	if none != nil {
		return none.Guarded()
	}
	return found(a, f.Ref, amount).Guarded()
}

// Cancel voids a payment that is not captured: POST /v4/payments/orders/{orderId}/void [v4]. One that is comes to
// TooLate.
func (c *Connector) Cancel(ctx context.Context, f operator.Find) operator.Answer {
	ctx, stop := c.client.Bound(ctx)
	defer stop()
	if _, err := asked(&f); err != nil {
		return operator.Refused(err)
	}
	a, none := c.call(ctx, http.MethodPost, order(f.Ref, "void"), f.Shop, nil)
	if none != nil {
		return none.Guarded()
	}
	switch a.ReturnCode {
	case success:
		return operator.Answer{Outcome: operator.Reversed, Said: a.ReturnCode}
	case absent:
		return operator.Answer{Outcome: operator.Absent, Said: a.ReturnCode}
	}
	return operator.TakenBack(c.Query(ctx, f))
}

// Refund pays all back: POST /v4/payments/orders/{orderId}/refund [v4]. A part can't be asked for (see the package
// comment).
func (c *Connector) Refund(ctx context.Context, r operator.Refund) operator.Answer {
	ctx, stop := c.client.Bound(ctx)
	defer stop()
	if err := r.Validate(); err != nil {
		return operator.Refused(err)
	}
	if r.Amount != r.Of.Amount {
		return operator.Refused(fmt.Errorf("%w: LINE Pay has no safe refund of a part", operator.ErrAsk))
	}
	amount, err := dollars(r.Amount)
	if err != nil {
		return operator.Refused(err)
	}
	a, none := c.call(ctx, http.MethodPost, order(r.Of.Ref, "refund"), r.Of.Shop, struct {
		RefundAmount int64 `json:"refundAmount"`
	}{amount})
	if none != nil {
		return none.Guarded()
	}
	out := refunded(a).Guarded()
	if a.ReturnCode == overRest {
		// Perhaps because this very refund was paid before, and its answer lost.
		if now := c.Query(ctx, r.Of); now.Outcome == operator.Refunded {
			return now
		}
	}
	return out
}

func asked(f *operator.Find) (int64, error) {
	if err := f.Validate(); err != nil {
		return 0, err
	}
	return dollars(f.Amount)
}

func order(ref operator.Ref, act string) string {
	return "/v4/payments/orders/" + string(ref) + "/" + act
}

// dollars are LINE Pay's: whole.
func dollars(m payment.Money) (int64, error) {
	if m.Currency != "TWD" || m.Minor%100 != 0 {
		return 0, fmt.Errorf("%w: LINE Pay takes whole TWD, not %s", operator.ErrAsk, m)
	}
	return m.Minor / 100, nil
}

// call asks LINE Pay, signed: base64 of HMAC-SHA-256, keyed with the channel's secret, over the secret, the path, the
// body (of a GET: the query, and there is none) and the nonce ([v4] prerequisites).
func (c *Connector) call(ctx context.Context, method, path string, shop operator.Shop, fields any) (*answer, *operator.Answer) {
	var body []byte
	if fields != nil {
		var err error
		if body, err = json.Marshal(fields); err != nil {
			a := operator.Refused(fmt.Errorf("%w: the request can't be encoded", operator.ErrAsk))
			return nil, &a
		}
	}
	nonce, err := c.client.Nonce()
	if err != nil {
		a := operator.NoAnswer(err)
		return nil, &a
	}
	mac := hmac.New(sha256.New, []byte(c.cred.ChannelSecret.Reveal()))
	for _, part := range []string{c.cred.ChannelSecret.Reveal(), path, string(body), nonce} {
		_, _ = mac.Write([]byte(part)) // a hash takes all
	}
	// The names as [v4] writes them.
	header := http.Header{
		"Content-Type":               {"application/json"},
		"X-LINE-ChannelId":           {c.cred.ChannelID.Reveal()},
		"X-LINE-Authorization-Nonce": {nonce},
		"X-LINE-Authorization":       {base64.StdEncoding.EncodeToString(mac.Sum(nil))},
	}
	if c.cfg.DeviceType != "" && shop.Terminal != "" {
		header["X-LINE-MerchantDeviceType"] = []string{c.cfg.DeviceType}
		header["X-LINE-MerchantDeviceProfileId"] = []string{shop.Terminal}
	}
	r, err := c.client.Do(ctx, operator.Request{Method: method, Path: path, Header: header, Body: body})
	if err != nil {
		a := operator.NoAnswer(err)
		return nil, &a
	}
	return read(r)
}
