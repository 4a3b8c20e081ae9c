package drivertest

import (
	"testing"
	"time"
)

func TestClockRingsInOrder(t *testing.T) {
	c := NewClock()
	start := c.Now()
	late, soon, at := c.After(3*time.Second), c.After(time.Second), c.After(0)
	if got := <-at; !got.Equal(start) {
		t.Errorf("now rings at %v", got.Sub(start))
	}
	<-c.Armed()
	c.AdvanceToNext()
	if got := <-soon; got.Sub(start) != time.Second {
		t.Errorf("rings at %v", got.Sub(start))
	}
	select {
	case <-late:
		t.Error("rings too early")
	case <-c.Armed(): // it is still being waited for
	}
	c.Advance(time.Minute)
	if got := <-late; got.Sub(start) != time.Minute+time.Second {
		t.Errorf("rings at %v", got.Sub(start))
	}
	c.AdvanceToNext()
	if c.Now().Sub(start) != time.Minute+time.Second {
		t.Error("the clock moves with nobody waiting")
	}
}
