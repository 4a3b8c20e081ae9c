package acquirer

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"tilld/agent/payment"
	"tilld/sync/operator"
)

// Config is what the contract with the acquirer, or the gateway's manual, says; but for the token.
type Config struct {
	operator.Reach
	Prefix string            // of the paths: "/v1"; "": none
	Wallet string            // how the gateway calls the wallet: "merpay"
	Terms  operator.Rules    // the contract's; its Timeout is used when Reach has none
	Why    map[string]string // the acquirer's own reasons -> operator.Why's names
}

// Credentials are the shop's. They don't print.
type Credentials struct {
	Token operator.Secret
}

// Validate says what is wrong with it: an operator.ErrConfig.
func (c *Config) Validate() error {
	if err := c.Reach.Validate(); err != nil {
		return err
	}
	if c.Prefix != "" && (!strings.HasPrefix(c.Prefix, "/") || strings.HasSuffix(c.Prefix, "/") || c.Prefix != operator.Text(c.Prefix) || strings.ContainsAny(c.Prefix, "?#%")) {
		return fmt.Errorf("%w: the acquirer's prefix %q", operator.ErrConfig, c.Prefix)
	}
	if c.Wallet == "" || c.Wallet != operator.Text(c.Wallet) {
		return fmt.Errorf("%w: the acquirer's wallet %q", operator.ErrConfig, c.Wallet)
	}
	for said, why := range c.Why {
		if _, ok := operator.ParseWhy(why); !ok {
			return fmt.Errorf("%w: the acquirer's reason %q is called %q", operator.ErrConfig, said, why)
		}
	}
	t := &c.Terms
	if t.Timeout < time.Second || t.Timeout > operator.MaxTimeout || t.QueryAfter <= 0 || t.QueryEvery <= 0 || t.GiveUp <= 0 ||
		t.AbsentIsFinal < t.Timeout || t.RefundFor < 0 || t.CancelAfter < 0 {
		return fmt.Errorf("%w: the acquirer's terms: a time is missing or too short", operator.ErrConfig)
	}
	return nil
}

// Connector is an acquirer as an operator.Operator.
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
	if t := cred.Token.Reveal(); t == "" || strings.ContainsFunc(t, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, fmt.Errorf("%w: the acquirer's token is missing or has a character that a header can't carry", operator.ErrConfig)
	}
	client, err := operator.NewClient(cfg.Reach, cfg.Terms.Timeout)
	if err != nil {
		return nil, err
	}
	rules := cfg.Terms
	rules.Timeout, rules.PayAgain = client.Timeout(), true
	return &Connector{client: client, cfg: cfg, cred: cred, rules: rules}, nil
}

// Rules are the contract's; the same charge may always be sent again.
func (c *Connector) Rules() operator.Rules { return c.rules }

type (
	chargeBody struct {
		Reference operator.Ref `json:"reference"`
		Wallet    string       `json:"wallet"`
		Code      string       `json:"code"`
		amount
		operator.Shop
		Sale string    `json:"sale,omitempty"`
		Made time.Time `json:"made"`
	}
	refundBody struct {
		Reference operator.Ref `json:"reference"`
		amount
	}
)

// Pay makes a charge.
func (c *Connector) Pay(ctx context.Context, q operator.Charge) operator.Answer {
	if err := q.Validate(); err != nil {
		return operator.Refused(err)
	}
	a, none := c.call(ctx, http.MethodPost, "", chargeBody{q.Ref, c.cfg.Wallet, string(q.Code), of(q.Amount), q.Shop, q.Sale, q.Made.UTC()})
	if none != nil {
		return none.Guarded(string(q.Code))
	}
	return c.state(a, q.Ref, q.Amount).Guarded(string(q.Code))
}

// state is what became of a charge, with the acquirer's own reason in our words.
func (c *Connector) state(a *answer, ref operator.Ref, want payment.Money) operator.Answer {
	out := a.state(ref, want)
	if why, ok := c.cfg.Why[a.Reason]; ok && out.Outcome == operator.Declined {
		out.Why, _ = operator.ParseWhy(why) // Validate has parsed it
	}
	return out
}

// Query looks a charge up.
func (c *Connector) Query(ctx context.Context, f operator.Find) operator.Answer {
	if err := f.Validate(); err != nil {
		return operator.Refused(err)
	}
	a, none := c.call(ctx, http.MethodGet, "/"+string(f.Ref), nil)
	if none != nil {
		return none.Guarded()
	}
	return c.state(a, f.Ref, f.Amount).Guarded()
}

// Cancel takes a charge back.
func (c *Connector) Cancel(ctx context.Context, f operator.Find) operator.Answer {
	if err := f.Validate(); err != nil {
		return operator.Refused(err)
	}
	a, none := c.call(ctx, http.MethodPost, "/"+string(f.Ref)+"/cancel", struct{}{})
	if none != nil {
		return none.Guarded()
	}
	out := a.state(f.Ref, f.Amount)
	if out.Outcome == operator.Paid { // what is too late is an error; this may be taken back yet
		out.Outcome, out.Err = operator.Unknown, operator.ErrStatus
	}
	return operator.TakenBack(out).Guarded()
}

// Refund pays back.
func (c *Connector) Refund(ctx context.Context, r operator.Refund) operator.Answer {
	if err := r.Validate(); err != nil {
		return operator.Refused(err)
	}
	if !c.rules.PartialRefund && r.Amount != r.Of.Amount {
		return operator.Refused(fmt.Errorf("%w: the contract has no refund of a part", operator.ErrAsk))
	}
	a, none := c.call(ctx, http.MethodPost, "/"+string(r.Of.Ref)+"/refunds", refundBody{r.Ref, of(r.Amount)})
	if none != nil {
		return none.Guarded()
	}
	return a.refunded(&r).Guarded()
}

func (c *Connector) call(ctx context.Context, method, path string, fields any) (*answer, *operator.Answer) {
	fail := func(err error) (*answer, *operator.Answer) { a := operator.NoAnswer(err); return nil, &a }
	header := http.Header{"Authorization": {"Bearer " + c.cred.Token.Reveal()}, "Accept": {"application/json"}}
	var body []byte
	if fields != nil {
		var err error
		if body, err = json.Marshal(fields); err != nil {
			return fail(fmt.Errorf("%w: the request can't be encoded", operator.ErrNotSent))
		}
		header.Set("Content-Type", "application/json")
	}
	r, err := c.client.Do(ctx, operator.Request{Method: method, Path: c.cfg.Prefix + "/charges" + path, Header: header, Body: body})
	if err != nil {
		return fail(err)
	}
	return read(r)
}
