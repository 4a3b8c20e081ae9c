package scanner

import (
	"context"
	"time"

	"tilld/drivers/port"
)

// readSize is more than one code, and as much as the system's own buffer holds.
const readSize = 4096

// chunk is bytes and when they were read.
type chunk struct {
	at   time.Time
	data []byte
}

// listen is one life of the port: from its opening to its loss, which it returns.
//
// The scanner may be in the middle of a code when the port opens. So what begins within the first idle gap is
// refused, and only then the scanner is said to have returned.
func (l *listener) listen(_ context.Context, p port.Port) error {
	framer := NewFramer(l.cfg.Profile.Framing, l.cfg.HousePrefixes)
	gap := l.cfg.Profile.Framing.IdleGap
	framer.Join(l.cfg.Now())
	joined := l.cfg.After(gap)
	chunks, ended := l.read(p)
	var silence <-chan time.Time // nil while no code is under way
	var events []Event
	for {
		events = events[:0]
		select {
		case c := <-chunks:
			events = framer.Push(events, c.at, c.data)
		case <-silence:
			silence = nil
			select {
			case c := <-chunks: // read before the silence was over, and then we were slow
				events = framer.Push(events, c.at, c.data)
			default:
				events = framer.Expire(events, l.cfg.Now())
			}
		case <-joined:
			joined = nil
			l.returned(p.Device())
		case err := <-ended:
			l.tellAll(framer.Cut(events, l.cfg.Now()))
			return err
		}
		l.tellAll(events)
		if deadline, ok := framer.Deadline(); ok && silence == nil {
			silence = l.cfg.After(deadline.Sub(l.cfg.Now()))
		}
	}
}

func (l *listener) tellAll(events []Event) {
	for _, e := range events {
		l.tell(e)
	}
}

// read reads the port until it ends. Two buffers are enough: the channel has no room of its own, so when a chunk is
// taken from it the one before has been done with.
func (l *listener) read(p port.Port) (<-chan chunk, <-chan error) {
	chunks, ended := make(chan chunk), make(chan error, 1)
	go func() {
		var buffers [2][readSize]byte
		for i := 0; ; i ^= 1 {
			n, err := p.Read(buffers[i][:])
			if err != nil {
				ended <- err
				return
			}
			l.stats.bytes.Add(uint64(n))
			chunks <- chunk{at: l.cfg.Now(), data: buffers[i][:n]}
		}
	}()
	return chunks, ended
}
