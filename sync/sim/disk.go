package sim

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	sqlite3 "modernc.org/sqlite/lib"
)

// DiskFault is what happens to one operation of a Disk.
type DiskFault string

// The faults.
const (
	KillBefore DiskFault = "kill"       // the process dies before the operation
	KillAfter  DiskFault = "kill after" // the process dies behind it: a commit that nobody was told of
	KillWithin DiskFault = "kill half"  // a write is half done
	PowerOff   DiskFault = "power cut"  // and what was not synced is lost or not, page by page
	FailOnce   DiskFault = "EIO"
	FailOn     DiskFault = "EIO for good" // until the disk is mended
	Full       DiskFault = "ENOSPC"       // until somebody makes room
)

// Disk is a directory of SQLite files on which everything that changes them can go wrong. A process that was
// killed on it finds, when it starts again, what was there; after a power cut, what had been synced and chance's
// choice of the rest.
type Disk struct {
	Dir    string
	random *rand.Rand
	files  map[string]*file

	fault DiskFault // to come
	after int       // operations before it
	bad   DiskFault // that has come to stay: FailOn or Full
	last  bool      // the operation that is done now is the last
	dead  bool      // nothing reaches the disk any more
	cuts  bool      // power cuts are to come: what is not synced is kept track of
	lies  bool      // sync says that it has, and has not (a deliberate bug)
	image map[string][]byte

	refused bool // an operation failed since the process began

	Ops int // operations so far
}

// NewDisk makes a directory a Disk.
func NewDisk(dir string, random *rand.Rand) (*Disk, error) {
	installVFS()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	d := &Disk{Dir: dir, random: random, files: map[string]*file{}}
	vfs.mu.Lock()
	defer vfs.mu.Unlock()
	vfs.disks[dir] = d
	return d, nil
}

// Forget ends the directory's being a Disk.
func (d *Disk) Forget() {
	vfs.mu.Lock()
	defer vfs.mu.Unlock()
	delete(vfs.disks, d.Dir)
}

// Plan has a fault come at the operation behind so many.
func (d *Disk) Plan(f DiskFault, after int) { d.fault, d.after = f, after }

// Mend takes faults that stay away, and those to come.
func (d *Disk) Mend() { d.fault, d.bad = "", "" }

// Dead says that the process that uses the disk has been killed.
func (d *Disk) Dead() bool { return d.dead }

// Kill ends what the process on it may do.
func (d *Disk) Kill() error { return d.die(d.read) }

// ended is behind an operation that was done: it may have been the last.
func (d *Disk) ended() {
	if d.last {
		d.last = false
		if err := d.Kill(); err != nil {
			panic(fmt.Sprintf("sim: reading what a dead process leaves: %v", err))
		}
	}
}

// Cut takes the power away.
func (d *Disk) Cut() error { return d.die(d.survivors) }

func (d *Disk) die(found func() (map[string][]byte, error)) (err error) {
	if d.dead {
		return nil
	}
	d.dead = true
	d.image, err = found()
	return err
}

// Image is a copy of the disk, as it is between two operations.
func (d *Disk) Image() (map[string][]byte, error) {
	if d.dead {
		return d.image, nil
	}
	return d.read()
}

// Start makes the disk ready for the next process, with what the last one left, or with another image.
func (d *Disk) Start(image map[string][]byte) error {
	if image == nil {
		image = d.image
	}
	d.files, d.dead, d.image, d.refused = map[string]*file{}, false, nil, false
	if image == nil {
		return nil
	}
	list, err := os.ReadDir(d.Dir)
	if err != nil {
		return err
	}
	for _, e := range list {
		if isDatabase(e.Name()) || filepath.Ext(e.Name()) == ".db-shm" {
			if err := os.Remove(filepath.Join(d.Dir, e.Name())); err != nil {
				return err
			}
		}
	}
	for name, b := range image {
		if err := os.WriteFile(filepath.Join(d.Dir, name), b, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// read is what is in the files now.
func (d *Disk) read() (map[string][]byte, error) {
	list, err := os.ReadDir(d.Dir)
	if err != nil {
		return nil, err
	}
	image := map[string][]byte{}
	for _, e := range list {
		if !isDatabase(e.Name()) {
			continue
		}
		if image[e.Name()], err = os.ReadFile(filepath.Join(d.Dir, e.Name())); err != nil {
			return nil, err
		}
	}
	return image, nil
}

// survivors is what is found after a power cut.
func (d *Disk) survivors() (map[string][]byte, error) {
	image, err := d.read()
	if err != nil {
		return nil, err
	}
	for name, b := range image {
		if f := d.files[name]; f != nil {
			image[name] = f.survive(b)
		}
	}
	return image, nil
}

func (d *Disk) file(name string) *file {
	if d.files[name] == nil {
		d.files[name] = &file{disk: d, name: name}
	}
	return d.files[name]
}

// next counts an operation and says what happens to it.
func (d *Disk) next() DiskFault {
	if d.dead {
		return KillBefore
	}
	d.Ops++
	if d.bad != "" {
		return d.bad
	}
	if d.fault == "" {
		return ""
	}
	if d.after > 0 {
		d.after--
		return ""
	}
	f := d.fault
	d.fault, d.refused = "", true
	if f == FailOn || f == Full {
		d.bad = f
	}
	return f
}

// file is one file's operations since they were surely on the disk.
type file struct {
	disk *Disk
	name string
	log  []change
}

// change is one operation on a file, and how to take it back.
type change struct {
	off     int64
	data    []byte // written; nil: the file was cut at off
	old     []byte // what was at off
	size    int64  // of the file before
	kept    bool   // synced
	dropped bool   // a sync of it failed: no later one writes it (Linux marks such pages clean)
}

func (f *file) path() string { return filepath.Join(f.disk.Dir, f.name) }

// write says how much of a write is done and how it ends.
func (f *file) write(off int64, data []byte) (part int, rc int32) {
	switch f.disk.next() {
	case "":
		f.note(off, data)
		return len(data), sqlite3.SQLITE_OK
	case KillAfter:
		f.disk.last = true
		return len(data), sqlite3.SQLITE_OK
	case KillWithin:
		f.tear(off, data[:len(data)/2])
		return 0, sqlite3.SQLITE_IOERR_WRITE
	case Full:
		return 0, sqlite3.SQLITE_FULL
	case PowerOff:
		f.note(off, data)
		return 0, f.died(f.disk.Cut(), sqlite3.SQLITE_IOERR_WRITE)
	case KillBefore:
		return 0, f.died(f.disk.Kill(), sqlite3.SQLITE_IOERR_WRITE)
	}
	return 0, sqlite3.SQLITE_IOERR_WRITE
}

// died is how an operation ends that nobody lives to see.
func (f *file) died(err error, rc int32) int32 {
	if err != nil {
		panic(fmt.Sprintf("sim: reading what a dead process leaves: %v", err))
	}
	return rc
}

// tear does a part of a write, and that is the end.
func (f *file) tear(off int64, data []byte) {
	h, err := os.OpenFile(f.path(), os.O_WRONLY, 0)
	if err == nil {
		_, err = h.WriteAt(data, off)
		_ = h.Close()
	}
	f.died(err, 0)
	f.died(f.disk.Kill(), 0)
}

// note keeps what a change destroys.
func (f *file) note(off int64, data []byte) {
	if !f.disk.cuts {
		return
	}
	h, err := os.Open(f.path())
	f.died(err, 0)
	defer h.Close()
	info, err := h.Stat()
	f.died(err, 0)
	c := change{off: off, data: data, size: info.Size()}
	end := c.size
	if data != nil {
		end = min(end, off+int64(len(data)))
	}
	if end > off {
		c.old = make([]byte, end-off)
		_, err = h.ReadAt(c.old, off)
		f.died(err, 0)
	}
	f.log = append(f.log, c)
}

func (f *file) truncate(size int64) int32 {
	switch f.disk.next() {
	case "":
		f.note(size, nil)
		return sqlite3.SQLITE_OK
	case KillAfter:
		f.disk.last = true
		return sqlite3.SQLITE_OK
	case PowerOff:
		f.note(size, nil)
		return f.died(f.disk.Cut(), sqlite3.SQLITE_IOERR_TRUNCATE)
	case KillBefore, KillWithin:
		return f.died(f.disk.Kill(), sqlite3.SQLITE_IOERR_TRUNCATE)
	}
	return sqlite3.SQLITE_IOERR_TRUNCATE
}

func (f *file) sync() int32 {
	switch f.disk.next() {
	case "":
		if !f.disk.lies {
			f.keep()
		}
		return sqlite3.SQLITE_OK
	case KillAfter:
		f.disk.last = true
		return sqlite3.SQLITE_OK
	case PowerOff:
		return f.died(f.disk.Cut(), sqlite3.SQLITE_IOERR_FSYNC)
	case KillBefore, KillWithin:
		return f.died(f.disk.Kill(), sqlite3.SQLITE_IOERR_FSYNC)
	}
	for i := range f.log {
		f.log[i].dropped = true
	}
	return sqlite3.SQLITE_IOERR_FSYNC
}

// keep makes everything sure that a sync can.
func (f *file) keep() {
	for i := range f.log {
		f.log[i].kept = f.log[i].kept || !f.log[i].dropped
	}
	if !slices.ContainsFunc(f.log, func(c change) bool { return !c.kept }) {
		f.log = f.log[:0]
	}
}

// sector is what a disk writes whole.
const sector = 512

// survive is what is found of a file that ends in b: everything that was not surely written is taken back, and
// then done again sector by sector, or not.
func (f *file) survive(b []byte) []byte {
	b = slices.Clone(b)
	if n := len(f.log); n > 0 && f.disk.dead { // the last change may not have been made
		last := &f.log[n-1]
		b = last.do(b, nil)
	}
	for _, c := range slices.Backward(f.log) {
		b = c.undo(b)
	}
	for _, c := range f.log {
		var luck *rand.Rand
		if !c.kept {
			luck = f.disk.random
		}
		b = c.do(b, luck)
	}
	return b
}

func (c *change) undo(b []byte) []byte {
	if int64(len(b)) < c.size {
		b = append(b, make([]byte, c.size-int64(len(b)))...)
	}
	copy(b[min(c.off, int64(len(b))):], c.old)
	return b[:c.size]
}

// do makes the change; with luck, of a write only sectors that chance picks, and a cut or not.
func (c *change) do(b []byte, luck *rand.Rand) []byte {
	if c.data == nil {
		if luck != nil && luck.IntN(2) == 0 || int64(len(b)) < c.off {
			return b
		}
		return b[:c.off]
	}
	all := luck == nil || luck.IntN(3) == 0
	none := !all && luck.IntN(2) == 0
	if none {
		return b
	}
	for from := 0; from < len(c.data); {
		to := min(len(c.data), from+sector-int((c.off+int64(from))%sector))
		if all || luck.IntN(2) == 0 {
			end := c.off + int64(to)
			if int64(len(b)) < end {
				b = append(b, make([]byte, end-int64(len(b)))...)
			}
			copy(b[c.off+int64(from):end], c.data[from:to])
		}
		from = to
	}
	return b
}
