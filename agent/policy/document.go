package policy

import (
	"slices"

	"tilld/agent/paycode"
	"tilld/agent/payment"
)

// Document is a policy: what HQ's operations edit, sign and send to every lane of the chain. Amounts are in
// minor units of Currency. Rules for ever adding a field: a positive key is critical (a lane that does not
// know it refuses the document and goes on with the one it has), a negative one may be ignored. That holds for
// the document's own fields; those of what is in it are all critical.
type Document struct {
	Version  uint64           `cbor:"1,keyasint" toml:"version" comment:"Higher than the last one's: lanes never go back."`
	Chain    string           `cbor:"2,keyasint" toml:"chain"`
	Issued   Stamp            `cbor:"3,keyasint" toml:"issued"`
	Currency payment.Currency `cbor:"4,keyasint" toml:"currency" comment:"All amounts below are in its minor units (JPY: yen; TWD: hundredths)."`
	Zone     string           `cbor:"5,keyasint" toml:"zone" comment:"IANA name; a store may have its own."`
	Market   string           `cbor:"-1,keyasint,omitempty" toml:"market" comment:"Country of the stores, two capitals of ISO 3166 such as JP: codes that only their length tells are read as its wallets'. Empty: none are."`
	Roll     Seconds          `cbor:"6,keyasint" toml:"day_roll" comment:"How long after midnight a business date begins: \"4h\" counts 03:59 to the day before."`

	Retention uint32   `cbor:"7,keyasint" toml:"retention_days" comment:"Days for which a lane keeps what HQ has acknowledged; more than HQ's backups go back."`
	Features  []string `cbor:"8,keyasint,omitempty" toml:"features,omitempty" comment:"Switches for what not every lane may or can do: \"training\" lets a POS open practice sales, \"online\" lets lanes ask wallets' operators through HQ, \"sales\" lets HQ export basket lines, \"sales-accounts\" with a pseudonym of the account, \"points\" lets lanes note loyalty cards, \"carried\" lets customers pay through their own phones, \"house-online\" has lanes ask the house wallet's issuer too, \"refund\" lets them give money back through HQ. A lane passes over those it does not know."`
	Wallets   []string `cbor:"9,keyasint" toml:"wallets" comment:"Wallets that the stores take, the likeliest first: where a code fits several, the first one gets it."`

	Caps    Caps         `cbor:"10,keyasint" toml:"caps"`
	Code    Tolerance    `cbor:"11,keyasint" toml:"code" comment:"How far the time in a signed code may be from the lane's."`
	Tiers   Tiers        `cbor:"12,keyasint" toml:"tiers" comment:"What is left of the offline right as HQ stays away."`
	Default StoreDefault `cbor:"13,keyasint" toml:"store_default" comment:"Terms of a store that is not listed."`
	Stores  []Store      `cbor:"14,keyasint,omitempty" toml:"store,omitempty" comment:"Stores with terms of their own."`
	Revoked Revoked      `cbor:"15,keyasint" toml:"revoked" comment:"Exact identifiers, in hexadecimal; terminals by their ID."`

	Groups []Group `cbor:"17,keyasint,omitempty" toml:"group,omitempty" comment:"Stores that take the same wallets. What a group does not say is the chain's; what a store or a lane says of itself goes before it."`

	Programmes []Programme `cbor:"-6,keyasint,omitempty" toml:"programme,omitempty" comment:"Loyalty programmes whose points HQ counts, while features has \"points\". Their cards are rows of kind 'loyalty' in codes."`

	// RefundAlone and RefundAloneCount say what a cashier gives back without the manager's PIN: up to so much at once, and
	// so often at one lane and business date. Either 0: never.
	RefundAlone      int64  `cbor:"-10,keyasint,omitempty" toml:"refund_alone,omitempty" comment:"A cashier gives back up to this much at once without the manager's PIN; 0: the manager is always asked."`
	RefundAloneCount uint64 `cbor:"-11,keyasint,omitempty" toml:"refund_alone_count,omitempty" comment:"So often at one lane and business date; 0: the manager is always asked."`

	Codes paycode.Table `cbor:"16,keyasint" toml:"codes" comment:"How the wallets' codes look: agent/paycode tells what each row means."`
}

// Caps bound single offline payments and single accounts.
type Caps struct {
	Payment    int64 `cbor:"1,keyasint" toml:"payment" comment:"Most for one offline payment."`
	AccountDay int64 `cbor:"2,keyasint" toml:"account_day" comment:"Most for one account, at one lane and business date."`
	Unbound    int64 `cbor:"3,keyasint" toml:"unbound" comment:"Most for one payment with a code that names no store; 0: such codes are never taken."`
	Small      int64 `cbor:"4,keyasint" toml:"small" comment:"Most for one payment in the small tier."`

	AccountCount uint64 `cbor:"5,keyasint,omitempty" toml:"account_count" comment:"Most payments of one account, at one lane and business date; 0: any number."`
}

// Tolerance is how far a signed code's time may be from the lane's estimate of now. Past is how old a code
// may be (a screenshot is stale after it), Future how far a phone's clock may be ahead.
type Tolerance struct {
	Past   Seconds `cbor:"1,keyasint" toml:"past"`
	Future Seconds `cbor:"2,keyasint" toml:"future"`
}

// Tiers say how the right to sell offline shrinks by itself, counted from HQ's last signed time.
type Tiers struct {
	FullFor        Seconds `cbor:"1,keyasint" toml:"full_for" comment:"The whole share, for so long after HQ's last word."`
	SmallFor       Seconds `cbor:"2,keyasint" toml:"small_for" comment:"Small amounts with codes bound to the store, for so long."`
	RestartFor     Seconds `cbor:"3,keyasint" toml:"restart_for" comment:"After a restart without HQ the wall clock must do: for so long at most; \"0s\": never."`
	RestartPayment int64   `cbor:"4,keyasint" toml:"restart_payment" comment:"Most for one payment then."`
	RestartPercent uint8   `cbor:"5,keyasint" toml:"restart_share_percent" comment:"Of the lane's share, then."`
}

// StoreDefault is what applies to a store without a line of its own. HQ joins at most Lanes terminals to
// such a store, so that the shares of its lanes stay within its cap.
type StoreDefault struct {
	Cap   int64  `cbor:"1,keyasint" toml:"cap" comment:"Most that all lanes of one store may have approved without HQ."`
	Lanes uint32 `cbor:"2,keyasint" toml:"lanes" comment:"Most lanes of such a store; times share_sum it must not exceed cap."`
	Sum   int64  `cbor:"3,keyasint" toml:"share_sum" comment:"One lane's share: most money approved and not yet acknowledged by HQ."`
	Count uint64 `cbor:"4,keyasint" toml:"share_count" comment:"The same as a number of payments."`
}

// Store is a store with terms of its own. A lane that it does not list has no share: it can't sell offline.
type Store struct {
	Name    string   `cbor:"1,keyasint" toml:"name"`
	Cap     int64    `cbor:"2,keyasint" toml:"cap"`
	Zone    string   `cbor:"3,keyasint,omitempty" toml:"zone,omitempty"`
	Wallets []string `cbor:"4,keyasint,omitempty" toml:"wallets,omitempty"` // none: its group's, or else the chain's
	Lanes   []Lane   `cbor:"5,keyasint,omitempty" toml:"lane,omitempty"`
}

// Group is a list of stores that take the same wallets, listed in this policy or not: franchises of one owner, say, or
// shops in stations. A store is in one group at most. The table of shops at HQ can name groups too.
type Group struct {
	Name    string   `cbor:"1,keyasint" toml:"name"`
	Stores  []string `cbor:"2,keyasint" toml:"stores"`
	Wallets []string `cbor:"3,keyasint,omitempty" toml:"wallets,omitempty"` // none: the chain's
}

// Lane is one lane's share of its store's cap.
type Lane struct {
	Name  string `cbor:"1,keyasint" toml:"name"`
	Sum   int64  `cbor:"2,keyasint" toml:"share_sum"`
	Count uint64 `cbor:"3,keyasint" toml:"share_count"`
	// Wallets are those that this lane takes, where it is not what its store does: a self-service till, say.
	Wallets []string `cbor:"4,keyasint,omitempty" toml:"wallets,omitempty"`
}

// Training is the switch for practice sales. Without it a lane opens none: at a till that trains whenever somebody
// asks, goods go out against an approval that nobody is charged for.
const Training = "training"

// Online is the switch for online payments: without it a lane asks no wallet's operator.
const Online = "online"

// HouseOnline is the switch for asking the house wallet's issuer, through HQ, about a signed code too, while HQ answers:
// the issuer sees the balance and whom it has stopped, and the lane's share is saved for when HQ is away. Without it a
// lane decides on signed codes by itself, and on what it may not decide, not at all.
const HouseOnline = "house-online"

// Carried is the switch for payments through the customer's own phone: without it a lane offers none.
const Carried = "carried"

// Sales is the switch for sales figures: HQ exports the basket lines of sales that were paid under it. SalesAccounts lets
// it name with them, by a pseudonym of the chain, the account that paid.
const (
	Sales         = "sales"
	SalesAccounts = "sales-accounts"
)

// Points is the switch for loyalty programmes: without it a lane attaches no member to a sale.
const Points = "points"

// features are the switches that something in this release is behind.
var features = []string{Training, Online, HouseOnline, Carried, Sales, SalesAccounts, Points, Refund}

// Refund is the switch for refunds: without it a lane takes back only what HQ has not acknowledged.
const Refund = "refund"

// Feature says whether a switch is on.
func (d *Document) Feature(name string) bool { return slices.Contains(d.Features, name) }

// UnknownFeatures are the switches that nothing in this release is behind: of a later one, or spelt wrong.
func (d *Document) UnknownFeatures() []string {
	return slices.DeleteFunc(slices.Clone(d.Features), func(name string) bool { return slices.Contains(features, name) })
}

// AccountWorst is the most that one account can spend in one business date at a store whose lanes can't
// hear each other: its cap times the lanes. It is a figure to print, not a promise that the cap is kept.
func (d *Document) AccountWorst(store string) payment.Money {
	lanes := int64(d.Default.Lanes)
	if s := d.store(store); s != nil {
		lanes = int64(len(s.Lanes))
	}
	return payment.Of(d.Caps.AccountDay*lanes, d.Currency)
}
