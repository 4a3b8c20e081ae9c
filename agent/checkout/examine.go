package checkout

import (
	"time"

	"tilld/agent/paycode"
	"tilld/agent/payment"
	"tilld/agent/policy"
)

// Read is what a scanned text turned out to be.
type Read struct {
	Kind    paycode.Kind
	Format  paycode.Format
	Wallets []string       // that it can belong to, the likeliest first
	Reason  payment.Reason // why it can start no payment: form, signature; none for a payment code
	Code    *Code          // set exactly when it is a signed code and both signatures hold
	// Approval is set exactly when it is an issuer's approval and its signature holds.
	Approval *Approval
	Text     Secret // what was scanned
	// Programme is the loyalty programme whose member the text names; empty: it is no such number.
	Programme string
}

// Code is what an issuer and a phone signed, verified.
type Code struct {
	CodeID
	Account     [policy.AccountSize]byte
	Time        time.Time // by the phone's clock
	Store, Lane string    // where it is meant to be spent; empty: not said
	Cap         payment.Money
	NotBefore   time.Time // of the certificate
	Expiry      time.Time // first moment at which the certificate is no longer valid
	Issuer      [policy.KeySize]byte
}

// Examine checks a classified text's signatures, if it has any, with the issuers' keys that are believed at
// a moment (the zero time where that can't be told: then the rules refuse for the clock). The wallet of a
// signed code is the one whose issuer signed it, whatever the table says.
func Examine(c paycode.Classification, trust *policy.Trust, at time.Time) Read {
	r := Read{Kind: c.Kind, Format: c.Format, Reason: c.Reason(), Text: Secret(c.Text)}
	if c.Kind == paycode.Loyalty {
		r.Programme = c.Fields["programme"]
	}
	for _, w := range c.Candidates {
		r.Wallets = append(r.Wallets, w.Wallet)
	}
	if c.Approval != nil && r.Reason == payment.ReasonNone {
		return examineApproval(r, c, trust, at)
	}
	if c.Signed == nil || r.Reason != payment.ReasonNone {
		return r
	}
	v, err := c.Signed.Verify(trust.Keys(policy.UseIssuer, at))
	if err != nil {
		c.Kind, c.Err = paycode.Invalid, err
		r.Reason = c.Reason()
		return r
	}
	r.Wallets = []string{trust.Wallet(v.IssuerKID)}
	r.Code = &Code{
		CodeID: CodeID{Phone: v.PhoneKey, Counter: v.Counter}, Account: v.Account, Time: v.Time,
		Store: v.Store, Lane: v.Lane, Cap: v.Cap, NotBefore: v.CertNotBefore, Expiry: v.CertExpiry, Issuer: v.IssuerKID,
	}
	return r
}

// ForPOS says whether the text is the shop's POS's to have, whatever is decided on it: what is certainly no
// payment code, and what nobody knows, which may be goods of the shop's own numbering. It asks neither sale nor
// journal, so that the text can be handed on before anything is written.
func (r *Read) ForPOS() bool { return r.noPayment() || r.Kind == paycode.Unknown }

// noPayment says whether the text is certainly no payment code.
func (r *Read) noPayment() bool { return r.Kind == paycode.NotPayment || r.Kind == paycode.Loyalty }

// boundTo says whether the code names this place, and whether it names another.
func (c *Code) boundTo(p Place) (bound, other bool) {
	if c.Store == "" {
		return false, c.Lane != ""
	}
	bound = c.Store == p.Store && (c.Lane == "" || c.Lane == p.Lane)
	return bound, !bound
}
