package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"tilld/agent/checkout"
	"tilld/agent/clock"
	"tilld/agent/cmd/tilld/internal/files"
	"tilld/agent/cmd/tilld/internal/hq"
	lanenode "tilld/agent/cmd/tilld/internal/lane"
	"tilld/agent/journal"
	"tilld/agent/lane"
	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
	"tilld/drivers/scanner"
	"tilld/sync/hqapi"
	"tilld/sync/ingest"
	"tilld/sync/outbox"
	"tilld/sync/settle"
	"tilld/sync/uplink"
	"tilld/sync/wire"
)

// longAgo is how long ago the past lies: so long that a retention of one day lets all of it go.
const longAgo = 72 * time.Hour

// past is an HQ and a lane that have sold once, three days ago, and were then switched off. Nobody can set the
// clocks of processes, so the parts of the program write it here, by a clock that is set back: when the processes
// start on these disks, a business date has to be closed, retention has to take what the lane holds, and
// settlement dates are due.
type past struct {
	*testing.T
	now          time.Time
	hqDir, dir   string
	issuer       *wire.Signer
	key          *wire.Signer // of a customer's phone
	token        string
	office       *hq.Office
	hand         *ingest.Hand
	settler      *settle.Settler
	journal      *journal.Journal
	lane         *lane.Lane
	uplink       *uplink.Uplink
	toHQ, toLane [][]byte
	topic        string
	paid         payment.ID
}

// writePast makes the two directories.
func writePast(t *testing.T, hqDir, laneDir string, issuer *wire.Signer, amount int64) *past {
	t.Helper()
	p := &past{T: t, now: time.Now().Add(-longAgo), hqDir: hqDir, dir: laneDir, issuer: issuer}
	var err error
	p.key, err = newP256()
	p.must(err)
	p.found()
	p.openHQ()
	p.openLane()
	p.sync("HQ speaks to the lane", func() bool { return p.uplink.Status().HQ })
	p.sell(amount)
	p.sync("HQ has everything", func() bool {
		out, err := p.journal.Outbox(t.Context())
		p.must(err)
		return len(out) == 0
	})
	_, err = p.settler.Step(t.Context())
	p.must(err)
	_, err = p.settler.CutNow(t.Context())
	p.must(err)
	p.must(p.journal.Close())
	p.must(p.office.Close())
	return p
}

func (p *past) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

func (p *past) at() time.Time { return p.now }

// found makes HQ and the lane by the files that people carry.
func (p *past) found() {
	ctx := p.Context()
	p.must(hq.Init(ctx, p.hqDir, "kita", "JPY", "Asia/Tokyo", p.at))
	o, err := hq.OpenOffice(ctx, p.hqDir, p.at)
	p.must(err)
	p.office = o
	p.must(o.AddIssuer(ctx, p.issuer.Public(), "house"))
	doc, _, err := o.Policy(ctx)
	p.must(err)
	doc.Version++
	roomy(doc)
	doc.Retention = 1
	p.must(o.SignPolicy(ctx, doc))
	p.token, err = o.AddToken(ctx, "tester", 30*24*time.Hour, string(hqapi.ScopeFinance))
	p.must(err)
	request, _, err := lanenode.Init(p.dir, "tilld test", p.now)
	p.must(err)
	answer, _, err := o.AddTerminal(ctx, request, hq.Place{Store: "S001", Lane: "L1", Entity: "kita-foods"})
	p.must(err)
	_, err = lanenode.Join(p.dir, answer)
	p.must(err)
}

// Publish takes what HQ says to the lane.
func (p *past) Publish(_ context.Context, _ string, _ byte, payload []byte) error {
	p.toLane = append(p.toLane, payload)
	return nil
}

// Send takes what the lane says to HQ.
func (p *past) Send(_ context.Context, topic string, _ byte, payload []byte) error {
	p.topic, p.toHQ = topic, append(p.toHQ, payload)
	return nil
}

func (p *past) openHQ() {
	o := p.office
	var err error
	p.hand, err = ingest.ByHand(p.Context(), ingest.Config{
		Ledger: o.Books, Publish: p, Root: o.Keys.Root, Signer: func() *wire.Signer { return o.Keys.Ack },
		Unseal: func(k wire.KID) *wire.ConfidantKey { return o.Keys.Seal[k] }, Now: p.at, Random: rand.Reader, Log: slog.New(slog.DiscardHandler),
	})
	p.must(err)
	archive, err := settle.OpenArchive(filepath.Join(p.hqDir, "settlements"))
	p.must(err)
	zone, err := time.LoadLocation("Asia/Tokyo")
	p.must(err)
	house := settle.Schedule{Account: settle.Account{Wallet: "house", Currency: "JPY"}, Zone: zone, After: 28 * time.Hour}
	p.settler = &settle.Settler{Store: o.Books, Archive: archive, Now: p.at, Log: slog.New(slog.DiscardHandler),
		Schedules: func(context.Context) ([]settle.Schedule, error) { return []settle.Schedule{house}, nil }}
}

func (p *past) openLane() {
	ctx, log := p.Context(), slog.New(slog.DiscardHandler)
	id, err := lanenode.LoadIdentity(p.dir)
	p.must(err)
	join, err := lanenode.LoadJoin(p.dir, id)
	p.must(err)
	bundle, err := join.Bundle()
	p.must(err)
	zone, err := time.LoadLocation(join.Zone)
	p.must(err)
	booted := p.now.Add(-time.Hour)
	place := checkout.Place{Terminal: id.Terminal, Store: join.Store, Lane: join.Lane, Zone: zone, Roll: 4 * time.Hour}
	boot := func() time.Duration { return p.now.Sub(booted) }
	p.journal, err = journal.Open(ctx, journal.Config{
		Dir: p.dir, Cause: payment.CauseFirst, Terminal: id.Terminal, Store: join.Store, Lane: join.Lane, Software: "tilld test", Signer: id.Signer,
		Random: rand.Reader, Log: log,
		Now: func() journal.Moment {
			return journal.Moment{Date: payment.BusinessDate(p.now, zone, place.Roll), Wall: p.now, Boot: boot(), Zone: join.Zone}
		},
	})
	p.must(err)
	p.must(files.Write(filepath.Join(p.dir, "journal.begun"), nil))
	src := clock.Source{Wall: p.at, Boot: func() (time.Duration, error) { return boot(), nil }, BootID: "three days ago"}
	clocks := clock.New(src, clock.Saved{})
	p.lane, err = lane.New(ctx, lane.Config{
		Journal: p.journal, Clock: clocks, Place: place, Bundle: bundle, HashKey: join.HashKeys[len(join.HashKeys)-1],
		IDs: payment.NewIDs(p.at, rand.Reader), Log: log, ByHand: true,
	})
	p.must(err)
	p.uplink = uplink.New(uplink.Config{
		Terminal: id.Terminal, Signer: p.journal.Signer, Software: "tilld test", Outbox: outbox.New(p.journal, log), Link: p, HQKeys: p.lane.Keys,
		Policy:    func() uint64 { return p.lane.Bundle().PolicyVersion() },
		OnPolicy:  func(ctx context.Context, _ wire.Typ, sealed []byte) error { return p.lane.Policy(ctx, sealed) },
		OnContact: func(ctx context.Context, c uplink.Contact) error { return p.lane.Contact(ctx, c.HQTime, c.Sent) },
		OnAck:     p.lane.Acked, OnForked: p.lane.Forked, Now: p.at, Boot: boot, Jitter: func() float64 { return 0 }, Log: log,
		Random: func(b []byte) { _, _ = rand.Read(b) },
	})
	p.uplink.LinkUp()
}

// sync carries messages to and fro until something is so.
func (p *past) sync(what string, ok func() bool) {
	p.Helper()
	for round := 0; !ok(); round++ {
		if round == 200 {
			p.Fatalf("three days ago: gave up waiting: %s", what)
		}
		p.now = p.now.Add(time.Second)
		p.uplink.Appended()
		_, err := p.uplink.Step(p.Context())
		p.must(err)
		for _, m := range p.toHQ {
			p.hand.Ingest().Handle(p.Context(), p.topic, m)
		}
		p.must(p.hand.Record(p.Context()))
		for more := true; more; {
			more, err = p.hand.Judge(p.Context())
			p.must(err)
		}
		p.must(p.hand.Answer(p.Context()))
		for _, m := range p.toLane {
			p.uplink.Message(m)
		}
		p.toHQ, p.toLane = nil, nil
	}
}

// sell sells once.
func (p *past) sell(amount int64) {
	p.Helper()
	ctx := p.Context()
	total := payment.Of(amount, "JPY")
	sale, _, err := p.lane.OpenSale(ctx, lane.NewSale{Sale: payment.Sale{Total: total, Eligible: payment.Eligible{Wallet: amount}}, FromPOS: true})
	p.must(err)
	cert, err := signed.Certify(p.issuer, signed.Claims{
		Account: signed.Account{1}, Phone: p.key.Public(), Cap: payment.Of(50_000, "JPY"), NotBefore: p.now.Add(-time.Hour), Hours: 24,
	})
	p.must(err)
	text, err := signed.Sign(p.key, cert, signed.CodeClaims{Counter: 1, Time: p.now, Store: "S001"})
	p.must(err)
	p.lane.Scanned(ctx, scanner.Symbol{Text: text, AIM: "]Q1", At: p.now})
	v := p.lane.View()
	if v.Phase != checkout.Paid {
		p.Fatalf("three days ago nothing was sold: %v %v", v.Phase, v.Answer.Reason)
	}
	p.paid = v.Answer.Payment
	_, err = p.lane.CompleteSale(ctx, sale.ID)
	p.must(err)
}
