package simnet

import (
	"container/heap"
	"time"
)

// Loop is virtual time. It belongs to one goroutine; every event runs in the caller of Next.
type Loop struct {
	now   time.Time
	asked uint64
	queue queue
}

// Event is something that is to happen.
type Event struct {
	at    time.Time
	order uint64
	do    func() // nil: it was called off
}

// Stop calls the event off, if it has not happened. A nil event is none.
func (e *Event) Stop() {
	if e != nil {
		e.do = nil
	}
}

// NewLoop is a time that stands at start.
func NewLoop(start time.Time) *Loop { return &Loop{now: start} }

// Now is the moment of the event that is happening.
func (l *Loop) Now() time.Time { return l.now }

// Happened counts the events that were asked for.
func (l *Loop) Happened() uint64 { return l.asked }

// After has f happen when d has passed; at once, behind what is to happen now, for a d of zero or less.
func (l *Loop) After(d time.Duration, f func()) *Event {
	l.asked++
	e := &Event{at: l.now.Add(max(d, 0)), order: l.asked, do: f}
	heap.Push(&l.queue, e)
	return e
}

// Next moves the time to the next event, not beyond end, and lets it happen. False: there is none until then,
// and the time stands at end.
func (l *Loop) Next(end time.Time) bool {
	for len(l.queue) > 0 && !l.queue[0].at.After(end) {
		e := heap.Pop(&l.queue).(*Event)
		if e.do == nil {
			continue
		}
		l.now = e.at
		do := e.do
		e.do = nil
		do()
		return true
	}
	if l.now.Before(end) {
		l.now = end
	}
	return false
}

// queue is a heap by moment, then by the order of asking.
type queue []*Event

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	if !q[i].at.Equal(q[j].at) {
		return q[i].at.Before(q[j].at)
	}
	return q[i].order < q[j].order
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(*Event)) }
func (q *queue) Pop() any {
	old := *q
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return e
}
