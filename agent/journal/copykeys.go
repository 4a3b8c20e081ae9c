package journal

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
)

// keys compares the list of signing keys with those that signed. Where the front of an epoch was pruned, keys
// may be listed that signed nothing which is left, and the first one found there may have begun before.
func (v *copyCheck) keys(ctx context.Context, signed []KeyUse, add func(table, key, column string, stored, want any)) error {
	listed, err := collect(ctx, v.tx.QueryContext, func(rows *sql.Rows) (k listedKey, err error) {
		var epoch, first int64
		err = rows.Scan(&k.kid, &k.cose, &epoch, &first)
		k.epoch, k.first = uint64(epoch), uint64(first)
		return k, err
	}, `SELECT kid, cose, epoch, first_seq FROM signing_key ORDER BY id`)
	if err != nil {
		return fmt.Errorf("reading the keys: %w", err)
	}
	whole := v.again.whole()
	for _, k := range listed {
		if len(signed) == 0 || !bytes.Equal(k.cose, signed[0].Key.Bytes()) {
			if whole {
				add("signing_key", "kid "+hex.EncodeToString(k.kid), "", "there", "not there")
			}
			continue
		}
		want, kid := signed[0], signed[0].Key.KID()
		signed = signed[1:]
		if !bytes.Equal(k.kid, kid[:]) {
			add("signing_key", "kid "+kid.String(), "kid", Hex(k.kid), kid)
		}
		if (k.epoch != want.Epoch || k.first != want.First) && !v.mayHaveBegun(want) {
			add("signing_key", "kid "+kid.String(), "first_seq", fmt.Sprintf("%d of epoch %016x", k.first, k.epoch),
				fmt.Sprintf("%d of epoch %016x", want.First, want.Epoch))
		}
	}
	for _, want := range signed {
		add("signing_key", "kid "+want.Key.KID().String(), "", "not there, or out of order", "there")
	}
	return nil
}

// mayHaveBegun says whether a key may have signed entries before the first of its that was seen.
func (v *copyCheck) mayHaveBegun(k KeyUse) bool {
	gone := v.again.epoch(k.Epoch).gone
	return gone > 0 && k.First == gone+1
}

type listedKey struct {
	kid, cose    []byte
	epoch, first uint64
}
