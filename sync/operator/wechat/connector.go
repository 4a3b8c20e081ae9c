package wechat

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"tilld/sync/operator"
)

// Connector is WeChat Pay as an operator.Operator.
type Connector struct {
	client *operator.Client
	cfg    Config
	sign   func(message string) (string, error)
	theirs map[string]*rsa.PublicKey
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
	theirs, err := cfg.keys()
	if err != nil {
		return nil, err
	}
	client, err := operator.NewClient(cfg.Reach, timeout)
	if err != nil {
		return nil, err
	}
	// The key hides in a function: fmt looks into every field, and prints a private key's numbers.
	sign := func(message string) (string, error) { return operator.SignRSA(key, message) }
	return &Connector{client: client, cfg: cfg, sign: sign, theirs: theirs, rules: rules(client.Timeout())}, nil
}

// Rules are WeChat Pay's, with their sources in the code.
func (c *Connector) Rules() operator.Rules { return c.rules }

// Pay submits a Quick Pay order: POST /v3/global/micropay/transactions/pay [pay].
func (c *Connector) Pay(ctx context.Context, q operator.Charge) operator.Answer {
	if err := q.Validate(); err != nil {
		return operator.Refused(err)
	}
	if err := c.mine(q.Shop); err != nil {
		return operator.Refused(err)
	}
	text := c.cfg.Description
	if text == "" {
		text = q.Shop.Store
	}
	if text == "" {
		text = "-"
	}
	body := map[string]any{"mchid": c.cfg.Merchant, "appid": c.cfg.App, "description": text, "out_trade_no": q.Ref,
		"trade_type": "MICROPAY", "merchant_category_code": c.cfg.Category, "payer": map[string]any{"auth_code": string(q.Code)},
		"amount": amount{Total: &q.Amount.Minor, Currency: q.Amount.Currency}}
	if q.Shop.Terminal != "" {
		body["scene_info"] = map[string]any{"device_id": q.Shop.Terminal}
	}
	r, err := c.call(ctx, http.MethodPost, "/v3/global/micropay/transactions/pay", body)
	if err != nil {
		return operator.NoAnswer(err)
	}
	return paid(r, q.Ref, q.Amount).Guarded(string(q.Code))
}

// Query queries an order: GET /v3/global/transactions/out-trade-no/{out_trade_no} [query].
func (c *Connector) Query(ctx context.Context, f operator.Find) operator.Answer {
	if err := c.asked(&f); err != nil {
		return operator.Refused(err)
	}
	r, err := c.call(ctx, http.MethodGet, "/v3/global/transactions/out-trade-no/"+string(f.Ref)+c.who(), nil)
	if err != nil {
		return operator.NoAnswer(err)
	}
	return found(r, f.Ref, f.Amount).Guarded()
}

// Cancel revokes an order: POST /v3/global/micropay/transactions/out-trade-no/{out_trade_no}/reverse [reverse]. What was
// paid goes back, what was not is closed.
func (c *Connector) Cancel(ctx context.Context, f operator.Find) operator.Answer {
	ctx, stop := c.client.Bound(ctx)
	defer stop()
	if err := c.asked(&f); err != nil {
		return operator.Refused(err)
	}
	path := "/v3/global/micropay/transactions/out-trade-no/" + string(f.Ref) + "/reverse"
	r, err := c.call(ctx, http.MethodPost, path, map[string]any{"mchid": c.cfg.Merchant})
	if err != nil {
		return operator.NoAnswer(err)
	}
	a := reversed(r).Guarded()
	if a.Outcome != operator.Unknown || r.Status < 400 || r.Status >= 500 {
		return a
	}
	now := c.Query(ctx, f)
	if now.Outcome == operator.Paid { // refused, for a reason that may pass
		return a
	}
	return operator.TakenBack(now)
}

// Refund pays back: POST /v3/global/refunds, and then asks what became of it ([refund]).
func (c *Connector) Refund(ctx context.Context, r operator.Refund) operator.Answer {
	ctx, stop := c.client.Bound(ctx)
	defer stop()
	if err := r.Validate(); err != nil {
		return operator.Refused(err)
	}
	if err := c.mine(r.Of.Shop); err != nil {
		return operator.Refused(err)
	}
	res, err := c.call(ctx, http.MethodPost, "/v3/global/refunds", map[string]any{"mchid": c.cfg.Merchant, "appid": c.cfg.App,
		"out_trade_no": r.Of.Ref, "out_refund_no": r.Ref,
		"amount": amount{Refund: &r.Amount.Minor, Total: &r.Of.Amount.Minor, Currency: r.Amount.Currency}})
	if err != nil {
		return operator.NoAnswer(err)
	}
	if a, taken := accepted(res, &r); !taken {
		return a.Guarded()
	}
	res, err = c.call(ctx, http.MethodGet, "/v3/global/refunds/out-refund-no/"+string(r.Ref)+c.who(), nil)
	if err != nil {
		return operator.Answer{Err: fmt.Errorf("the refund was accepted, and then: %w", err)}
	}
	return refunded(res, &r).Guarded()
}

func (c *Connector) asked(f *operator.Find) error {
	if err := f.Validate(); err != nil {
		return err
	}
	return c.mine(f.Shop)
}

// mine: the key that signs is one merchant's.
func (c *Connector) mine(s operator.Shop) error {
	if s.Merchant != "" && s.Merchant != c.cfg.Merchant {
		return fmt.Errorf("%w: merchant %s by the key of %s", operator.ErrAsk, s.Merchant, c.cfg.Merchant)
	}
	return nil
}

func (c *Connector) who() string { return "?mchid=" + url.QueryEscape(c.cfg.Merchant) }

// call asks WeChat Pay, signed over method, path with its query, time, nonce and body, a line each; and holds what comes
// back with success to its signature over time, nonce and body [sdk].
func (c *Connector) call(ctx context.Context, method, path string, fields any) (operator.Reply, error) {
	var body []byte
	if fields != nil {
		var err error
		if body, err = json.Marshal(fields); err != nil {
			return operator.Reply{}, fmt.Errorf("%w: the request can't be encoded", operator.ErrNotSent)
		}
	}
	nonce, err := c.client.Nonce()
	if err != nil {
		return operator.Reply{}, err
	}
	at := strconv.FormatInt(c.client.Now().Unix(), 10)
	sig, err := c.sign(method + "\n" + path + "\n" + at + "\n" + nonce + "\n" + string(body) + "\n")
	if err != nil {
		return operator.Reply{}, err
	}
	r, err := c.client.Do(ctx, operator.Request{Method: method, Path: path, Body: body, Header: http.Header{
		"Content-Type": {"application/json"}, "Accept": {"application/json"}, "User-Agent": {"tilld"}, // [sdk]: all three are required
		"Authorization": {fmt.Sprintf(`WECHATPAY2-SHA256-RSA2048 mchid=%q,nonce_str=%q,timestamp=%q,serial_no=%q,signature=%q`,
			c.cfg.Merchant, nonce, at, c.cfg.Serial, sig)},
	}})
	if err != nil {
		return operator.Reply{}, err
	}
	// A refusal that comes without a signature is believed for the certificate's sake; one with a wrong signature is not.
	if r.Status < 300 || r.Header.Get("Wechatpay-Signature") != "" {
		if !c.signed(r) {
			return operator.Reply{}, operator.ErrSignature
		}
	}
	return r, nil
}

// skew is how far WeChat Pay's clock may be from ours: five minutes [sdk].
const skew = 5 * 60

func (c *Connector) signed(r operator.Reply) bool {
	at, nonce := r.Header.Get("Wechatpay-Timestamp"), r.Header.Get("Wechatpay-Nonce")
	key := c.theirs[r.Header.Get("Wechatpay-Serial")]
	t, err := strconv.ParseInt(at, 10, 64)
	if err != nil || key == nil {
		return false
	}
	if d := c.client.Now().Unix() - t; d > skew || d < -skew {
		return false
	}
	return operator.VerifiedRSA(key, at+"\n"+nonce+"\n"+string(r.Body)+"\n", r.Header.Get("Wechatpay-Signature"))
}
