package hq

import (
	"context"
	"fmt"
	"io"
	"time"

	"tilld/agent/payment"
	"tilld/sync/ledger"
	"tilld/sync/settle"
	pages "tilld/ui/hq"
)

// Batches lists batches, the last closed first, with the chart of a day.
func (c *console) Batches(ctx context.Context, q pages.BatchQuery) (list pages.BatchList, err error) {
	at, err := c.behind(ctx, listBatches, q.After, one(c.books.Batch, func(b *ledger.BatchRef) uint64 { return b.Pos }))
	if err != nil {
		return list, err
	}
	rows, err := c.books.NewestBatches(ctx, ledger.BatchFilter{Wallet: q.Wallet, SettlementDate: q.Date}, at.Pos, q.Limit+1)
	if err != nil {
		return list, err
	}
	lacks, err := c.lacking.counts(ctx, c, rows[:min(len(rows), q.Limit)])
	if err != nil {
		return list, err
	}
	list.Rows, list.Older = cut(at, rows, q.Limit, func(b *ledger.BatchRef) (uint64, payment.ID) { return b.Pos, b.ID },
		func(b *ledger.BatchRef) pages.Batch { return viewBatch(b, lacks[b.ID]) })
	doc, err := c.policy(ctx)
	if err != nil {
		return list, err
	}
	if list.Date = q.Date; list.Date == 0 {
		list.Date = c.today(doc)
	}
	sums, err := c.daySums(ctx, list.Date)
	list.Day = chart(sums, list.Date, c.zone, doc.Currency)
	return list, err
}

// Batch reads a batch from the archive: what is shown is what was settled. One that the books do not list is
// not visible, archived or not.
func (c *console) Batch(ctx context.Context, id payment.ID, from, limit int) (v pages.BatchDetail, err error) {
	ref, err := c.books.Batch(ctx, id)
	if err != nil {
		return v, err
	}
	b, err := c.archive.Load(id)
	if err != nil {
		return v, err
	}
	if b.Root != ref.Root {
		return v, fmt.Errorf("batch %s: the archive's content hash is %s, the books' %s", id, b.Root, ref.Root)
	}
	total := func(t settle.Total) pages.Total {
		return pages.Total{Count: int(t.Count), Sum: payment.Of(t.Sum, b.Currency)}
	}
	m := &b.Manifest
	lacks, err := c.lacks(ctx, &b.Head)
	if err != nil {
		return v, err
	}
	v = pages.BatchDetail{
		Batch: viewBatch(&ref, countLanes(lacks)), Lacking: lacks, Expected: total(m.Expected), Late: total(m.Late), Early: total(m.Early),
		From: min(max(from, 0), len(b.Lines)),
	}
	if v.CutAt, err = time.Parse(time.RFC3339, b.CutAt); err != nil {
		return v, fmt.Errorf("batch %s: %w", id, err)
	}
	for _, p := range m.Terminals {
		v.Parts = append(v.Parts, pages.Part{Terminal: p.Terminal, Store: p.Store, Lane: p.Lane, First: p.First, Last: p.Last, Total: total(p.Total)})
	}
	for _, l := range b.Lines[v.From:min(v.From+limit, len(b.Lines))] {
		v.Lines = append(v.Lines, pages.Line{Payment: l.Payment, Kind: string(l.Kind), Store: l.Store, Lane: l.Lane,
			BusinessDate: l.BusinessDate, Seq: l.Seq, Amount: payment.Of(l.Amount, b.Currency)})
	}
	return v, nil
}

// archived is the archive's name of each form.
var archived = map[pages.Form]settle.Form{pages.JSON: settle.FormJSON, pages.CSV: settle.FormCSV}

// Archived opens the archived bytes of a batch that the books list.
func (c *console) Archived(ctx context.Context, id payment.ID, form pages.Form) (io.ReadCloser, error) {
	name, known := archived[form]
	if !known {
		return nil, payment.Errorf(payment.NotFound, "hq.Archived", "a batch is there as json and csv")
	}
	if _, err := c.books.Batch(ctx, id); err != nil {
		return nil, err
	}
	return c.archive.Open(id, name)
}

// CutNow closes what is due and cuts what is there, of every wallet. Who asked is in the page's log: a batch
// names nobody.
func (c *console) CutNow(ctx context.Context, _ string) (int, error) {
	refs, err := c.settler.CutNow(ctx)
	return len(refs), err
}
