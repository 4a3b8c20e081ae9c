package uplink

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// lane is an outbox in memory over real signed entries.
type lane struct {
	mu       sync.Mutex // the uplink's goroutine reads by its timers too
	signer   *wire.Signer
	terminal payment.ID
	epochs   []*epoch
	hqEpoch  uint64
	beats    uint64
}

type epoch struct {
	id       uint64
	payloads [][]byte
	sigs     [][]byte
	hashes   [][]byte
	acked    uint64
	hqEpoch  uint64 // whose word acked is
	erased   uint64
}

func newSigner(t testing.TB, seed byte) *wire.Signer {
	t.Helper()
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	s, err := wire.NewSigner(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newLane(t testing.TB) *lane {
	return &lane{signer: newSigner(t, 1), terminal: payment.ID{1, 2, 3}, epochs: []*epoch{{id: 7}}}
}

func (l *lane) write(t testing.TB, n int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.epochs[len(l.epochs)-1]
	for range n {
		entry := &wire.Entry{
			Version: wire.Version, Terminal: l.terminal, Epoch: e.id, Seq: uint64(len(e.payloads) + 1),
			Kind: payment.KindSaleCompleted, Store: "S1", Lane: "L1", BusinessDate: 20261122,
			Zone: "UTC", Software: "test", Fact: &payment.SaleCompleted{},
		}
		if n := len(e.hashes); n > 0 {
			entry.Prev = e.hashes[n-1]
		}
		payload, err := entry.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		head, err := wire.Protected(l.signer.Public(), wire.TypEntry)
		if err != nil {
			t.Fatal(err)
		}
		sig, err := l.signer.Sign(wire.ToBeSigned(head, payload))
		if err != nil {
			t.Fatal(err)
		}
		hash := wire.Hash(head, payload)
		e.payloads, e.sigs, e.hashes = append(e.payloads, payload), append(e.sigs, sig), append(e.hashes, hash[:])
	}
}

func (l *lane) State(context.Context) (State, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	cur := l.epochs[len(l.epochs)-1]
	s := State{Current: cur.id, Last: uint64(len(cur.payloads)), HQEpoch: l.hqEpoch}
	if n := len(cur.hashes); n > 0 {
		s.Head = cur.hashes[n-1]
	}
	for _, e := range l.epochs {
		s.Epochs = append(s.Epochs, Epoch{Epoch: e.id, Last: uint64(len(e.payloads)), Acked: e.acked, HQEpoch: e.hqEpoch, Erased: e.erased})
	}
	return s, nil
}

func (l *lane) Batch(_ context.Context, id, after uint64, most, _ int) (*wire.Batch, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.epochs {
		if e.id != id || after >= uint64(len(e.payloads)) {
			continue
		}
		to := min(int(after)+most, len(e.payloads))
		head, err := wire.Protected(l.signer.Public(), wire.TypEntry)
		if err != nil {
			return nil, err
		}
		b := &wire.Batch{
			Version: wire.BatchVersion, Terminal: l.terminal, Epoch: id, First: after + 1, Protected: head,
			Payloads: e.payloads[after:to], Bodies: make([][]byte, to-int(after)), Signature: e.sigs[to-1],
		}
		if after > 0 {
			b.Prev = e.hashes[after-1]
		}
		return b, nil
	}
	return nil, nil
}

func (l *lane) Acknowledge(_ context.Context, a *wire.Ack, _ []byte) (Verdict, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.epochs {
		if e.id != a.Epoch || a.HQEpoch < e.hqEpoch || a.Acked > uint64(len(e.hashes)) {
			continue
		}
		if a.Acked > 0 && !bytes.Equal(e.hashes[a.Acked-1], a.Head) {
			return Verdict{Ignore: true, Fork: true}, nil
		}
		if a.Acked < e.acked && a.HQEpoch == e.hqEpoch {
			return Verdict{Ignore: true, Acked: e.acked, Lost: true}, nil
		}
		moved := a.Acked != e.acked
		e.acked, e.hqEpoch, l.hqEpoch = a.Acked, a.HQEpoch, a.HQEpoch
		return Verdict{Moved: moved, Acked: a.Acked}, nil
	}
	return Verdict{Ignore: true}, nil
}

func (l *lane) NextBeat(_ context.Context, wall int64) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.beats = max(l.beats+1, uint64(wall))
	return l.beats, nil
}

// office is HQ's end: it verifies batches, keeps the chain and answers as sync/ingest does.
type office struct {
	t      testing.TB
	signer *wire.Signer
	lane   wire.PublicKey
	epoch  uint64
	nonce  []byte
	held   map[uint64][][]byte // hashes by epoch
	forked map[uint64]bool
	beats  int
	erased uint64 // as the last beat said
}

func newOffice(t testing.TB, lane wire.PublicKey) *office {
	return &office{t: t, signer: newSigner(t, 2), lane: lane, epoch: 1, nonce: bytes.Repeat([]byte{1}, 16), held: map[uint64][][]byte{}, forked: map[uint64]bool{}}
}

func (o *office) restart() { o.nonce = bytes.Repeat([]byte{o.nonce[0] + 1}, 16) }

func (o *office) seal(typ wire.Typ, v any) []byte {
	b, err := wire.Seal(o.signer, typ, v)
	if err != nil {
		o.t.Fatal(err)
	}
	return wire.FrameSigned(b)
}

func (o *office) hello() []byte {
	return o.seal(wire.TypHello, &wire.Hello{Version: 1, HQEpoch: o.epoch, Nonce: o.nonce, Time: time.Now().UnixMilli()})
}

// take handles one upward message and returns the answer.
func (o *office) take(msg []byte) []byte {
	a := &wire.Ack{Version: 1, HQEpoch: o.epoch, Nonce: o.nonce, Time: time.Now().UnixMilli()}
	if wire.IsBatch(msg) {
		b, err := wire.DecodeBatch(msg)
		if err != nil {
			o.t.Fatal(err)
		}
		hashes, err := b.Verify(wire.OneKey(o.lane))
		if err != nil {
			o.t.Fatal(err)
		}
		have := uint64(len(o.held[b.Epoch]))
		if b.First > have+1 {
			a.Resend = true
		}
		for i, h := range hashes {
			if b.First+uint64(i) == uint64(len(o.held[b.Epoch]))+1 {
				o.held[b.Epoch] = append(o.held[b.Epoch], bytes.Clone(h[:]))
			}
		}
		a.Terminal, a.Epoch = b.Terminal, b.Epoch
	} else {
		o.beats++
		var beat wire.Beat
		sealed, err := wire.UnframeSigned(msg)
		if err == nil {
			err = open(sealed, wire.TypBeat, wire.OneKey(o.lane), &beat)
		}
		if err != nil {
			o.t.Fatal(err)
		}
		a.Terminal, a.Epoch, a.Echo = beat.Terminal, beat.Epoch, beat.Challenge
		o.erased = beat.Erased
	}
	a.Acked = uint64(len(o.held[a.Epoch]))
	if a.Acked > 0 {
		a.Head = o.held[a.Epoch][a.Acked-1]
	}
	a.Forked = o.forked[a.Epoch]
	return o.seal(wire.TypAck, a)
}

// road carries messages between the two as the test lets it.
type road struct {
	mu   sync.Mutex
	up   [][]byte
	down bool
}

func (r *road) take() [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	up := r.up
	r.up = nil
	return up
}

func (r *road) cut(down bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = down
}

func (r *road) Send(_ context.Context, topic string, _ byte, payload []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down {
		return errors.New("the link is cut")
	}
	r.up = append(r.up, bytes.Clone(payload))
	return nil
}

type story struct {
	*testing.T
	lane     *lane
	hq       *office
	road     *road
	up       *Uplink
	jitter   float64 // what chance says, 0 to 1
	contacts []Contact
	policies []wire.Typ
	stop     func()
}

func begin(t *testing.T) *story {
	return beginWith(t, 0)
}

// beginWith is begin where chance always says the same.
func beginWith(t *testing.T, jitter float64) *story {
	s := &story{T: t, lane: newLane(t), road: &road{}, jitter: jitter}
	s.hq = newOffice(t, s.lane.signer.Public())
	start := time.Now()
	s.up = New(Config{
		Terminal: s.lane.terminal, Signer: func() *wire.Signer { return s.lane.signer }, Software: "test",
		Outbox: s.lane, Link: s.road, HQKeys: func() wire.Keys { return wire.OneKey(s.hq.signer.Public()) },
		Policy: func() uint64 { return 0 },
		OnPolicy: func(_ context.Context, typ wire.Typ, _ []byte) error {
			s.policies = append(s.policies, typ)
			return nil
		},
		OnContact: func(_ context.Context, c Contact) error { s.contacts = append(s.contacts, c); return nil },
		OnAck:     func(context.Context, *wire.Ack) {},
		OnForked: func(context.Context, uint64) error {
			s.lane.mu.Lock()
			defer s.lane.mu.Unlock()
			if len(s.lane.epochs) == 1 {
				s.lane.epochs = append(s.lane.epochs, &epoch{id: 8})
			}
			return nil
		},
		Now: time.Now, Boot: func() time.Duration { return time.Since(start) },
		Random: func(b []byte) { _ = copy(b, fmt.Sprintf("%016d", rand.Uint32())) },
		Jitter: func() float64 { return s.jitter }, Log: slog.New(slog.DiscardHandler),
		MaxEntries: 10,
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.up.Run(ctx) }()
	s.stop = func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
	}
	return s
}

// carry moves everything that waits, both ways, until nothing moves any more.
func (s *story) carry() {
	for {
		synctest.Wait()
		msgs := s.road.take()
		if len(msgs) == 0 {
			return
		}
		for _, m := range msgs {
			s.up.Message(s.hq.take(m))
			synctest.Wait()
		}
	}
}

func (s *story) wantAcked(epoch int, want uint64) {
	s.Helper()
	s.lane.mu.Lock()
	defer s.lane.mu.Unlock()
	if got := s.lane.epochs[epoch].acked; got != want {
		s.Fatalf("epoch %d acknowledged up to %d, want %d", epoch, got, want)
	}
}

func TestNothingLeavesBeforeHQSpeaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := begin(t)
		defer s.stop()
		s.lane.write(t, 100)
		s.up.LinkUp()
		time.Sleep(30 * time.Minute)
		up := s.road.take()
		for _, m := range up {
			if wire.IsBatch(m) {
				t.Fatal("a batch left though HQ never answered")
			}
		}
		if n := len(up); n < 5 || n > 40 {
			t.Errorf("%d questions in half an hour of silence, want a slow back-off", n)
		}
		if s.up.Status().HQ {
			t.Error("the status says that HQ answers")
		}
		s.up.Message(s.hq.hello())
		s.carry()
		s.wantAcked(0, 100)
	})
}

// TestALostQuestionIsPutAgainSoon: after a restart of HQ its broker is up before HQ listens, and drops the
// first question.
func TestALostQuestionIsPutAgainSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := begin(t)
		defer s.stop()
		s.lane.write(t, 3)
		s.up.LinkUp()
		synctest.Wait()
		s.road.take() // lost
		time.Sleep(6 * time.Second)
		s.carry()
		s.wantAcked(0, 3)
	})
}

func TestWindowWhileHQIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := begin(t)
		defer s.stop()
		s.lane.write(t, 1000)
		s.up.LinkUp()
		s.up.Message(s.hq.hello())
		time.Sleep(time.Hour)
		batches := 0
		for _, m := range s.road.take() {
			if wire.IsBatch(m) {
				batches++
			}
		}
		if batches != 4 {
			t.Errorf("%d batches lie at the broker, want one window of 4", batches)
		}
	})
}

func TestSingleSalesGoAtOnceAndBacklogsFillBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := begin(t)
		defer s.stop()
		s.up.LinkUp()
		s.carry()
		s.lane.write(t, 1)
		s.up.Appended()
		s.carry()
		s.wantAcked(0, 1)
		s.lane.write(t, 1)
		s.up.Appended()
		synctest.Wait()
		s.lane.write(t, 15) // while one is in flight
		s.up.Appended()
		synctest.Wait()
		before := s.up.Status().Published
		s.carry()
		s.wantAcked(0, 17)
		if n := s.up.Status().Published - before; n != 1 {
			t.Errorf("15 entries behind a window of one full batch took %d more batches, want 1", n)
		}
	})
}

func TestOnlyFreshAnswersRenewContact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := begin(t)
		defer s.stop()
		s.up.LinkUp()
		synctest.Wait()
		answer := s.hq.take(s.road.take()[0])
		time.Sleep(3 * time.Second)
		s.up.Message(answer)
		synctest.Wait()
		if len(s.contacts) != 1 || s.contacts[0].Sent != 0 {
			t.Fatalf("contacts %v, want one dated at the question's sending", s.contacts)
		}
		s.up.Message(answer) // replayed
		s.up.Message(s.hq.hello())
		synctest.Wait()
		if len(s.contacts) != 1 {
			t.Error("a replayed answer renewed the contact")
		}
	})
}

func TestForkBeginsANewEpochAndBothDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := begin(t)
		defer s.stop()
		s.lane.write(t, 5)
		s.up.LinkUp()
		s.carry()
		s.hq.forked[7] = true
		s.lane.write(t, 1)
		s.up.Appended()
		s.carry()
		if len(s.lane.epochs) != 2 {
			t.Fatal("no new epoch after a fork")
		}
		s.lane.write(t, 25)
		s.up.Appended()
		s.carry()
		s.wantAcked(0, 6)
		s.wantAcked(1, 25)
	})
}

// TestAForeignHeadIsAFork: HQ holds another history and does not know it yet, since it has not seen this one.
func TestAForeignHeadIsAFork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := begin(t)
		defer s.stop()
		s.lane.write(t, 5)
		for range 3 {
			s.hq.held[7] = append(s.hq.held[7], bytes.Repeat([]byte{9}, 32))
		}
		s.up.LinkUp()
		s.carry()
		s.lane.mu.Lock()
		epochs := len(s.lane.epochs)
		s.lane.mu.Unlock()
		if epochs != 2 {
			t.Error("no new epoch, though HQ's head is not ours")
		}
		if s.up.Status().Published == 0 {
			t.Error("HQ never gets to see this history")
		}
	})
}

func TestHQRestoredAsksForWhatItLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := begin(t)
		defer s.stop()
		s.lane.write(t, 50)
		s.up.LinkUp()
		s.carry()
		s.wantAcked(0, 50)
		s.hq.held[7] = s.hq.held[7][:20]
		s.hq.epoch++
		s.hq.restart()
		s.up.Message(s.hq.hello())
		s.up.SendNow()
		s.carry()
		s.wantAcked(0, 50)
		if n := len(s.hq.held[7]); n != 50 {
			t.Errorf("HQ holds %d after its restore, want 50", n)
		}
	})
}

// TestARestoredHQHearsOfOldEpochsToo: an epoch that was acknowledged in full is asked about again when HQ was
// restored from a backup that may not have it.
func TestARestoredHQHearsOfOldEpochsToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := begin(t)
		defer s.stop()
		s.lane.write(t, 30)
		s.up.LinkUp()
		s.carry()
		s.lane.mu.Lock()
		s.lane.epochs = append(s.lane.epochs, &epoch{id: 8})
		s.lane.mu.Unlock()
		s.lane.write(t, 10)
		s.up.Appended()
		s.carry()
		s.wantAcked(0, 30)
		s.wantAcked(1, 10)
		s.hq.held = map[uint64][][]byte{7: s.hq.held[7][:5]}
		s.hq.epoch++
		s.hq.restart()
		s.up.Message(s.hq.hello())
		for range 4 {
			s.up.SendNow()
			s.carry()
		}
		if a, b := len(s.hq.held[7]), len(s.hq.held[8]); a != 30 || b != 10 {
			t.Errorf("HQ holds %d and %d after its restore, want 30 and 10", a, b)
		}
	})
}

func TestForgedAndStaleWordsChangeNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := begin(t)
		defer s.stop()
		s.lane.write(t, 10)
		s.up.LinkUp()
		synctest.Wait()
		forger := newOffice(t, s.lane.signer.Public())
		forger.signer = newSigner(t, 9)
		forger.held[7] = s.lane.epochs[0].hashes
		forged := forger.seal(wire.TypAck, &wire.Ack{Version: 1, HQEpoch: 1, Nonce: forger.nonce, Terminal: s.lane.terminal, Epoch: 7, Acked: 10, Head: s.lane.epochs[0].hashes[9]})
		other := s.hq.seal(wire.TypAck, &wire.Ack{Version: 1, HQEpoch: 1, Nonce: s.hq.nonce, Terminal: payment.ID{9}, Epoch: 7, Acked: 10})
		for _, m := range [][]byte{forged, other, forger.hello(), nil, {0}, []byte("S"), []byte("Srubbish"), forged[:20]} {
			s.up.Message(m)
		}
		synctest.Wait()
		s.wantAcked(0, 0)
		if got := s.up.Status().Refused; got != 8 {
			t.Errorf("%d refused, want 8", got)
		}
		if n := s.up.Status().Published; n != 0 {
			t.Errorf("%d batches left on a forger's hello", n)
		}
	})
}

// TestBeatsSayWhatWasErased: no batch could, for nobody signs it.
func TestBeatsSayWhatWasErased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := begin(t)
		defer s.stop()
		s.lane.write(t, 5)
		s.lane.mu.Lock()
		s.lane.epochs[0].erased = 3
		s.lane.mu.Unlock()
		s.up.LinkUp()
		s.carry()
		if s.hq.erased != 3 {
			t.Errorf("HQ is told of %d", s.hq.erased)
		}
	})
}

// TestLossyRoad lets chance lose, repeat and reorder messages, cut the link and restart HQ: in the end HQ
// holds every entry and the lane knows it.
func TestLossyRoad(t *testing.T) {
	for seed := range uint64(15) {
		t.Run(fmt.Sprintf("seed%d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rnd := rand.New(rand.NewPCG(seed, 1))
				s := begin(t)
				defer s.stop()
				s.up.LinkUp()
				for range 60 {
					s.lane.write(t, rnd.IntN(15))
					s.up.Appended()
					switch rnd.IntN(12) {
					case 0:
						s.road.cut(true)
						s.up.LinkDown(errors.New("cut"))
					case 1, 2, 3:
						s.road.cut(false)
						s.up.LinkUp()
					case 4:
						s.hq.restart()
						s.up.Message(s.hq.hello())
					}
					time.Sleep(time.Duration(rnd.IntN(20)) * time.Second)
					synctest.Wait()
					s.shuffle(rnd)
				}
				s.road.cut(false)
				s.up.LinkUp()
				s.carry()
				for range 5 { // what was lost is asked for again within the back-off
					time.Sleep(2 * time.Minute)
					s.carry()
				}
				s.wantAcked(0, uint64(len(s.lane.epochs[0].payloads)))
			})
		})
	}
}

// shuffle delivers what waits: some lost, some twice, out of order.
func (s *story) shuffle(rnd *rand.Rand) {
	msgs := s.road.take()
	rnd.Shuffle(len(msgs), func(i, j int) {
		if rnd.IntN(3) == 0 {
			msgs[i], msgs[j] = msgs[j], msgs[i]
		}
	})
	for _, m := range msgs {
		for range [...]int{0, 1, 1, 1, 2}[rnd.IntN(5)] {
			answer := s.hq.take(m)
			if rnd.IntN(4) > 0 {
				s.up.Message(answer)
				synctest.Wait()
			}
		}
	}
}
