package signed

import (
	"fmt"
	"strings"
	"time"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// The limits of the claims. With every claim at its limit a text has MaxText characters.
const (
	MaxHours   = 255       // of a certificate's validity
	MaxCounter = 1<<32 - 1 // of a phone key's codes: one every 30 s for 4,000 years
	MaxCap     = 1<<32 - 1 // minor units
	MaxPlace   = 12        // characters of "STORE" or "STORE/LANE"
	maxTime    = 1<<32 - 1 // Unix seconds: 2106
	placeChars = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.-_"
)

// Account is the issuer's pseudonym of an account: 16 bytes, the same in every certificate of the account.
type Account [16]byte

// String is the pseudonym in hexadecimal.
func (a Account) String() string { return fmt.Sprintf("%x", a[:]) }

// CertID names a certificate: the first 8 bytes of the SHA-256 of what the issuer signed.
type CertID [8]byte

// String is the identifier in hexadecimal.
func (id CertID) String() string { return fmt.Sprintf("%x", id[:]) }

// Claims are what the issuer certifies.
type Claims struct {
	Account   Account
	Phone     wire.PublicKey // P-256, from the phone's secure hardware
	Cap       payment.Money  // the most that the account may spend offline, 1..MaxCap minor units
	NotBefore time.Time      // to the second; fractions are dropped
	Hours     int            // valid for so long from NotBefore, 1..MaxHours
}

// Expiry is the first moment at which the certificate is no longer valid.
func (c *Claims) Expiry() time.Time { return c.NotBefore.Add(time.Duration(c.Hours) * time.Hour) }

// validate names the claim that can't be written.
func (c *Claims) validate() error {
	switch {
	case c.Account == Account{}:
		return fmt.Errorf("%w: the account is all zeros", ErrClaim)
	case c.Phone.Alg() != wire.ES256:
		return fmt.Errorf("%w: the phone's key is not a P-256 key", ErrClaim)
	case c.Cap.Minor < 1 || c.Cap.Minor > MaxCap:
		return fmt.Errorf("%w: the cap is not within 1..%d", ErrClaim, int64(MaxCap))
	case !currencyForm(string(c.Cap.Currency)):
		return fmt.Errorf("%w: the currency is not three capital letters", ErrClaim)
	case c.Hours < 1 || c.Hours > MaxHours:
		return fmt.Errorf("%w: valid for %d hours, not 1..%d", ErrClaim, c.Hours, MaxHours)
	case c.NotBefore.Unix() < 0 || c.Expiry().Unix() > maxTime:
		return fmt.Errorf("%w: the validity is outside the years 1970 to 2106", ErrClaim)
	}
	return nil
}

// currencyForm asks for the form of an ISO 4217 code only: a currency that this release does not know is
// refused as the wrong currency, not as a broken code.
func currencyForm(s string) bool {
	return len(s) == 3 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// CodeClaims are what the phone signs afresh in every code.
type CodeClaims struct {
	Counter uint64    // above that of every earlier code of this key, 1..MaxCounter
	Time    time.Time // the phone's clock, to the second
	Store   string    // where the code is meant to be spent; empty: anywhere
	Lane    string    // within the store; empty: at any of its lanes
}

// validate names the claim that can't be written.
func (c *CodeClaims) validate() error {
	switch {
	case c.Counter < 1 || c.Counter > MaxCounter:
		return fmt.Errorf("%w: the counter is not within 1..%d", ErrClaim, uint64(MaxCounter))
	case c.Time.Unix() < 1 || c.Time.Unix() > maxTime:
		return fmt.Errorf("%w: the time is outside the years 1970 to 2106", ErrClaim)
	case c.Lane != "" && c.Store == "":
		return fmt.Errorf("%w: a lane without its store", ErrClaim)
	case strings.Trim(c.Store+c.Lane, placeChars) != "":
		return fmt.Errorf("%w: store and lane are written in letters, digits and .-_", ErrClaim)
	case len(c.place()) > MaxPlace:
		return fmt.Errorf("%w: store and lane take %d characters, at most %d", ErrClaim, len(c.place()), MaxPlace)
	}
	return nil
}

// place is the audience claim: "STORE", "STORE/LANE" or nothing.
func (c *CodeClaims) place() string {
	if c.Lane == "" {
		return c.Store
	}
	return c.Store + "/" + c.Lane
}
