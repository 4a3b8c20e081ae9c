package main

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"tilld/agent/cmd/tilld/internal/hq"
	"tilld/agent/journal"
	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/mqtt"
	"tilld/sync/wire"
)

// afternoon is the drain as one would write it in an afternoon: a message for each sale; its signature and its
// evidence verified; one commit that keeps and posts it; a signed answer, which the lane notes with one commit. It
// doesn't wait for one answer before it sends the next sale.
type afternoon struct {
	*drain
	office  *hq.Office
	trust   *policy.Trust
	books   *ingesttest.Afternoon
	outbox  *journal.Journal
	answers chan struct{}
}

// naive drains a copy of the lane's journal, and returns how long that took.
func (d *drain) naive(n int) time.Duration {
	d.b.Helper()
	dir := filepath.Join(d.root, "naive")
	d.must(os.CopyFS(filepath.Join(dir, "lane"), os.DirFS(d.dir)))
	office, err := hq.OpenOffice(d.b.Context(), d.data(), time.Now)
	d.must(err)
	trust, _, err := office.Trust(d.b.Context())
	d.must(err)
	a := &afternoon{
		drain: d, office: office, trust: trust, books: ingesttest.OpenAfternoon(d.b, filepath.Join(dir, "hq.db")),
		outbox: d.open(filepath.Join(dir, "lane")), answers: make(chan struct{}, n),
	}
	both := []string{wire.UpFilter(-1), wire.DownFilter}
	broker, err := mqtt.StartBroker(mqtt.BrokerConfig{
		StoreDir: filepath.Join(dir, "broker"), Listen: "127.0.0.1:0", Guests: mqtt.Rights{Publish: both, Subscribe: both},
	})
	d.must(err)
	took := a.run(broker.URL(), n)
	broker.Close()
	d.must(a.outbox.Close())
	d.must(office.Close())
	return took
}

func (a *afternoon) run(broker string, n int) time.Duration {
	a.b.Helper()
	ctx, stop := context.WithCancel(a.b.Context())
	defer stop()
	up := make(chan struct{}, 2)
	ended := make(chan error, 2)
	connect := func(id string, sub mqtt.Subscription, take func(payload []byte)) *mqtt.Client {
		c, err := mqtt.NewClient(mqtt.Config{
			Brokers: []string{broker}, ClientID: id, Subscriptions: []mqtt.Subscription{sub}, Inbox: n, // nobody sends an answer again
			OnMessage: func(_ string, payload []byte) { take(payload) },
			OnState: func(ok bool, _ error) {
				if ok {
					up <- struct{}{}
				}
			},
		})
		a.must(err)
		go func() { ended <- c.Run(ctx) }()
		<-up
		return c
	}
	var hq *mqtt.Client
	ready := make(chan struct{})
	hq = connect("hq", mqtt.Subscription{Filter: wire.UpFilter(-1), QoS: 1}, func(payload []byte) {
		<-ready
		answer := a.take(payload)
		if err := hq.Publish(ctx, wire.DownTopic(a.id.Terminal), 0, answer); err != nil && ctx.Err() == nil {
			a.b.Error(err)
		}
	})
	till := connect("lane", mqtt.Subscription{Filter: wire.DownTopic(a.id.Terminal)}, func(payload []byte) { a.note(ctx, payload) })
	close(ready)
	begin := time.Now()
	sent := a.send(ctx, till, n)
	lost := time.NewTimer(patience)
	for i := range sent {
		lost.Reset(patience)
		select {
		case <-a.answers:
		case <-lost.C:
			a.b.Fatalf("%d of %d answers came; lane %+v, HQ %+v", i, sent, till.Stats(), hq.Stats())
		}
	}
	took := time.Since(begin)
	stop()
	a.must(<-ended)
	a.must(<-ended)
	return took
}

// send sends a sale a message; the entries before the first sale go with it.
func (a *afternoon) send(ctx context.Context, till *mqtt.Client, n int) (sent int) {
	a.b.Helper()
	for after, most := uint64(0), int(a.last)-3*(n-1); after < a.last; most = 3 {
		batch, err := a.outbox.NextBatch(ctx, a.epoch, after, most, wire.MaxMessage/2)
		a.must(err)
		msg, err := wire.EncodeBatch(batch)
		a.must(err)
		a.must(till.Publish(ctx, wire.UpTopic(a.id.Terminal), 1, msg))
		after = batch.Last()
		sent++
	}
	return sent
}

// take is HQ's side: it verifies a sale, commits it and answers.
func (a *afternoon) take(payload []byte) (answer []byte) {
	batch, err := wire.DecodeBatch(payload)
	a.must(err)
	hashes, err := batch.Verify(wire.OneKey(a.id.Signer.Public()))
	a.must(err)
	var approval *ledger.Approval
	for i, p := range batch.Payloads {
		e, err := wire.DecodeEntry(p)
		a.must(err)
		if f, ok := e.Fact.(*payment.Approved); ok {
			approval = a.verify(e, f, batch.Bodies[i])
		}
	}
	a.must(a.books.Write(batch, hashes, approval))
	ack, err := wire.Seal(a.office.Keys.Ack, wire.TypAck, &wire.Ack{
		Version: wire.MessageVersion, HQEpoch: 1, Nonce: []byte{}, Time: time.Now().UnixMilli(), Terminal: a.id.Terminal, Epoch: a.epoch,
		Acked: batch.Last(), Head: hashes[len(hashes)-1][:], Results: []wire.Result{}, Echo: []byte{},
	})
	a.must(err)
	return wire.FrameSigned(ack)
}

// verify checks an approval's evidence: the customer's code, unsealed, and both signatures in it.
func (a *afternoon) verify(e *wire.Entry, f *payment.Approved, raw []byte) *ledger.Approval {
	a.must(wire.CheckBody(raw, e.BodyHash))
	body, err := wire.DecodeBody(raw)
	a.must(err)
	kid, err := wire.ParseKID(body.SealKey)
	a.must(err)
	code, err := a.office.Keys.Seal[kid].Open(e.Name(), body.Evidence)
	a.must(err)
	seen, err := signed.Verify(string(code), a.trust.Keys(policy.UseIssuer, time.Now()))
	a.must(err)
	key := seen.ReplayKey()
	return &ledger.Approval{Payment: *e.Payment, Amount: f.Amount, Wallet: f.Wallet, BusinessDate: e.BusinessDate, Replay: &key}
}

// note is the lane's side of an answer.
func (a *afternoon) note(ctx context.Context, payload []byte) {
	sealed, err := wire.UnframeSigned(payload)
	a.must(err)
	m, err := wire.Open(sealed, wire.TypAck, wire.OneKey(a.office.Keys.Ack.Public()))
	a.must(err)
	var ack wire.Ack
	a.must(wire.UnmarshalKnown(m.Payload, &ack))
	res, err := a.outbox.Acknowledge(ctx, &ack, sealed)
	a.must(err)
	if !res.Taken {
		a.b.Errorf("an answer was not taken: %+v", res)
	}
	a.answers <- struct{}{}
}
