package uplink

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"tilld/sync/wire"
)

// message takes one downward message. Only the journal's errors are returned: a message that is not HQ's
// word is counted and forgotten.
func (u *Uplink) message(ctx context.Context, payload []byte) error {
	sealed, err := wire.UnframeSigned(payload)
	if err != nil {
		return u.refuse("not a message", err)
	}
	typ, err := wire.Peek(sealed)
	if err != nil {
		return u.refuse("not a message", err)
	}
	switch typ {
	case wire.TypHello:
		return u.hello(sealed)
	case wire.TypAck:
		return u.ack(ctx, sealed)
	case wire.TypPolicy, wire.TypTrust:
		if err := u.cfg.OnPolicy(ctx, typ, sealed); err != nil {
			return u.refuse("policy not taken", err)
		}
		return nil
	}
	return u.refuse("a message of another kind", fmt.Errorf("%w: %q", wire.ErrTyp, typ))
}

// refuse counts what was not HQ's word. The log hears of it now and then only: whoever can write to the
// broker must not fill the till's disk.
func (u *Uplink) refuse(what string, err error) error {
	u.note(func(s *Status) { s.Refused++ })
	u.unsaid++
	if now := u.cfg.Now(); now.Sub(u.said).Abs() >= sayEvery {
		u.cfg.Log.Warn("downward message refused", "what", what, "error", err, "count", u.unsaid)
		u.said, u.unsaid = now, 0
	}
	return nil
}

func (u *Uplink) hello(sealed []byte) error {
	var h wire.Hello
	if err := open(sealed, wire.TypHello, u.cfg.HQKeys(), &h); err != nil {
		return u.refuse("hello", err)
	}
	if h.Version != wire.MessageVersion || h.HQEpoch < u.hqEpoch {
		return u.refuse("hello", fmt.Errorf("version %d, HQ epoch %d", h.Version, h.HQEpoch))
	}
	u.session(h.HQEpoch, h.Nonce)
	return nil
}

// session notes which session of HQ speaks. In a new one everything unacknowledged is sent again: the last
// session may have taken it off the broker and died. A replayed old Hello costs one repetition at most.
func (u *Uplink) session(hqEpoch uint64, nonce []byte) {
	if bytes.Equal(u.nonce, nonce) {
		return
	}
	u.nonce, u.hqEpoch = nonce, max(u.hqEpoch, hqEpoch)
	now := u.cfg.Now()
	for _, f := range u.flows {
		f.restart(now)
	}
}

func (u *Uplink) ack(ctx context.Context, sealed []byte) error {
	var a wire.Ack
	if err := open(sealed, wire.TypAck, u.cfg.HQKeys(), &a); err != nil {
		return u.refuse("acknowledgement", err)
	}
	if a.Version != wire.MessageVersion || a.Terminal != u.cfg.Terminal {
		return u.refuse("acknowledgement", fmt.Errorf("version %d, terminal %s", a.Version, a.Terminal))
	}
	v, err := u.cfg.Outbox.Acknowledge(ctx, &a, sealed)
	if err != nil {
		return fmt.Errorf("taking an acknowledgement: %w", err)
	}
	u.weighLost(&a, v)
	fork := a.Forked || v.Fork // whichever branch this answer names
	if fork {
		if err := u.cfg.OnForked(ctx, a.Epoch); err != nil {
			return fmt.Errorf("beginning a new epoch: %w", err)
		}
	}
	if v.Ignore && !fork {
		return nil
	}
	u.session(a.HQEpoch, a.Nonce)
	if v.Ignore { // another branch's cursor; but HQ reads, and wants this branch too
		return nil
	}
	u.progress(&a, v)
	if err := u.contact(ctx, &a); err != nil {
		return err
	}
	u.cfg.OnAck(ctx, &a)
	return nil
}

// progress moves the window and shortens the wait again.
func (u *Uplink) progress(a *wire.Ack, v Verdict) {
	now := u.cfg.Now()
	u.wait, u.slow = firstWait, 0
	if f := u.flows[a.Epoch]; f != nil {
		f.ack(v.Acked, now)
		if a.Resend {
			f.gap(now)
		}
	}
	u.note(func(s *Status) { s.LastAck = now })
	u.setHQ(true)
}

// contact tells of a fresh answer: one that echoes a question of ours, and so was made after it.
func (u *Uplink) contact(ctx context.Context, a *wire.Ack) error {
	for i, c := range u.challenges {
		if bytes.Equal(c.nonce, a.Echo) {
			u.challenges = append([]challenge(nil), u.challenges[i+1:]...)
			u.vain = 0
			if err := u.cfg.OnContact(ctx, Contact{HQTime: time.UnixMilli(a.Time).UTC(), Sent: c.sent}); err != nil {
				return fmt.Errorf("noting HQ's time: %w", err)
			}
			return nil
		}
	}
	return nil
}

func open(sealed []byte, typ wire.Typ, keys wire.Keys, v any) error {
	m, err := wire.Open(sealed, typ, keys)
	if err != nil {
		return err
	}
	return wire.UnmarshalKnown(m.Payload, v)
}
