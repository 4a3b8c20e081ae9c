package policy

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"tilld/sync/wire"
)

// Use is what a key of the trust bundle is believed for.
type Use string

// The uses. A use that a release does not know is passed over: its key is believed for nothing.
const (
	UseAck     Use = "ack"     // signs acknowledgements and hellos
	UsePolicy  Use = "policy"  // signs policies
	UseIssuer  Use = "issuer"  // certifies phones of a wallet; P-256
	UseRelease Use = "release" // signs releases of tilld
	UseSeal    Use = "seal"    // an X25519 key: codes are sealed to it
)

func (u Use) known() bool {
	switch u {
	case UseAck, UsePolicy, UseIssuer, UseRelease, UseSeal:
		return true
	}
	return false
}

// TrustRow is one key and what it is believed for. The same key for two uses takes two rows.
type TrustRow struct {
	Use       Use    `cbor:"1,keyasint"`
	Key       Hex    `cbor:"2,keyasint"`           // canonical COSE_Key; for UseSeal the 32 bytes
	Wallet    string `cbor:"3,keyasint,omitempty"` // UseIssuer: the wallet whose codes it certifies
	NotBefore Stamp  `cbor:"4,keyasint"`
	NotAfter  Stamp  `cbor:"5,keyasint"` // the first second at which it is no longer believed
	Note      string `cbor:"6,keyasint,omitempty"`
}

// Trust is the versioned list of keys, signed by the chain's root.
type Trust struct {
	Version uint64     `cbor:"1,keyasint"`
	Chain   string     `cbor:"2,keyasint"`
	Issued  Stamp      `cbor:"3,keyasint"`
	Policy  uint64     `cbor:"4,keyasint,omitempty"` // no policy below this version may be in force
	Rows    []TrustRow `cbor:"5,keyasint"`

	index map[Use][]trusted
}

// trusted is a row whose key was read.
type trusted struct {
	row  *TrustRow
	key  wire.PublicKey  // but for UseSeal
	seal *wire.Confidant // for UseSeal
}

const maxRows = 500

// Validate names the first field that can't be, and reads the keys; without it no key is believed.
func (t *Trust) Validate() error {
	if t.Version == 0 {
		return badField("version", "must be 1 or more")
	}
	if err := wire.CheckName("chain", t.Chain); err != nil {
		return badField("chain", "%q: want 1 to 32 of A-Z a-z 0-9 _ -", t.Chain)
	}
	if err := checkStamp("issued", t.Issued); err != nil {
		return err
	}
	if len(t.Rows) > maxRows {
		return badField("rows", "%d, at most %d", len(t.Rows), maxRows)
	}
	index := map[Use][]trusted{}
	for i := range t.Rows {
		row := &t.Rows[i]
		if !row.Use.known() {
			continue
		}
		k, err := row.read()
		if err != nil {
			return badField(fmt.Sprintf("rows[%d]", i), "%s: %v", row.Use, err)
		}
		if slices.ContainsFunc(index[row.Use], func(o trusted) bool { return slices.Equal(o.row.Key, row.Key) }) {
			return badField(fmt.Sprintf("rows[%d]", i), "%s: the key is given twice", row.Use)
		}
		index[row.Use] = append(index[row.Use], k)
	}
	t.index = index
	return nil
}

// read checks a row of a known use by itself.
func (r *TrustRow) read() (trusted, error) {
	k := trusted{row: r}
	var err error
	if r.Use == UseSeal {
		k.seal, err = wire.ParseConfidant(r.Key)
	} else {
		k.key, err = wire.ParsePublicKey(r.Key)
	}
	switch {
	case err != nil:
		return k, err
	case r.NotAfter <= r.NotBefore:
		return k, errors.New("valid until before it is valid from")
	case r.Use == UseIssuer && k.key.Alg() != wire.ES256:
		return k, errors.New("an issuer's key must be P-256")
	case (r.Use == UseIssuer) != namePattern.MatchString(r.Wallet), r.Use != UseIssuer && r.Wallet != "":
		return k, fmt.Errorf("an issuer's key, and no other, names a wallet: %q", r.Wallet)
	}
	return k, nil
}

func (r *TrustRow) validAt(at time.Time) bool {
	return at.IsZero() || !at.Before(r.NotBefore.Time()) && at.Before(r.NotAfter.Time())
}

// Keys finds the keys that are believed for a use at a moment. The zero time asks for no window: it is for a
// reader that can't yet tell the time (the first acknowledgement is what tells it), and for documents that
// were taken before.
func (t *Trust) Keys(use Use, at time.Time) wire.Keys {
	return func(id wire.KID) []wire.PublicKey {
		if t == nil {
			return nil
		}
		var fit []wire.PublicKey
		for _, k := range t.index[use] {
			if k.seal == nil && k.key.KID() == id && k.row.validAt(at) {
				fit = append(fit, k.key)
			}
		}
		return fit
	}
}

// Wallet is the wallet whose codes an issuer's key certifies; "" for a key that is no issuer's.
func (t *Trust) Wallet(issuer wire.KID) string {
	if t == nil {
		return ""
	}
	for _, k := range t.index[UseIssuer] {
		if k.key.KID() == issuer {
			return k.row.Wallet
		}
	}
	return ""
}

// Seal is the key that codes are sealed to at a moment: of those believed, the one that began last. Nil
// when there is none; then a lane can't keep evidence and must not approve.
func (t *Trust) Seal(at time.Time) *wire.Confidant {
	if t == nil {
		return nil
	}
	var best trusted
	for _, k := range t.index[UseSeal] {
		if k.row.validAt(at) && (best.row == nil || k.row.NotBefore > best.row.NotBefore) {
			best = k
		}
	}
	return best.seal
}
