package wechat

import (
	"crypto/rsa"
	"fmt"
	"time"

	"tilld/sync/operator"
)

// Config is what the shop's contract with WeChat Pay says, but for its secret.
type Config struct {
	operator.Reach
	Merchant     string            // mchid
	App          string            // appid, bound to the merchant
	Serial       string            // of the merchant's API certificate, with whose key requests are signed
	Category     string            // merchant_category_code
	Description  string            // what the customer's app shows of the purchase; "": the shop's Store ID, or "-"
	PlatformKeys map[string]string // WeChat Pay's keys, PEM of a public key or a certificate, by their serial or key ID
}

// Credentials are the merchant's. They don't print.
type Credentials struct {
	Key operator.Secret // the API certificate's private key, PEM
}

// Validate says what is wrong with it: an operator.ErrConfig.
func (c *Config) Validate() error {
	if err := c.Reach.Validate(); err != nil {
		return err
	}
	for _, f := range []struct{ name, v string }{{"merchant", c.Merchant}, {"app", c.App}, {"serial", c.Serial}, {"category", c.Category}} {
		if f.v == "" || f.v != operator.Text(f.v) {
			return fmt.Errorf("%w: WeChat Pay's %s %q", operator.ErrConfig, f.name, f.v)
		}
	}
	if len(c.Description) > 127 {
		return fmt.Errorf("%w: WeChat Pay's description of %d bytes", operator.ErrConfig, len(c.Description))
	}
	_, err := c.keys()
	return err
}

func (c *Config) keys() (map[string]*rsa.PublicKey, error) {
	keys := map[string]*rsa.PublicKey{}
	for serial, text := range c.PlatformKeys {
		k, err := operator.RSAPublicKey(text)
		if err != nil {
			return nil, fmt.Errorf("WeChat Pay's key %q: %w", serial, err)
		}
		keys[serial] = k
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w: none of WeChat Pay's keys", operator.ErrConfig)
	}
	return keys, nil
}

// china is the zone of WeChat Pay's days.
var china = time.FixedZone("CST", 8*60*60) // China keeps no summer time

// timeout: not published for version 3; [v2] has a query follow after five seconds of a system error.
const timeout = 30 * time.Second

func rules(timeout time.Duration) operator.Rules {
	return operator.Rules{
		Timeout:     timeout,
		QueryAfter:  5 * time.Second,  // [v2]
		QueryEvery:  10 * time.Second, // [v2]
		GiveUp:      30 * time.Second, // [v2]
		CancelAfter: 15 * time.Second, // [reverse]
		// [reverse]: seven days; by the midnight before they are over.
		CancelUntil:   operator.Window{Zone: china, Days: 7},
		RefundFor:     364 * 24 * time.Hour, // [refund]: "orders placed over one year ago are not eligible"
		PartialRefund: true,                 // [refund]
		// A code lives a minute ([v2] 4013665604); what comes after can't pay. Ten times that, for what is under way.
		AbsentIsFinal: 10 * time.Minute,
	}
}
