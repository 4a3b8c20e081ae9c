// Package port turns counter devices into byte streams: serial ports, found by path or by USB identity, guarded by a
// lock, reopened when they come back.
//
// Unplugged is an ordinary event here, not a failure: a Port ends with ErrUnplugged, and a Supervisor opens the
// device again when it returns, under whatever name the kernel gives it then. A read that times out is never seen
// outside: Read has bytes or an error.
//
// The package knows nothing of codes or payments, and never logs a byte that it carried.
package port

import "io"

// Port is an open byte stream to one device.
//
// Read blocks until there is at least one byte or an error; it never returns 0, nil for a buffer that can hold
// something. After the device is gone it returns an error that matches ErrUnplugged, after Close one that matches
// ErrClosed. Partial reads are normal: one code can come in many pieces.
//
// Write returns when the system has the bytes. It can block for as long as the device takes none.
//
// Close may be called from any goroutine and any number of times. It wakes a blocked Read within a tenth of a second
// and drops unsent bytes; a Write that the device blocks keeps it for a second at most.
type Port interface {
	io.ReadWriteCloser
	// Device is the resolved name of what is open, such as /dev/ttyACM0, for logs and people.
	Device() string
}

// Parity is the wire's parity bit.
type Parity string

// The parities.
const (
	ParityNone  Parity = "none"
	ParityOdd   Parity = "odd"
	ParityEven  Parity = "even"
	ParityMark  Parity = "mark"
	ParitySpace Parity = "space"
)

// Settings is the wire. There is no flow control: see package firmware.
type Settings struct {
	Baud     int    // bits per second; ignored by USB-CDC devices and pseudo-terminals
	DataBits int    // 5 to 8; 0 means 8
	Parity   Parity // empty means none
	StopBits int    // 1 or 2; 0 means 1
}

// Options are what Open needs beside the device and its wire.
type Options struct {
	// LockDir holds one lock file per device and must be the same for every program that may open it.
	// Empty means DefaultLockDir.
	LockDir string
}
