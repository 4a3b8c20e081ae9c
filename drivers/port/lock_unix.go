//go:build unix

package port

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// lock keeps other programs of ours off a device. The kernel's exclusive mode does not stop root, so for a service
// that runs as root this file is the only guard against two lanes stealing each other's bytes.
//
// The lock is the flock on the file, which ends with the process; the text in it is for people. The file stays
// when the lock is released: removing it would let two processes lock two files of one name.
type lock struct{ file *os.File }

// DefaultLockDir is the system's directory for device locks.
func DefaultLockDir() string {
	if runtime.GOOS == "linux" {
		return "/run/lock"
	}
	return os.TempDir()
}

func (o Options) lockDir() string {
	if o.LockDir != "" {
		return o.LockDir
	}
	return DefaultLockDir()
}

// lockDevice takes the lock of a resolved device name or says who holds it.
func lockDevice(dir, device string) (*lock, error) {
	path := filepath.Join(dir, "tilld-"+strings.ReplaceAll(strings.TrimPrefix(device, "/dev/"), "/", "_")+".lock")
	f, err := openLock(path)
	if err != nil {
		return nil, &Error{Op: "lock", Device: device, Kind: lockKind(err), Err: err,
			Hint: "the lock directory must be writable for the service"}
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		defer f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, &Error{Op: "lock", Device: device, Err: err}
		}
		return nil, &Error{Op: "open", Device: device, Kind: ErrBusy, Hint: readHolder(f, device)}
	}
	writeHolder(f)
	return &lock{file: f}, nil
}

// openLock opens or creates the lock file. Another user's file can still be locked when it can only be read. The
// steps are apart because Linux forbids root to create over another user's file in a directory that all may write.
func openLock(path string) (*os.File, error) {
	for range 3 {
		f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW, 0)
		if errors.Is(err, fs.ErrPermission) {
			f, err = os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
	return nil, fmt.Errorf("%s comes and goes", path)
}

func lockKind(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return ErrPermission
	}
	return nil
}

// writeHolder leaves our process id for the next one to read. It may fail (another user's file, a full disk): the
// lock holds all the same.
func writeHolder(f *os.File) {
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	}
}

func readHolder(f *os.File, device string) string {
	text := make([]byte, 32)
	n, _ := f.ReadAt(text, 0) // at the end it says EOF
	pid, err := strconv.Atoi(strings.TrimSpace(string(text[:n])))
	if err != nil || syscall.Kill(pid, 0) == syscall.ESRCH {
		return holderHint(device) // written by somebody who is no more: look for who has it open
	}
	if pid == os.Getpid() {
		return "this process holds it already"
	}
	return held(pid, processName("/proc", pid))
}

func (l *lock) release() {
	_ = l.file.Truncate(0)
	_ = l.file.Close() // ends the flock
}

// permissionHint tells the technician which group the device belongs to.
func permissionHint(device string) string {
	rule := "or give the device to the service's group by a udev rule"
	info, err := os.Stat(device)
	if err != nil {
		return ""
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || info.Mode()&0o060 != 0o060 {
		return "its group may not use it: give the device to the service's group by a udev rule"
	}
	group := strconv.FormatUint(uint64(st.Gid), 10)
	if g, err := user.LookupGroupId(group); err == nil {
		group = g.Name
	}
	return fmt.Sprintf("add the service's user to the group %s, %s", group, rule)
}

// isPortName tells a port that is no path. There are none.
func isPortName(string) bool { return false }
