package port

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"go.bug.st/serial"
)

// What can be wrong with a port. Errors of this package match exactly one of them with errors.Is; see Kind.
var (
	ErrUnplugged    = errors.New("device unplugged")
	ErrNotFound     = errors.New("no such device")
	ErrAmbiguous    = errors.New("more than one such device")
	ErrBusy         = errors.New("device in use")
	ErrPermission   = errors.New("no permission")
	ErrNotSerial    = errors.New("no serial port, or one that refuses these settings")
	ErrTooManyFiles = errors.New("too many open files")
	ErrClosed       = errors.New("port closed")
)

var kinds = []error{ErrUnplugged, ErrNotFound, ErrAmbiguous, ErrBusy, ErrPermission, ErrNotSerial, ErrTooManyFiles, ErrClosed}

// Kind returns the sentinel that err matches, or nil.
func Kind(err error) error {
	for _, k := range kinds {
		if errors.Is(err, k) {
			return k
		}
	}
	return nil
}

// Error says what was done to which device, what kind of trouble came of it, and what a technician can do.
type Error struct {
	Op     string // open, read, write, close
	Device string // as configured, or as resolved when it got that far
	Kind   error  // one of the sentinels, nil when it is none of them
	Hint   string // who holds it, which group to join; may be empty
	Err    error  // the system's own error; may be nil
}

// Error is one line: operation, device, kind, system's error, hint.
func (e *Error) Error() string {
	parts := []string{e.Op + " " + e.Device}
	if e.Kind != nil {
		parts = append(parts, e.Kind.Error())
	}
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	}
	if e.Hint != "" {
		parts = append(parts, e.Hint)
	}
	return strings.Join(parts, ": ")
}

// Unwrap lets errors.Is see both the kind and the cause.
func (e *Error) Unwrap() []error {
	var all []error
	for _, err := range []error{e.Kind, e.Err} {
		if err != nil {
			all = append(all, err)
		}
	}
	return all
}

// openError names the kind of an error from opening device.
func openError(device string, err error) *Error {
	e := &Error{Op: "open", Device: device, Err: err}
	code := serial.PortErrorCode(-1)
	if pe, ok := errors.AsType[*serial.PortError](err); ok {
		code = pe.Code()
	}
	switch {
	case code == serial.PortBusy, errors.Is(err, syscall.EBUSY):
		e.Kind, e.Hint = ErrBusy, holderHint(device)
	case code == serial.PermissionDenied, errors.Is(err, fs.ErrPermission):
		e.Kind, e.Hint = ErrPermission, permissionHint(device)
	case code == serial.PortNotFound, errors.Is(err, fs.ErrNotExist), isGone(err):
		e.Kind = ErrNotFound
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		e.Kind = ErrTooManyFiles
	default:
		// The serial package answers nearly everything else with InvalidSerialPort, whatever the cause.
		e.Kind = ErrNotSerial
	}
	return e
}

// useError names the kind of an error from a port that was open: the device is gone, whatever words the system finds.
func useError(op, device string, err error) *Error {
	e := &Error{Op: op, Device: device, Kind: ErrUnplugged, Err: err}
	if pe, ok := errors.AsType[*serial.PortError](err); ok && pe.Code() == serial.PortClosed {
		e.Err = nil // "Port has been closed" is how the serial package says unplugged
	}
	return e
}

// isGone tells the errors of a device node whose device has left.
func isGone(err error) bool {
	return errors.Is(err, syscall.ENXIO) || errors.Is(err, syscall.ENODEV) || errors.Is(err, syscall.EIO)
}

func holderHint(device string) string {
	if pid, name := findHolder("/proc", device); pid != 0 {
		return held(pid, name)
	}
	return "another process holds it"
}

func held(pid int, name string) string {
	if name == "" {
		return fmt.Sprintf("process %d holds it", pid)
	}
	return fmt.Sprintf("process %d (%s) holds it", pid, name)
}
