//go:build linux

package simdisk

import (
	"maps"
	"math/rand/v2"
	"slices"
)

const (
	pageSize   = 4096 // what a system writes back at a time
	sectorSize = 512  // what a disk writes whole
)

// content is a file's bytes: as they are read, and as they would be found.
type content struct {
	live []byte
	disk []byte // surely there

	versions map[int][][]byte // by page: what it has been since it was surely on the disk, oldest first
	dirty    map[int]bool     // pages that the next sync writes; a failed sync forgets them, as Linux does
	sizes    []int            // that the file has had since, oldest first
	resized  bool             // and the next sync writes the size
}

func newContent() *content {
	return &content{versions: map[int][][]byte{}, dirty: map[int]bool{}}
}

func (c *content) write(off int, data []byte) {
	if end := off + len(data); end > len(c.live) {
		c.setSize(end)
	}
	copy(c.live[off:], data)
	c.touch(off, off+len(data))
}

// truncate gives the file a size. The page that is cut is zeroed behind the cut, and may get to the disk before
// the size does; pages that are cut off go with the size and not before it, as their blocks do.
func (c *content) truncate(size int) {
	was := len(c.live)
	for p := (size + pageSize - 1) / pageSize; p*pageSize < was; p++ {
		delete(c.versions, p)
		delete(c.dirty, p)
	}
	if size < was && size%pageSize != 0 {
		clear(c.live[size:])
		c.touch(size, size+1)
	}
	c.setSize(size)
}

func (c *content) setSize(size int) {
	if size == len(c.live) {
		return
	}
	c.live = resize(c.live, size)
	c.sizes, c.resized = append(c.sizes, size), true
}

// resize makes b so long, with zeros where there was nothing.
func resize(b []byte, size int) []byte {
	if size <= len(b) {
		return b[:size]
	}
	return append(b, make([]byte, size-len(b))...)
}

// touch notes what the pages between two offsets are now.
func (c *content) touch(from, to int) {
	for p := from / pageSize; p*pageSize < to; p++ {
		c.versions[p] = append(c.versions[p], pageOf(c.live, p))
		c.dirty[p] = true
	}
}

// pageOf copies a page of b, filled up with zeros.
func pageOf(b []byte, p int) []byte {
	page := make([]byte, pageSize)
	if from := p * pageSize; from < len(b) {
		copy(page, b[from:])
	}
	return page
}

// sync puts on the disk what is dirty.
func (c *content) sync() {
	if c.resized {
		c.resizeDisk(len(c.sizes))
		c.sizes = nil
	}
	for p := range c.dirty {
		c.put(p, pageOf(c.live, p), len(c.live))
		delete(c.versions, p)
	}
	c.clean()
}

// resizeDisk gives the disk's side the first n of the sizes, one after the other: what was cut off does not come
// back when the file grows again.
func (c *content) resizeDisk(n int) {
	for _, size := range c.sizes[:n] {
		c.disk = resize(c.disk, size)
	}
}

// put writes a page to the disk's side, within a size.
func (c *content) put(p int, page []byte, size int) {
	from, to := p*pageSize, min((p+1)*pageSize, size)
	if from >= to {
		return
	}
	if to > len(c.disk) {
		c.disk = resize(c.disk, to)
	}
	copy(c.disk[from:to], page)
}

// clean forgets what there was to write. After a sync that failed that is what Linux does: the pages stay as
// they are in memory, count as written, and no later sync tries again.
func (c *content) clean() {
	clear(c.dirty)
	c.resized = false
}

// survive is what is found after the power went.
func (c *content) survive(r *luck) {
	if len(c.sizes) > 0 && r.keep() {
		c.resizeDisk(1 + r.IntN(len(c.sizes)))
	}
	size := len(c.disk)
	for _, p := range slices.Sorted(maps.Keys(c.versions)) {
		if r.keep() {
			c.put(p, r.tear(pageOf(c.disk, p), c.versions[p]), size)
		}
	}
	*c = content{live: slices.Clone(c.disk), disk: c.disk, versions: map[int][][]byte{}, dirty: map[int]bool{}}
}

func (c *content) clone() *content {
	twin := &content{live: slices.Clone(c.live), disk: slices.Clone(c.disk), versions: map[int][][]byte{},
		dirty: maps.Clone(c.dirty), sizes: slices.Clone(c.sizes), resized: c.resized}
	for p, list := range c.versions {
		twin.versions[p] = slices.Clone(list) // a page that was noted is never changed
	}
	return twin
}

// luck decides what survives a power cut.
type luck struct {
	*rand.Rand
	odds int // of 8, that what was not synced is there all the same
}

func newLuck(r *rand.Rand) *luck {
	odds := []int{0, 0, 1, 4, 4, 7, 8}
	return &luck{r, odds[r.IntN(len(odds))]}
}

func (l *luck) keep() bool { return l.IntN(8) < l.odds }

// tear picks one of the versions of a page, newest most often, and now and then breaks it at its sectors:
// some are of that version, the others of another.
func (l *luck) tear(was []byte, versions [][]byte) []byte {
	n := len(versions) - 1
	if l.IntN(2) == 0 {
		n = l.IntN(len(versions))
	}
	page := slices.Clone(versions[n])
	if l.IntN(4) > 0 {
		return page
	}
	other := was
	if n > 0 && l.IntN(2) == 0 {
		other = versions[l.IntN(n)]
	}
	for at := 0; at < pageSize; at += sectorSize {
		if l.IntN(2) == 0 {
			copy(page[at:at+sectorSize], other[at:])
		}
	}
	return page
}
