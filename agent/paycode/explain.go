package paycode

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"tilld/agent/payment"
)

// Explanation is what a support person is told about a code, on the screen or as JSON.
type Explanation struct {
	Kind       Kind           `json:"kind"`
	Format     Format         `json:"format"`
	Candidates []Candidate    `json:"candidates"`
	Fields     Fields         `json:"fields"`
	Warnings   []string       `json:"warnings"`
	Error      string         `json:"error"`  // begins with the fault's name; empty: none
	Reason     payment.Reason `json:"reason"` // why it can't start a payment, or "none"
}

// Explainer explains codes to people.
type Explainer struct {
	Table  *Table    // nil: no wallet is known
	Market string    // two capitals; empty: the wallets of every market are named
	Now    time.Time // rows hold on its day
	Reveal bool      // show account numbers, and the numbers of payments, and not only their last four
}

// Explain classifies a text and, where it has a structure, tells everything that stands in it. An AIM identifier in
// front and line ends behind it, as they come when a raw scan is pasted, are taken off. A signed code's signatures
// are not checked: there are no keys here.
func (x Explainer) Explain(text string) Explanation {
	aim, text := SplitAIM(strings.TrimRight(text, "\r\n"))
	c := Classify(text, Options{AIM: aim, Table: x.Table, On: payment.DateOf(x.Now), Market: x.Market, Anywhere: true})
	e := Explanation{
		Kind: c.Kind, Format: c.Format, Reason: c.Reason(),
		Candidates: append([]Candidate{}, c.Candidates...),
		Warnings:   append([]string{}, c.Warnings...),
	}
	for _, name := range slices.Sorted(maps.Keys(c.Fields)) {
		e.Fields = append(e.Fields, Field{Path: name, Value: c.Fields[name]})
	}
	x.read(&e, c.Text)
	if aim != "" {
		e.Warnings = append(e.Warnings, "aim_identifier:"+aim)
	}
	if c.Err != nil {
		e.Error = c.Err.Error()
	}
	if c.Signed != nil {
		e.Warnings = append(e.Warnings, "signature_not_checked")
		e.Warnings = append(e.Warnings, signedTimes(&c, x.Now)...)
	}
	return e
}

// read takes the text apart by its format.
func (x Explainer) read(e *Explanation, text string) {
	switch e.Format {
	case EMVCoCPM, JPQRCPM:
		c := readContent(text, e.Format, x.Reveal)
		e.Fields = append(e.Fields, c.fields...)
		for _, w := range c.warnings {
			if !slices.Contains(e.Warnings, w) {
				e.Warnings = append(e.Warnings, w)
			}
		}
	case EMVCoMPM:
		e.Fields = append(e.Fields, readMerchant(text, x.Reveal)...)
	case Numeric:
		if slices.ContainsFunc(e.Candidates, func(c Candidate) bool { return c.Wallet == alipayPlus }) {
			e.Fields = append(e.Fields, readAlipayPlus(text, x.Reveal)...)
		}
	}
}

// signedTimes tells which times of a signed code are past or to come.
func signedTimes(c *Classification, now time.Time) (warnings []string) {
	cert := c.Signed.Certificate
	if !now.Before(cert.Expiry()) {
		warnings = append(warnings, "certificate_expired")
	}
	if now.Before(cert.NotBefore) {
		warnings = append(warnings, "certificate_not_yet_valid")
	}
	return warnings
}

// Chargeable says that the text is of use at a lane: a payment or a loyalty code.
func (e Explanation) Chargeable() bool { return e.Kind == Payment || e.Kind == Loyalty }

// WriteHuman writes the explanation for reading.
func (e Explanation) WriteHuman(w io.Writer) error {
	var b strings.Builder
	line := func(name, value string) { fmt.Fprintf(&b, "%-12s%s\n", name, value) }
	line("kind", string(e.Kind))
	line("format", string(e.Format))
	for i, c := range e.Candidates {
		where := "can be checked at the lane"
		if c.OnlineOnly {
			where = "online only"
		}
		if c.Market != "" {
			where += ", at home in " + c.Market
		}
		line(map[bool]string{true: "wallet"}[i == 0], fmt.Sprintf("%s (%s, %s)", c.Wallet, where, c.Confidence))
	}
	for _, f := range e.Fields {
		line("field", f.label()+" = "+strconv.Quote(f.Value))
	}
	for _, warning := range e.Warnings {
		line("warning", warning)
	}
	if e.Error != "" {
		line("error", e.Error)
	}
	if e.Reason != payment.ReasonNone {
		line("reason", e.Reason.String())
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("writing the explanation: %w", err)
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func decimal(n uint64) string { return strconv.FormatUint(n, 10) }
