package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tilld/agent/payment"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// hq is a running HQ: its answers come out of a channel.
type hq struct {
	*Ingest
	down chan sent
	over chan error // Run's
	stop func()
}

func (h *hq) Publish(ctx context.Context, topic string, qos byte, payload []byte) error {
	select {
	case h.down <- sent{topic, qos, payload}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run starts HQ on a ledger; end stops it and gives Run's error.
func (b *bench) run(l Ledger, edit func(*Config)) *hq {
	b.Helper()
	h := &hq{down: make(chan sent, 1024)}
	cfg := configFor(b.Chain, l, h)
	if edit != nil {
		edit(&cfg)
	}
	var err error
	h.Ingest, err = New(b.Ctx, cfg)
	b.Must(err)
	ctx, cancel := context.WithCancel(b.Ctx)
	h.stop, h.over = cancel, make(chan error, 1)
	ended := make(chan struct{})
	go func() { h.over <- h.Run(ctx); close(ended) }()
	b.T.Cleanup(func() { cancel(); <-ended })
	return h
}

func (h *hq) end() error { h.stop(); return <-h.over }

// bring plays lanes against a running HQ, as an uplink does: what is not acknowledged is sent, and sent again,
// until everything is held and judged.
func (b *bench) bring(h *hq, size int, lanes ...*ingesttest.Lane) {
	b.Helper()
	byTopic, acked, count := map[string]*ingesttest.Lane{}, map[string]uint64{}, uint64(0)
	send := func(topic string) {
		for i, batch := range byTopic[topic].Batches(acked[topic], size) {
			if i == 4 {
				break
			}
			msg, err := wire.EncodeBatch(batch)
			b.Must(err)
			h.Handle(b.Ctx, wire.UpTopic(byTopic[topic].ID), msg)
		}
	}
	ask := func(topic string) {
		count++
		h.Handle(b.Ctx, wire.UpTopic(byTopic[topic].ID), byTopic[topic].Beat(count, nil))
	}
	for _, l := range lanes {
		topic := wire.DownTopic(l.ID)
		byTopic[topic] = l
		send(topic)
		ask(topic)
	}
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for open := len(lanes); open > 0; {
		var s sent
		select {
		case s = <-h.down:
		case <-again.C: // as a lane does that hears nothing
			for topic := range byTopic {
				send(topic)
				ask(topic)
			}
			continue
		}
		l := byTopic[s.topic]
		if l == nil {
			continue
		}
		a, ok := b.open(s.payload, wire.TypAck)
		if !ok {
			continue
		}
		if a.Acked > acked[s.topic] {
			acked[s.topic] = a.Acked
			send(s.topic)
		}
		switch echo := len(a.Echo) > 0; {
		case echo && a.Judged == l.Last():
			delete(byTopic, s.topic)
			open--
		case echo, a.Acked == l.Last(): // a beat signed by a key that HQ had not heard of was not answered
			ask(s.topic)
		}
	}
}

// lanes make a few lanes that sold something, with all that a day brings.
func (b *bench) lanes(n, sales int) (lanes []*ingesttest.Lane, sum int64) {
	b.Helper()
	for i := range n {
		l := b.Lane(fmt.Sprint("s", i%3), fmt.Sprint(i))
		p := b.Chain.Phone()
		for j := range sales {
			if j%10 == 9 {
				p = b.Chain.Phone()
			}
			l.Sell(p, int64(100+j))
			sum += int64(100 + j)
		}
		l.Void(l.Sell(p, 77))
		l.ChangeKey()
		l.CloseDay()
		lanes = append(lanes, l)
	}
	return lanes, sum
}

func TestRun(t *testing.T) {
	b := newBench(t)
	lanes, sum := b.lanes(5, 30)
	h := b.run(b.store, nil)
	b.bring(h, 7, lanes...)
	b.WantNet(ledger.WalletReceivable, sum)
	b.wantKind("")
	if r := b.Balance(); len(r.Missing) != 0 || len(r.Waiting) != 0 || len(r.Days) != 5 {
		t.Errorf("%+v", r)
	}
	if err := h.end(); !errors.Is(err, context.Canceled) {
		t.Errorf("Run ended with %v", err)
	}
	// Another session, to which everything is sent again.
	h = b.run(b.store, nil)
	b.bring(h, 11, lanes...)
	b.WantNet(ledger.WalletReceivable, sum)
	if s := h.Stats(); s.Stored != 0 || s.Judged != 0 {
		t.Errorf("%+v", s)
	}
	b.Balance()
}

// TestGroups: what many lanes send while a commit is under way goes into one transaction.
func TestGroups(t *testing.T) {
	b := newBench(t)
	lanes, _ := b.lanes(8, 4)
	slow := &slowLedger{Store: b.store, enter: make(chan int, 100), leave: make(chan struct{})}
	h := b.run(slow, nil)
	first := lanes[0]
	h.Handle(b.Ctx, wire.UpTopic(first.ID), first.Message(1, 1))
	if n := <-slow.enter; n != 1 {
		t.Fatalf("%d in the first transaction", n)
	}
	for _, l := range lanes[1:] {
		h.Handle(b.Ctx, wire.UpTopic(l.ID), l.Message(1, 2))
	}
	for len(h.verified)+len(h.express.verified) < 7 { // until all are verified
		runtime.Gosched()
	}
	slow.leave <- struct{}{}
	if n := <-slow.enter; n != 7 {
		t.Errorf("%d in the second transaction, want 7", n)
	}
	close(slow.leave)
	_ = h.end()
}

// slowLedger lets a test hold every Record.
type slowLedger struct {
	*ledger.Store
	enter chan int
	leave chan struct{}
}

func (s *slowLedger) Record(ctx context.Context, a []*ledger.Arrival, beats []*wire.Beat) (x, y []ledger.Answer, err error) {
	s.enter <- len(a)
	<-s.leave
	return s.Store.Record(ctx, a, beats)
}

// brokenLedger fails as a test wants.
type brokenLedger struct {
	*ledger.Store
	record func([]*ledger.Arrival) error
	judge  func([]ledger.Judgement) error
}

func (l *brokenLedger) Record(ctx context.Context, a []*ledger.Arrival, beats []*wire.Beat) (x, y []ledger.Answer, err error) {
	if l.record != nil {
		if err := l.record(a); err != nil {
			return nil, nil, err
		}
	}
	return l.Store.Record(ctx, a, beats)
}

func (l *brokenLedger) Judge(ctx context.Context, work []ledger.Judgement) ([]ledger.Verdict, error) {
	if l.judge != nil {
		if err := l.judge(work); err != nil {
			return nil, err
		}
	}
	return l.Store.Judge(ctx, work)
}

// TestPoison: an entry that the books refuse is an exception by name, and everything around it is posted.
func TestPoison(t *testing.T) {
	b := newBench(t)
	lanes, sum := b.lanes(3, 6)
	bad := lanes[1]
	poison := func(work []ledger.Judgement) error {
		for _, w := range work {
			if w.Entry.Name.Terminal == bad.ID && w.Entry.Name.Seq == 5 && w.Kind != ledger.Unpostable {
				return fmt.Errorf("%w: as the test wants", ledger.ErrRefused)
			}
		}
		return nil
	}
	b.start(&brokenLedger{Store: b.store, judge: poison})
	for _, l := range lanes {
		b.deliverAll(l, 0, 100)
	}
	b.post()
	open := b.OpenExceptions()
	if len(open) != 2 || open[0].Kind != ledger.Unpostable || open[0].Entry.Seq != 5 || open[1].Kind != ledger.DayDiffers {
		t.Errorf("exceptions %+v", open)
	}
	b.WantNet(ledger.WalletReceivable, sum-102)
	if s := b.g.Stats(); s.PostRetries == 0 {
		t.Errorf("%+v", s)
	}
	r, err := b.Check(b.Ctx, time.Time{})
	b.Must(err)
	if len(r.Faults) != 1 || !strings.Contains(r.Faults[0], bad.ID.String()) {
		t.Errorf("the check does not name what is not posted: %v", r.Faults)
	}
}

// TestOneFails: a message whose transaction fails is not acknowledged, and those beside it are.
func TestOneFails(t *testing.T) {
	b := newBench(t)
	one, two := b.Lane("s1", "1"), b.Lane("s1", "2")
	full := errors.New("disk full, says the test")
	b.start(&brokenLedger{Store: b.store, record: func(a []*ledger.Arrival) error {
		for _, x := range a {
			if x.Batch.Terminal == one.ID {
				return full
			}
		}
		return nil
	}})
	var group []*item
	for _, l := range []*ingesttest.Lane{one, two} {
		it, err := b.g.check(b.Ctx, message{terminal: l.ID, payload: l.Message(1, 2)})
		b.Must(err)
		group = append(group, it)
	}
	b.Must(b.g.commit(b.Ctx, group))
	if acks := b.acks(two); len(acks) != 1 || acks[0].Acked != 2 {
		t.Errorf("%+v", acks)
	}
	if s := b.g.Stats(); s.Failed != 1 || s.Stored != 2 {
		t.Errorf("%+v", s)
	}
}

// TestDiskFull: on a full disk nothing is recorded or acknowledged, the log has one error that names it, and when there
// is room everything goes on.
func TestDiskFull(t *testing.T) {
	b := newBench(t)
	l := b.Lane("s1", "1")
	var out bytes.Buffer
	noRoom, tries := true, 0
	cfg := configFor(b.Chain, &brokenLedger{Store: b.store, record: func([]*ledger.Arrival) error {
		if tries++; noRoom {
			return fmt.Errorf("%w: says the test", ledger.ErrFull)
		}
		return nil
	}}, b.road)
	cfg.Log = slog.New(slog.NewTextHandler(&out, nil))
	var err error
	b.g, err = New(b.Ctx, cfg)
	b.Must(err)
	group := func() (list []*item) {
		for range 3 {
			it, err := b.g.check(b.Ctx, message{terminal: l.ID, payload: l.Message(1, 2)})
			b.Must(err)
			list = append(list, it)
		}
		return list
	}
	b.Must(b.g.Healthy())
	for range 2 {
		b.Must(b.g.commit(b.Ctx, group()))
	}
	if s := b.g.Stats(); tries != 2 || s.Failed != 6 || s.Stored != 0 || len(b.acks(l)) != 0 || !errors.Is(b.g.Healthy(), ledger.ErrFull) {
		t.Errorf("%d tries, %+v, %v", tries, s, b.g.Healthy())
	}
	if n := strings.Count(out.String(), "level=ERROR msg=\"disk full"); n != 1 {
		t.Errorf("%d errors in the log, want 1:\n%s", n, &out)
	}
	noRoom = false
	b.Must(b.g.commit(b.Ctx, group()))
	b.Must(b.g.Healthy())
	if acks := b.acks(l); len(acks) == 0 || acks[0].Acked != 2 {
		t.Errorf("with room: %+v", acks)
	}
}

// TestStops: when the ledger's disk has failed Run ends and says so.
func TestStops(t *testing.T) {
	b := newBench(t)
	l := b.Lane("s1", "1")
	h := b.run(&brokenLedger{Store: b.store, record: func([]*ledger.Arrival) error { return ledger.ErrStopped }}, nil)
	h.Handle(b.Ctx, wire.UpTopic(l.ID), l.Message(1, 2))
	if err := <-h.over; !errors.Is(err, ledger.ErrStopped) || !errors.Is(h.Healthy(), ledger.ErrStopped) {
		t.Errorf("Run ended with %v, healthy: %v", err, h.Healthy())
	}
}

// TestHello: every lane hears of the session at the start and every half minute, in virtual time.
func TestHello(t *testing.T) {
	b := newBench(t)
	synctest.Test(t, func(t *testing.T) {
		out := &road{}
		start := time.Now()
		cfg := configFor(b.Chain, idleLedger{b.store}, out)
		cfg.Now = func() time.Time { return ingesttest.Noon.Add(time.Since(start)) }
		g, err := New(b.Ctx, cfg)
		b.Must(err)
		ctx, cancel := context.WithTimeout(context.Background(), 95*time.Second)
		defer cancel()
		if err := g.Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Run ended with %v", err)
		}
		all := out.take()
		if len(all) != 4 {
			t.Fatalf("%d hellos in 95 s", len(all))
		}
		for i, s := range all {
			sealed, err := wire.UnframeSigned(s.payload)
			b.Must(err)
			m, err := wire.Open(sealed, wire.TypHello, wire.OneKey(b.Chain.Ack.Public()))
			b.Must(err)
			var h wire.Hello
			b.Must(wire.UnmarshalKnown(m.Payload, &h))
			if s.topic != wire.AllTopic || s.qos != 1 || string(h.Nonce) != string(g.nonce) || h.HQEpoch != g.hqEpoch ||
				h.Time != ingesttest.Noon.Add(time.Duration(i)*30*time.Second).UnixMilli() {
				t.Errorf("hello %d: %+v", i, h)
			}
		}
	})
}

// idleLedger has nothing to judge, and never blocks on a disk.
type idleLedger struct{ *ledger.Store }

func (idleLedger) HQEpoch(context.Context) (uint64, error)                        { return 7, nil }
func (idleLedger) Backlogs(context.Context, int64, int) ([]ledger.Backlog, error) { return nil, nil }

// TestSessionsDiffer: each start has a nonce of its own.
func TestSessionsDiffer(t *testing.T) {
	b := newBench(t)
	first := string(b.g.nonce)
	b.start(b.store)
	if first == string(b.g.nonce) || len(first) != wire.NonceSize {
		t.Error("two sessions with one nonce")
	}
	cfg := configFor(b.Chain, b.store, b.road)
	cfg.Random = strings.NewReader("short")
	if _, err := New(b.Ctx, cfg); err == nil {
		t.Error("a session without a nonce")
	}
}

// TestTurns: with more histories than fit into one transaction each gets its turn.
func TestTurns(t *testing.T) {
	b := newBench(t)
	lanes, sum := b.lanes(9, 5)
	cfg := configFor(b.Chain, b.store, b.road)
	cfg.PostEntries, cfg.PostLane = 8, 3
	var err error
	b.g, err = New(b.Ctx, cfg)
	b.Must(err)
	for _, l := range lanes {
		b.deliverAll(l, 0, 100)
	}
	judged := map[payment.ID]bool{}
	for range 5 { // two histories in each round
		r, err := b.g.nextRound(b.Ctx, nil)
		b.Must(err)
		moved, err := b.g.finish(b.Ctx, r)
		if err != nil || moved {
			t.Fatal(moved, err)
		}
	}
	for _, l := range lanes {
		st, err := b.Terminal(b.Ctx, l.ID)
		b.Must(err)
		judged[l.ID] = st.Epochs[0].Judged > 0
		if !judged[l.ID] {
			t.Errorf("lane %s had no turn", l.Name)
		}
	}
	b.post()
	b.WantNet(ledger.WalletReceivable, sum)
	b.Balance()
}

// TestTwoWorkers: two HQs on one ledger, each with every other lane's word and both with some: whoever is
// first, everything is posted once.
func TestTwoWorkers(t *testing.T) {
	b := newBench(t)
	lanes, sum := b.lanes(6, 40)
	second, err := ledger.Open(b.Ctx, b.path, func() time.Time { return b.Chain.Now })
	b.Must(err)
	t.Cleanup(func() { _ = second.Close() })
	start := time.Now()
	moving := func(c *Config) { // keys that the other worker heard of are asked for again after a moment
		c.Now = func() time.Time { return ingesttest.Noon.Add(100 * time.Since(start)) }
	}
	one, two := b.run(b.store, moving), b.run(second, moving)
	over := make(chan bool)
	go func() { b.bring(two, 13, lanes[2:]...); close(over) }()
	b.bring(one, 7, lanes[:4]...)
	<-over
	b.WantNet(ledger.WalletReceivable, sum)
	b.wantKind("")
	if r := b.Balance(); len(r.Missing)+len(r.Waiting) != 0 {
		t.Errorf("%+v", r)
	}
	if n := one.Stats().Judged + two.Stats().Judged; n != uint64(6*(1+1+40+2+1+1)) {
		t.Errorf("%d entries judged", n)
	}
}
