package house

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"tilld/agent/payment"
	"tilld/sync/house/rule"
	"tilld/sync/wire"
)

// Config is all that an issuer gets from outside.
type Config struct {
	Limits    rule.Limits
	Hashing   Argon        // zero: DefaultArgon
	Signer    *wire.Signer // the issuer's P-256 key, which lanes trust by the signed policy
	Now       func() time.Time
	Random    io.Reader // crypto/rand.Reader outside tests
	Messenger Messenger
	Funder    Funder
	Known     Known              // nil: WorstKnown
	Root      wire.PublicKey     // of the chain whose lanes' offers are taken, with Chain; zero: none are
	Chain     string             // its name
	Outside   map[string]Outside // by the name that phones use; empty: no outside log-ins
	Cash      bool               // lanes bring cash: a phone without money gets a certificate to be topped up by
	Log       *slog.Logger
}

// errConfig reports an issuer that can't be.
var errConfig = errors.New("the issuer's configuration")

func (c *Config) validate() error {
	if err := c.Limits.Validate(); err != nil {
		return err
	}
	switch {
	case c.Signer == nil || c.Signer.Public().Alg() != wire.ES256:
		return fmt.Errorf("%w: no P-256 key to sign with", errConfig)
	case c.Now == nil || c.Random == nil || c.Messenger == nil || c.Funder == nil || c.Log == nil:
		return fmt.Errorf("%w: a part is missing", errConfig)
	}
	if !c.Root.IsZero() {
		if err := wire.CheckName("chain", c.Chain); err != nil {
			return fmt.Errorf("%w: %w", errConfig, err)
		}
	}
	if c.Hashing == (Argon{}) {
		c.Hashing = DefaultArgon
	}
	if c.Known == nil {
		c.Known = WorstKnown()
	}
	return c.Hashing.validate()
}

// Messenger carries messages to customers, by mail and to the phone. A message may be sent twice. An error that is
// ErrAddress says that it is this address to which nothing can be sent, while others are reached.
type Messenger interface {
	Send(ctx context.Context, m Message) error
}

// ErrAddress reports an address to which nothing can be sent, for now or ever.
var ErrAddress = errors.New("nothing is taken for this address")

// Message is one message. Its words are the messenger's.
type Message struct {
	Kind   MessageKind
	To     string   // the contact on record when it was made; for NewContactTicket the new one
	Phone  wire.KID // the phone that was bound then; zero: none
	Ticket Secret   // for the kinds that carry one
	At     time.Time
}

// MessageKind says what a message is about.
type MessageKind string

// The kinds. Those named Ticket carry one; the others tell what was done, so that its victim hears of it.
const (
	ConfirmTicket     MessageKind = "confirm_ticket"      // prove the contact of a new account
	ResetTicket       MessageKind = "reset_ticket"        // set another password
	NewContactTicket  MessageKind = "new_contact_ticket"  // to the new contact: prove it
	KeepContactTicket MessageKind = "keep_contact_ticket" // to the old contact: forbid the change
	PhoneChanged      MessageKind = "phone_changed"
	PasswordReset     MessageKind = "password_reset"
	ContactChanging   MessageKind = "contact_changing"
	ContactChanged    MessageKind = "contact_changed"
	RecoveryUsed      MessageKind = "recovery_used"
	RecoveryRenewed   MessageKind = "recovery_renewed"
	OutsideLinked     MessageKind = "outside_linked"
	AccountStopped    MessageKind = "account_stopped"
)

// Funder takes the money of a top-up from where the customer keeps it.
type Funder interface {
	// Collect takes amount from source, once for each ref however often it is asked. An error is no answer: the
	// issuer asks again with the same ref until it has one.
	Collect(ctx context.Context, ref, source string, amount payment.Money) (Collected, error)
}

// Sources may be a Funder's too: then a top-up from a source that it does not take is refused before anything is
// written down.
type Sources interface {
	Takes(source string) bool
}

// Collected is a Funder's final answer.
type Collected bool

// The answers.
const (
	Refused Collected = false
	Taken   Collected = true
)

// Known says whether a password is on a list of those that are used elsewhere and have been stolen there.
type Known interface {
	Known(ctx context.Context, password string) (bool, error)
}

// Outside is an outside log-in, an OpenID Connect provider.
type Outside interface {
	// Begin is the address at the provider that the phone opens.
	Begin(state, nonce, verifier string) string
	// Finish turns the code that came back into who it is, by the provider's signed word that fits nonce and
	// verifier. An error names neither.
	Finish(ctx context.Context, code, nonce, verifier string) (issuer, subject string, err error)
}
