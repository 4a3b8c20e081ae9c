package journal

import "tilld/agent/disk"

// MinRoom is what must be free on every disk that a journal writes to, in bytes, before a sale is begun.
const MinRoom = disk.MinRoom

// ErrNoRoom reports a disk that has less than MinRoom, or that took no more when it was tried.
var ErrNoRoom = disk.ErrNoRoom

// probeFile is a file beside the journal with which a disk is tried.
const probeFile = "journal.probe"

// Room asks the journal's disks how much is free, which costs next to nothing; ErrNoRoom when it is not enough.
// A disk that gives no answer is not called full: writing to it will tell.
func (j *Journal) Room() error { return j.disks().Room() }

// Probe is Room, and then writes and syncs on each disk as a sale would: limits and quotas don't show in what is
// free, and neither does a disk that takes nothing any more. An error that is not ErrNoRoom is such a one.
func (j *Journal) Probe() error { return j.disks().Try() }

// TryDisks is Probe for a journal that could not be opened: a full disk is a reason for that, and not one that any
// error of SQLite names. second is "" without a second medium.
func TryDisks(dir, second string) error { return disks(dir, second).Try() }

func (j *Journal) disks() disk.Disks {
	d := disks(j.cfg.Dir, j.cfg.Second)
	d.Free = j.cfg.Free
	return d
}

// disks are the directories that a journal writes to; second may be "".
func disks(dir, second string) disk.Disks {
	d := disk.Disks{Dirs: []string{dir}, Probe: probeFile}
	if second != "" {
		d.Dirs = append(d.Dirs, second)
	}
	return d
}
