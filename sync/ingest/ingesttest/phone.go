package ingesttest

import (
	"time"

	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
	"tilld/sync/wire"
)

// Phone is a customer's phone with a certificate for the offline right to pay.
type Phone struct {
	Account signed.Account
	Key     *wire.Signer
	Cert    []byte
	Cap     int64

	chain   *Chain
	counter uint64
}

// Phone makes a phone whose certificate is valid from an hour before the chain's time for a day.
func (c *Chain) Phone() *Phone { return c.PhoneWith(c.Issuer, c.Now.Add(-time.Hour), 24, 50_000) }

// PhoneWith makes a phone with a certificate of the given issuer, validity and cap.
func (c *Chain) PhoneWith(issuer *wire.Signer, from time.Time, hours int, most int64) *Phone {
	p := &Phone{Account: signed.Account(c.bytes(16)), Key: P256(c.TB), Cap: most, chain: c}
	var err error
	p.Cert, err = signed.Certify(issuer, signed.Claims{Account: p.Account, Phone: p.Key.Public(), Cap: payment.Of(most, "JPY"),
		NotBefore: from, Hours: hours})
	c.must(err)
	return p
}

// Code is a fresh code, shown at the chain's time for a place: a store and perhaps a lane, or nothing.
func (p *Phone) Code(store, lane string) string {
	p.counter++
	return p.CodeAt(p.counter, store, lane)
}

// CodeAt is the code with a counter.
func (p *Phone) CodeAt(counter uint64, store, lane string) string {
	text, err := signed.Sign(p.Key, p.Cert, signed.CodeClaims{Counter: counter, Time: p.chain.Now, Store: store, Lane: lane})
	p.chain.must(err)
	return text
}
