package port

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.bug.st/serial"
)

const (
	// readPoll is how long one read of the system lasts at most. Closing go.bug.st/serial under a running read is
	// not safe: its Read can go on with a file descriptor number that another file has got meanwhile. So a
	// reader looks up this often whether it is to stop, and only then is the device closed.
	readPoll = 100 * time.Millisecond
	// writeChunk bounds what a blocked write still has to get rid of when the port is closed.
	writeChunk = 256
	// closeGrace is how long Close waits for a write that the device does not take.
	closeGrace = time.Second
)

// device is the part of serial.Port that is used. Modem lines are not: pseudo-terminals and many adapters have none.
type device interface {
	Read([]byte) (int, error)
	Write([]byte) (int, error)
	Close() error
	ResetInputBuffer() error
	ResetOutputBuffer() error
	SetReadTimeout(time.Duration) error
}

// serialPort is a Port on a device of go.bug.st/serial.
type serialPort struct {
	dev     device
	name    string
	lock    *lock
	closing atomic.Bool
	reading sync.Mutex
	writing chan struct{} // holds one token while somebody writes
	once    sync.Once
	closed  error
}

// Open finds the device, locks it and opens it. What the device sent before is dropped: a code that was scanned
// while nobody listened must not start anything now.
//
// Errors match ErrNotFound, ErrAmbiguous, ErrBusy (naming the holder), ErrPermission (naming the remedy),
// ErrNotSerial or ErrTooManyFiles. Open never waits for a device.
func Open(spec Spec, set Settings, opt Options) (Port, error) {
	mode, err := set.mode()
	if err != nil {
		return nil, &Error{Op: "open", Device: spec.String(), Kind: ErrNotSerial, Err: err}
	}
	name, err := spec.resolve(sysTTY)
	if err != nil {
		return nil, err
	}
	lock, err := lockDevice(opt.lockDir(), name)
	if err != nil {
		return nil, err
	}
	p, err := openLocked(name, mode, lock)
	if err != nil {
		lock.release()
		return nil, err
	}
	// The name can have gone to another device between the look-up and the opening.
	if again, err := spec.resolve(sysTTY); err != nil || again != name {
		p.Close()
		return nil, &Error{Op: "open", Device: name, Kind: ErrNotFound, Hint: "it changed while it was opened"}
	}
	return p, nil
}

func openLocked(name string, mode *serial.Mode, lock *lock) (*serialPort, error) {
	dev, err := serial.Open(name, mode)
	if err != nil {
		return nil, openError(name, err)
	}
	if err := errors.Join(dev.SetReadTimeout(readPoll), dev.ResetInputBuffer()); err != nil {
		dev.Close()
		return nil, openError(name, err)
	}
	return newSerialPort(dev, name, lock), nil
}

func newSerialPort(dev device, name string, lock *lock) *serialPort {
	return &serialPort{dev: dev, name: name, lock: lock, writing: make(chan struct{}, 1)}
}

// Device implements Port.
func (p *serialPort) Device() string { return p.name }

// Read implements Port.
func (p *serialPort) Read(b []byte) (int, error) {
	p.reading.Lock()
	defer p.reading.Unlock()
	for len(b) > 0 {
		if p.closing.Load() {
			return 0, &Error{Op: "read", Device: p.name, Kind: ErrClosed}
		}
		n, err := p.readOnce(b)
		if n > 0 {
			return n, nil // an error would come again with the next call
		}
		if err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// readOnce is one read of the system; 0, nil means that the time was up. The serial package waits with select(2),
// whose sets end at descriptor 1023, and panics when ours lies beyond.
func (p *serialPort) readOnce(b []byte) (n int, err error) {
	defer func() {
		if r := recover(); r != nil {
			n, err = 0, &Error{Op: "read", Device: p.name, Kind: ErrTooManyFiles,
				Err: fmt.Errorf("%v", r), Hint: "serial ports need one of the first 1024 file descriptors"}
		}
	}()
	n, err = p.dev.Read(b)
	if err != nil {
		return n, useError("read", p.name, err)
	}
	return n, nil
}

// Write implements Port. It can block for as long as the device accepts nothing.
func (p *serialPort) Write(b []byte) (int, error) {
	p.writing <- struct{}{}
	defer func() { <-p.writing }()
	sent := 0
	for {
		if p.closing.Load() {
			return sent, &Error{Op: "write", Device: p.name, Kind: ErrClosed}
		}
		if sent == len(b) {
			return sent, nil
		}
		n, err := p.dev.Write(b[sent:min(sent+writeChunk, len(b))])
		sent += n
		if err != nil && !errors.Is(err, syscall.EINTR) && !p.closing.Load() {
			return sent, useError("write", p.name, err)
		}
	}
}

// Close implements Port.
func (p *serialPort) Close() error {
	p.once.Do(func() {
		p.closing.Store(true)
		// Unsent bytes go, or the system may spend half a minute on them. A device that is gone refuses this and has
		// none, so the error says nothing.
		_ = p.dev.ResetOutputBuffer()
		p.reading.Lock()
		defer p.reading.Unlock()
		p.awaitWriter()
		err := p.dev.Close()
		p.lock.release()
		if err != nil {
			p.closed = &Error{Op: "close", Device: p.name, Err: err}
		}
	})
	return p.closed
}

// awaitWriter waits for a running write to see that it is to stop. One that the device keeps blocked is left behind:
// it sits in the system, which ends it when the device takes the bytes or is unplugged.
func (p *serialPort) awaitWriter() {
	select {
	case p.writing <- struct{}{}:
		<-p.writing
		return
	default:
	}
	grace := time.NewTimer(closeGrace)
	defer grace.Stop()
	select {
	case p.writing <- struct{}{}:
		<-p.writing
	case <-grace.C:
	}
}

// mode translates the settings for the serial package.
func (s Settings) mode() (*serial.Mode, error) {
	m := &serial.Mode{BaudRate: s.Baud, DataBits: s.DataBits}
	if m.DataBits == 0 {
		m.DataBits = 8
	}
	parities := map[Parity]serial.Parity{"": serial.NoParity, ParityNone: serial.NoParity, ParityOdd: serial.OddParity,
		ParityEven: serial.EvenParity, ParityMark: serial.MarkParity, ParitySpace: serial.SpaceParity}
	parity, ok := parities[s.Parity]
	if !ok {
		return nil, fmt.Errorf("unknown parity %q", s.Parity)
	}
	m.Parity = parity
	switch s.StopBits {
	case 0, 1:
		m.StopBits = serial.OneStopBit
	case 2:
		m.StopBits = serial.TwoStopBits
	default:
		return nil, fmt.Errorf("%d stop bits", s.StopBits)
	}
	if s.Baud <= 0 {
		return nil, fmt.Errorf("%d baud", s.Baud)
	}
	return m, nil
}
