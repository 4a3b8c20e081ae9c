package authorise

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tilld/agent/payment"
	"tilld/sync/operator"
	"tilld/sync/wire"
)

// Terminal is who asks, by HQ's own records.
type Terminal struct {
	Keys        wire.Keys // with which it may sign now
	Store, Lane string
	Revoked     bool
}

// ErrStranger reports a terminal that is not enrolled.
var ErrStranger = errors.New("the terminal is not enrolled")

// ServerConfig is what a Server needs. All of it must be set.
type ServerConfig struct {
	// Who is the terminal, or ErrStranger.
	Who func(ctx context.Context, id payment.ID) (Terminal, error)
	// Shop is what the wallet's operator calls the place; false: the store does not take the wallet online.
	Shop    func(wallet string, t *Terminal) (operator.Shop, bool)
	Unseal  func(wire.KID) *wire.ConfidantKey // nil: no such key
	Signer  func() *wire.Signer               // signs Answers now
	HQEpoch uint64
	Publish func(ctx context.Context, topic string, qos byte, payload []byte) error
	Now     func() time.Time
	Log     *slog.Logger
	// Most bounds the requests that are looked at at once. What comes beyond is dropped and counted; the lane asks again.
	Most int
}

// Server hears what lanes ask, and answers.
type Server struct {
	ServerConfig
	desk    *Desk
	room    chan struct{}
	working sync.WaitGroup
	refused atomic.Uint64
	dropped atomic.Uint64
	unsent  atomic.Uint64
	said    atomic.Int64 // when the log last heard of one that was refused, Unix ns
}

// Stats counts since the start.
type Stats struct {
	Refused uint64 // messages that were no lane's word
	Dropped uint64 // for want of room
	Unsent  uint64 // answers that the road did not take
}

// NewServer returns a server at a desk. The desk's Changed has to be the server's Tell.
func NewServer(c ServerConfig, d *Desk) *Server {
	return &Server{ServerConfig: c, desk: d, room: make(chan struct{}, c.Most)}
}

// Stats returns the counts.
func (s *Server) Stats() Stats {
	return Stats{Refused: s.refused.Load(), Dropped: s.dropped.Load(), Unsent: s.unsent.Load()}
}

// Wait returns when no request is looked at any more.
func (s *Server) Wait() { s.working.Wait() }

// Handle takes a message from an AskTopic and returns at once. It keeps payload. A request goes on when ctx ends.
func (s *Server) Handle(ctx context.Context, topic string, payload []byte) {
	id, err := payment.ParseID(topic[strings.LastIndexByte(topic, '/')+1:])
	if err != nil || topic != wire.AskTopic(id) {
		s.refuse(fmt.Errorf("a topic that is no terminal's"))
		return
	}
	select {
	case s.room <- struct{}{}:
	default:
		s.dropped.Add(1)
		return
	}
	s.working.Go(func() {
		defer func() { <-s.room }()
		if err := s.serve(context.WithoutCancel(ctx), id, payload); err != nil {
			s.refuse(err)
		}
	})
}

// refuseEvery is how often the log hears of messages that are refused: whoever can write to the broker must not fill it.
const refuseEvery = 10 * time.Second

func (s *Server) refuse(err error) {
	n := s.refused.Add(1)
	now, last := s.Now().UnixNano(), s.said.Load()
	if now-last >= int64(refuseEvery) && s.said.CompareAndSwap(last, now) {
		s.Log.Warn("request for an authorisation refused", "error", err.Error(), "count", n)
	}
}

// serve does what a message asks for. An error says that it is no lane's word, or that HQ can't keep attempts now: in
// either case there is no answer, and nobody was told anything that is not written down.
func (s *Server) serve(ctx context.Context, id payment.ID, payload []byte) error {
	who, err := s.Who(ctx, id)
	if err != nil {
		return err
	}
	ask, err := openAsk(id, who.Keys, payload)
	if err != nil {
		return err
	}
	a, err := s.act(ctx, &who, ask)
	switch {
	case errors.Is(err, ErrNone): // it may be on its way still
		a, err = Attempt{Ref: operator.Ref(ask.Ref), Terminal: id, Payment: ask.Payment, Amount: ask.Amount, State: Doubtful}, nil
	case errors.Is(err, ErrCompleted):
		err = nil // the answer says that it is paid
	}
	if err != nil {
		return err
	}
	return s.answer(ctx, &a, ask.Challenge)
}

func openAsk(id payment.ID, keys wire.Keys, payload []byte) (*wire.Ask, error) {
	sealed, err := wire.UnframeSigned(payload)
	if err != nil {
		return nil, err
	}
	m, err := wire.Open(sealed, wire.TypAsk, keys)
	if err != nil {
		return nil, err
	}
	var ask wire.Ask
	if err := wire.UnmarshalKnown(m.Payload, &ask); err != nil {
		return nil, err
	}
	if err := ask.Validate(); err != nil {
		return nil, err
	}
	if ask.Terminal != id {
		return nil, fmt.Errorf("%w: of terminal %s on the topic of %s", wire.ErrAsk, ask.Terminal, id)
	}
	return &ask, nil
}

func (s *Server) act(ctx context.Context, who *Terminal, ask *wire.Ask) (Attempt, error) {
	r := Request{Ref: operator.Ref(ask.Ref), Payment: ask.Payment, Sale: ask.Sale, Terminal: ask.Terminal, Store: who.Store, Lane: who.Lane,
		Wallet: ask.Wallet, Amount: ask.Amount, Reference: ask.Reference, NotAfter: time.UnixMilli(ask.NotAfter)}
	if ask.Want == wire.WantReverse {
		return s.desk.Reverse(ctx, r)
	}
	if len(ask.Code) == 0 {
		return s.desk.Status(ctx, r)
	}
	// What is asked again has been looked at, and the answer to it is what became of it.
	if a, err := s.desk.Status(ctx, r); !errors.Is(err, ErrNone) {
		return a, err
	}
	if who.Revoked {
		return s.desk.Decline(ctx, r, operator.TerminalRevoked)
	}
	var ok bool
	if r.Shop, ok = s.Shop(ask.Wallet, who); !ok {
		return s.desk.Decline(ctx, r, operator.NotEnabled)
	}
	code, err := s.open(ask)
	if err != nil {
		return s.desk.Decline(ctx, r, operator.CodeUnreadable)
	}
	r.Code = operator.Code(code)
	return s.desk.Ask(ctx, r)
}

func (s *Server) open(ask *wire.Ask) ([]byte, error) {
	key := s.Unseal(wire.KID(ask.SealKey))
	if key == nil {
		return nil, wire.ErrConfide
	}
	return key.OpenCode(ask.Terminal, ask.Ref, ask.Code)
}

// Tell sends what became of an attempt to its lane, unasked: the desk's Changed. What a lane does not hear it asks for.
func (s *Server) Tell(a Attempt) {
	if err := s.answer(context.Background(), &a, nil); err != nil {
		s.Log.Error("an answer to a lane is not made", "ref", string(a.Ref), "error", err.Error())
	}
}

func (s *Server) answer(ctx context.Context, a *Attempt, echo []byte) error {
	if echo == nil {
		echo = []byte{}
	}
	ans := wire.Answer{
		Version: wire.MessageVersion, HQEpoch: s.HQEpoch, Time: s.Now().UnixMilli(), Terminal: a.Terminal, Ref: string(a.Ref), Payment: a.Payment,
		Amount: a.Amount, Outcome: a.State.Outcome(), Transaction: a.Transaction, Echo: echo,
	}
	if ans.Outcome == payment.NotPaid {
		ans.Why = a.Why.String()
	}
	sealed, err := wire.Seal(s.Signer(), wire.TypAnswer, &ans)
	if err != nil {
		return fmt.Errorf("signing an answer: %w", err)
	}
	if err := s.Publish(ctx, wire.DownTopic(a.Terminal), 0, wire.FrameSigned(sealed)); err != nil {
		s.unsent.Add(1) // the lane asks again
	}
	return nil
}
