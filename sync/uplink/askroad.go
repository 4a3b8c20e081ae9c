package uplink

import (
	"context"
	"fmt"
	"time"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

const (
	sendFor  = 200 * time.Millisecond // a place on the link: a backlog in flight may hold all of them
	askFor   = 10 * time.Second       // one call of the second road; HQ waits for the operator
	probeFor = 3 * time.Second
)

func (a *Asker) nonce() []byte {
	b := make([]byte, wire.NonceSize)
	a.cfg.Random(b)
	return b
}

// signed is a message as both roads carry it.
func (a *Asker) signed(typ wire.Typ, v any) ([]byte, error) {
	sealed, err := wire.Seal(a.cfg.Signer(), typ, v)
	if err != nil {
		a.cfg.Log.Error("a question to HQ could not be signed", "error", err)
		return nil, err
	}
	a.note(func(st *AskerStatus) { st.Asked++ })
	return wire.FrameSigned(sealed), nil
}

// send hands a message to the link, and says whether that had a place for it.
func (a *Asker) send(ctx context.Context, payload []byte) bool {
	ctx, done := context.WithTimeout(ctx, sendFor)
	defer done()
	err := a.cfg.Link.Send(ctx, wire.AskTopic(a.cfg.Terminal), 0, payload)
	if err != nil {
		a.cfg.Log.Debug("question not handed over", "error", err)
	}
	return err == nil
}

// call begins a call of the second road; false: there is none. Run hears when it is over.
func (a *Asker) call(ctx context.Context, payload []byte, limit time.Duration, over func()) bool {
	if a.cfg.Road == nil {
		return false
	}
	a.note(func(st *AskerStatus) { st.Road++ })
	a.calls.Go(func() {
		ctx, done := context.WithTimeout(ctx, limit)
		defer done()
		reply, err := a.cfg.Road(ctx, payload)
		a.push(func(ctx context.Context) {
			over()
			switch {
			case err != nil:
				a.cfg.Log.Debug("the second road brought nothing", "error", err)
			case len(reply) > 0:
				a.message(ctx, reply)
			}
		})
	})
	return true
}

// message takes one message from either road. What is not HQ's word is counted and forgotten.
func (a *Asker) message(ctx context.Context, payload []byte) {
	sealed, err := wire.UnframeSigned(payload)
	if err != nil {
		a.refuse("not a message", err)
		return
	}
	switch typ, err := wire.Peek(sealed); {
	case err != nil:
		a.refuse("not a message", err)
	case typ == wire.TypAnswer:
		a.answer(ctx, sealed)
	case typ == wire.TypPong:
		a.pong(sealed)
	default:
		a.refuse("a message of another kind", fmt.Errorf("%w: %q", wire.ErrTyp, typ))
	}
}

// ours says whether a message is for this terminal, and from no HQ that has been restored over since.
func (a *Asker) ours(what string, terminal payment.ID, hqEpoch uint64) bool {
	if a.cfg.HQEpoch != nil {
		a.hqEpoch = max(a.hqEpoch, a.cfg.HQEpoch())
	}
	if terminal != a.cfg.Terminal || hqEpoch < a.hqEpoch {
		a.refuse(what, fmt.Errorf("terminal %s, HQ epoch %d", terminal, hqEpoch))
		return false
	}
	a.hqEpoch = hqEpoch
	return true
}

// refuse counts what was not HQ's word, as Uplink.refuse does.
func (a *Asker) refuse(what string, err error) {
	a.note(func(st *AskerStatus) { st.Refused++ })
	a.unsaid++
	if now := a.cfg.Now(); now.Sub(a.said).Abs() >= sayEvery {
		a.cfg.Log.Warn("answer refused", "what", what, "error", err, "count", a.unsaid)
		a.said, a.unsaid = now, 0
	}
}
