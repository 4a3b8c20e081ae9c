//go:build linux

package simdisk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// Mount is a disk in use.
type Mount struct{ srv *fuse.Server }

// Mount makes the disk appear at a directory. It needs /dev/fuse, and root or the program fusermount3.
func (d *Disk) Mount(dir string) (*Mount, error) {
	srv, err := fuse.NewServer(newServer(d), dir, &fuse.MountOptions{
		DirectMount: true, Name: "simdisk", FsName: "simdisk", DisableXAttrs: true, DisableReadDirPlus: true,
	})
	if err != nil {
		return nil, fmt.Errorf("mounting a simulated disk at %s (needs /dev/fuse, and root or fusermount3): %w", dir, err)
	}
	if err := closeOnExec(); err != nil {
		return nil, errors.Join(err, srv.Unmount())
	}
	go srv.Serve()
	if err := srv.WaitMount(); err != nil {
		return nil, errors.Join(fmt.Errorf("mounting a simulated disk at %s: %w", dir, err), srv.Unmount())
	}
	return &Mount{srv}, nil
}

// Unmount ends its use. Who still has a file open makes it fail.
func (m *Mount) Unmount() error {
	if err := m.srv.Unmount(); err != nil {
		return fmt.Errorf("unmounting a simulated disk: %w", err)
	}
	m.srv.Wait()
	return nil
}

// closeOnExec keeps the processes that a test starts from inheriting /dev/fuse, which go-fuse leaves open to
// them: with it a process would keep the disk that it waits for alive after the test's end, for ever.
func closeOnExec() error {
	const open = "/proc/self/fd"
	list, err := os.ReadDir(open)
	if err != nil {
		return err
	}
	for _, e := range list {
		to, err := os.Readlink(filepath.Join(open, e.Name()))
		if fd, num := strconv.Atoi(e.Name()); err == nil && num == nil && to == "/dev/fuse" {
			syscall.CloseOnExec(fd)
		}
	}
	return nil
}
