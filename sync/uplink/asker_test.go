package uplink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// counter is HQ as an asker meets it, on both roads. It answers when the test says so.
type counter struct {
	t        testing.TB
	signer   *wire.Signer
	lane     *wire.Signer
	key      *wire.ConfidantKey
	epoch    uint64
	mu       sync.Mutex
	link     []posted // sent by the link and not yet looked at
	linkErr  error
	jammed   bool                          // a send finds no place
	road     func(m *mail) ([]byte, error) // nil: refused
	roads    int                           // calls of the second road
	together map[string]int                // calls under way, by reference
	most     int                           // of them at once
	asked    []*mail                       // everything that came by the link or the road
}

// posted is a message, and when it was sent.
type posted struct {
	payload []byte
	at      time.Time
}

// mail is a message of the lane's, opened.
type mail struct {
	ask   *wire.Ask
	probe *wire.Probe
	at    time.Time
	road  bool
}

func (c *counter) open(payload []byte) *mail {
	sealed, err := wire.UnframeSigned(payload)
	if err != nil {
		c.t.Fatal(err)
	}
	typ, err := wire.Peek(sealed)
	if err != nil {
		c.t.Fatal(err)
	}
	m := &mail{at: time.Now()}
	if typ == wire.TypAsk {
		m.ask = new(wire.Ask)
		err = errors.Join(open(sealed, typ, wire.OneKey(c.lane.Public()), m.ask), m.ask.Validate())
	} else {
		m.probe = new(wire.Probe)
		err = errors.Join(open(sealed, typ, wire.OneKey(c.lane.Public()), m.probe), m.probe.Validate())
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return m
}

func (c *counter) Send(ctx context.Context, topic string, qos byte, payload []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.jammed {
		c.mu.Unlock()
		<-ctx.Done()
		c.mu.Lock()
		return ctx.Err()
	}
	if c.linkErr != nil {
		return c.linkErr
	}
	if topic != wire.AskTopic(asker1) || qos != 0 {
		return fmt.Errorf("to %s with QoS %d", topic, qos)
	}
	c.link = append(c.link, posted{bytes.Clone(payload), time.Now()})
	return nil
}

func (c *counter) callRoad(ctx context.Context, payload []byte) ([]byte, error) {
	m := c.open(payload)
	m.road = true
	name := "probe"
	if m.ask != nil {
		name = m.ask.Ref
	}
	c.mu.Lock()
	c.roads++
	c.together[name]++
	c.most = max(c.most, c.together[name])
	c.asked = append(c.asked, m)
	road := c.road
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.together[name]--
	}()
	if road == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return road(m)
}

// take is what has come by the link.
func (c *counter) take() []*mail {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []*mail
	for _, p := range c.link {
		m := c.open(p.payload)
		m.at = p.at
		list = append(list, m)
	}
	c.asked, c.link = append(c.asked, list...), nil
	return list
}

func (c *counter) seal(typ wire.Typ, v any) []byte {
	b, err := wire.Seal(c.signer, typ, v)
	if err != nil {
		c.t.Fatal(err)
	}
	return wire.FrameSigned(b)
}

// answerTo is HQ's word about a question; unasked when echo is cleared.
func (c *counter) answerTo(q *wire.Ask, o payment.Outcome) *wire.Answer {
	return &wire.Answer{
		Version: wire.MessageVersion, HQEpoch: c.epoch, Time: time.Now().UnixMilli(), Terminal: q.Terminal, Ref: q.Ref, Payment: q.Payment,
		Amount: q.Amount, Outcome: o, Echo: q.Challenge,
	}
}

func (c *counter) answer(q *wire.Ask, o payment.Outcome) []byte {
	return c.seal(wire.TypAnswer, c.answerTo(q, o))
}

func (c *counter) pong(p *wire.Probe, down ...string) []byte {
	if down == nil {
		down = []string{}
	}
	return c.seal(wire.TypPong, &wire.Pong{
		Version: wire.MessageVersion, HQEpoch: c.epoch, Time: time.Now().UnixMilli(), Terminal: p.Terminal, Echo: p.Challenge, Down: down,
	})
}

var asker1 = payment.ID{1, 2, 3}

// till is an asker under test, with what it told its lane.
type till struct {
	*testing.T
	a       *Asker
	hq      *counter
	mu      sync.Mutex
	answers []wire.Answer
	reached []string // "up", "up paypay", "down"
	times   []time.Time
	start   time.Time
	log     bytes.Buffer
	stop    func()
}

func newTill(t *testing.T, secondRoad bool) *till {
	key, err := wire.ParseConfidantKey(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	l := &till{T: t, start: time.Now()}
	l.hq = &counter{t: t, signer: newSigner(t, 2), lane: newSigner(t, 1), key: key, epoch: 5, together: map[string]int{}}
	cfg := AskerConfig{
		Terminal: asker1, Signer: func() *wire.Signer { return l.hq.lane }, Link: l.hq,
		HQKeys: func() wire.Keys { return wire.OneKey(newSigner(t, 2).Public()) }, Seal: key.Public,
		OnAnswer: func(_ context.Context, ans wire.Answer) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.answers = append(l.answers, ans)
		},
		OnReach: func(up bool, down []string) {
			l.mu.Lock()
			defer l.mu.Unlock()
			word := strings.TrimSpace(map[bool]string{true: "up", false: "down"}[up] + " " + strings.Join(down, ","))
			l.reached, l.times = append(l.reached, word), append(l.times, time.Now())
		},
		HQNow: time.Now, Now: time.Now, Jitter: func() float64 { return 0 },
		Random: func(b []byte) { _ = copy(b, fmt.Sprintf("%016d", rand.Uint64()%1e16)) },
		Log:    slog.New(slog.NewTextHandler(&l.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if secondRoad {
		cfg.Road = l.hq.callRoad
	}
	l.a = NewAsker(cfg)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.a.Run(ctx) }()
	l.stop = func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
	}
	return l
}

func try(n int) Attempt {
	id := payment.ID{9, byte(n)}
	return Attempt{
		Ref: id.String() + "01", Payment: id, Sale: payment.ID{8, byte(n)}, Wallet: "paypay", Amount: payment.Of(100, "JPY"), Reference: "R1",
		NotAfter: time.Now().Add(30 * time.Second).UnixMilli(), Policy: 3,
	}
}

const secret = "281234567890123456"

// after lets some time pass and gives what came by the link meanwhile, probes left out and answered.
func (l *till) after(d time.Duration) (list []*wire.Ask) {
	l.Helper()
	for _, m := range l.passed(d) {
		if m.ask != nil {
			list = append(list, m.ask)
		} else {
			l.a.Message(l.hq.pong(m.probe))
		}
	}
	synctest.Wait()
	return list
}

// passed lets some time pass and gives what came by the link meanwhile.
func (l *till) passed(d time.Duration) []*mail {
	time.Sleep(d)
	synctest.Wait()
	return l.hq.take()
}

func (l *till) outcomes() (list []payment.Outcome) {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.answers {
		list = append(list, a.Outcome)
	}
	return list
}

func (l *till) wantOutcomes(want ...payment.Outcome) {
	l.Helper()
	if got := l.outcomes(); !slices.Equal(got, want) {
		l.Errorf("told of %v, want %v", got, want)
	}
}

func (l *till) wantReach(want ...string) {
	l.Helper()
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Equal(l.reached, want) {
		l.Errorf("reach %q, want %q", l.reached, want)
	}
}

func TestCharge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTill(t, false)
		defer l.stop()
		at := try(1)
		l.a.Charge(at, []byte(secret))
		asks := l.after(0)
		if len(asks) != 1 || asks[0].Ref != at.Ref || asks[0].Want != wire.WantCharge || asks[0].Policy != 3 || asks[0].NotAfter != at.NotAfter || asks[0].Reference != "R1" {
			t.Fatalf("%+v", asks)
		}
		if code, err := l.hq.key.OpenCode(asker1, at.Ref, asks[0].Code); err != nil || string(code) != secret {
			t.Fatalf("code %q, %v", code, err)
		}
		l.a.Message(l.hq.answer(asks[0], payment.Paid))
		l.wantOutcomes(payment.Paid)
		if again := l.after(time.Minute); len(again) > 0 {
			t.Errorf("asked on: %+v", again)
		}
		if strings.Contains(l.log.String(), secret) {
			t.Error("the code is in the log")
		}
	})
}

// TestUnansweredIsAskedAgain: after 1 s, 2 s and then every 4 s, with the code until it is too late for it.
func TestUnansweredIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTill(t, false)
		defer l.stop()
		l.a.Charge(try(1), []byte(secret))
		var at []int
		withCode := 0
		for s := range 60 {
			for _, q := range l.after(time.Duration(min(s, 1)) * time.Second) {
				at = append(at, s)
				if len(q.Code) > 0 {
					withCode++
					if s >= 30 {
						t.Errorf("the code left after %d s", s)
					}
				}
			}
		}
		if want := []int{0, 1, 3, 7, 11, 15, 19, 23, 27, 31, 35, 39, 43, 47, 51, 55, 59}; !slices.Equal(at, want) || withCode != 9 {
			t.Errorf("asked at %v, %d with the code, want %v", at, withCode, want)
		}
		l.a.Forget(try(1).Ref)
		if asks := l.after(time.Minute); len(asks) > 0 {
			t.Errorf("forgotten, and %+v", asks)
		}
	})
}

// TestCodeDiesWithTheFirstAnswer: whatever that says, and whoever asked for it.
func TestCodeDiesWithTheFirstAnswer(t *testing.T) {
	for _, o := range []payment.Outcome{payment.Pending, payment.Unknown} {
		for _, asked := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				l := newTill(t, false)
				defer l.stop()
				l.a.Charge(try(1), []byte(secret))
				ans := l.hq.answerTo(l.after(0)[0], o)
				if !asked {
					ans.Echo = []byte{}
				}
				l.a.Message(l.hq.seal(wire.TypAnswer, ans))
				var at []int
				for s := range 10 {
					for _, q := range l.after(time.Second) {
						at = append(at, s+1)
						if len(q.Code) > 0 || len(q.SealKey) > 0 {
							t.Error("the code left again")
						}
						l.a.Message(l.hq.answer(q, o))
					}
				}
				if want := []int{3, 6, 9}; !slices.Equal(at, want) {
					t.Errorf("asked after %v s, want %v", at, want)
				}
				l.wantOutcomes(o, o, o, o)
				l.a.Charge(try(1), []byte(secret)) // the lane says it again
				if q := l.after(0); len(q) != 1 || len(q[0].Code) > 0 {
					t.Errorf("%+v", q)
				}
			})
		}
	}
}

// TestAnswersThatDontCount: late, repeated and overtaken ones, and what is not HQ's word about the attempt.
func TestAnswersThatDontCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTill(t, false)
		defer l.stop()
		at := try(1)
		l.a.Charge(at, []byte(secret))
		q := l.after(10 * time.Millisecond)[0]
		change := func(do func(*wire.Answer)) []byte {
			ans := l.hq.answerTo(q, payment.Paid)
			do(ans)
			return l.hq.seal(wire.TypAnswer, ans)
		}
		stranger := &counter{t: t, signer: newSigner(t, 3), epoch: 5}
		pong := l.hq.pong(&wire.Probe{Terminal: asker1, Challenge: q.Challenge})
		refused := [][]byte{
			stranger.answer(q, payment.Paid), change(func(a *wire.Answer) { a.Terminal = payment.ID{7} }),
			change(func(a *wire.Answer) { a.Payment = payment.ID{7} }), change(func(a *wire.Answer) { a.Amount.Minor++ }),
			change(func(a *wire.Answer) { a.Amount.Currency = "USD" }), change(func(a *wire.Answer) { a.Version = 2 }),
			change(func(a *wire.Answer) { a.Outcome = 9 }), []byte("x"), nil, {0x53}, l.hq.seal(wire.TypAck, l.hq.answerTo(q, payment.Paid)),
		}
		for _, b := range refused {
			l.a.Message(b)
			synctest.Wait() // no more wait than may
		}
		if n := l.a.Status().Refused; n != uint64(len(refused)) {
			t.Errorf("%d were refused, want %d", n, len(refused))
		}
		l.a.Message(pong)
		l.a.Message(change(func(a *wire.Answer) { a.Ref = "OTHER01" }))
		l.wantOutcomes()

		first := l.hq.answer(q, payment.Pending)
		l.a.Message(first)
		l.a.Message(first)
		q2 := l.after(3 * time.Second)[0]
		l.a.Message(l.hq.answer(q2, payment.Unknown))
		l.a.Message(first)
		l.a.Message(change(func(a *wire.Answer) { a.Outcome, a.Time = payment.Unknown, a.Time-3000 })) // overtaken
		l.a.Message(change(func(a *wire.Answer) { a.Echo, a.Time, a.Outcome = []byte{}, a.Time-3000, payment.Pending }))
		l.wantOutcomes(payment.Pending, payment.Unknown)
		l.hq.epoch = 4 // before a restore of HQ
		l.a.Message(l.hq.answer(q2, payment.Paid))
		l.wantOutcomes(payment.Pending, payment.Unknown)
		l.hq.epoch = 6
		last := l.hq.answer(q2, payment.NotPaid)
		l.a.Message(last)
		l.a.Message(last)
		l.a.Message(change(func(a *wire.Answer) { a.HQEpoch = 6 })) // paid, it says, but NOT PAID was said
		l.wantOutcomes(payment.Pending, payment.Unknown, payment.NotPaid)
	})
}

// TestReplayedWordDoesNotPostpone: whoever repeats HQ's last word can't keep the lane from asking.
func TestReplayedWordDoesNotPostpone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTill(t, false)
		defer l.stop()
		l.a.Charge(try(1), []byte(secret))
		q := l.after(0)[0]
		unasked := l.hq.answerTo(q, payment.Pending)
		unasked.Echo = []byte{}
		b := l.hq.seal(wire.TypAnswer, unasked)
		n := 0
		for range 20 {
			l.a.Message(b)
			n += len(l.after(500 * time.Millisecond))
		}
		if n < 3 {
			t.Errorf("asked %d times in 10 s", n)
		}
		l.wantOutcomes(payment.Pending)
	})
}

func TestWatchAndReverse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTill(t, false)
		defer l.stop()
		at := try(1)
		l.a.Watch(at)
		q := l.after(0)[0]
		if q.Want != wire.WantCharge || len(q.Code) > 0 {
			t.Fatalf("%+v", q)
		}
		l.a.Reverse(at)
		r := l.after(0)[0]
		if r.Want != wire.WantReverse {
			t.Fatalf("%+v", r)
		}
		l.a.Message(l.hq.answer(q, payment.Paid)) // before HQ heard of the reversal
		told := l.hq.answerTo(q, payment.Paid)
		told.Echo = []byte{}
		l.a.Message(l.hq.seal(wire.TypAnswer, told))
		l.a.Watch(at)
		l.a.Charge(at, []byte(secret)) // what is given up is not charged
		l.wantOutcomes()
		l.a.Message(l.hq.answer(r, payment.Unknown))
		r = l.after(3 * time.Second)[0]
		if r.Want != wire.WantReverse || len(r.Code) > 0 {
			t.Fatalf("%+v", r)
		}
		l.a.Message(l.hq.answer(r, payment.NotPaid))
		l.wantOutcomes(payment.Unknown, payment.NotPaid)
		l.a.Reverse(try(2))
		l.a.Message(l.hq.answer(l.after(0)[0], payment.Paid)) // completed: it can't be taken back
		l.wantOutcomes(payment.Unknown, payment.NotPaid, payment.Paid)
		if asks := l.after(time.Minute); len(asks) > 0 {
			t.Errorf("asked on: %+v", asks)
		}
	})
}

// TestReverseGivesUp: the journal's entry is the durable road. And who only watches asks for ever, slowly.
func TestReverseGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTill(t, false)
		defer l.stop()
		l.a.Reverse(try(1))
		l.a.Watch(try(2))
		l.after(10*time.Minute + time.Second)
		if n := l.a.Status().Open; n != 1 {
			t.Errorf("%d are asked about", n)
		}
		if n := len(l.after(10 * time.Minute)); n < 18 || n > 28 {
			t.Errorf("%d questions in the second ten minutes", n)
		}
	})
}

func TestBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTill(t, false)
		defer l.stop()
		for n := range 100 {
			l.a.Watch(try(n))
		}
		synctest.Wait()
		if s := l.a.Status(); s.Open != 64 || s.Refused != 36 {
			t.Errorf("%+v", s)
		}
		l.after(0)
		l.a.Charge(try(200), []byte(secret)) // goes before what is only watched
		asks := l.after(0)
		if s := l.a.Status(); s.Open != 64 || len(asks) != 1 || asks[0].Ref != try(200).Ref {
			t.Errorf("%+v, %+v", s, asks)
		}
		for range 200 {
			l.a.Message([]byte("x"))
		}
		l.after(0)
		if s := l.a.Status(); s.Refused < 36+200 {
			t.Errorf("%+v", s)
		}
	})
}

// TestRoadOnlyWhenNeeded: a link that answers within a second needs no second road.
func TestRoadOnlyWhenNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTill(t, true)
		defer l.stop()
		l.after(0)
		for n := range 5 {
			l.a.Charge(try(n), []byte(secret))
			q := l.after(900 * time.Millisecond)[0]
			l.a.Message(l.hq.answer(q, payment.Paid))
			l.after(0)
		}
		if l.hq.roads != 0 {
			t.Errorf("%d calls of the second road", l.hq.roads)
		}
		l.hq.road = func(m *mail) ([]byte, error) {
			if m.ask == nil {
				return l.hq.pong(m.probe), nil
			}
			return l.hq.answer(m.ask, payment.Paid), nil
		}
		l.a.Charge(try(50), []byte(secret))
		q := l.after(990 * time.Millisecond)[0]
		l.after(20 * time.Millisecond)
		l.a.Message(l.hq.answer(q, payment.Paid)) // by the first road too
		if got := l.outcomes(); len(got) != 6 || l.hq.roads == 0 {
			t.Errorf("told of %v, %d calls", got, l.hq.roads)
		}
	})
}

// TestRoadAtOnceWithoutLink: and a link whose places a backlog holds is as good as none.
func TestRoadAtOnceWithoutLink(t *testing.T) {
	for _, jammed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			l := newTill(t, true)
			defer l.stop()
			l.after(0)
			l.hq.mu.Lock()
			l.hq.linkErr, l.hq.jammed = errors.New("down"), jammed
			l.hq.road = func(m *mail) ([]byte, error) { return l.hq.answer(m.ask, payment.NotPaid), nil }
			l.hq.mu.Unlock()
			l.a.Charge(try(1), []byte(secret))
			l.passed(300 * time.Millisecond)
			l.wantOutcomes(payment.NotPaid)
			if m := l.hq.asked[len(l.hq.asked)-1]; !m.road || len(m.ask.Code) == 0 {
				t.Errorf("%+v", m)
			}
		})
	}
}

// TestOneCallAtATime: a road that hangs is not asked again for the same attempt; others are not held up.
func TestOneCallAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTill(t, true) // its road hangs
		defer l.stop()
		l.hq.mu.Lock()
		l.hq.linkErr = errors.New("down")
		l.hq.mu.Unlock()
		for n := range 4 {
			l.a.Charge(try(n), []byte(secret))
		}
		l.passed(5 * time.Second)
		l.a.Forget(try(0).Ref)
		l.a.Charge(try(0), []byte(secret)) // while its call hangs
		l.passed(30 * time.Second)
		l.hq.mu.Lock()
		defer l.hq.mu.Unlock()
		if l.hq.most != 1 || l.hq.roads < 12 {
			t.Errorf("%d calls, %d at once about one attempt", l.hq.roads, l.hq.most)
		}
	})
}

// TestRoadsAnswerDifferently: the second road's status comes before the first one's outcome, which counts all the same.
func TestRoadsAnswerDifferently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTill(t, true)
		defer l.stop()
		l.hq.mu.Lock()
		l.hq.road = func(m *mail) ([]byte, error) {
			if m.ask == nil {
				return l.hq.pong(m.probe), nil
			}
			return l.hq.answer(m.ask, payment.Pending), nil
		}
		l.hq.mu.Unlock()
		l.a.Charge(try(1), []byte(secret))
		q := l.after(1100 * time.Millisecond)[0]
		l.wantOutcomes(payment.Pending)
		l.a.Message(l.hq.answer(q, payment.Paid))
		l.wantOutcomes(payment.Pending, payment.Paid)
	})
}
