package ingest

import (
	"os"
	"runtime"
	"sync/atomic"
	"testing"
)

// TestBreathAsksTheNetwork: a goroutine that waits for the network, and has what it waits for, runs within a breath of
// a goroutine that never waits for anything, on one processor.
func TestBreathAsksTheNetwork(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	b, err := newBreath()
	check(t, err)
	defer b.close()
	from, to, err := os.Pipe()
	check(t, err)
	defer from.Close()
	var heard atomic.Int64
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for one := make([]byte, 1); ; heard.Add(1) {
			if _, err := from.Read(one); err != nil {
				return
			}
		}
	}()
	b.take() // it waits now
	for n := range int64(200) {
		_, err := to.Write([]byte{0})
		check(t, err)
		b.take()
		for range 20 { // it may be behind us in a queue; but it can run
			runtime.Gosched()
		}
		if got := heard.Load(); got != n+1 {
			t.Fatalf("after %d breaths %d messages were heard", n+1, got)
		}
	}
	check(t, to.Close())
	<-ended
}

// TestBreathWithoutPipe: who has none, or one that is over, is not held up.
func TestBreathWithoutPipe(t *testing.T) {
	var none *breath
	none.take()
	none.close()
	b, err := newBreath()
	check(t, err)
	b.take()
	b.close()
	b.take()
}
