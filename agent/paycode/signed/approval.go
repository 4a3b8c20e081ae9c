package signed

import (
	"fmt"
	"strings"
	"time"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// Approval is an issuer's word that it has taken the money for one payment of one terminal out of a customer's account.
// It is no bearer's code: nobody else's sale, and no other payment of that lane, is paid by it.
type Approval struct {
	Payment  payment.ID
	Terminal payment.ID
	Amount   payment.Money
	Account  Account
	At       time.Time // when the money was taken, by the issuer's clock, to the second
}

// MaxApprovalText is the most characters of an approval: a QR code of version 9 at level L, or 11 at M.
const MaxApprovalText = 335

// maxApproval is the most bytes of its binary form; with the prefix they make at most MaxApprovalText characters.
const maxApproval = 220

// approvalClaims is an approval as the issuer signs it.
type approvalClaims struct {
	Version  uint          `cbor:"1,keyasint"`
	Payment  payment.ID    `cbor:"2,keyasint"`
	Terminal payment.ID    `cbor:"3,keyasint"`
	Amount   payment.Money `cbor:"4,keyasint"`
	Account  []byte        `cbor:"5,keyasint"`
	At       uint64        `cbor:"6,keyasint"` // Unix seconds
}

// Approve makes the text that a phone shows.
func Approve(issuer *wire.Signer, a Approval) (string, error) {
	if issuer.Public().Alg() != wire.ES256 {
		return "", fmt.Errorf("%w: an issuer signs with a P-256 key", ErrKey)
	}
	c := approvalClaims{Version: carriedVersion, Payment: a.Payment, Terminal: a.Terminal, Amount: a.Amount, Account: a.Account[:],
		At: uint64(max(a.At.Unix(), 0))}
	if _, err := c.approval(); err != nil {
		return "", err
	}
	sealed, err := wire.Seal(issuer, wire.TypApproval, c)
	if err != nil {
		return "", err
	}
	return ApprovalPrefix + encode45(sealed), nil
}

// ApprovalRead is an approval as it was read: in form, and until Verify says so proven by nothing.
type ApprovalRead struct {
	Approval
	Issuer wire.KID // the key that is said to have signed it

	letter *letter
}

// ParseApproval reads an approval's text: form and ranges, without any key.
func ParseApproval(text string) (*ApprovalRead, error) {
	if !strings.HasPrefix(text, ApprovalPrefix) {
		return nil, ErrPrefix
	}
	if len(text) > MaxApprovalText {
		return nil, fmt.Errorf("%w: %d characters, at most %d", ErrSize, len(text), MaxApprovalText)
	}
	raw, err := decode45(text[len(ApprovalPrefix):], maxApproval)
	if err != nil {
		return nil, err
	}
	var c approvalClaims
	l, err := readLetter(raw, wire.TypApproval, &c)
	if err != nil {
		return nil, err
	}
	a, err := c.approval()
	if err != nil {
		return nil, err
	}
	return &ApprovalRead{Approval: *a, Issuer: l.KID, letter: l}, nil
}

// Text is the approval as it was shown.
func (a *ApprovalRead) Text() string { return ApprovalPrefix + encode45(a.letter.bytes()) }

// Verify checks the signature by the issuers that are trusted: ErrUnknownIssuer or ErrSignature.
func (a *ApprovalRead) Verify(issuers wire.Keys) error {
	if err := a.letter.by(issuers); err != nil {
		return fmt.Errorf("approval: %w", err)
	}
	return nil
}

// approval checks and converts what the issuer wrote.
func (c *approvalClaims) approval() (*Approval, error) {
	switch {
	case c.Version != carriedVersion:
		return nil, fmt.Errorf("approval: %w: version %d", ErrVersion, c.Version)
	case c.Payment.IsZero() || c.Terminal.IsZero():
		return nil, fmt.Errorf("approval: %w: no payment or no terminal", ErrClaim)
	case c.Amount.Validate() != nil:
		return nil, fmt.Errorf("approval: %w: the amount", ErrClaim)
	case len(c.Account) != len(Account{}) || Account(c.Account) == (Account{}):
		return nil, fmt.Errorf("approval: %w: the account", ErrClaim)
	case c.At < 1 || c.At > maxTime:
		return nil, fmt.Errorf("approval: %w: its time", ErrClaim)
	}
	return &Approval{Payment: c.Payment, Terminal: c.Terminal, Amount: c.Amount, Account: Account(c.Account), At: time.Unix(int64(c.At), 0).UTC()}, nil
}
