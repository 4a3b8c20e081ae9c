package simnet

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

func TestLoop(t *testing.T) {
	l := NewLoop(noon)
	var got []string
	say := func(s string) func() { return func() { got = append(got, s) } }
	l.After(2*time.Second, say("later"))
	l.After(time.Second, func() { say("first")(); l.After(0, say("behind it")); l.After(-time.Hour, say("and it")) })
	l.After(time.Second, say("second"))
	l.After(time.Second, say("called off")).Stop()
	l.After(time.Minute, say("beyond the end"))
	for l.Next(noon.Add(30 * time.Second)) {
	}
	if want := []string{"first", "second", "behind it", "and it", "later"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if !l.Now().Equal(noon.Add(30 * time.Second)) {
		t.Errorf("the time stands at %v", l.Now())
	}
}

// bench is a broker with a sender, and a listener that keeps what it hears.
type bench struct {
	*Broker
	loop  *Loop
	from  *Client
	to    *Client
	heard []string
}

func newBench(seed uint64, f Faults) *bench {
	b := &bench{loop: NewLoop(noon)}
	b.Broker = NewBroker(b.loop, rand.New(rand.NewPCG(seed, 0)))
	b.SetFaults(f)
	b.from = b.Client(nil)
	b.to = b.Client(func(topic string, payload []byte) { b.heard = append(b.heard, topic+"="+string(payload)) }, "up/+/lane", "all")
	b.from.Up()
	b.to.Up()
	return b
}

func (b *bench) send(n int) {
	for i := range n {
		_ = b.from.Send(context.Background(), "up/1/lane", 1, fmt.Append(nil, i))
	}
	for end := b.loop.Now().Add(24 * time.Hour); b.loop.Next(end); {
	}
}

func TestGoodBroker(t *testing.T) {
	b := newBench(1, Faults{Quick: time.Second})
	b.send(100)
	if len(b.heard) != 100 || !slices.IsSortedFunc(b.heard, func(x, y string) int { return len(x) - len(y) }) || b.heard[99] != "up/1/lane=99" {
		t.Errorf("%q", b.heard)
	}
	_ = b.from.Send(t.Context(), "up/1/other", 0, nil)
	_ = b.from.Send(t.Context(), "up/1/2/lane", 0, nil)
	_ = b.from.Send(t.Context(), "all", 0, nil)
	b.send(0)
	if len(b.heard) != 101 || b.Stats().Unheard != 2 {
		t.Errorf("%d heard, %+v", len(b.heard), b.Stats())
	}
}

func TestSessions(t *testing.T) {
	b := newBench(1, Faults{Quick: time.Second})
	for name, end := range map[string]func(){
		"the listener's": b.to.Down,
		"another one":    func() { b.to.Down(); b.to.Up() },
		"the broker's":   func() { b.Restart(); b.from.Up(); b.to.Up() },
	} {
		b.from.Up()
		b.to.Up()
		_ = b.from.Send(t.Context(), "all", 0, []byte(name))
		end()
		b.send(0)
	}
	// Only a message that reached the broker's new session may be heard: nobody keeps one for who is away.
	if slices.Contains(b.heard, "all=the listener's") || slices.Contains(b.heard, "all=the broker's") {
		t.Errorf("heard %q in a session that had ended", b.heard)
	}
	b.Restart()
	if err := b.from.Send(t.Context(), "all", 0, nil); !errors.Is(err, ErrDown) {
		t.Errorf("without a connection: %v", err)
	}
	b.to.Leave()
	b.from.Up()
	before := len(b.heard)
	b.send(1)
	if len(b.heard) != before {
		t.Error("who has left hears on")
	}
}

// TestFaults wants each fault to happen about as often as it is asked for.
func TestFaults(t *testing.T) {
	for name, tt := range map[string]struct {
		f    Faults
		want func(Stats) uint64
	}{
		"lose":     {Faults{Lose: 0.3}, func(s Stats) uint64 { return s.Lost }},
		"repeat":   {Faults{Repeat: 0.3}, func(s Stats) uint64 { return s.Repeated }},
		"damage":   {Faults{Damage: 0.3}, func(s Stats) uint64 { return s.Damaged }},
		"misroute": {Faults{Misroute: 0.3}, func(s Stats) uint64 { return s.Misrouted }},
		"replay":   {Faults{Replay: 0.3}, func(s Stats) uint64 { return s.Replayed }},
		"refuse":   {Faults{Refuse: 0.3}, func(s Stats) uint64 { return s.Refused }},
	} {
		b := newBench(7, tt.f)
		b.send(2000)
		if n := tt.want(b.Stats()); n < 500 || n > 700 {
			t.Errorf("%s: %d of 2000", name, n)
		}
	}
	b := newBench(7, Faults{Late: 0.3, Slow: time.Hour})
	b.send(50)
	if len(b.heard) != 50 || slices.IsSortedFunc(b.heard, func(x, y string) int { return len(x) - len(y) }) {
		t.Errorf("nothing was overtaken: %q", b.heard)
	}
	b.heard = nil
	b.Replay(20, time.Minute)
	b.send(0)
	if len(b.heard) != 20 {
		t.Errorf("%d of 20 came back", len(b.heard))
	}
}

// TestDamage wants a damaged message never to be the one that was sent.
func TestDamage(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	same := 0
	for range 2000 {
		if string(damage(r, []byte("a message of some length"), []byte("another message, before it"))) == "a message of some length" {
			same++
		}
	}
	if same > 10 { // bits that were turned twice
		t.Errorf("%d of 2000 are as they were", same)
	}
	if got := damage(r, nil, nil); len(got) == 0 {
		t.Error("nothing stays nothing")
	}
}
