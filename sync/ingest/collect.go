package ingest

import (
	"context"
	"time"
)

// collector puts together what the writer records in one transaction. Sales of lanes that sell have transactions of
// their own, and go first; behind each of these it is the turn of a backlog, if one waits.
type collector struct {
	g      *Ingest
	turned bool // the last group was of lanes that sell
}

// next waits for an item and takes what is there behind it, up to the group's limits. While more keeps coming in
// it waits a little, for a commit costs the same for one entry and for thousands.
func (c *collector) next(ctx context.Context) ([]*item, error) {
	quick, slow := c.g.express.verified, c.g.verified
	first := quick
	if c.turned {
		first = slow
	}
	var it *item
	select {
	case it = <-first:
	default:
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case it = <-quick:
		case it = <-slow:
		}
	}
	if c.turned = it.urgent(); c.turned {
		return c.selling(ctx, it)
	}
	return c.backlog(ctx, it)
}

// selling goes on with what else came by the express queue.
func (c *collector) selling(ctx context.Context, it *item) ([]*item, error) {
	g := c.newGroup()
	for full := g.add(it); !full && (len(c.g.express.verified) > 0 || len(c.g.verified) == 0); full = g.add(it) {
		select {
		case it = <-c.g.express.verified:
			continue
		default:
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-g.linger():
			return g.items, nil
		case it = <-c.g.express.verified:
		}
	}
	return g.items, nil
}

// backlog goes on with all that there is. What an item's terminal sent before it by the express queue is there
// already and has to go first, so that is taken too; when it is a sale nothing more is waited for.
func (c *collector) backlog(ctx context.Context, it *item) ([]*item, error) {
	g := c.newGroup()
	for {
		urgent := it.urgent()
		for !it.quick && len(c.g.express.verified) > 0 {
			one := <-c.g.express.verified
			urgent = one.urgent() || urgent
			g.add(one)
		}
		if g.add(it) || urgent {
			return g.items, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-g.linger():
			return g.items, nil
		case it = <-c.g.express.verified:
		case it = <-c.g.verified:
		}
	}
}

// group is what goes into one transaction.
type group struct {
	items          []*item
	entries, bytes int // so many yet
	most, mostSize int
	wait           time.Duration
	timer          <-chan time.Time
}

func (c *collector) newGroup() *group {
	return &group{most: c.g.express.short(c.g.cfg.GroupEntries, shortKeep), mostSize: c.g.cfg.GroupBytes, wait: c.g.cfg.Linger}
}

// add says whether the group is full.
func (g *group) add(it *item) (full bool) {
	g.items, g.bytes = append(g.items, it), g.bytes+it.size
	if it.arrival != nil {
		g.entries += len(it.arrival.Hashes)
	}
	return g.entries >= g.most || g.bytes >= g.mostSize
}

// linger fires when nothing more is to be waited for.
func (g *group) linger() <-chan time.Time {
	if g.timer == nil {
		g.timer = time.After(g.wait)
	}
	return g.timer
}
