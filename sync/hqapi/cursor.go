package hqapi

import (
	"encoding/base64"
	"encoding/binary"
	"errors"

	"tilld/agent/payment"
)

// errCursor reports text that is no cursor of this API.
var errCursor = errors.New("not a cursor of this list: use the one that the last answer gave, or none to begin")

// The lists that have cursors. A cursor of one is none of another.
const (
	listBatches    = 'b'
	listTerminals  = 't'
	listExceptions = 'e'
	listSales      = 's'
	listPoints     = 'p'
)

// cursor is a place in a list, opaque to clients. It holds nothing secret and is not signed: position and
// ID must belong together in the ledger of this HQ epoch, so that one from nowhere finds nothing.
type cursor struct {
	list  byte
	epoch uint64     // HQ's; positions of another life of the ledger mean nothing
	pos   uint64     // of the last item that was given
	id    payment.ID // of that item
}

const (
	cursorVersion = 1
	cursorSize    = 2 + 8 + 8 + 16
)

// String is the cursor as clients see it.
func (c cursor) String() string {
	raw := make([]byte, 0, cursorSize)
	raw = append(raw, cursorVersion, c.list)
	raw = binary.BigEndian.AppendUint64(raw, c.epoch)
	raw = binary.BigEndian.AppendUint64(raw, c.pos)
	return base64.RawURLEncoding.EncodeToString(append(raw, c.id[:]...))
}

// parseCursor reads a cursor of the list; anything else is errCursor.
func parseCursor(list byte, text string) (cursor, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != cursorSize || raw[0] != cursorVersion || raw[1] != list {
		return cursor{}, errCursor
	}
	c := cursor{list: list, epoch: binary.BigEndian.Uint64(raw[2:]), pos: binary.BigEndian.Uint64(raw[10:]), id: payment.ID(raw[18:])}
	if c.String() != text { // line breaks pass the decoder
		return cursor{}, errCursor
	}
	return c, nil
}
