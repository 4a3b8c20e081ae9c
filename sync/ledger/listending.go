package ledger

import (
	"context"
	"strings"
	"time"

	"tilld/agent/payment"
)

// EndingSize is how many characters of an identifier's end PaymentsEnding takes: as many as screens show.
const EndingSize = 6

// PaymentsEnding lists up to limit payments whose identifiers end in six characters, as ID.String writes them, and
// were made at a time or later, by the clocks that made them: the last made first. Anything else than six such
// characters is payment.Invalid.
//
// No index leads from an identifier's end: each payment would write into a leaf of its own somewhere in the file (at
// ten million payments that made its row sixteen times as dear), for what a person asks a few times a day. The
// identifiers themselves are in an index, by time; reading them since a time takes about 0.1 s for a million.
func (s *Store) PaymentsEnding(ctx context.Context, end string, since time.Time, limit int) ([]Payment, error) {
	low, err := payment.ParseID(strings.Repeat("0", 26-len(end[:min(len(end), 26)])) + end)
	if err != nil || len(end) != EndingSize {
		return nil, payment.Errorf(payment.Invalid, "ledger.PaymentsEnding", "the last %d characters of an identifier are wanted", EndingSize)
	}
	return read(ctx, s, paymentsEnding(low, since, limit), scanPayment, "payments that end in six characters")
}

// paymentsEnding compares the last three bytes of each identifier first. Six characters are 30 bits: of the byte
// before, two bits are any.
func paymentsEnding(low payment.ID, since time.Time, limit int) query {
	var first payment.ID
	ms := max(since.UnixMilli(), 0)
	for i := range 6 {
		first[i] = byte(ms >> (8 * (5 - i)))
	}
	args := []any{first[:], low[13:]}
	for high := range byte(4) {
		args = append(args, append([]byte{low[12] | high<<6}, low[13:]...))
	}
	return query{paymentColumns + `p.no IN (SELECT no FROM payment INDEXED BY payment_id WHERE id >= ? AND substr(id, 14) = ?
		AND substr(id, 13) IN (?, ?, ?, ?) ORDER BY id DESC LIMIT ?) ORDER BY p.id DESC, p.no`, append(args, limit)}
}
