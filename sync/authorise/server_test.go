package authorise

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/operator"
	"tilld/sync/wire"
)

// counter is an HQ with a server, and what it published.
type counter struct {
	*testing.T
	desk   *Desk
	server *Server
	lane   *wire.Signer
	hq     *wire.Signer
	seal   *wire.ConfidantKey
	op     *noting
	revoke bool

	mu  sync.Mutex
	out []published
}

type published struct {
	topic string
	wire.Answer
}

// noting takes every charge, and keeps what it was asked.
type noting struct {
	prompt
	mu   sync.Mutex
	paid []operator.Charge
}

func (n *noting) Pay(_ context.Context, c operator.Charge) operator.Answer {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.paid = append(n.paid, c)
	return operator.Answer{Outcome: operator.Paid, Transaction: "T1"}
}

var lane1 = payment.ID{1, 15: 1}

func newCounter(t *testing.T) *counter {
	t.Helper()
	key := func(name string) *wire.Signer {
		seed := sha256.Sum256([]byte(name))
		s, err := wire.NewSigner(ed25519.NewKeyFromSeed(seed[:]), nil)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	raw := sha256.Sum256([]byte("seal"))
	seal, err := wire.ParseConfidantKey(raw[:])
	if err != nil {
		t.Fatal(err)
	}
	c := &counter{T: t, lane: key("lane"), hq: key("hq"), seal: seal, op: &noting{}}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	c.desk = New(Config{Store: &shelf{all: map[operator.Ref]Attempt{}}, Operators: map[string]operator.Operator{"paypay": c.op, "gone": c.op},
		Now: time.Now, Log: log, Changed: func(a Attempt) { c.server.Tell(a) }})
	c.server = NewServer(ServerConfig{
		Who: func(_ context.Context, id payment.ID) (Terminal, error) {
			if id != lane1 {
				return Terminal{}, ErrStranger
			}
			return Terminal{Keys: wire.OneKey(c.lane.Public()), Store: "S001", Lane: "L1", Revoked: c.revoke}, nil
		},
		Shop: func(wallet string, who *Terminal) (operator.Shop, bool) {
			return operator.Shop{Merchant: "M-" + who.Store}, wallet != "gone"
		},
		Unseal: func(id wire.KID) *wire.ConfidantKey {
			if id == seal.Public().KID() {
				return seal
			}
			return nil
		},
		Signer: func() *wire.Signer { return c.hq }, HQEpoch: 7, Publish: c.publish, Now: time.Now, Log: log, Most: 8,
	}, c.desk)
	return c
}

func (c *counter) publish(_ context.Context, topic string, qos byte, payload []byte) error {
	sealed, err := wire.UnframeSigned(payload)
	if err != nil {
		return err
	}
	m, err := wire.Open(sealed, wire.TypAnswer, wire.OneKey(c.hq.Public()))
	if err != nil {
		return err
	}
	var a wire.Answer
	if err := errors.Join(wire.UnmarshalKnown(m.Payload, &a), a.Validate()); err != nil || qos != 0 {
		c.Errorf("an answer of QoS %d: %v", qos, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = append(c.out, published{topic, a})
	return nil
}

// ask is a good request for a charge.
func (c *counter) ask(n byte) *wire.Ask {
	id := payment.ID{2, 15: n}
	ref, err := operator.NewRef(id, 0)
	if err != nil {
		c.Fatal(err)
	}
	code, err := c.seal.Public().ConfideCode(lane1, string(ref), []byte("281234567890123456"))
	if err != nil {
		c.Fatal(err)
	}
	kid := c.seal.Public().KID()
	return &wire.Ask{Version: 1, Terminal: lane1, Ref: string(ref), Want: wire.WantCharge, Payment: id, Wallet: "paypay",
		Amount: payment.Money{Minor: 1200, Currency: "JPY"}, NotAfter: time.Now().Add(time.Minute).UnixMilli(),
		Challenge: bytes.Repeat([]byte{n}, wire.NonceSize), SealKey: kid[:], Code: code}
}

// say sends a request as the lane, and returns the last answer; nil: there was none.
func (c *counter) say(a *wire.Ask) *published {
	c.Helper()
	sealed, err := wire.Seal(c.lane, wire.TypAsk, a)
	if err != nil {
		c.Fatal(err)
	}
	return c.send(wire.AskTopic(a.Terminal), wire.FrameSigned(sealed))
}

func (c *counter) send(topic string, payload []byte) *published {
	c.mu.Lock()
	c.out = nil
	c.mu.Unlock()
	c.server.Handle(c.Context(), topic, payload)
	c.server.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.out) == 0 {
		return nil
	}
	last := c.out[len(c.out)-1]
	return &last
}

func (c *counter) want(what string, got *published, outcome payment.Outcome, why string, charges int) {
	c.Helper()
	switch {
	case got == nil:
		c.Errorf("%s: no answer", what)
	case got.Outcome != outcome || got.Why != why || got.topic != wire.DownTopic(lane1):
		c.Errorf("%s: %s %q on %s, want %s %q", what, got.Outcome, got.Why, got.topic, outcome, why)
	}
	if n := len(c.op.paid); n != charges {
		c.Errorf("%s: %d charges, want %d", what, n, charges)
	}
}

func TestServerCharges(t *testing.T) {
	c := newCounter(t)
	first := c.ask(1)
	got := c.say(first)
	c.want("the first", got, payment.Paid, "", 1)
	if got.Transaction != "T1" || !bytes.Equal(got.Echo, first.Challenge) || got.HQEpoch != 7 || got.Payment != first.Payment || got.Amount != first.Amount {
		t.Errorf("%+v", got)
	}
	if ch := c.op.paid[0]; string(ch.Code) != "281234567890123456" || ch.Shop.Merchant != "M-S001" || string(ch.Ref) != first.Ref {
		t.Errorf("charged %+v", ch)
	}
	c.want("said again", c.say(first), payment.Paid, "", 1)
	question := *first
	question.Code, question.SealKey = nil, nil
	c.want("a question", c.say(&question), payment.Paid, "", 1)
	late := *first
	late.NotAfter = 1
	c.want("said again, much later", c.say(&late), payment.Paid, "", 1)
	c.revoke = true
	c.want("said again by a lane that was revoked meanwhile", c.say(first), payment.Paid, "", 1)
}

func TestServerDeclines(t *testing.T) {
	c := newCounter(t)
	for n, tt := range []struct {
		what   string
		change func(*wire.Ask)
		why    string
	}{
		{"late", func(a *wire.Ask) { a.NotAfter = time.Now().Add(-time.Second).UnixMilli() }, "late"},
		{"a wallet that the store does not take", func(a *wire.Ask) { a.Wallet = "gone" }, "not_enabled"},
		{"a wallet that nobody is asked for", func(a *wire.Ask) { a.Wallet = "other" }, "not_enabled"},
		{"a code for another attempt", func(a *wire.Ask) { a.Code = c.ask(99).Code }, "code_unreadable"},
		{"a key that is not HQ's", func(a *wire.Ask) { a.SealKey = make([]byte, wire.KIDSize) }, "code_unreadable"},
		{"a revoked terminal", func(*wire.Ask) { c.revoke = true }, "terminal_revoked"},
	} {
		a := c.ask(byte(n) + 1)
		tt.change(a)
		c.want(tt.what, c.say(a), payment.NotPaid, tt.why, 0)
		c.revoke = false
		// What was declined once stays so, for the lane was told: whatever comes late under its reference.
		again := c.ask(byte(n) + 1)
		again.Wallet = a.Wallet
		c.want(tt.what+", and then all is well", c.say(again), payment.NotPaid, tt.why, 0)
	}
}

func TestServerReverses(t *testing.T) {
	c := newCounter(t)
	never := c.ask(1)
	back := *never
	back.Want, back.Code, back.SealKey = wire.WantReverse, nil, nil
	c.want("a reversal that overtakes", c.say(&back), payment.NotPaid, "", 0)
	c.want("what it overtook", c.say(never), payment.NotPaid, "", 0)

	paid := c.ask(2)
	c.want("a charge", c.say(paid), payment.Paid, "", 1)
	back = *paid
	back.Want, back.Code, back.SealKey = wire.WantReverse, nil, nil
	c.want("its reversal", c.say(&back), payment.Unknown, "", 1)

	done := c.ask(3)
	c.want("another charge", c.say(done), payment.Paid, "", 2)
	if _, err := c.desk.Complete(t.Context(), Request{Ref: operator.Ref(done.Ref), Payment: done.Payment, Terminal: lane1, Wallet: "paypay", Amount: done.Amount}); err != nil {
		t.Fatal(err)
	}
	back = *done
	back.Want, back.Code, back.SealKey = wire.WantReverse, nil, nil
	c.want("a reversal of what is completed", c.say(&back), payment.Paid, "", 2)

	unheard := c.ask(4)
	unheard.Code, unheard.SealKey = nil, nil
	c.want("a question about what HQ has not heard of", c.say(unheard), payment.Unknown, "", 2)
}

// TestServerRefuses: what is no lane's word, or another's, gets no answer, charges nobody and is counted.
func TestServerRefuses(t *testing.T) {
	c := newCounter(t)
	good := c.ask(1)
	sealed := func(by *wire.Signer, typ wire.Typ, a *wire.Ask) []byte {
		b, err := wire.Seal(by, typ, a)
		if err != nil {
			t.Fatal(err)
		}
		return wire.FrameSigned(b)
	}
	elsewhere, invalid := *good, *good
	elsewhere.Terminal = payment.ID{9}
	invalid.Ref = "a-b"
	topic := wire.AskTopic(lane1)
	for name, m := range map[string]struct {
		topic   string
		payload []byte
	}{
		"nothing":                  {topic, nil},
		"rubbish":                  {topic, []byte("rubbish")},
		"signed by HQ's key":       {topic, sealed(c.hq, wire.TypAsk, good)},
		"signed as something else": {topic, sealed(c.lane, wire.TypBeat, good)},
		"about another terminal":   {topic, sealed(c.lane, wire.TypAsk, &elsewhere)},
		"by a stranger":            {wire.AskTopic(payment.ID{9}), sealed(c.lane, wire.TypAsk, &elsewhere)},
		"not a reference":          {topic, sealed(c.lane, wire.TypAsk, &invalid)},
		"on the way up":            {wire.UpTopic(lane1), sealed(c.lane, wire.TypAsk, good)},
		"on no topic":              {"", sealed(c.lane, wire.TypAsk, good)},
		"on another shard":         {strings.Replace(topic, "/ask/", "/ask/9", 1), sealed(c.lane, wire.TypAsk, good)},
	} {
		before := c.server.Stats().Refused
		if got := c.send(m.topic, m.payload); got != nil {
			t.Errorf("%s: answered %s", name, got.Outcome)
		}
		if c.server.Stats().Refused != before+1 {
			t.Errorf("%s: not counted", name)
		}
	}
	c.want("the good one", c.say(good), payment.Paid, "", 1)
	other := c.ask(1)
	other.Amount.Minor++
	if got := c.say(other); got != nil {
		t.Errorf("another amount under the same reference: %s", got.Outcome)
	}
}
