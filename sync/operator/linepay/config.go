package linepay

import (
	"fmt"
	"time"

	"tilld/sync/operator"
)

// Config is what the shop's contract with LINE Pay says, but for its secrets.
type Config struct {
	operator.Reach
	// Product is what the customer's app shows of the purchase; "": the shop's Store ID, or "-".
	Product string
	// DeviceType is how the merchant calls its terminals; "": none is said, nor the terminal ([v4]: both or none).
	DeviceType string
	// RefundFor is how long after the charge a refund is possible, of the contract; 0: a year, LINE Pay decides.
	RefundFor time.Duration
}

// Credentials are what LINE Pay gave the shop. They don't print.
type Credentials struct {
	ChannelID     operator.Secret
	ChannelSecret operator.Secret
}

// Validate says what is wrong with it: an operator.ErrConfig.
func (c *Config) Validate() error {
	if err := c.Reach.Validate(); err != nil {
		return err
	}
	if len(c.Product) > 1000 {
		return fmt.Errorf("%w: LINE Pay's product of %d bytes", operator.ErrConfig, len(c.Product))
	}
	if c.DeviceType != operator.Text(c.DeviceType) {
		return fmt.Errorf("%w: LINE Pay's device type %q", operator.ErrConfig, c.DeviceType)
	}
	if c.RefundFor < 0 {
		return fmt.Errorf("%w: refunds for %s", operator.ErrConfig, c.RefundFor)
	}
	return nil
}

// Validate says which of them is missing: an operator.ErrConfig.
func (c *Credentials) Validate() error {
	if c.ChannelID.IsZero() || c.ChannelSecret.IsZero() {
		return fmt.Errorf("%w: LINE Pay's channel ID and its secret are both needed", operator.ErrConfig)
	}
	return nil
}

// timeout is [v2]'s "at least 40 seconds" with room to spare.
const timeout = 45 * time.Second

func (c *Config) rules(timeout time.Duration) operator.Rules {
	refunds := c.RefundFor
	if refunds == 0 {
		refunds = 365 * 24 * time.Hour
	}
	return operator.Rules{
		Timeout:    timeout,
		QueryAfter: time.Second,
		QueryEvery: 2 * time.Second, // [guide] polls each second
		GiveUp:     time.Minute,     // not published
		RefundFor:  refunds,
		// A code lives five minutes ([v2], oneTimeKey); what comes after it can't pay. Twice that, for what is under way.
		AbsentIsFinal: 10 * time.Minute,
	}
}
