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

// ErrNoRoom reports that as much is looked at as may be.
var ErrNoRoom = errors.New("too many requests are looked at now")

// ServerConfig is what a Server needs. All of it must be set.
type ServerConfig struct {
	// Who is the terminal, or ErrStranger.
	Who func(ctx context.Context, id payment.ID) (Terminal, error)
	// Shop is what the wallet's operator calls the place; false: the store does not take the wallet online.
	Shop    func(wallet string, t *Terminal) (operator.Shop, bool)
	Unseal  func(wire.KID) *wire.ConfidantKey // nil: no such key
	Signer  func() *wire.Signer               // signs Answers and Pongs now
	HQEpoch uint64
	Publish func(ctx context.Context, topic string, qos byte, payload []byte) error
	Now     func() time.Time
	Log     *slog.Logger
	// Most bounds the requests that are looked at at once, whatever road they came by. What comes beyond is dropped and
	// counted; the lane asks again. A charge is looked at for as long as its operator takes: what all operators may have
	// under way (Config.Most each) should leave room for probes.
	Most int
}

// Server hears what lanes ask, and answers.
type Server struct {
	ServerConfig
	desk    *Desk
	room    chan struct{}
	working sync.WaitGroup
	out     outbox
	refused atomic.Uint64
	failed  atomic.Uint64
	dropped atomic.Uint64
	unsent  atomic.Uint64
	said    atomic.Int64 // when the log last heard of one that was refused, Unix ns
}

// Stats counts since the start.
type Stats struct {
	Refused uint64 // messages that were no lane's word
	Failed  uint64 // messages that HQ could not work at, its books being shut for example
	Dropped uint64 // for want of room
	Unsent  uint64 // answers that the road did not take
}

// NewServer returns a server at a desk. The desk's Changed has to be the server's Tell.
func NewServer(c ServerConfig, d *Desk) *Server {
	return &Server{ServerConfig: c, desk: d, room: make(chan struct{}, c.Most)}
}

// Stats returns the counts.
func (s *Server) Stats() Stats {
	return Stats{Refused: s.refused.Load(), Failed: s.failed.Load(), Dropped: s.dropped.Load(), Unsent: s.unsent.Load()}
}

// Wait returns when no request is looked at any more, and nothing waits to be sent.
func (s *Server) Wait() { s.working.Wait() }

// Handle takes a message from an AskTopic and returns at once; the answer is published. It keeps payload. A request goes
// on when ctx ends.
func (s *Server) Handle(ctx context.Context, topic string, payload []byte) {
	id, err := payment.ParseID(topic[strings.LastIndexByte(topic, '/')+1:])
	if err != nil || topic != wire.AskTopic(id) {
		s.note(&refusal{fmt.Errorf("a topic that is no terminal's")})
		return
	}
	_ = s.begin(ctx, func(ctx context.Context) { // what there is no room for is counted
		reply, err := s.serve(ctx, id, payload)
		if err != nil {
			s.note(err)
			return
		}
		s.send(wire.DownTopic(id), reply)
	})
}

// Answer takes the same messages from another road, and returns what to say there. It is not published, but by what the
// desk tells unasked. nil without an error: it was no lane's word, and there is nothing to say. ErrNoRoom: the lane may
// ask again soon. ctx's error: nobody waits for the answer any more; the request goes on. Any other error: HQ can't work
// at it now.
func (s *Server) Answer(ctx context.Context, payload []byte) (reply []byte, err error) {
	type result struct {
		reply []byte
		err   error
	}
	done := make(chan result, 1)
	err = s.begin(ctx, func(ctx context.Context) {
		reply, err := s.open(ctx, payload)
		if err != nil {
			s.note(err)
		}
		done <- result{reply, err}
	})
	if err != nil {
		return nil, err
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-done:
		if _, refused := errors.AsType[*refusal](r.err); refused {
			return nil, nil
		}
		return r.reply, r.err
	}
}

// open is serve for a message whose road does not tell who it is from.
func (s *Server) open(ctx context.Context, payload []byte) ([]byte, error) {
	sealed, err := wire.UnframeSigned(payload)
	if err != nil {
		return nil, &refusal{err}
	}
	id, err := wire.Asker(sealed)
	if err != nil {
		return nil, &refusal{err}
	}
	return s.serve(ctx, id, payload)
}

// begin does some work beside, if there is room.
func (s *Server) begin(ctx context.Context, work func(context.Context)) error {
	select {
	case s.room <- struct{}{}:
	default:
		s.dropped.Add(1)
		return ErrNoRoom
	}
	s.working.Go(func() {
		defer func() { <-s.room }()
		work(context.WithoutCancel(ctx))
	})
	return nil
}

// refusal is the error of a message that is no lane's word: it gets no answer.
type refusal struct{ err error }

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// noteEvery is how often the log hears of messages that come to nothing: whoever can write to the broker must not fill it.
const noteEvery = 10 * time.Second

// note counts a message that came to nothing.
func (s *Server) note(err error) {
	what, counter := "a request for an authorisation can't be worked at", &s.failed
	if _, ok := errors.AsType[*refusal](err); ok {
		what, counter = "request for an authorisation refused", &s.refused
	}
	n := counter.Add(1)
	now, last := s.Now().UnixNano(), s.said.Load()
	if now-last >= int64(noteEvery) && s.said.CompareAndSwap(last, now) {
		s.Log.Warn(what, "error", err.Error(), "count", n)
	}
}
