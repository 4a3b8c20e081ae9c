// Package disk asks disks whether they take more, before something is begun that must be able to end.
// It also makes names durable.
//
// What is free and what can be written are two questions: quotas, limits and a disk that takes nothing any more
// don't show in the first, and the second costs a write and a sync.
package disk

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// MinRoom is the reserve: what must be free on a disk, in bytes, before something new is begun on it. A sale takes
// a few thousand, SQLite's log beside the database up to some millions; the rest is the time in which somebody can
// make room before what has begun can't be ended.
const MinRoom = 32 << 20

// ErrNoRoom reports a disk that has less than MinRoom, or that took no more when it was tried.
var ErrNoRoom = errors.New("the disk is full")

// probeSize is as much as SQLite writes for a few sales.
const probeSize = 256 << 10

// Disks are the disks under some directories.
type Disks struct {
	Dirs  []string
	Probe string                           // name of the file that Try writes and removes, in each directory
	Free  func(dir string) (uint64, error) // Free outside tests; nil: Free
}

// Room asks how much is free, which costs next to nothing; ErrNoRoom when it is not enough. A disk that gives no
// answer is not called full: writing to it will tell.
func (d Disks) Room() error {
	ask := d.Free
	if ask == nil {
		ask = Free
	}
	for _, dir := range d.Dirs {
		free, err := ask(dir)
		if err == nil && free < MinRoom {
			return fmt.Errorf("%w: %s has %d MiB free and must have %d", ErrNoRoom, dir, free>>20, MinRoom>>20)
		}
	}
	return nil
}

// Try is Room, and then writes and syncs on each disk: limits and quotas don't show in what is free, and neither
// does a disk that takes nothing any more. An error that is not ErrNoRoom is such a one.
func (d Disks) Try() error {
	if err := d.Room(); err != nil {
		return err
	}
	for _, dir := range d.Dirs {
		if err := probe(filepath.Join(dir, d.Probe)); err != nil {
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
