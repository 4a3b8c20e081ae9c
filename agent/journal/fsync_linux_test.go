//go:build linux && (amd64 || arm64)

package journal

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"tilld/sync/wire"
)

// envFile names the file whose fsync fails.
const envFile = "TILLD_JOURNAL_TEST_FILE"

func init() {
	roles["fsync"] = func() error { return (&broken{child: child{T: &testing.T{}}}).play() }
}

// broken is a lane's process whose kernel answers every fsync of one file descriptor with an I/O error: a
// filter of system calls does it, which can't be taken away again. The disk is whole again when the file is
// opened under another number.
type broken struct {
	child
	fd int
}

func (b *broken) play() error {
	dir := os.Getenv(envDir)
	cfg := childConfig(b, dir)
	cfg.Wrap = func(c driver.Connector) driver.Connector { // the files are closed, and about to be opened
		if err := b.occupy(); err != nil {
			panic(err)
		}
		return c
	}
	var err error
	if b.j, err = Open(ctx, cfg); err != nil {
		return err
	}
	if _, err := b.child.sell(); err != nil {
		return err
	}
	if b.fd, err = descriptor(filepath.Join(dir, os.Getenv(envFile))); err != nil {
		return err
	}
	if err := failSync(b.fd); err != nil {
		return fmt.Errorf("installing the filter: %w", err)
	}
	for i := 0; err == nil && i < 300; i++ { // more than SQLite keeps in its log
		_, err = b.child.sell()
	}
	// SQLite does not tell of a failed fsync of the database itself: the log has it all, and is kept.
	if os.Getenv(envFile) != "data/"+DatabaseFile {
		if err := b.stopped(err); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	found, err := b.j.Reopen(ctx)
	if err != nil {
		return fmt.Errorf("on a whole disk again: %w", err)
	}
	if err := show(found...); err != nil {
		return err
	}
	for range 3 {
		if _, err := b.child.sell(); err != nil {
			return err
		}
	}
	return b.j.Close()
}

// stopped wants the error to have stopped everything but screens.
func (b *broken) stopped(err error) error {
	if !errors.Is(err, ErrStopped) {
		return fmt.Errorf("after a failed fsync: %w", err)
	}
	if _, err := b.child.sell(); !errors.Is(err, ErrStopped) {
		return fmt.Errorf("the next sale after a failed fsync: %w", err)
	}
	if _, err := b.j.NextBatch(ctx, b.j.currentEpoch(), 0, 1, 1); !errors.Is(err, ErrStopped) {
		return fmt.Errorf("reading for HQ after a failed fsync: %w", err)
	}
	return nil
}

// occupy takes all free descriptors up to the one that fails.
func (b *broken) occupy() error {
	for b.fd > 0 {
		fd, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		if fd > b.fd {
			return unix.Close(fd)
		}
	}
	return nil
}

// descriptor finds the only one that is open on a file.
func descriptor(path string) (int, error) {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0, err
	}
	found := 0
	for _, e := range list {
		to, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err != nil || to != path {
			continue
		}
		n, err := strconv.Atoi(e.Name())
		if err != nil {
			return 0, err
		}
		// The writing connection was opened first; readers don't sync.
		if found == 0 || n < found {
			found = n
		}
	}
	if found == 0 {
		return 0, fmt.Errorf("%s is not open", path)
	}
	return found, nil
}

// failSync makes the kernel answer EIO to fsync and fdatasync of a descriptor, in every thread of this process.
func failSync(fd int) error {
	arch := uint32(unix.AUDIT_ARCH_X86_64)
	if runtime.GOARCH == "arm64" {
		arch = unix.AUDIT_ARCH_AARCH64
	}
	const (
		load   = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		answer = unix.BPF_RET | unix.BPF_K
	)
	filter := []unix.SockFilter{ // over struct seccomp_data: the call's number at 0, arch at 4, its first argument at 16
		{Code: load, K: 4},
		{Code: equal, K: arch, Jt: 0, Jf: 5},
		{Code: load, K: 0},
		{Code: equal, K: unix.SYS_FSYNC, Jt: 1, Jf: 0},
		{Code: equal, K: unix.SYS_FDATASYNC, Jt: 0, Jf: 2},
		{Code: load, K: 16},
		{Code: equal, K: uint32(fd), Jt: 1, Jf: 0},
		{Code: answer, K: unix.SECCOMP_RET_ALLOW},
		{Code: answer, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EIO)},
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return errno
	}
	return nil
}

// TestFsyncFails: the kernel says that it could not write. The lane stops selling, opens its journal again, and
// has everything that it had shown; of what it had not shown it learns.
func TestFsyncFails(t *testing.T) {
	tests := []struct {
		file  string
		shown int // at least
	}{{"data/" + DatabaseFile + "-wal", 8}, {"data/" + DatabaseFile, 600}, {SecondFile, 8}}
	for _, tt := range tests {
		t.Run(filepath.Base(tt.file), func(t *testing.T) {
			dir, err := filepath.EvalSymlinks(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			t.Setenv(envFile, tt.file)
			cmd, out, stderr := start(t, "fsync", dir, 0)
			shown := map[wire.Name]string{}
			readShown(t, out, shown)
			if err := cmd.Wait(); err != nil {
				t.Fatalf("%v: %s", err, stderr)
			}
			if len(shown) < tt.shown {
				t.Errorf("only %d entries were shown, want %d", len(shown), tt.shown)
			}
			nothingLost(t, dir, shown)
		})
	}
}
