package alipay

import (
	"fmt"
	"net/url"
	"time"

	"tilld/sync/operator"
)

// Config is what the shop's contract with Antom says, but for its secret.
type Config struct {
	operator.Reach
	Client      string // client ID
	KeyVersion  int    // of the key that signs; 0: 1
	AntomKey    string // Antom's public key, PEM
	Method      string // paymentMethodType; "": CONNECT_WALLET
	Category    string // merchantMCC, four digits
	Name        string // merchantName, for the customer's app
	NotifyURL   string // where Antom notifies, https: the API wants one, though we ask and don't wait to be told
	Description string // of the purchase; "": "-"
	Sandbox     bool   // paths of the sandbox ([sdk]: /ams/sandbox/api)
	RefundFor   time.Duration
}

// Credentials are the merchant's. They don't print.
type Credentials struct {
	Key operator.Secret // the private key, PEM
}

// Validate says what is wrong with it: an operator.ErrConfig.
func (c *Config) Validate() error {
	if err := c.Reach.Validate(); err != nil {
		return err
	}
	for _, f := range []struct{ name, v string }{{"client", c.Client}, {"category", c.Category}} {
		if f.v == "" || f.v != operator.Text(f.v) {
			return fmt.Errorf("%w: Antom's %s %q", operator.ErrConfig, f.name, f.v)
		}
	}
	if c.Name == "" || len(c.Name) > 256 || len(c.Description) > 256 || c.Method != operator.Text(c.Method) || c.KeyVersion < 0 || c.RefundFor < 0 {
		return fmt.Errorf("%w: Antom's name of %d bytes, description of %d, method %q, key version %d, or refunds for %s", operator.ErrConfig,
			len(c.Name), len(c.Description), c.Method, c.KeyVersion, c.RefundFor)
	}
	if u, err := url.Parse(c.NotifyURL); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return fmt.Errorf("%w: Antom's notify URL must be https", operator.ErrConfig)
	}
	return nil
}

func (c *Config) prefix() string {
	if c.Sandbox {
		return "/ams/sandbox/api/v1/payments/"
	}
	return "/ams/api/v1/payments/"
}

// beijing is the zone of Alipay's days.
var beijing = time.FixedZone("CST", 8*60*60) // China keeps no summer time

// timeout: not published; [guide] has a query follow after five seconds.
const timeout = 30 * time.Second

// expiry ends a payment that nobody confirmed ([upm], paymentExpiryTime), counted from the charge.
const expiry = 3 * time.Minute

func (c *Config) rules(timeout time.Duration) operator.Rules {
	refunds := c.RefundFor
	if refunds == 0 {
		refunds = 365 * 24 * time.Hour // Antom decides, by the contract
	}
	return operator.Rules{
		Timeout:       timeout,
		QueryAfter:    5 * time.Second, // [guide]
		QueryEvery:    3 * time.Second, // [guide]
		GiveUp:        time.Minute,     // [guide]
		CancelUntil:   operator.Window{Zone: beijing, Days: 1, End: 15 * time.Minute},
		RefundFor:     refunds,
		PartialRefund: true,       // "The refund can be full or partial" [upm]
		PayAgain:      true,       // [upm]
		AbsentIsFinal: 3 * expiry, // each request carries its expiry; twice as long again for what is under way
	}
}
