package paycode

import (
	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
)

// HousePrefix begins every code of the house wallet, of whatever version. It can't occur inside one, so a
// scanner that finds it anywhere but in front has read two codes at once.
const HousePrefix = signed.House

// The house wallet's code by the names that callers of Classify need, so that they need not know how it is
// built.
type (
	// SignedCode is a code as it was read; its Verify asks for the issuers' keys.
	SignedCode = signed.Code
	// Verified is what Verify proved: whose account, which phone key and counter, when, where, how much.
	Verified = signed.Verified
	// Account is the issuer's pseudonym of an account.
	Account = signed.Account
)

// SignedReason is the refusal that an error of SignedCode.Verify stands for: UnknownIssuer or BadSignature.
func SignedReason(err error) payment.Reason { return signed.ReasonOf(err) }

// readApproval reads an issuer's approval of a payment that a lane has offered.
func readApproval(text string, o *Options) *Classification {
	a, err := signed.ParseApproval(text)
	if err != nil {
		return invalid(IssuerApproval, err)
	}
	c := &Classification{Kind: Payment, Format: IssuerApproval, Approval: a}
	c.Candidates = o.candidates(o.match(&subject{format: Signed, key: a.Issuer.String()}))
	c.Fields = map[string]string{
		"issuer": a.Issuer.String(), "payment": a.Payment.String(), "terminal": a.Terminal.String(), "amount": a.Amount.String(), "time": stamp(a.At),
	}
	return c
}
