package authorise

import (
	"context"
	"sync"
	"time"

	"tilld/sync/wire"
)

// Limits of what waits to be published.
const (
	mostUnsent = 8192
	sendWithin = 10 * time.Second // one that takes longer is given up
)

// outbox holds what is to be published, in its order: an answer about an attempt must not be overtaken by an older one.
type outbox struct {
	mu      sync.Mutex
	waiting []posting
	sending bool // somebody empties it
}

type posting struct {
	topic   string
	payload []byte
}

// Tell sends what became of an attempt to its lane, unasked: the desk's Changed. It does not wait for the road. What a
// lane does not hear it asks for.
func (s *Server) Tell(a Attempt) {
	b, err := s.answer(&a, nil)
	if err != nil {
		s.Log.Error("an answer to a lane is not made", "ref", string(a.Ref), "error", err.Error())
		return
	}
	s.send(wire.DownTopic(a.Terminal), b)
}

// send puts a message behind those that wait. One that there is no room for is counted and lost, as it might be on the road.
func (s *Server) send(topic string, payload []byte) {
	o := &s.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.waiting) >= mostUnsent {
		s.unsent.Add(1)
		return
	}
	o.waiting = append(o.waiting, posting{topic, payload})
	if !o.sending {
		o.sending = true
		s.working.Go(s.empty)
	}
}

// empty publishes what waits until nothing does.
func (s *Server) empty() {
	for {
		s.out.mu.Lock()
		batch := s.out.waiting
		s.out.waiting = nil
		if len(batch) == 0 {
			s.out.sending = false
			s.out.mu.Unlock()
			return
		}
		s.out.mu.Unlock()
		for _, p := range batch {
			s.publish(p)
		}
	}
}

func (s *Server) publish(p posting) {
	ctx, end := context.WithTimeout(context.Background(), sendWithin)
	defer end()
	if err := s.Publish(ctx, p.topic, 0, p.payload); err != nil {
		s.unsent.Add(1) // the lane asks again
	}
}
