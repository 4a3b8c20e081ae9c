package lane

import (
	"context"
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

// Acked is told of each acknowledgement that was taken.
func (l *Lane) Acked(ctx context.Context, a *wire.Ack) {
	run := func(context.Context) error { l.revoked, l.twice = a.Revoked, a.Twice; return nil }
	err := l.hand(ctx, job{ctx: ctx, run: run, quiet: true, done: make(chan error, 1)})
	if err != nil && ctx.Err() == nil {
		l.cfg.Log.Error("an acknowledgement was not dealt with", "error", err)
	}
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
