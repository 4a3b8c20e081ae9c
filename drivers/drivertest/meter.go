package drivertest

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"tilld/drivers/port"
)

// meter counts the bytes that a driver has taken in: those read before its latest call of Read. At that call it
// has handed the earlier ones over.
type meter struct {
	mu          sync.Mutex
	read, taken int
	changed     chan struct{}
}

type meteredPort struct {
	port.Port
	m *meter
}

func (m *meter) on(p port.Port) port.Port { return &meteredPort{p, m} }

func (p *meteredPort) Read(b []byte) (int, error) {
	p.m.mu.Lock()
	p.m.taken = p.m.read
	p.m.mu.Unlock()
	select {
	case p.m.changed <- struct{}{}:
	default:
	}
	n, err := p.Port.Read(b)
	p.m.mu.Lock()
	p.m.read += n
	p.m.mu.Unlock()
	return n, err
}

func (m *meter) total() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.read
}

func (m *meter) await(t *testing.T, total int) {
	t.Helper()
	for deadline := time.After(patience); ; {
		m.mu.Lock()
		taken := m.taken
		m.mu.Unlock()
		if taken >= total {
			return
		}
		select {
		case <-m.changed:
		case <-deadline:
			t.Fatalf("the driver has taken %d bytes of %d", taken, total)
		}
	}
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.buf.Bytes())
}
