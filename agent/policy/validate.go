package policy

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"tilld/agent/paycode"
	"tilld/agent/payment"
	"tilld/sync/wire"
)

// ErrInvalid reports a document or bundle whose content can't be. Its text names the field and the value.
var ErrInvalid = errors.New("not a valid policy")

// The limits of a document.
const (
	maxStores   = 20_000
	maxLanes    = 1_000 // of one store
	maxNames    = 100   // wallets, features
	maxWait     = Seconds(72 * 3600)
	maxSlip     = Seconds(600)
	maxRoll     = Seconds(12 * 3600)
	maxDays     = 3650
	maxShareNum = 1_000_000
)

// fieldError names a field by its key in TOML.
type fieldError struct{ key, msg string }

func (e *fieldError) Error() string { return e.key + ": " + e.msg }

// Unwrap makes it match ErrInvalid.
func (e *fieldError) Unwrap() error { return ErrInvalid }

func badField(key, format string, args ...any) error {
	return &fieldError{key, fmt.Sprintf(format, args...)}
}

// Validate names the first field that can't be, with its value. What it accepts a lane can obey. Lists that
// are searched must be in order, which ParseTOML sees to.
func (d *Document) Validate() error {
	if err := d.validate(); err != nil {
		return err
	}
	for i, g := range d.Groups {
		if !slices.IsSorted(g.Stores) {
			return badField(fmt.Sprintf("group[%d].stores", i), "the stores of %q are out of order", g.Name)
		}
	}
	for i, s := range d.Stores {
		if i > 0 && d.Stores[i-1].Name >= s.Name {
			return badField(fmt.Sprintf("store[%d].name", i), "%q is out of order", s.Name)
		}
		if !slices.IsSortedFunc(s.Lanes, func(a, b Lane) int { return cmp.Compare(a.Name, b.Name) }) {
			return badField(fmt.Sprintf("store[%d].lane", i), "the lanes of %q are out of order", s.Name)
		}
	}
	return nil
}

// validate is Validate but for the order of stores and lanes, so that its error has the place in the file.
func (d *Document) validate() error {
	for _, check := range []func() error{
		d.validateHead, d.Caps.validate, d.Code.validate, d.validateTiers, d.Default.validate, d.validateStores, d.Revoked.validate, d.validateGroups, d.validateCodes, d.validateProgrammes,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (d *Document) validateHead() error {
	if d.Version == 0 {
		return badField("version", "must be 1 or more")
	}
	if err := wire.CheckName("chain", d.Chain); err != nil {
		return badField("chain", "%q: want 1 to 32 of A-Z a-z 0-9 _ -", d.Chain)
	}
	if err := checkStamp("issued", d.Issued); err != nil {
		return err
	}
	if !d.Currency.Known() {
		return badField("currency", "%q is not a currency that tilld takes", string(d.Currency))
	}
	if err := checkZone("zone", d.Zone); err != nil {
		return err
	}
	if d.Market != "" && !paycode.MarketName(d.Market) {
		return badField("market", "%q is not two capital letters, such as JP", d.Market)
	}
	if d.Roll > maxRoll {
		return badField("day_roll", "%v is over %v", d.Roll, maxRoll)
	}
	if d.Retention < 1 || d.Retention > maxDays {
		return badField("retention_days", "%d is not within 1..%d", d.Retention, maxDays)
	}
	if d.RefundAlone < 0 || d.RefundAlone > payment.MaxMinor {
		return badField("refund_alone", "%d is not within 0..%d", d.RefundAlone, int64(payment.MaxMinor))
	}
	if err := checkNames("features", d.Features); err != nil {
		return err
	}
	return checkNames("wallets", d.Wallets)
}

func (d *Document) validateCodes() error {
	known := map[string]bool{}
	if err := d.Codes.Validate(); err != nil {
		row := 0 // the first that is wrong, for its place in the file
		for row < len(d.Codes.Rows) && (&paycode.Table{Rows: d.Codes.Rows[:row+1]}).Validate() == nil {
			row++
		}
		return badField(fmt.Sprintf("codes.rows[%d]", row), "%v", err)
	}
	for _, row := range d.Codes.Rows {
		known[row.Wallet] = true
	}
	if err := checkKnown("wallets", d.Wallets, known); err != nil {
		return err
	}
	for i, s := range d.Stores {
		if err := checkKnown(fmt.Sprintf("store[%d].wallets", i), s.Wallets, known); err != nil {
			return err
		}
	}
	return d.validateAllWallets(known)
}

func checkKnown(key string, wallets []string, known map[string]bool) error {
	for _, w := range wallets {
		if !known[w] {
			return badField(key, "%q has no row in codes", w)
		}
	}
	return nil
}

func (c *Caps) validate() error {
	for _, f := range []struct {
		key          string
		v, low, high int64
	}{
		{"caps.account_day", c.AccountDay, 1, payment.MaxMinor},
		{"caps.payment", c.Payment, 1, c.AccountDay},
		{"caps.unbound", c.Unbound, 0, c.Payment},
		{"caps.small", c.Small, 0, c.Payment},
	} {
		if f.v < f.low || f.v > f.high {
			return badField(f.key, "%d is not within %d..%d", f.v, f.low, f.high)
		}
	}
	if c.AccountCount > maxShareNum {
		return badField("caps.account_count", "%d is over %d", c.AccountCount, maxShareNum)
	}
	return nil
}

func (t *Tolerance) validate() error {
	if t.Past < 1 || t.Past > maxSlip {
		return badField("code.past", "%v is not within 1s..%v", t.Past, maxSlip)
	}
	if t.Future > maxSlip {
		return badField("code.future", "%v is over %v", t.Future, maxSlip)
	}
	return nil
}

func (d *Document) validateTiers() error {
	t := &d.Tiers
	switch {
	case t.SmallFor > maxWait:
		return badField("tiers.small_for", "%v is over %v", t.SmallFor, maxWait)
	case t.FullFor > t.SmallFor:
		return badField("tiers.full_for", "%v is over small_for (%v)", t.FullFor, t.SmallFor)
	case t.RestartFor > t.SmallFor:
		return badField("tiers.restart_for", "%v is over small_for (%v)", t.RestartFor, t.SmallFor)
	case t.RestartPayment < 0 || t.RestartPayment > d.Caps.Payment:
		return badField("tiers.restart_payment", "%d is not within 0..%d (caps.payment)", t.RestartPayment, d.Caps.Payment)
	case t.RestartPercent > 100:
		return badField("tiers.restart_share_percent", "%d is over 100", t.RestartPercent)
	case t.RestartFor > 0 && (t.RestartPayment == 0 || t.RestartPercent == 0):
		return badField("tiers.restart_for", "%v without restart_payment and restart_share_percent", t.RestartFor)
	}
	return nil
}

func (s *StoreDefault) validate() error {
	switch {
	case s.Cap < 0 || s.Cap > payment.MaxMinor:
		return badField("store_default.cap", "%d is not within 0..%d", s.Cap, int64(payment.MaxMinor))
	case s.Lanes < 1 || s.Lanes > maxLanes:
		return badField("store_default.lanes", "%d is not within 1..%d", s.Lanes, maxLanes)
	case s.Sum < 0 || s.Sum > payment.MaxMinor:
		return badField("store_default.share_sum", "%d is not within 0..%d", s.Sum, int64(payment.MaxMinor))
	case s.Sum*int64(s.Lanes) > s.Cap:
		return badField("store_default.share_sum", "%d for each of %d lanes is over cap (%d)", s.Sum, s.Lanes, s.Cap)
	case s.Count > maxShareNum:
		return badField("store_default.share_count", "%d is over %d", s.Count, maxShareNum)
	}
	return nil
}

func (d *Document) validateStores() error {
	if len(d.Stores) > maxStores {
		return badField("store", "%d stores, at most %d", len(d.Stores), maxStores)
	}
	seen := map[string]bool{}
	for i := range d.Stores {
		s, key := &d.Stores[i], fmt.Sprintf("store[%d]", i)
		if err := wire.CheckName("name", s.Name); err != nil {
			return badField(key+".name", "%q: want 1 to 32 of A-Z a-z 0-9 _ -", s.Name)
		}
		if seen[s.Name] {
			return badField(key+".name", "%q is given twice", s.Name)
		}
		seen[s.Name] = true
		if err := s.validate(key); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) validate(key string) error {
	if s.Cap < 0 || s.Cap > payment.MaxMinor {
		return badField(key+".cap", "%d is not within 0..%d", s.Cap, int64(payment.MaxMinor))
	}
	if s.Zone != "" {
		if err := checkZone(key+".zone", s.Zone); err != nil {
			return err
		}
	}
	if err := checkNames(key+".wallets", s.Wallets); err != nil {
		return err
	}
	if len(s.Lanes) > maxLanes {
		return badField(key+".lane", "%d lanes, at most %d", len(s.Lanes), maxLanes)
	}
	var sum int64
	seen := map[string]bool{}
	for i, l := range s.Lanes {
		at := fmt.Sprintf("%s.lane[%d]", key, i)
		switch {
		case wire.CheckName("name", l.Name) != nil:
			return badField(at+".name", "%q: want 1 to 32 of A-Z a-z 0-9 _ -", l.Name)
		case seen[l.Name]:
			return badField(at+".name", "%q is given twice", l.Name)
		case l.Sum < 0 || l.Sum > payment.MaxMinor:
			return badField(at+".share_sum", "%d is not within 0..%d", l.Sum, int64(payment.MaxMinor))
		case l.Count > maxShareNum:
			return badField(at+".share_count", "%d is over %d", l.Count, maxShareNum)
		}
		if err := checkNames(at+".wallets", l.Wallets); err != nil {
			return err
		}
		seen[l.Name] = true
		sum += l.Sum
	}
	if sum > s.Cap {
		return badField(key+".cap", "the shares of store %s sum to %d, over its cap of %d", s.Name, sum, s.Cap)
	}
	return nil
}

var namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

func checkNames(key string, names []string) error {
	if len(names) > maxNames {
		return badField(key, "%d names, at most %d", len(names), maxNames)
	}
	seen := map[string]bool{}
	for _, n := range names {
		if !namePattern.MatchString(n) {
			return badField(key, "%q: want 1 to 32 of a-z 0-9 -, beginning with a letter or digit", n)
		}
		if seen[n] {
			return badField(key, "%q is given twice", n)
		}
		seen[n] = true
	}
	return nil
}

// checkZone accepts the names of the IANA database. "Local" is whatever a machine thinks, so not a zone.
func checkZone(key, name string) error {
	if name == "" || name == "Local" || strings.Contains(name, "..") {
		return badField(key, "%q is no time zone of the IANA database", name)
	}
	if _, err := time.LoadLocation(name); err != nil {
		return badField(key, "%q is no time zone of the IANA database", name)
	}
	return nil
}

func checkStamp(key string, s Stamp) error {
	if y := s.Time().Year(); y < 2020 || y > 2199 {
		return badField(key, "%s is not within the years 2020 to 2199", s.Time().Format(time.RFC3339))
	}
	return nil
}
