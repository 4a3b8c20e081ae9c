package payment

// Member attaches a member of a loyalty programme to a sale, whose payment then earns points: once, whether the card was
// read before the payment or after it. It moves no money. The number itself is in the entry's body, sealed to HQ, and can
// be erased; what is signed is its hash under the chain's key, the same at every lane.
//
// A lane writes it only under a policy that has the feature "points" and lists the programme.
type Member struct {
	Programme string   `cbor:"1,keyasint" json:"programme"`
	Number    []byte   `cbor:"2,keyasint" json:"number"`   // HMAC-SHA-256 of the number under the chain's key, first 16 bytes
	HashKey   uint32   `cbor:"3,keyasint" json:"hash_key"` // which of the chain's keys
	Eligible  int64    `cbor:"4,keyasint" json:"eligible"` // of the sale, what earns points, minor units
	Currency  Currency `cbor:"5,keyasint" json:"currency"`
}
