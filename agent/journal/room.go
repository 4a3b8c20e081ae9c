package journal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// MinRoom is what must be free on every disk that a journal writes to, in bytes, before a sale is begun. A sale
// takes a few thousand, SQLite's log beside the database up to some millions; the rest is the time in which
// somebody can make room before what has begun can't be ended.
const MinRoom = 32 << 20

// ErrNoRoom reports a disk that has less than MinRoom, or that took no more when it was tried.
var ErrNoRoom = errors.New("the disk is full")

// The probe is a file beside the journal, as large as what SQLite writes for a few sales.
const (
	probeFile = "journal.probe"
	probeSize = 256 << 10
)

// Room asks the journal's disks how much is free, which costs next to nothing; ErrNoRoom when it is not enough.
// A disk that gives no answer is not called full: writing to it will tell.
func (j *Journal) Room() error { return j.disks().room() }

// Probe is Room, and then writes and syncs on each disk as a sale would: limits and quotas don't show in what is
// free, and neither does a disk that takes nothing any more. An error that is not ErrNoRoom is such a one.
func (j *Journal) Probe() error { return j.disks().probe() }

// TryDisks is Probe for a journal that could not be opened: a full disk is a reason for that, and not one that any
// error of SQLite names. second is "" without a second medium.
func TryDisks(dir, second string) error { return disks{freeBytes, dir, second}.probe() }

func (j *Journal) disks() disks { return disks{j.cfg.Free, j.cfg.Dir, j.cfg.Second} }

// disks are the directories that a journal writes to; second may be "".
type disks struct {
	free        func(dir string) (uint64, error)
	dir, second string
}

func (d disks) dirs() []string {
	if d.second == "" {
		return []string{d.dir}
	}
	return []string{d.dir, d.second}
}

func (d disks) room() error {
	for _, dir := range d.dirs() {
		free, err := d.free(dir)
		if err == nil && free < MinRoom {
			return fmt.Errorf("%w: %s has %d MiB free and must have %d", ErrNoRoom, dir, free>>20, MinRoom>>20)
		}
	}
	return nil
}

func (d disks) probe() error {
	if err := d.room(); err != nil {
		return err
	}
	for _, dir := range d.dirs() {
		if err := probe(filepath.Join(dir, probeFile)); err != nil {
			if isFull(err) {
				return fmt.Errorf("%w: %w", ErrNoRoom, err)
			}
			return fmt.Errorf("trying the disk: %w", err)
		}
	}
	return nil
}

// probe writes bytes that no file system can store as fewer, and leaves nothing behind.
func probe(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	b := make([]byte, probeSize)
	_, _ = rand.Read(b) // never fails
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close(), os.Remove(path))
}
