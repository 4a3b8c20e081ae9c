package paycode

import (
	"strconv"

	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
)

// Kind says what a text is good for.
type Kind string

// The kinds.
const (
	Payment    Kind = "payment"     // a customer's payment code
	Loyalty    Kind = "loyalty"     // a number that earns points; it never starts a payment
	NotPayment Kind = "not-payment" // known, and nothing to charge
	Unknown    Kind = "unknown"     // fits nothing
	Invalid    Kind = "invalid"     // a known format, or any text at all, and broken
)

// Format names how a text is built.
type Format string

// The formats. A text of no known structure is Numeric or Text.
const (
	Numeric  Format = "numeric"
	Text     Format = "text"
	Signed   Format = "signed"
	EMVCoCPM Format = "emvco-cpm"
	JPQRCPM  Format = "jpqr-cpm"

	// IssuerApproval is an issuer's word that a payment which a lane has offered is paid.
	IssuerApproval Format = "issuer-approval"

	EMVCoMPM     Format = "emvco-mpm" // a merchant's code: the shop's own sticker, or the wrong side of the customer's wallet
	NanacoNumber Format = "nanaco-number"
	TWCarrier    Format = "tw-einvoice-carrier"
	TWCitizen    Format = "tw-citizen-certificate"
	TWDonation   Format = "tw-donation-code"
	JPBill       Format = "jp-bill"
	GS1128       Format = "gs1-128"
	EAN13        Format = "ean-13"
	EAN8         Format = "ean-8"
	UPIURI       Format = "upi-uri"
	TWQRURI      Format = "twqr-uri"
	URL          Format = "url"
	URI          Format = "uri"
)

// Options are what a text is judged by.
type Options struct {
	AIM      string       // the scanner's AIM identifier such as "]C1", if its profile gives one
	Table    *Table       // nil: no wallet is known
	On       payment.Date // the business date, for rows that are valid for a time; zero: any time
	Market   string       // the store's country in two capitals; its own wallets come first. Empty: none does
	Anywhere bool         // with no Market: name every market's wallets too that only length and market tell; see match
	Wallets  []string     // the store's enabled wallets in its order; nil: all are, in none
}

// Candidate is a wallet that a text can belong to.
type Candidate struct {
	Wallet     string     `json:"wallet"`
	OnlineOnly bool       `json:"online_only"` // only the wallet's operator can check it
	Confidence Confidence `json:"confidence"`
	Enabled    bool       `json:"-"`                // the store takes this wallet
	Market     string     `json:"market,omitempty"` // where the wallet is at home; empty: anywhere
	Source     string     `json:"-"`
}

// Classification is what a text is. Candidates are in order of preference: enabled wallets first.
type Classification struct {
	Kind       Kind
	Format     Format
	Candidates []Candidate
	Fields     map[string]string    // what may be shown of the content; numbers are masked. What stands in an EMVCo or JPQR code only Explainer tells
	Warnings   []string             // deviations that don't stop a payment, "name" or "name:detail"
	Err        error                // set exactly when Kind is Unknown or Invalid: a *Fault, or an error of package signed
	Signed     *signed.Code         // set exactly when Kind is Payment and Format is Signed; its signatures are not checked
	Approval   *signed.ApprovalRead // set exactly when Kind is Payment and Format is IssuerApproval; its signature is not checked
	Text       string               // what the code says: the scanned text, with the scanner's own escapes undone
}

// Reason is why this can't start a payment; ReasonNone for a payment code.
func (c *Classification) Reason() payment.Reason {
	switch {
	case c.Kind == Payment:
		return payment.ReasonNone
	case c.Kind == Loyalty || c.Kind == NotPayment || c.Format == EMVCoMPM:
		return payment.NotPaymentCode // a broken merchant's code too: a whole one would be no better
	case c.Kind == Unknown:
		return payment.UnknownCode
	case c.Format == Signed || c.Format == IssuerApproval:
		return signed.ReasonOf(c.Err)
	}
	return payment.MalformedCode
}

// OnlineOnly says that no candidate could be approved at the lane.
func (c *Classification) OnlineOnly() bool {
	for _, w := range c.Candidates {
		if !w.OnlineOnly {
			return false
		}
	}
	return true
}

// reader looks at a text and answers nil when it is not of its format.
type reader func(text string, o *Options) *Classification

// readers in the order in which they are asked: what has a head of its own, what is known to be no payment,
// the table, and last the formats that a text is only suspected of.
var readers = []reader{
	readSigned, readEMVCo, readJPQR,
	readURI, readMPM, readGoods, readGS1, readTaiwan, readBill,
	readTable,
	readSuspectEMVCo, readDonation,
}

// Classify tells what a text is. It never changes the text's case and never asks for digits.
func Classify(text string, o Options) Classification {
	if f := checkText(text); f != nil {
		return finish(invalid(Text, f), text)
	}
	var warnings []string
	if o.AIM == aimQRWithECI {
		text, warnings = undoECI(text)
		if f := checkText(text); f != nil { // nothing but the escape
			c := invalid(Text, f)
			c.Warnings = append(warnings, c.Warnings...)
			return finish(c, text)
		}
	}
	for _, read := range readers {
		if c := read(text, &o); c != nil {
			c.Warnings = append(warnings, c.Warnings...)
			return finish(c, text)
		}
	}
	c := readNothing(text, &o)
	c.Warnings = append(warnings, c.Warnings...)
	return finish(c, text)
}

func finish(c *Classification, text string) Classification {
	c.Text = text
	if c.Fields == nil {
		c.Fields = map[string]string{}
	}
	return *c
}

func invalid(format Format, err error) *Classification {
	return &Classification{Kind: Invalid, Format: format, Err: err}
}

// opaque describes a text without structure: how long it is and how it begins, which is all that may be
// shown of a code that could be money.
func opaque(text string) *Classification {
	c := &Classification{Format: Text, Fields: map[string]string{"length": strconv.Itoa(len([]rune(text)))}}
	if isDigits(text) {
		c.Format = Numeric
	}
	if head := []rune(text); len(head) > 6 {
		c.Fields["begins"] = string(head[:2])
	}
	return c
}
