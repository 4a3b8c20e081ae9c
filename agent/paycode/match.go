package paycode

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// subject is what rows are compared with.
type subject struct {
	format Format // Numeric and Text are one: a row's class decides
	key    string // what Prefixes are compared with; see Row
	pan    string // EMVCo only
}

func (r *Row) opaque() bool { return r.Format == Numeric || r.Format == Text }

// fits says whether a row takes a subject, whatever the date.
func (r *Row) fits(s *subject) bool {
	switch {
	case r.opaque():
		n := utf8.RuneCountInString(s.key)
		if (s.format != Numeric && s.format != Text) || n == billLength ||
			n < int(r.MinLength) || n > int(r.MaxLength) || !all(s.key, r.Class.holds) {
			return false
		}
	case r.Format != s.format:
		return false
	}
	return begins(s.key, r.Prefixes) && begins(s.pan, r.PANPrefixes)
}

// begins says whether s has one of the prefixes; none given means any.
func begins(s string, prefixes []string) bool {
	return len(prefixes) == 0 || slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}

func (r *Row) validOn(o *Options) bool {
	return o.On == 0 || (r.ValidFrom <= o.On && (r.ValidTo == 0 || o.On <= r.ValidTo))
}

// place is where a wallet stands in the store's order; ok is false for a wallet that the store does not take.
func (o *Options) place(wallet string) (n int, ok bool) {
	if o.Wallets == nil {
		return 0, true
	}
	if n = slices.Index(o.Wallets, wallet); n >= 0 {
		return n, true
	}
	return len(o.Wallets), false
}

// match gives the rows that take a subject, best first. A fallback row without prefix serves its own market only, and
// there a store that takes the wallet: to all others a text of that length is something else (and it serves whoever
// explains a code and does not know where it was shown; a lane doesn't guess). Fallback rows serve only when no enabled
// wallet's row of another sort fits.
func (o *Options) match(s *subject) []*Row {
	if o.Table == nil {
		return nil
	}
	var rows, fallback []*Row
	served := false
	for i := range o.Table.Rows {
		r := &o.Table.Rows[i]
		switch {
		case !r.fits(s) || !r.validOn(o):
		case !r.Fallback:
			rows = append(rows, r)
			served = served || o.takes(r.Wallet)
		case len(r.Prefixes) > 0 || o.anywhere() || r.Market == o.Market && o.takes(r.Wallet):
			fallback = append(fallback, r)
		}
	}
	if !served {
		rows = append(rows, fallback...)
	}
	slices.SortStableFunc(rows, func(a, b *Row) int { return slices.Compare(o.rank(a), o.rank(b)) })
	return rows
}

func (o *Options) takes(wallet string) bool {
	_, ok := o.place(wallet)
	return ok
}

func (o *Options) anywhere() bool { return o.Anywhere && o.Market == "" }

// rank orders rows: the store's own order, then what the scanner saw, the market, and the table's word.
func (o *Options) rank(r *Row) []int {
	place, _ := o.place(r.Wallet)
	return []int{
		place, number(r.Fallback), number(r.wrongSymbology(o)), number(o.Market != "" && r.Market != o.Market),
		int(r.Priority), slices.Index(confidences, r.Confidence),
	}
}

func (r *Row) wrongSymbology(o *Options) bool {
	seen := symbology(o.AIM)
	return r.Symbology != AnySymbology && seen != AnySymbology && r.Symbology != seen
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// candidates turns rows into wallets, each once.
func (o *Options) candidates(rows []*Row) (list []Candidate) {
	for _, r := range rows {
		if slices.ContainsFunc(list, func(c Candidate) bool { return c.Wallet == r.Wallet }) {
			continue
		}
		_, ok := o.place(r.Wallet)
		list = append(list, Candidate{r.Wallet, !r.Offline, r.Confidence, ok, r.Market, r.Source})
	}
	return list
}

// readTable matches a text without structure.
func readTable(text string, o *Options) *Classification {
	rows := o.match(&subject{format: Text, key: text})
	if len(rows) == 0 {
		return nil
	}
	c := opaque(text)
	c.Kind = Payment
	if i := slices.IndexFunc(rows, func(r *Row) bool { return r.Kind == Loyalty }); i >= 0 {
		// A number that anyone can type never starts a payment, whatever else it fits.
		c.Kind, c.Format = Loyalty, loyaltyFormat(rows[i], c.Format)
		c.Fields = map[string]string{"programme": rows[i].Wallet, "number": mask(text)}
		return c
	}
	c.Candidates = o.candidates(rows)
	for _, r := range rows {
		if len(r.Prefixes) == 0 && o.anywhere() {
			c.Warnings = append(c.Warnings, onlyIn+r.Market)
		}
	}
	if rows[0].wrongSymbology(o) {
		c.Warnings = append(c.Warnings, "symbology:"+string(symbology(o.AIM)))
	}
	return c
}

// loyaltyFormat names the one loyalty number that has a format of its own.
func loyaltyFormat(r *Row, otherwise Format) Format {
	if r.Wallet == "nanaco" {
		return NanacoNumber
	}
	return otherwise
}

// ended names the wallets whose rows took a text on other days, for who wonders why it fits nothing now.
func ended(text string, o *Options) (warnings []string) {
	anyDay := *o
	anyDay.On = 0
	for _, r := range anyDay.match(&subject{format: Text, key: text}) {
		if o.On < r.ValidFrom {
			warnings = append(warnings, "valid_from:"+r.Wallet+" "+r.ValidFrom.String())
			continue
		}
		warnings = append(warnings, "valid_to:"+r.Wallet+" "+r.ValidTo.String())
	}
	return slices.Compact(warnings)
}
