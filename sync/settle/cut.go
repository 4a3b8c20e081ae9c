package settle

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// ErrCut reports a cut that contradicts itself. Nothing is made of it.
var ErrCut = errors.New("the cut does not add up")

// Cause says why a cut was made.
type Cause string

// The causes.
const (
	CauseDay  Cause = "day"  // closes the settlement date; there is one per wallet, currency and date
	CausePart Cause = "part" // the day had more lines than one batch holds, and more follow
	CauseNow  Cause = "now"  // a person asked for it before the day's end
)

// Account is what is settled by itself: one wallet in one currency.
type Account struct {
	Wallet   string           `json:"wallet"`
	Currency payment.Currency `json:"currency"`
}

// String is such as "house/JPY".
func (a Account) String() string { return a.Wallet + "/" + string(a.Currency) }

// Validate refuses a wallet that could not stand in a file, and a currency that tilld does not take.
func (a Account) Validate() error {
	if err := wire.CheckName("wallet", a.Wallet); err != nil {
		return err
	}
	_, err := payment.ParseCurrency(string(a.Currency))
	return err
}

// Key names a batch for ever.
type Key struct {
	Account
	SettlementDate payment.Date `json:"settlement_date"`
	Number         uint32       `json:"number"` // from 1 within the account and settlement date
	HQEpoch        uint64       `json:"hq_epoch"`
}

// String is the key for logs and errors.
func (k Key) String() string {
	return fmt.Sprintf("%s %s no. %d (HQ epoch %d)", k.Account, k.SettlementDate, k.Number, k.HQEpoch)
}

// Validate says what is missing in a key.
func (k Key) Validate() error {
	if err := k.Account.Validate(); err != nil {
		return err
	}
	if k.Number == 0 || k.HQEpoch == 0 {
		return fmt.Errorf("number %d, HQ epoch %d: both begin at 1", k.Number, k.HQEpoch)
	}
	return k.SettlementDate.Validate()
}

// idDomain keeps batch identifiers apart from any other use of the hash.
const idDomain = "tilld/settlement-id/1"

// ID is the batch's identifier, and a function of the key alone: the settlement date's midnight (UTC) in
// the 48 bits of time of every identifier, then 80 bits of SHA-256 over the key.
func (k Key) ID() payment.ID {
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00%s\x00%s\x00%d\x00%d\x00%d", idDomain, k.Wallet, k.Currency, k.SettlementDate, k.Number, k.HQEpoch)
	var id payment.ID
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(k.SettlementDate.Time().UnixMilli()))
	copy(id[:6], ms[2:])
	copy(id[6:], h.Sum(nil))
	return id
}

// Total is a count of lines and the sum of their amounts in minor units.
type Total struct {
	Count uint64 `json:"count"`
	Sum   int64  `json:"sum"`
}

// Coverage is what HQ knew, at the cut, of one epoch of a terminal: what it holds, and what it knows to
// be missing. There is one for each epoch that still matters, the terminal's latest among them.
type Coverage struct {
	Terminal   payment.ID
	Entity     string
	Store      string
	Lane       string
	Epoch      Epoch        // zero: nothing was ever heard of the terminal
	Held       uint64       // every entry 1..Held is held
	Known      uint64       // the highest entry known to exist: by a beat, or held beyond a gap
	Judged     uint64       // every entry 1..Judged is posted or in an exception
	LastClosed payment.Date // the terminal's last closed business date over all its epochs; zero: none
}

// Cut is everything that a batch is made of, read from the ledger in one consistent look.
type Cut struct {
	Key
	Cause    Cause
	AsOf     uint64    // position of the ledger: lines posted later are for the next cut
	At       time.Time // when it was read; kept to the millisecond, in UTC
	Control  Total     // what the ledger itself sums the lines to, independently of Lines
	Lines    []Line
	Coverage []Coverage
}
