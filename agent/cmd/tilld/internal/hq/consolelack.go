package hq

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"tilld/agent/payment"
	"tilld/sync/ledger"
	"tilld/sync/settle"
	pages "tilld/ui/hq"
)

// A batch's manifest names every lane from which something may still come, and says the same of one whose day simply
// ran on when the batch was cut as of one that should have closed it; and it names lanes that came after the date. The
// archived bytes stay as they are. This file tells these apart for people.

// lacks are the lanes that a batch's manifest names, but for those that were not there yet on its date.
func (c *console) lacks(ctx context.Context, b *settle.Head) ([]pages.Lack, error) {
	if len(b.Manifest.Missing) == 0 {
		return nil, nil
	}
	doc, err := c.policy(ctx)
	if err != nil {
		return nil, err
	}
	enrolled, err := c.books.EnrolledAt(ctx)
	if err != nil {
		return nil, err
	}
	cut, err := time.Parse(time.RFC3339, b.CutAt)
	if err != nil {
		return nil, fmt.Errorf("batch %s: %w", b.ID, err)
	}
	dateOf := func(t time.Time) payment.Date { return payment.BusinessDate(t, c.zone, doc.Roll.Duration()) }
	var list []pages.Lack
	for _, m := range b.Manifest.Missing {
		reason := string(m.Reason)
		if m.Reason == settle.MissingClose || m.Reason == settle.MissingAll {
			if at, known := enrolled[m.Terminal]; known && dateOf(at) > b.SettlementDate {
				continue
			}
			if m.Reason == settle.MissingClose && dateOf(cut) <= b.SettlementDate {
				reason = pages.LackDayOpen
			}
		}
		list = append(list, pages.Lack{Terminal: m.Terminal, Store: m.Store, Lane: m.Lane, Reason: reason, From: m.From, To: m.To, LastClosed: m.LastClosed})
	}
	return list, nil
}

// laneCount is how many lanes a batch lacks something of, and how many others had their day open still.
type laneCount struct{ missing, open int }

// countLanes counts terminals: one may be named for several reasons.
func countLanes(list []pages.Lack) laneCount {
	open := map[payment.ID]bool{} // and nothing worse
	for _, l := range list {
		before, seen := open[l.Terminal]
		open[l.Terminal] = l.Reason == pages.LackDayOpen && (before || !seen)
	}
	var n laneCount
	for _, only := range open {
		if only {
			n.open++
		} else {
			n.missing++
		}
	}
	return n
}

// lacking keeps what batches lack. Batches never change.
type lacking struct {
	mu    sync.Mutex
	count map[payment.ID]laneCount
}

const maxLacking = 10_000

// counts reads the manifests that it has not read before.
func (l *lacking) counts(ctx context.Context, c *console, batches []ledger.BatchRef) (map[payment.ID]laneCount, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count == nil || len(l.count) >= maxLacking {
		l.count = map[payment.ID]laneCount{}
	}
	counts := map[payment.ID]laneCount{}
	for _, b := range batches {
		n, known := l.count[b.ID]
		if !known {
			head, err := readHead(c.archive, b.ID)
			if err != nil {
				return nil, err
			}
			list, err := c.lacks(ctx, head)
			if err != nil {
				return nil, err
			}
			n = countLanes(list)
		}
		l.count[b.ID], counts[b.ID] = n, n
	}
	return counts, nil
}

// readHead reads a batch without its lines.
func readHead(archive *settle.Archive, id payment.ID) (*settle.Head, error) {
	f, err := archive.Open(id, settle.FormManifest)
	if err != nil {
		return nil, err
	}
	defer f.Close() // it is only read
	var file struct {
		Head settle.Head `json:"head"`
	}
	if err := json.NewDecoder(f).Decode(&file); err != nil {
		return nil, fmt.Errorf("manifest of batch %s: %w", id, err)
	}
	return &file.Head, nil
}
