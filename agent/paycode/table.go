package paycode

import (
	"errors"

	"tilld/agent/payment"
)

// MaxRows bounds a table.
const MaxRows = 1000

// billLength is the number of digits of a Japanese bill's barcode. No row may take a text of that length, so
// that a bill can never be charged to a wallet.
const billLength = 44

// ErrTable reports a row that can't stand in a table.
var ErrTable = errors.New("not a valid wallet table")

// Confidence says how well a row's rule is known.
type Confidence string

// The confidences: the specification itself or two independent sources; one source; sources that contradict
// each other, or a guess.
const (
	ConfidenceVerified Confidence = "verified"
	ConfidenceReported Confidence = "reported"
	ConfidenceDoubtful Confidence = "doubtful"
)

var confidences = []Confidence{ConfidenceVerified, ConfidenceReported, ConfidenceDoubtful}

// Class is the characters that an opaque code is made of.
type Class string

// The classes. Each holds the ones before it.
const (
	Digits Class = "digits" // 0-9
	Upper  Class = "upper"  // and A-Z
	Alnum  Class = "alnum"  // and a-z
)

var classes = []Class{Digits, Upper, Alnum}

// Symbology is how a code is printed. The same wallet may show different texts as a bar code and as a QR code.
type Symbology string

// The symbologies that a row can expect, and EAN, which is only ever goods.
const (
	AnySymbology Symbology = ""
	QR           Symbology = "qr"
	Code128      Symbology = "code128"
	Code39       Symbology = "code39"
	EAN          Symbology = "ean"
)

// Table is the wallets' rules: signed policy, so its integer keys are never changed or reused.
type Table struct {
	Rows []Row `cbor:"1,keyasint,omitempty" json:"rows" toml:"rows"`
}

// Row is one rule of one wallet: which codes are its. A text fits when its format, prefix, length and
// characters do. The rules are prefixes and lengths and no regular expressions, so that a table can be checked
// (see Validate) and read by whoever signs it.
//
// What Prefixes are compared with depends on the format: for numeric and text codes the text, for EMVCo the
// application's identifier in capital hexadecimal, for JPQR the operator code, for signed codes the issuer's
// key identifier in hexadecimal.
type Row struct {
	Wallet      string       `cbor:"1,keyasint" json:"wallet" toml:"wallet"`                                           // lower case, such as "paypay"
	Kind        Kind         `cbor:"2,keyasint,omitempty" json:"kind,omitempty" toml:"kind,omitempty"`                 // empty: a payment; Loyalty: never starts one
	Format      Format       `cbor:"3,keyasint" json:"format" toml:"format"`                                           // numeric, text, emvco-cpm, jpqr-cpm or signed
	Market      string       `cbor:"4,keyasint,omitempty" json:"market,omitempty" toml:"market,omitempty"`             // where it is at home, such as "JP"; empty: anywhere
	Prefixes    []string     `cbor:"5,keyasint,omitempty" json:"prefixes,omitempty" toml:"prefixes,omitempty"`         // one of them; none: any
	PANPrefixes []string     `cbor:"6,keyasint,omitempty" json:"pan_prefixes,omitempty" toml:"pan_prefixes,omitempty"` // EMVCo only: how the account number begins
	Class       Class        `cbor:"7,keyasint,omitempty" json:"class,omitempty" toml:"class,omitempty"`               // numeric and text only
	MinLength   uint16       `cbor:"8,keyasint,omitempty" json:"min_length,omitempty" toml:"min_length,omitempty"`     // characters, numeric and text only
	MaxLength   uint16       `cbor:"9,keyasint,omitempty" json:"max_length,omitempty" toml:"max_length,omitempty"`
	Symbology   Symbology    `cbor:"10,keyasint,omitempty" json:"symbology,omitempty" toml:"symbology,omitempty"` // expected; another one puts the row behind others
	Confidence  Confidence   `cbor:"11,keyasint" json:"confidence" toml:"confidence"`
	Source      string       `cbor:"12,keyasint" json:"source" toml:"source"`                                      // where the rule was read, and when it matters, what was seen
	ValidFrom   payment.Date `cbor:"13,keyasint,omitempty" json:"valid_from,omitzero" toml:"valid_from,omitempty"` // first day; zero: always
	ValidTo     payment.Date `cbor:"14,keyasint,omitempty" json:"valid_to,omitzero" toml:"valid_to,omitempty"`     // last day; zero: for ever
	Offline     bool         `cbor:"15,keyasint,omitempty" json:"offline,omitempty" toml:"offline,omitempty"`      // a lane can check it with no network: signed codes only
	Priority    uint16       `cbor:"16,keyasint,omitempty" json:"priority,omitempty" toml:"priority,omitempty"`    // among equals the lower first
	Fallback    bool         `cbor:"17,keyasint,omitempty" json:"fallback,omitempty" toml:"fallback,omitempty"`    // only when no enabled wallet's other row fits
}
