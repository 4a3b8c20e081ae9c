package ingest

import (
	"os"
	"runtime"
	"sync"
	"time"
)

// breathEvery is how long the arithmetic of examining goes on before others have their turn: of the order of what an
// answer's other hops take.
const breathEvery = time.Millisecond / 2

// breath lets everything else run that can, and what the network has brought in too.
//
// runtime.Gosched does not do the second: as long as some goroutine can run, Go's scheduler does not ask the kernel,
// and only its watchdog does, every 10 ms (findRunnable and sysmon in runtime/proc.go of Go 1.26). While every
// processor examines, a message so waits 10 ms at each of its hops: lane to broker, broker to HQ, and back. Whoever
// takes a breath waits for a byte of its own out of a pipe, as others wait for the network, and so can't go on before
// the kernel was asked.
type breath struct {
	mu  sync.Mutex
	in  *os.File
	out *os.File
}

func newBreath() (*breath, error) {
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &breath{in: in, out: out}, nil
}

// take takes a breath. Of a nil one it is runtime.Gosched, and of a closed one nothing.
func (b *breath) take() {
	if b == nil {
		runtime.Gosched()
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	go func() { _, _ = b.in.Write([]byte{0}) }() // of a pipe of our own both can fail only when it is closed
	_, _ = b.out.Read(make([]byte, 1))
}

// close ends it, when nobody is within take.
func (b *breath) close() {
	if b != nil {
		_ = b.in.Close()
		_ = b.out.Close()
	}
}
