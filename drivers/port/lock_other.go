//go:build !unix

package port

import (
	"os"
	"strings"
)

// lock is nothing where the system itself opens a serial port for one process only, as Windows does.
type lock struct{}

// DefaultLockDir is not used on this system.
func DefaultLockDir() string { return os.TempDir() }

func (o Options) lockDir() string { return o.LockDir }

func lockDevice(string, string) (*lock, error) { return &lock{}, nil }

func (l *lock) release() {}

func permissionHint(string) string { return "" }

// isPortName tells a port that is no path, such as COM3.
func isPortName(s string) bool { return strings.HasPrefix(strings.ToUpper(s), "COM") }
