package authorise

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tilld/agent/payment"
	"tilld/sync/operator"
	"tilld/sync/wire"
)

func probe(n byte) *wire.Probe {
	return &wire.Probe{Version: 1, Terminal: lane1, Challenge: bytes.Repeat([]byte{n}, wire.NonceSize)}
}

func framed(t *testing.T, by *wire.Signer, typ wire.Typ, m any) []byte {
	t.Helper()
	b, err := wire.Seal(by, typ, m)
	if err != nil {
		t.Fatal(err)
	}
	return wire.FrameSigned(b)
}

// read opens what HQ said.
func read(t *testing.T, by *wire.Signer, typ wire.Typ, payload []byte, into interface{ Validate() error }) {
	t.Helper()
	sealed, err := wire.UnframeSigned(payload)
	if err != nil {
		t.Fatal(err)
	}
	m, err := wire.Open(sealed, typ, wire.OneKey(by.Public()))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(wire.UnmarshalKnown(m.Payload, into), into.Validate()); err != nil {
		t.Fatal(err)
	}
}

// TestServerPongs: a probe is answered by the road that it came by, with the operators that are silent.
func TestServerPongs(t *testing.T) {
	c := newCounter(t)
	var out []posting
	c.server.Publish = func(_ context.Context, topic string, _ byte, payload []byte) error {
		out = append(out, posting{topic, payload})
		return nil
	}
	c.server.Handle(t.Context(), wire.AskTopic(lane1), framed(t, c.lane, wire.TypProbe, probe(7)))
	c.server.Wait()
	if len(out) != 1 || out[0].topic != wire.DownTopic(lane1) {
		t.Fatalf("published %d", len(out))
	}
	var pong wire.Pong
	read(t, c.hq, wire.TypPong, out[0].payload, &pong)
	if !bytes.Equal(pong.Echo, probe(7).Challenge) || pong.Terminal != lane1 || pong.HQEpoch != 7 || len(pong.Down) != 0 || pong.Time == 0 {
		t.Errorf("%+v", pong)
	}

	for range silentAfter {
		c.desk.heard("paypay", &operator.Answer{Err: operator.ErrNotSent, Outcome: operator.NotSent})
	}
	reply, err := c.server.Answer(t.Context(), framed(t, c.lane, wire.TypProbe, probe(8)))
	if err != nil {
		t.Fatal(err)
	}
	pong = wire.Pong{}
	read(t, c.hq, wire.TypPong, reply, &pong)
	if !bytes.Equal(pong.Echo, probe(8).Challenge) || !slices.Equal(pong.Down, []string{"paypay"}) || len(out) != 1 {
		t.Errorf("%+v, %d published", pong, len(out))
	}

	stranger, broken := probe(9), probe(9)
	stranger.Terminal, broken.Challenge = payment.ID{9}, nil
	for name, m := range map[string][]byte{
		"by HQ's key": framed(t, c.hq, wire.TypProbe, probe(9)), "as an ask": framed(t, c.lane, wire.TypAsk, probe(9)),
		"of a stranger": framed(t, c.lane, wire.TypProbe, stranger), "broken": framed(t, c.lane, wire.TypProbe, broken),
		"a beat": framed(t, c.lane, wire.TypBeat, probe(9)), "nothing": nil, "rubbish": []byte("Srubbish"),
	} {
		before := c.server.Stats().Refused
		if reply, err := c.server.Answer(t.Context(), m); err != nil || reply != nil || c.server.Stats().Refused != before+1 {
			t.Errorf("%s: %d bytes, %v, %+v", name, len(reply), err, c.server.Stats())
		}
	}
	before := c.server.Stats().Refused
	c.server.Handle(t.Context(), wire.AskTopic(lane1), framed(t, c.lane, wire.TypProbe, stranger))
	c.server.Wait()
	if c.server.Stats().Refused != before+1 || len(out) != 1 {
		t.Error("a probe of another terminal is answered")
	}
}

// TestSecondRoad: an ask by the second road is charged as by the first, and once by both.
func TestSecondRoad(t *testing.T) {
	c := newCounter(t)
	ask := c.ask(1)
	for n, road := range []string{"second", "first", "second"} {
		if road == "first" {
			c.want("by the first", c.say(ask), payment.Paid, "", 1)
			continue
		}
		reply, err := c.server.Answer(t.Context(), framed(t, c.lane, wire.TypAsk, ask))
		if err != nil {
			t.Fatal(err)
		}
		var a wire.Answer
		read(t, c.hq, wire.TypAnswer, reply, &a)
		if a.Outcome != payment.Paid || !bytes.Equal(a.Echo, ask.Challenge) || a.Transaction != "T1" || len(c.op.paid) != 1 {
			t.Errorf("%d: %+v, %d charges", n, a, len(c.op.paid))
		}
	}
}

// TestSecondRoadHasItsBounds: without room it says so; who goes away is not waited for, and his charge goes on; books
// that are shut are no refusal.
func TestSecondRoadHasItsBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCounter(t)
		op := &hung{calls: map[string]int{}}
		c.desk = New(Config{Store: c.desk.Store, Operators: map[string]operator.Operator{"paypay": op}, Now: time.Now, Log: c.desk.Log})
		cfg := c.server.ServerConfig
		cfg.Most = 1
		c.server = NewServer(cfg, c.desk)
		ask := c.ask(1)
		ctx, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		if reply, err := c.server.Answer(ctx, framed(t, c.lane, wire.TypAsk, ask)); !errors.Is(err, context.DeadlineExceeded) || reply != nil {
			t.Errorf("%d bytes, %v", len(reply), err)
		}
		if _, err := c.server.Answer(t.Context(), framed(t, c.lane, wire.TypProbe, probe(1))); !errors.Is(err, ErrNoRoom) || c.server.Stats().Dropped != 1 {
			t.Errorf("%v, %+v", err, c.server.Stats())
		}
		c.server.Wait()
		if a, err := c.desk.Store.Get(t.Context(), operator.Ref(ask.Ref)); err != nil || a.State != Doubtful || op.calls["pay"] != 1 {
			t.Errorf("%s, %v, calls %v", a.State, err, op.calls)
		}
		shut := errors.New("the books are shut")
		c.server.Who = func(context.Context, payment.ID) (Terminal, error) { return Terminal{}, shut }
		if _, err := c.server.Answer(t.Context(), framed(t, c.lane, wire.TypProbe, probe(1))); !errors.Is(err, shut) || c.server.Stats().Failed != 1 || c.server.Stats().Refused != 0 {
			t.Errorf("%v, %+v", err, c.server.Stats())
		}
	})
}

// TestTellNeverWaits: while the road takes nothing the desk goes on, and what waits has a bound; then it leaves in its order.
func TestTellNeverWaits(t *testing.T) {
	c := newCounter(t)
	var mu sync.Mutex
	gate, begun := make(chan struct{}), make(chan struct{}, 1)
	var said []string
	c.server.Publish = func(_ context.Context, _ string, _ byte, payload []byte) error {
		select {
		case begun <- struct{}{}:
		default:
		}
		<-gate
		var a wire.Answer
		read(t, c.hq, wire.TypAnswer, payload, &a)
		mu.Lock()
		defer mu.Unlock()
		said = append(said, a.Ref)
		return nil
	}
	tell := func(n int) {
		c.server.Tell(Attempt{Ref: operator.Ref(fmt.Sprintf("R%05d", n)), Payment: payment.ID{1}, Terminal: lane1, Amount: payment.Of(1, "JPY"), State: Paid})
	}
	tell(0)
	<-begun
	for n := range mostUnsent + 5 {
		tell(n + 1)
	}
	if got := c.server.Stats().Unsent; got != 5 {
		t.Errorf("%d were given up, want 5", got)
	}
	close(gate)
	c.server.Wait()
	if len(said) != mostUnsent+1 || !slices.IsSorted(said) {
		t.Errorf("%d were said, in order: %t", len(said), slices.IsSorted(said))
	}
}

// TestHealth: three calls in a row without an answer make an operator silent, one answer ends it, and a minute behind
// the last call lanes may try again.
func TestHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := newDesk(2)
		none := &operator.Answer{Outcome: operator.Unknown, Err: operator.ErrCut}
		state := func(what string, silent bool, down ...string) Health {
			t.Helper()
			list := d.Health()
			if len(list) != 2 || list[0].Wallet != "hung" || list[1].Wallet != "prompt" || list[1].Silent || list[0].Silent != silent || !slices.Equal(d.Down(), down) {
				t.Errorf("%s: %+v, down %v", what, list, d.Down())
			}
			return list[0]
		}
		start := time.Now()
		state("nobody was asked", false)
		for range 2 {
			d.heard("hung", none)
			time.Sleep(time.Second)
		}
		state("two calls", false)
		d.heard("hung", &operator.Answer{Outcome: operator.NotSent, Err: fmt.Errorf("%w: %w", operator.ErrNotSent, operator.ErrAsk)})
		state("one that could not be asked", false)
		d.heard("hung", none)
		if h := state("three", true, "hung"); !h.Since.Equal(start.UTC().Truncate(time.Millisecond)) || h.Why == "" || h.Last.IsZero() {
			t.Errorf("%+v", h)
		}
		d.heard("nobody", none)
		time.Sleep(downFor)
		state("a minute later", true)
		d.heard("hung", none)
		state("tried again", true, "hung")
		d.heard("hung", &operator.Answer{Outcome: operator.Unknown})
		if h := state("an answer, though it decides nothing", false); !h.Since.IsZero() || h.Why != "" {
			t.Errorf("%+v", h)
		}
		d.heard("hung", none)
		state("and one without", false)
	})
}

// TestDeskHearsOperators: charges and the loop's calls both tell how an operator is, and attempts are counted as they go.
func TestDeskHearsOperators(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := newDesk(4)
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = d.Run(ctx) })
		if _, err := d.Ask(ctx, request(1, "hung")); err != nil {
			t.Fatal(err)
		}
		if down := d.Down(); len(down) > 0 {
			t.Errorf("one charge: down %v", down)
		}
		time.Sleep(70 * time.Second) // two queries
		synctest.Wait()
		if down := d.Down(); !slices.Equal(down, []string{"hung"}) {
			t.Errorf("down %v: %+v", down, d.Health())
		}
		if _, err := d.Ask(ctx, request(2, "prompt")); err != nil {
			t.Fatal(err)
		}
		for n := range byte(2) {
			if _, err := d.Ask(ctx, request(3+n, fmt.Sprintf("made up %d", n))); err != nil {
				t.Fatal(err)
			}
		}
		got := d.Counts()
		for c, want := range map[Count]uint64{{"hung", Asked}: 1, {"hung", Doubtful}: 1, {"prompt", Asked}: 1, {"prompt", Paid}: 1, {"", Declined}: 2} {
			if got[c] != want {
				t.Errorf("%s %s: %d, want %d", c.Wallet, c.State, got[c], want)
			}
		}
		if len(got) != 5 {
			t.Errorf("counts %v", got)
		}
		stop()
		running.Wait()
	})
}
