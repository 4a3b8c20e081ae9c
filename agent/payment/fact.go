package payment

// Kind tells what an entry records. The numbers are signed into entries and never reused.
type Kind uint16

// The kinds of entry.
const (
	KindEpochOpened   Kind = 1
	KindDayOpened     Kind = 2
	KindDayClosed     Kind = 3
	KindSaleOpened    Kind = 4
	KindApproved      Kind = 5
	KindRefused       Kind = 6
	KindVoided        Kind = 7
	KindSaleCompleted Kind = 8
	KindSaleCancelled Kind = 9
	KindKeyChanged    Kind = 10
	KindAsked         Kind = 11
	KindAuthorised    Kind = 12
	KindDeclined      Kind = 13
	KindReversed      Kind = 14

	KindRefundAsked    Kind = 15
	KindRefunded       Kind = 16
	KindRefundDeclined Kind = 17

	KindOffered Kind = 18
	KindCarried Kind = 19
	KindMember  Kind = 24
)

var kindNames = map[Kind]string{
	KindEpochOpened: "epoch-opened", KindDayOpened: "day-opened", KindDayClosed: "day-closed",
	KindSaleOpened: "sale-opened", KindApproved: "approved", KindRefused: "refused", KindVoided: "voided",
	KindSaleCompleted: "sale-completed", KindSaleCancelled: "sale-cancelled", KindKeyChanged: "key-changed",
	KindAsked: "asked", KindAuthorised: "authorised", KindDeclined: "declined", KindReversed: "reversed",
	KindOffered: "offered", KindCarried: "carried",
	KindMember:      "member",
	KindRefundAsked: "refund-asked", KindRefunded: "refunded", KindRefundDeclined: "refund-declined",
}

// String is the kind's name, such as "approved".
func (k Kind) String() string {
	if s, ok := kindNames[k]; ok {
		return s
	}
	return "unknown"
}

// Fact is one thing that happened, in the form in which a terminal signs it. Rules for ever adding a
// field: a new key, never an old one again; a positive key is critical (a reader that does not know it sets
// the entry aside unposted), a negative one may be ignored; in either case `omitempty`, since entries from
// before don't have it. Every field of a kind is present or omitted by `omitempty` alone, so that one fact
// has one encoding.
type Fact interface {
	Kind() Kind
}

// NewFact makes an empty fact of the kind to decode into, or nil for a kind this release does not know.
func NewFact(k Kind) Fact {
	switch k {
	case KindEpochOpened:
		return new(EpochOpened)
	case KindDayOpened:
		return new(DayOpened)
	case KindDayClosed:
		return new(DayClosed)
	case KindSaleOpened:
		return new(SaleOpened)
	case KindApproved:
		return new(Approved)
	case KindRefused:
		return new(Refused)
	case KindVoided:
		return new(Voided)
	case KindSaleCompleted:
		return new(SaleCompleted)
	case KindSaleCancelled:
		return new(SaleCancelled)
	case KindKeyChanged:
		return new(KeyChanged)
	case KindAsked:
		return new(Asked)
	case KindAuthorised:
		return new(Authorised)
	case KindDeclined:
		return new(Declined)
	case KindReversed:
		return new(Reversed)
	case KindOffered:
		return new(Offered)
	case KindCarried:
		return new(Carried)
	case KindMember:
		return new(Member)
	case KindRefundAsked:
		return new(RefundAsked)
	case KindRefunded:
		return new(Refunded)
	case KindRefundDeclined:
		return new(RefundDeclined)
	}
	return nil
}

// Cause says why an epoch began.
type Cause uint8

// The causes of a new epoch.
const (
	CauseFirst   Cause = 1 // the terminal's first journal
	CauseFork    Cause = 2 // HQ saw two histories under the old epoch
	CauseRestore Cause = 3 // the journal was lost or restored, and starts anew
)

// EpochOpened is the first entry of an epoch, at sequence 1. It names the terminal's key, so that a journal
// can be verified by itself, and the epoch's parent when there is one.
type EpochOpened struct {
	Cause       Cause  `cbor:"1,keyasint" json:"cause"`
	PublicKey   []byte `cbor:"2,keyasint" json:"public_key"`             // a COSE_Key in canonical form
	ParentEpoch uint64 `cbor:"3,keyasint,omitempty" json:"parent_epoch"` // zero: no parent
	ParentSeq   uint64 `cbor:"4,keyasint,omitempty" json:"parent_seq"`
	ParentHead  []byte `cbor:"5,keyasint,omitempty" json:"parent_head"` // hash of the parent's entry ParentSeq
}

// DayOpened begins the entry's business date; what follows belongs to it.
type DayOpened struct{}

// DayTotal is one wallet's sums for a business date at one lane.
type DayTotal struct {
	Wallet    string   `cbor:"1,keyasint" json:"wallet"`
	Currency  Currency `cbor:"2,keyasint" json:"currency"`
	Count     uint64   `cbor:"3,keyasint" json:"count"`
	Sum       int64    `cbor:"4,keyasint" json:"sum"`
	VoidCount uint64   `cbor:"5,keyasint,omitempty" json:"void_count"`
	VoidSum   int64    `cbor:"6,keyasint,omitempty" json:"void_sum"`
}

// DayClosed ends the entry's business date with the lane's own figures (its Z report), which HQ holds
// against what it posted. FirstSeq is the day's DayOpened; the day's entries run up to this one.
type DayClosed struct {
	FirstSeq uint64     `cbor:"1,keyasint" json:"first_seq"`
	Totals   []DayTotal `cbor:"2,keyasint,omitempty" json:"totals"`
	// Refunds are counted on their own: HQ holds Totals against its payments, and a release that knows no refunds passes them.
	Refunds []RefundTotal `cbor:"-1,keyasint,omitempty" json:"refunds,omitempty"`
}

// SaleOpened records what is owed, before any code is read.
type SaleOpened struct {
	Reference string    `cbor:"1,keyasint,omitempty" json:"reference,omitempty"`
	Total     Money     `cbor:"2,keyasint" json:"total"`
	Due       Money     `cbor:"3,keyasint" json:"due"` // asked from a wallet
	Tax       []TaxLine `cbor:"4,keyasint,omitempty" json:"tax,omitempty"`
	Eligible  Eligible  `cbor:"5,keyasint" json:"eligible"`
	Request   []byte    `cbor:"6,keyasint,omitempty" json:"-"` // SHA-256 of the POS's idempotency key, or what stands in for a key that it did not give
	Digest    []byte    `cbor:"7,keyasint,omitempty" json:"-"` // SHA-256 of the request that came under it; the same as Request when no key was given
	// Tenders are all that the shop's POS named, the wallet's among them. Who does not know them yet loses nothing: Due
	// is the wallet's part.
	Tenders []Tender `cbor:"-1,keyasint,omitempty" json:"tenders,omitempty"`
	// TenderNames are their names, one for each, when the shop's POS gave any.
	TenderNames []string `cbor:"-2,keyasint,omitempty" json:"tender_names,omitempty"`
}

// ReplayKey identifies a signed code: the phone's key and its counter. Never a hash of the text, of which
// one code could have several.
type ReplayKey struct {
	_       struct{} `cbor:",toarray"`
	Phone   []byte   `json:"phone"` // the phone key's identifier, 8 bytes
	Counter uint64   `json:"counter"`
}

// Limits are the caps that were in force for an approval, as the lane applied them, in minor units of the
// payment's currency. HQ checks them against the policy version that the entry names.
type Limits struct {
	Payment      int64  `cbor:"1,keyasint" json:"payment"`       // most for one payment, after policy, certificate and tier
	AccountDay   int64  `cbor:"2,keyasint" json:"account_day"`   // most for one account and business date at this lane
	AccountSpent int64  `cbor:"3,keyasint" json:"account_spent"` // the account's sum at this lane with this payment
	ShareSum     int64  `cbor:"4,keyasint" json:"share_sum"`     // the lane's offline share
	ShareUsed    int64  `cbor:"5,keyasint" json:"share_used"`    // of it, with this payment
	ShareCount   uint64 `cbor:"6,keyasint" json:"share_count"`
	CountUsed    uint64 `cbor:"7,keyasint" json:"count_used"`
	Tier         uint8  `cbor:"8,keyasint" json:"tier"` // 1 full, 2 small amounts, 3 after a restart without HQ
}

// Approved is an offline approval: the shop hands over the goods on the strength of a signed code. The
// code itself lies sealed in the entry's body; a lane's signature alone can't charge anybody.
type Approved struct {
	Amount   Money     `cbor:"1,keyasint" json:"amount"`
	Wallet   string    `cbor:"2,keyasint" json:"wallet"`
	CodeHash []byte    `cbor:"3,keyasint" json:"code_hash"` // HMAC-SHA-256 of the text under the chain's key, first 16 bytes
	HashKey  uint32    `cbor:"4,keyasint" json:"hash_key"`  // which of the chain's keys
	Replay   ReplayKey `cbor:"5,keyasint" json:"replay"`
	Issuer   []byte    `cbor:"6,keyasint" json:"issuer"` // kid of the issuer's key
	Limits   Limits    `cbor:"7,keyasint" json:"limits"`
	// AccountCount is there when the policy bounds how often an account may pay. Key -1 stays free: the captures of a
	// later release (sync/ingest/testdata/mixed) use it.
	AccountCount *AccountCount `cbor:"-2,keyasint,omitempty" json:"account_count,omitempty"`
}

// AccountCount is the cap on the number of an account's payments that was in force for an approval, as the lane
// applied it.
type AccountCount struct {
	_    struct{} `cbor:",toarray"`
	Most uint64   `json:"most"` // for one account and business date at this lane
	Used uint64   `json:"used"` // of it, with this payment
}

// Refused records a code that was shown and not taken. Nothing moves; it tells what went wrong at a lane.
type Refused struct {
	Amount   Money  `cbor:"1,keyasint" json:"amount"`
	Reason   Reason `cbor:"2,keyasint" json:"reason"`
	Format   string `cbor:"3,keyasint,omitempty" json:"format,omitempty"`
	Wallet   string `cbor:"4,keyasint,omitempty" json:"wallet,omitempty"`
	CodeHash []byte `cbor:"5,keyasint,omitempty" json:"code_hash,omitempty"`
	HashKey  uint32 `cbor:"6,keyasint,omitempty" json:"hash_key,omitempty"`
}

// Voided takes back this lane's own payment, on the same business date, before HQ had acknowledged it.
// Acked is the highest sequence that HQ had acknowledged when the supervisor decided: HQ honours the void
// always, and reverses what it had posted.
type Voided struct {
	Amount Money  `cbor:"1,keyasint" json:"amount"`
	Wallet string `cbor:"2,keyasint" json:"wallet"`
	Of     uint64 `cbor:"3,keyasint" json:"of"` // sequence of the approval, in this epoch
	Acked  uint64 `cbor:"4,keyasint" json:"acked"`
}

// SaleCompleted says that the shop's POS has the outcome.
type SaleCompleted struct{}

// SaleCancelled ends a sale that nobody paid.
type SaleCancelled struct{}

// KeyChanged is signed by the old key; Proof is the new key's signature over the entry's terminal, epoch,
// sequence and new key (wire.ProveKey), so that nobody can name a key that they don't hold. Entries after
// it are signed by the new key.
type KeyChanged struct {
	NewKey []byte `cbor:"1,keyasint" json:"new_key"` // a COSE_Key in canonical form
	Proof  []byte `cbor:"2,keyasint" json:"proof"`
}

// Asked is the intent: written before HQ is asked to have a wallet's operator charge the customer. The code is
// not in it: an opaque code is never journalled. One of Authorised, Declined and Reversed follows, under the same Ref.
type Asked struct {
	Amount   Money  `cbor:"1,keyasint" json:"amount"`
	Wallet   string `cbor:"2,keyasint" json:"wallet"`
	Ref      string `cbor:"3,keyasint" json:"ref"`       // names the attempt, here, at HQ and at the operator; of its payment
	NotAfter int64  `cbor:"4,keyasint" json:"not_after"` // HQ's clock, Unix ms: HQ refuses a request that it hears of later
	Format   string `cbor:"5,keyasint,omitempty" json:"format,omitempty"`
	CodeHash []byte `cbor:"6,keyasint,omitempty" json:"code_hash,omitempty"` // as in Approved
	HashKey  uint32 `cbor:"7,keyasint,omitempty" json:"hash_key,omitempty"`
	// Replay is the identity of a signed code, which is asked about when the policy says so: it pays once at this lane,
	// whatever comes of the attempt.
	Replay *ReplayKey `cbor:"-1,keyasint,omitempty" json:"replay,omitempty"`
}

// Authorised is an online approval, and the completion that HQ waits for: HQ said that the operator charged the
// customer, and the shop hands over the goods. HQ posts it when its own record of the attempt says the same.
type Authorised struct {
	Amount      Money  `cbor:"1,keyasint" json:"amount"`
	Wallet      string `cbor:"2,keyasint" json:"wallet"`
	Ref         string `cbor:"3,keyasint" json:"ref"`
	Transaction string `cbor:"4,keyasint,omitempty" json:"transaction,omitempty"` // the operator's own name for the charge
	At          int64  `cbor:"5,keyasint" json:"at"`                              // of HQ's answer, HQ's clock, Unix ms
}

// Declined ends an attempt of which HQ said that no money moved, and that none will.
type Declined struct {
	Amount Money  `cbor:"1,keyasint" json:"amount"`
	Wallet string `cbor:"2,keyasint" json:"wallet"`
	Ref    string `cbor:"3,keyasint" json:"ref"`
	Why    string `cbor:"4,keyasint,omitempty" json:"why,omitempty"` // HQ's short code, such as "no_funds"
}

// Waiver says why a lane gave an attempt up.
type Waiver uint8

// The causes of a Reversed.
const (
	WaivedByCashier Waiver = 1 // the customer went, or pays otherwise
	WaivedSilent    Waiver = 2 // HQ has said nothing in time
	WaivedOffline   Waiver = 3 // HQ has said nothing in time, and the lane approved the payment offline: the next entry is its Approved
)

// Reversed gives an attempt up whose outcome the lane does not know: HQ takes it back, whatever came of it. Whether the
// customer was charged for a while is not in the lane's hands; the sale can be paid otherwise.
type Reversed struct {
	Amount Money  `cbor:"1,keyasint" json:"amount"`
	Wallet string `cbor:"2,keyasint" json:"wallet"`
	Ref    string `cbor:"3,keyasint" json:"ref"`
	Cause  Waiver `cbor:"4,keyasint" json:"cause"`
}

// Kind names the fact.
func (*EpochOpened) Kind() Kind   { return KindEpochOpened }
func (*DayOpened) Kind() Kind     { return KindDayOpened }
func (*DayClosed) Kind() Kind     { return KindDayClosed }
func (*SaleOpened) Kind() Kind    { return KindSaleOpened }
func (*Approved) Kind() Kind      { return KindApproved }
func (*Refused) Kind() Kind       { return KindRefused }
func (*Voided) Kind() Kind        { return KindVoided }
func (*SaleCompleted) Kind() Kind { return KindSaleCompleted }
func (*SaleCancelled) Kind() Kind { return KindSaleCancelled }
func (*KeyChanged) Kind() Kind    { return KindKeyChanged }
func (*Asked) Kind() Kind         { return KindAsked }
func (*Authorised) Kind() Kind    { return KindAuthorised }
func (*Declined) Kind() Kind      { return KindDeclined }
func (*Reversed) Kind() Kind      { return KindReversed }
func (*Member) Kind() Kind        { return KindMember }

// Body is the part of an entry that can be erased with the chain intact: the entry signs only its salted
// hash. It holds what points at people, and the customer's code, sealed to HQ.
type Body struct {
	Salt       []byte `cbor:"1,keyasint" json:"-"` // 16 random bytes: without it the hash of a guessable body could be searched
	Cashier    string `cbor:"2,keyasint,omitempty" json:"cashier,omitempty"`
	Account    []byte `cbor:"3,keyasint,omitempty" json:"account,omitempty"` // the issuer's pseudonym of the account
	Evidence   []byte `cbor:"4,keyasint,omitempty" json:"-"`                 // the signed code, sealed to HQ's key (sync/wire)
	SealKey    []byte `cbor:"5,keyasint,omitempty" json:"-"`                 // kid of the key it is sealed to
	Lines      []Line `cbor:"6,keyasint,omitempty" json:"lines,omitempty"`
	Supervisor string `cbor:"7,keyasint,omitempty" json:"supervisor,omitempty"`
	// SKUs are the lines' article numbers, one for each line, when there are any.
	SKUs []string `cbor:"-3,keyasint,omitempty" json:"-"`
}
