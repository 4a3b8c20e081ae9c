package port

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A capture is what a device sent, as text that people can write and read: one step a line.
//
//	# Honeywell 1900, firmware CA000064BAA: one QR, read twice
//	send "281234567890123456\r"
//	wait 120ms
//	hex  5d 51 31
//	wait 5ms
//	send "281234567890123456\r"
//
// send has a Go string literal, hex has bytes, wait has a duration. Captures hold test codes, never a customer's.

// Step is one piece of a capture: a pause, then bytes.
type Step struct {
	Wait time.Duration
	Data []byte // not empty, but for the last step of a capture that ends with a pause
}

// maxCaptureWait bounds a pause: a longer one is a slip of the pen.
const maxCaptureWait = time.Hour

// ParseCapture reads a capture. Errors name the line.
func ParseCapture(r io.Reader) ([]Step, error) {
	var steps []Step
	var wait time.Duration
	in := bufio.NewScanner(r)
	for line := 1; in.Scan(); line++ {
		word, rest, _ := strings.Cut(strings.TrimSpace(in.Text()), " ")
		rest = strings.TrimSpace(rest)
		if word == "" || strings.HasPrefix(word, "#") {
			continue
		}
		pause, data, err := parseStep(word, rest)
		if err != nil {
			return nil, fmt.Errorf("capture line %d: %w", line, err)
		}
		wait += pause
		if wait > maxCaptureWait {
			return nil, fmt.Errorf("capture line %d: a pause longer than %v", line, maxCaptureWait)
		}
		if len(data) > 0 {
			steps = append(steps, Step{wait, data})
			wait = 0
		}
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	if wait > 0 {
		steps = append(steps, Step{Wait: wait})
	}
	return steps, nil
}

func parseStep(word, rest string) (wait time.Duration, data []byte, err error) {
	switch word {
	case "wait":
		wait, err = time.ParseDuration(rest)
		if err == nil && wait < 0 {
			err = fmt.Errorf("negative pause %v", wait)
		}
		return wait, nil, err
	case "send":
		s, err := strconv.Unquote(rest)
		if err != nil {
			return 0, nil, fmt.Errorf("send wants a quoted string: %w", err)
		}
		return 0, []byte(s), nil
	case "hex":
		data, err := hex.DecodeString(strings.ReplaceAll(rest, " ", ""))
		return 0, data, err
	}
	return 0, nil, fmt.Errorf("unknown step %q: send, hex or wait", word)
}

// replay is a Port that plays a capture and then is unplugged.
type replay struct {
	name   string
	after  func(time.Duration) <-chan time.Time
	closed chan struct{}
	once   sync.Once

	mu    sync.Mutex // held by Read: one reader, as with a device
	steps []Step
	timer <-chan time.Time // the running pause of steps[0]
}

// Replay returns a Port that delivers the steps with their pauses and then reads as unplugged. What is written to it
// is dropped. after is the clock, nil means time.After.
func Replay(name string, steps []Step, after func(time.Duration) <-chan time.Time) Port {
	if after == nil {
		after = time.After
	}
	return &replay{name: name, steps: append([]Step(nil), steps...), after: after, closed: make(chan struct{})}
}

// Device implements Port: the capture's name.
func (r *replay) Device() string { return r.name }

// Read implements Port.
func (r *replay) Read(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(b) > 0 {
		if err := r.pause(); err != nil {
			return 0, err
		}
		if len(r.steps) == 0 {
			return 0, &Error{Op: "read", Device: r.name, Kind: ErrUnplugged}
		}
		n := copy(b, r.steps[0].Data)
		r.steps[0].Data = r.steps[0].Data[n:]
		if len(r.steps[0].Data) == 0 {
			r.steps = r.steps[1:]
		}
		if n > 0 {
			return n, nil
		}
	}
	return 0, nil
}

// pause waits for the next step's time, or for Close.
func (r *replay) pause() error {
	if len(r.steps) > 0 && r.steps[0].Wait > 0 {
		if r.timer == nil {
			r.timer = r.after(r.steps[0].Wait)
		}
		select {
		case <-r.timer:
			r.timer, r.steps[0].Wait = nil, 0
		case <-r.closed:
		}
	}
	select {
	case <-r.closed:
		return &Error{Op: "read", Device: r.name, Kind: ErrClosed}
	default:
		return nil
	}
}

// Write implements Port.
func (r *replay) Write(b []byte) (int, error) {
	select {
	case <-r.closed:
		return 0, &Error{Op: "write", Device: r.name, Kind: ErrClosed}
	default:
		return len(b), nil
	}
}

// Close implements Port.
func (r *replay) Close() error {
	r.once.Do(func() { close(r.closed) })
	return nil
}
