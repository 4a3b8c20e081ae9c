package house

import (
	"context"
	"errors"
	"time"

	"tilld/sync/wire"
)

// How long a notice waits whose address takes nothing.
const (
	addressAgain = 10 * time.Minute // between tries
	addressFor   = 3 * day          // and then it is given up
)

// Deliver sends the notices that were not sent. It is called after what causes them and, by whoever runs the issuer,
// now and then: a messenger that was away gets them later, and nobody is tried while it is. An address that takes
// nothing is passed over: whoever enters one keeps nobody else from being told.
func (i *Issuer) Deliver(ctx context.Context) {
	for after := int64(0); ; {
		no, m, err := i.unsent(ctx, after)
		if err != nil || no == 0 {
			i.warn(err, "reading what customers must be told")
			return
		}
		after = no
		if i.waits(no) {
			continue
		}
		err = i.send(ctx, m)
		switch {
		case errors.Is(err, ErrAddress) && i.c.Now().Before(m.At.Add(addressFor)):
			i.wait(no)
			continue
		case err != nil && !errors.Is(err, ErrAddress):
			return
		}
		err = i.do(ctx, func(t *tx) error {
			return t.exec(1, "UPDATE notice SET sent_at = ? WHERE no = ?", t.ms(), no)
		})
		if err != nil {
			i.warn(err, "writing down that a customer was told")
			return
		}
		i.refusedMu.Lock()
		delete(i.refused, no)
		i.refusedMu.Unlock()
	}
}

// waits says whether a notice's address took nothing just now.
func (i *Issuer) waits(no int64) bool {
	i.refusedMu.Lock()
	defer i.refusedMu.Unlock()
	return i.c.Now().Before(i.refused[no])
}

func (i *Issuer) wait(no int64) {
	i.refusedMu.Lock()
	defer i.refusedMu.Unlock()
	i.refused[no] = i.c.Now().Add(addressAgain)
}

func (i *Issuer) unsent(ctx context.Context, after int64) (no int64, m Message, err error) {
	err = i.do(ctx, func(t *tx) error {
		var phone []byte
		var at int64
		found, err := t.get("SELECT no, kind, contact, phone, at FROM notice WHERE sent_at IS NULL AND no > ? ORDER BY no LIMIT 1", []any{after},
			&no, &m.Kind, &m.To, &phone, &at)
		if err != nil || !found {
			return err
		}
		m.At = fromMS(at)
		if len(phone) == wire.KIDSize {
			m.Phone = wire.KID(phone)
		}
		return nil
	})
	return no, m, err
}
