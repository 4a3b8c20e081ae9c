package lane

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"tilld/agent/clock"
	"tilld/agent/journal"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/wire"
)

// Contact takes HQ's time from a fresh answer to a question that left at sent, by the boot-time clock.
func (l *Lane) Contact(ctx context.Context, hq time.Time, sent time.Duration) error {
	saved, err := l.cfg.Clock.Anchor(hq, sent)
	if errors.Is(err, clock.ErrSlow) || errors.Is(err, clock.ErrEarlier) || errors.Is(err, clock.ErrBoot) {
		l.cfg.Log.Debug("an answer of HQ did not set the clock", "error", err)
		return nil
	}
	if err != nil {
		return err
	}
	raw, err := saved.Bytes()
	if err != nil {
		return err
	}
	if err := l.cfg.Journal.SetClockAnchor(ctx, raw); err != nil && !errors.Is(err, journal.ErrStopped) {
		return err
	}
	return nil
}

// Policy takes a signed policy or trust bundle, keeps it and obeys it from then on. Versions never go back.
func (l *Lane) Policy(ctx context.Context, sealed []byte) error {
	return l.do(ctx, func(ctx context.Context) error {
		c := l.context()
		next, err := c.Bundle.Accept(sealed, believed(c.Now))
		if err != nil {
			return err
		}
		if next == c.Bundle {
			return nil
		}
		trust, doc := next.Raw()
		if t := next.Trust(); t != nil {
			if err := l.cfg.Journal.SetDocument(ctx, journal.TrustDocument, t.Version, trust); err != nil {
				return err
			}
		}
		if doc != nil {
			if err := l.cfg.Journal.SetDocument(ctx, journal.PolicyDocument, next.PolicyVersion(), doc); err != nil {
				return err
			}
		}
		l.mu.Lock()
		l.bundle = next
		l.mu.Unlock()
		l.cfg.Log.Info("policy taken", "policy", next.PolicyVersion())
		return nil
	})
}

// standing is whether HQ lets this terminal sell. Within one life of HQ's books a revocation is for good: an answer that
// says otherwise is an older one, brought again.
type standing struct {
	HQEpoch uint64 `json:"hq_epoch"`
	Revoked bool   `json:"revoked"`
}

func (s standing) with(a *wire.Ack) standing {
	switch {
	case a.HQEpoch < s.HQEpoch:
		return s
	case a.HQEpoch == s.HQEpoch:
		s.Revoked = s.Revoked || a.Revoked
		return s
	}
	return standing{a.HQEpoch, a.Revoked}
}

// Acked is told of each acknowledgement that was taken.
func (l *Lane) Acked(ctx context.Context, a *wire.Ack) {
	run := func(ctx context.Context) error { return l.hear(ctx, a) }
	err := l.hand(ctx, job{ctx: ctx, run: run, quiet: true, done: make(chan error, 1)})
	if err != nil && ctx.Err() == nil {
		l.cfg.Log.Error("an acknowledgement was not dealt with", "error", err)
	}
}

// hear notes what an acknowledgement says of this terminal. That it may not sell is kept, for a lane that is started
// anew without HQ would sell on.
func (l *Lane) hear(ctx context.Context, a *wire.Ack) error {
	if len(a.Till) > 0 {
		if err := l.takeTill(ctx, a.Till); err != nil {
			return err
		}
	}
	was := l.standing
	l.standing, l.twice = was.with(a), a.Twice
	if was.Revoked == l.standing.Revoked {
		return nil
	}
	raw, err := json.Marshal(l.standing)
	if err == nil {
		err = l.cfg.Journal.SetStanding(ctx, raw)
	}
	return err
}

// recallStanding reads what hear has kept.
func (l *Lane) recallStanding(ctx context.Context) error {
	raw, err := l.cfg.Journal.Standing(ctx)
	if err == nil && len(raw) > 0 {
		err = json.Unmarshal(raw, &l.standing)
	}
	return err
}

// Forked begins a new epoch when HQ holds another history of the present one: the lane sells on. That its
// journal exists twice is shown until HQ says that somebody has dealt with it.
func (l *Lane) Forked(ctx context.Context, epoch uint64) error {
	return l.do(ctx, func(ctx context.Context) error {
		at, err := l.cfg.Journal.State(ctx)
		if err != nil || at.Current.Epoch != epoch {
			return err
		}
		l.twice = true
		if _, err := l.cfg.Journal.NewEpoch(ctx, payment.CauseFork); err != nil {
			return err
		}
		l.cfg.Log.Error("HQ holds another history of this journal: a cloned or restored disk; a new epoch has begun", "seq", at.Current.Last)
		l.state.Day, l.state.Before = 0, l.state.Day
		return l.rollIfDue(ctx, l.context())
	})
}

// recallFork finds in the journal what a lane that was started anew must show: HQ told of a fork, and has said
// nothing about the epoch that was begun for it.
func (l *Lane) recallFork(ctx context.Context) error {
	at, err := l.cfg.Journal.State(ctx)
	if n := len(at.Epochs); err == nil && n > 1 {
		l.twice = at.Epochs[n-2].Forked && at.Current.Acked == 0
	}
	return err
}

// Bundle is what the lane believes now.
func (l *Lane) Bundle() *policy.Bundle {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bundle
}

// Keys are those that may sign HQ's answers now.
func (l *Lane) Keys() wire.Keys {
	t := l.Bundle().Trust()
	if t == nil {
		return func(wire.KID) []wire.PublicKey { return nil }
	}
	r := l.cfg.Clock.Read()
	at := r.Now
	if r.Trust == clock.Untrusted {
		at = time.Time{}
	}
	return t.Keys(policy.UseAck, at)
}
