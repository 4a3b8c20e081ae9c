package ingest

import (
	"context"
	"fmt"

	"tilld/agent/payment"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// answer is an acknowledgement to be signed.
type answer struct {
	terminal payment.ID
	epoch    uint64
	place    ledger.Place
	resend   bool
	echo     []byte
	results  []wire.Result
	beat     *wire.Beat // that may lack a policy; nil: none
}

// answer queues an acknowledgement. When the queue is full it is left out: it is cumulative, and a lane that
// hears nothing asks.
func (g *Ingest) answer(a answer) {
	select {
	case g.answers <- a:
	default:
		g.count.acksLost.Add(1)
	}
}

// acknowledge signs and sends what is queued, until ctx ends.
func (g *Ingest) acknowledge(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case a := <-g.answers:
			if err := g.sendAnswer(ctx, &a); err != nil {
				return err
			}
		}
	}
}

// sendAnswer sends an acknowledgement and, when it answers a beat that speaks of an older one of either, the trust
// bundle and the policy behind it, in this order: the one says which key signed the other.
func (g *Ingest) sendAnswer(ctx context.Context, a *answer) error {
	newest, err := g.papers.newest(ctx)
	if err != nil { // an acknowledgement is worth more than the newest policy: what was known last must do
		g.log.warn(ctx, "newest policy not read", "error", err.Error())
	}
	till, err := g.tillPaper(ctx, a, newest.policy)
	if err != nil { // a lane without it sells as it did
		g.log.warn(ctx, "no paper about a till", "terminal", a.terminal.String(), "error", err.Error())
	}
	raw, err := wire.Seal(g.cfg.Signer(), wire.TypAck, wire.Ack{
		Version: wire.MessageVersion, HQEpoch: g.hqEpoch, Nonce: g.nonce, Time: g.cfg.Now().UnixMilli(),
		Terminal: a.terminal, Epoch: a.epoch, Acked: a.place.Acked, Head: orEmpty(a.place.Head), Resend: a.resend,
		Forked: a.place.Forked, Judged: a.place.Judged, Results: orNone(a.results), Policy: newest.policy,
		Echo: orEmpty(a.echo), Revoked: a.place.Revoked, Twice: a.place.Twice, Till: till,
	})
	if err != nil {
		return fmt.Errorf("signing an acknowledgement: %w", err)
	}
	g.sent(g.send(ctx, wire.DownTopic(a.terminal), 0, raw))
	if a.beat == nil || !newest.above(a.beat) {
		return nil
	}
	for _, doc := range [][]byte{newest.rawTrust, newest.rawPolicy} {
		if len(doc) > 0 {
			g.send(ctx, wire.DownTopic(a.terminal), 0, doc)
		}
	}
	return nil
}

func (g *Ingest) sent(ok bool) {
	if ok {
		g.count.acks.Add(1)
	} else {
		g.count.acksLost.Add(1)
	}
}

// orEmpty and orNone keep null out of messages, which have one encoding.
func orEmpty(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func orNone(r []wire.Result) []wire.Result {
	if r == nil {
		return []wire.Result{}
	}
	return r
}
