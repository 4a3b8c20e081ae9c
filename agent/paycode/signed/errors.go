package signed

import (
	"errors"

	"tilld/agent/payment"
)

// Why a code is not taken. Match with errors.Is; no error holds any part of a code.
var (
	ErrPrefix        = errors.New("not a code of the house wallet")
	ErrVersion       = errors.New("a house code of a version that this release does not know")
	ErrSize          = errors.New("a house code of impossible length")
	ErrBase45        = errors.New("not strict base 45")
	ErrForm          = errors.New("not the one encoding of a signed code")
	ErrClaim         = errors.New("a claim is out of range")
	ErrUnknownIssuer = errors.New("certified by an issuer that is not known here")
	ErrSignature     = errors.New("the signature does not hold")
)

// ErrKey reports a signing key that can't sign what it was asked to: it is not a P-256 key, or not the key
// that the certificate names. It is a fault of the caller and has no reason.
var ErrKey = errors.New("the wrong kind of key, or not the certificate's")

// reasons says what a lane records for each fault. A version of the future is "unknown", not "malformed":
// another code of the same phone would fare no better.
var reasons = []struct {
	err    error
	reason payment.Reason
}{
	{ErrPrefix, payment.UnknownCode},
	{ErrVersion, payment.UnknownCode},
	{ErrUnknownIssuer, payment.UnknownIssuer},
	{ErrSignature, payment.BadSignature},
}

// ReasonOf is the refusal that an error of Parse or Verify stands for; nil is ReasonNone.
func ReasonOf(err error) payment.Reason {
	if err == nil {
		return payment.ReasonNone
	}
	for _, r := range reasons {
		if errors.Is(err, r.err) {
			return r.reason
		}
	}
	return payment.MalformedCode
}
