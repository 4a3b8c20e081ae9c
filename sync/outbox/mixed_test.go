package outbox_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"tilld/agent/journal"
	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/ingest"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/outbox"
	"tilld/sync/uplink"
	"tilld/sync/wire"
)

// pair is a lane (journal, outbox, uplink) and an HQ (ingest, ledger), with a road between them on which each
// speaks the dialect of another release.
type pair struct {
	*testing.T
	ctx      context.Context
	chain    *ingesttest.Chain
	id       payment.ID
	key      *wire.Signer
	journal  *journal.Journal
	up       *uplink.Uplink
	hq       *ingest.Hand
	books    *ledger.Store
	dialect  func(from *wire.Signer, typ wire.Typ, fields map[int64]any)
	down     [][]byte
	papers   map[wire.Typ]error // what became of the policies and trust bundles that HQ sent
	contacts int
	phone    *ingesttest.Phone
}

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{T: t, ctx: context.Background(), chain: ingesttest.NewChain(t), key: ingesttest.Ed25519(t), papers: map[wire.Typ]error{},
		dialect: func(*wire.Signer, wire.Typ, map[int64]any) {}}
	p.id, p.phone = p.chain.ID(), p.chain.Phone()
	var err error
	p.journal, err = journal.Open(p.ctx, journal.Config{Dir: t.TempDir(), Terminal: p.id, Store: "s1", Lane: "1", Software: "test", Signer: p.key,
		Random: rand.Reader, Now: p.moment})
	p.must(err)
	t.Cleanup(func() { p.must(p.journal.Close()) })
	p.books, err = ledger.Open(p.ctx, filepath.Join(t.TempDir(), "hq.db"), p.now)
	p.must(err)
	t.Cleanup(func() { p.must(p.books.Close()) })
	p.must(p.books.AddTerminal(p.ctx, ledger.Terminal{ID: p.id, Entity: "kita", Store: "s1", Lane: "1"}, p.key.Public()))
	p.must(p.books.AddDocument(p.ctx, ledger.Document{Kind: ledger.TrustDocument, Version: 1, Sealed: p.chain.SignedTrust()}))
	p.must(p.books.AddDocument(p.ctx, ledger.Document{Kind: ledger.PolicyDocument, Version: 1, Sealed: p.chain.SignedPolicy()}))
	p.chain.Now = p.chain.Now.Add(2 * time.Second) // behind what HQ keeps in memory
	p.hq, err = ingest.ByHand(p.ctx, ingest.Config{Ledger: p.books, Publish: fromHQ{p}, Root: p.chain.Root.Public(),
		Signer: func() *wire.Signer { return p.chain.Ack }, Unseal: p.chain.Unseal, Now: p.now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler)})
	p.must(err)
	p.start()
	return p
}

func (p *pair) must(err error) {
	if err != nil {
		p.Helper()
		p.Fatal(err)
	}
}

func (p *pair) now() time.Time { return p.chain.Now }

func (p *pair) moment() journal.Moment {
	return journal.Moment{Date: ingesttest.Today, Wall: p.chain.Now, Boot: time.Hour, HQKnown: true, HQAge: time.Second, Zone: ingesttest.Zone}
}

// start begins the lane's uplink.
func (p *pair) start() {
	log := slog.New(slog.DiscardHandler)
	p.up = uplink.New(uplink.Config{
		Terminal: p.id, Signer: p.journal.Signer, Software: "test", Outbox: outbox.New(p.journal, log), Link: fromLane{p},
		HQKeys: func() wire.Keys { return wire.OneKey(p.chain.Ack.Public()) },
		Policy: func() uint64 { return 0 }, Trust: func() uint64 { return 0 },
		OnPolicy: func(_ context.Context, typ wire.Typ, sealed []byte) error {
			p.papers[typ] = p.paper(typ, sealed)
			return p.papers[typ]
		},
		OnContact: func(context.Context, uplink.Contact) error { p.contacts++; return nil },
		OnAck:     func(context.Context, *wire.Ack) {},
		OnForked:  func(context.Context, uint64) error { return errors.New("a fork, where there is none") },
		Now:       p.now, Boot: func() time.Duration { return p.chain.Now.Sub(ingesttest.Noon) + time.Hour },
		Random: func(b []byte) { _, _ = rand.Read(b) }, Jitter: func() float64 { return 0 }, Log: log,
	})
	p.up.LinkUp()
}

// paper opens what HQ signed as a lane does.
func (p *pair) paper(typ wire.Typ, sealed []byte) error {
	if typ == wire.TypTrust {
		_, err := policy.OpenTrust(sealed, p.chain.Root.Public())
		return err
	}
	_, err := policy.OpenPolicy(sealed, wire.OneKey(p.chain.Policy.Public()))
	return err
}

type fromLane struct{ *pair }

func (r fromLane) Send(ctx context.Context, topic string, _ byte, payload []byte) error {
	r.hq.Ingest().Handle(ctx, topic, r.say(payload))
	return nil
}

type fromHQ struct{ *pair }

func (r fromHQ) Publish(_ context.Context, _ string, _ byte, payload []byte) error {
	r.down = append(r.down, r.say(payload))
	return nil
}

// say says a signed message as another release would. Batches are left alone: see sync/ingest/testdata/mixed.
func (p *pair) say(msg []byte) []byte {
	p.Helper()
	msg = bytes.Clone(msg)
	if wire.IsBatch(msg) {
		return msg
	}
	sealed, err := wire.UnframeSigned(msg)
	p.must(err)
	typ, err := wire.Peek(sealed)
	p.must(err)
	by := map[wire.Typ]*wire.Signer{wire.TypBeat: p.key, wire.TypHello: p.chain.Ack, wire.TypAck: p.chain.Ack, wire.TypPolicy: p.chain.Policy, wire.TypTrust: p.chain.Root}[typ]
	m, err := wire.Open(sealed, typ, wire.OneKey(by.Public()))
	p.must(err)
	var fields map[int64]any
	p.must(wire.Unmarshal(m.Payload, &fields))
	p.dialect(by, typ, fields)
	again, err := wire.Seal(by, typ, fields)
	p.must(err)
	return wire.FrameSigned(again)
}

// sell journals a payment as a lane does.
func (p *pair) sell(amount int64) {
	p.Helper()
	sale, pay := p.chain.ID(), p.chain.ID()
	text := p.phone.Code("s1", "")
	code, err := signed.Parse(text)
	p.must(err)
	terms, issuer := p.chain.Doc.Terms("s1", "1"), p.chain.Issuer.Public().KID()
	money := payment.Of(amount, "JPY")
	draft := func(f payment.Fact) journal.Draft {
		return journal.Draft{Fact: f, Sale: &sale, Moment: p.moment(), Policy: 1}
	}
	known, err := p.journal.Known(p.ctx, journal.Question{Replay: code.ReplayKey(), Wallet: ingesttest.Wallet, Account: p.phone.Account[:], Date: p.moment().Date, Currency: "JPY"})
	p.must(err)
	used := policy.Used{Account: known.AccountSpent, AccountCount: known.AccountCount, Sum: known.ExposureSum, Count: known.ExposureCount}
	d := draft(&payment.Approved{Amount: money, Wallet: ingesttest.Wallet, CodeHash: make([]byte, 16), HashKey: 1, Replay: code.ReplayKey(), Issuer: issuer[:],
		Limits: terms.Limits(policy.TierFull, true, p.phone.Cap, amount, used), AccountCount: terms.AccountCount(used)})
	d.Payment, d.Body, d.Evidence, d.SealTo = &pay, &payment.Body{Cashier: "c1", Account: p.phone.Account[:]}, []byte(text), p.chain.Trust.Seal(p.chain.Now)
	_, err = p.journal.Append(p.ctx, draft(&payment.SaleOpened{Total: money, Due: money, Eligible: payment.Eligible{Wallet: amount}}), d)
	p.must(err)
	p.up.Appended()
}

// run lets both work for some rounds, a minute apart: as long as it takes to ask again.
func (p *pair) run() {
	p.Helper()
	for range 8 {
		p.chain.Now = p.chain.Now.Add(time.Minute)
		p.must(p.hq.Hello(p.ctx))
		for range 4 {
			_, err := p.up.Step(p.ctx)
			p.must(err)
			p.must(p.hq.Record(p.ctx))
			p.must(p.hq.Answer(p.ctx))
			down := p.down
			p.down = nil
			for _, m := range down {
				p.up.Message(m)
			}
		}
	}
	for more := true; more; {
		var err error
		more, err = p.hq.Judge(p.ctx)
		p.must(err)
	}
}

// want holds the outbox and the books to what was sold.
func (p *pair) want(pending, posted int64) {
	p.Helper()
	st, err := p.journal.State(p.ctx)
	p.must(err)
	if got := int64(st.Current.Last - st.Current.Acked); (got == 0) != (pending == 0) {
		p.Errorf("%d entries wait at the lane", got)
	}
	rows, err := p.books.Trial(p.ctx)
	p.must(err)
	net := int64(0)
	for _, r := range rows {
		if r.Account == ledger.WalletReceivable {
			net = r.Net()
		}
	}
	if net != posted {
		p.Errorf("%d posted, want %d", net, posted)
	}
}
