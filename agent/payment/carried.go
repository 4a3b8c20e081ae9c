package payment

// Offered is written before a sale's QR code goes on the customer's screen, so that whatever becomes of the sale its
// payment stays known: an issuer may be paid for it from then on. It is written again, under the same payment, when the
// code is shown for longer. Moves no money.
type Offered struct {
	Amount Money `cbor:"1,keyasint" json:"amount"`
	Until  int64 `cbor:"2,keyasint" json:"until"` // until when issuers take it, by the lane's estimate of HQ's time, Unix ms
}

// Carried is a payment that the customer's own phone made at the wallet's issuer, over its own network, and whose signed
// approval the lane has scanned. The approval itself lies sealed in the entry's body: a lane's signature alone can't
// charge anybody. It uses nothing of the lane's offline share, for the issuer has the money.
type Carried struct {
	Amount Money  `cbor:"1,keyasint" json:"amount"`
	Wallet string `cbor:"2,keyasint" json:"wallet"`
	Issuer []byte `cbor:"3,keyasint" json:"issuer"` // kid of the issuer's key
	At     int64  `cbor:"4,keyasint" json:"at"`     // of the approval, the issuer's clock, Unix s
}

// Kind names the fact.
func (*Offered) Kind() Kind { return KindOffered }
func (*Carried) Kind() Kind { return KindCarried }
