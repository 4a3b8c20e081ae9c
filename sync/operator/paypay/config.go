package paypay

import (
	"fmt"
	"time"

	"tilld/sync/operator"
)

// Config is what the shop's contract with PayPay says, but for its secrets.
type Config struct {
	operator.Reach
	// MultipleRefunds says that PayPay has enabled several refunds of one order for this merchant; else there is one, of
	// a part or the whole ([opa]: MERCHANT_MULTIPLE_REFUND_REJECTED; [sdk] README: "currently we only support 1 refund
	// per order"). It changes nothing here: PayPay decides.
	MultipleRefunds bool
	// CodeField is the name of the field with the customer's code; "": userAuthorizationId (see the package comment).
	CodeField string
	// RefundFor is how long after the charge a refund is possible, of the contract; 0: a year, PayPay decides.
	RefundFor time.Duration
}

// Credentials are what PayPay gave the shop. They don't print.
type Credentials struct {
	Key    operator.Secret // the API key
	Secret operator.Secret // the API key secret
}

// Validate says what is wrong with it: an operator.ErrConfig.
func (c *Config) Validate() error {
	if err := c.Reach.Validate(); err != nil {
		return err
	}
	for i := range len(c.CodeField) {
		if b := c.CodeField[i]; (b < 'a' || b > 'z') && (b < 'A' || b > 'Z') {
			return fmt.Errorf("%w: PayPay's field for the code: %q is not a name of letters", operator.ErrConfig, c.CodeField)
		}
	}
	if c.RefundFor < 0 {
		return fmt.Errorf("%w: refunds for %s", operator.ErrConfig, c.RefundFor)
	}
	return nil
}

// Validate says which of them is missing: an operator.ErrConfig.
func (c *Credentials) Validate() error {
	if c.Key.IsZero() || c.Secret.IsZero() {
		return fmt.Errorf("%w: PayPay's API key and its secret are both needed", operator.ErrConfig)
	}
	return nil
}

// japan is the zone of PayPay's days.
var japan = time.FixedZone("JST", 9*60*60) // Japan keeps no summer time

// rules of PayPay.
func (c *Config) rules(timeout time.Duration) operator.Rules {
	refunds := c.RefundFor
	if refunds == 0 {
		refunds = 365 * 24 * time.Hour
	}
	return operator.Rules{
		Timeout:    timeout,
		QueryAfter: 2 * time.Second,         // [opa]: "the polling interval should be about 2 to 3 seconds"
		QueryEvery: 4500 * time.Millisecond, // [sdk]: "a 4-5 second interval"; the slower of both
		GiveUp:     time.Minute,             // not published for codes that the shop scans
		// [sdk]: "can be used until 00:14:59 AM the day after the Payment has happened"
		CancelUntil:   operator.Window{Zone: japan, Days: 1, End: 15 * time.Minute},
		RefundFor:     refunds,
		PartialRefund: true, // [sdk]: "amount: The amount to be refunded"
		// merchantPaymentId is said to be an idempotency key (the same repository as [opa], conventions/paypay-conventions.yml),
		// but not what a repeat gives whose code is used or too old by then: a query is safe, and as good.
		PayAgain: false,
		// Not published. A request waits in PayPay's door as long as its own time-out (30 s) and its cancel window says
		// nothing of it: ten minutes is twenty times the former.
		AbsentIsFinal: 10 * time.Minute,
	}
}

// timeout is [sdk]'s "should not be less than 30 seconds" with room to spare.
const timeout = 35 * time.Second
