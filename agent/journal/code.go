package journal

import (
	"context"

	"tilld/agent/payment"
)

// codeSchema is the first version of the schema that keeps the signed codes which HQ was asked about.
const codeSchema = 6

// codeAsked holds a signed code from the moment at which HQ is asked about it, whatever comes of that: one code pays
// once at this lane.
func (p projector) codeAsked(ctx context.Context, w *written, f *payment.Asked) error {
	if f.Replay == nil || p.version < codeSchema || w.Entry.BusinessDate < p.countersFrom {
		return nil
	}
	e := w.Entry
	return p.must(ctx, func() error { return conflict(ErrCodeUsed, "attempt %s", f.Ref) },
		`INSERT INTO attempt_code (phone, counter, payment, business_date) SELECT ?1, ?2, ?3, ?4
		WHERE NOT EXISTS (SELECT 1 FROM spent WHERE phone = ?1 AND counter = ?2) ON CONFLICT DO NOTHING`,
		f.Replay.Phone, counterBytes(f.Replay.Counter), e.Payment[:], int64(e.BusinessDate))
}

// codeFree says whether a code may pay offline: HQ was not asked about it for another payment.
func (p projector) codeFree(ctx context.Context, w *written, f *payment.Approved) error {
	if p.replay || p.version < codeSchema {
		return nil
	}
	var other bool
	err := p.store.row(ctx, `SELECT EXISTS (SELECT 1 FROM attempt_code WHERE phone = ? AND counter = ? AND payment <> ?)`,
		[]any{f.Replay.Phone, counterBytes(f.Replay.Counter), w.Entry.Payment[:]}, &other)
	if err == nil && other {
		err = conflict(ErrCodeUsed, "payment %s", w.Entry.Payment)
	}
	return err
}
