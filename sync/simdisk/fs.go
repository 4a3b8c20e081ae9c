//go:build linux

package simdisk

import (
	"maps"
	"path"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// forever is how long the kernel may remember what it was told: nobody but it changes a mounted disk.
const forever = time.Hour

// server answers the kernel.
type server struct {
	fuse.RawFileSystem
	*Disk

	lists   sync.Mutex
	open    map[uint64][]fuse.DirEntry // directories that are being read
	handles uint64
}

func newServer(d *Disk) *server {
	return &server{RawFileSystem: fuse.NewDefaultRawFileSystem(), Disk: d, open: map[uint64][]fuse.DirEntry{}}
}

func (s *server) String() string { return "simdisk" }

// lookup finds a node; s.mu is held.
func (s *server) lookup(ino uint64) (*node, fuse.Status) {
	if s.dead {
		return nil, fuse.EIO
	}
	n, ok := s.known[ino]
	if !ok {
		return nil, fuse.Status(syscall.ESTALE)
	}
	return n, fuse.OK
}

// child finds a name in a directory; s.mu is held. The node is nil when the name is free.
func (s *server) child(dir uint64, name string) (d, n *node, st fuse.Status) {
	d, st = s.lookup(dir)
	if !st.Ok() {
		return nil, nil, st
	}
	if d.dir == nil {
		return nil, nil, fuse.ENOTDIR
	}
	return d, d.dir.live[name], fuse.OK
}

func (n *node) attr(out *fuse.Attr) {
	*out = fuse.Attr{Ino: n.ino, Mode: n.mode, Nlink: 1, Mtime: uint64(n.mtime), Ctime: uint64(n.mtime), Atime: uint64(n.mtime), Blksize: pageSize,
		Owner: fuse.Owner{Uid: uint32(syscall.Getuid()), Gid: uint32(syscall.Getgid())}}
	if n.file != nil {
		out.Size = uint64(len(n.file.live))
		out.Blocks = (out.Size + sectorSize - 1) / sectorSize
	}
}

func (n *node) entry(out *fuse.EntryOut) {
	out.NodeId = n.ino
	n.attr(&out.Attr)
	out.SetEntryTimeout(forever)
	out.SetAttrTimeout(forever)
}

// Lookup finds a name.
func (s *server) Lookup(_ <-chan struct{}, h *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, n, st := s.child(h.NodeId, name)
	if !st.Ok() {
		return st
	}
	if n == nil {
		return fuse.ENOENT
	}
	n.entry(out)
	return fuse.OK
}

// GetAttr says what a file is.
func (s *server) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, st := s.lookup(in.NodeId)
	if !st.Ok() {
		return st
	}
	n.attr(&out.Attr)
	out.SetTimeout(forever)
	return fuse.OK
}

// SetAttr changes a size or a mode; owners and times are taken and forgotten.
func (s *server) SetAttr(_ <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, st := s.lookup(in.NodeId)
	if !st.Ok() {
		return st
	}
	if mode, ok := in.GetMode(); ok {
		n.mode = n.mode&syscall.S_IFMT | mode&^syscall.S_IFMT
	}
	if size, ok := in.GetSize(); ok && n.file != nil {
		if st := s.truncate(in.Pid, n, int(size)); !st.Ok() {
			return st
		}
	}
	n.attr(&out.Attr)
	out.SetTimeout(forever)
	return fuse.OK
}

func (s *server) truncate(pid uint32, n *node, size int) fuse.Status {
	v := s.step(pid, Op{Kind: Truncate, Path: n.path(), Size: size}, size > len(n.file.live))
	if v.errno != 0 {
		return fuse.Status(v.errno)
	}
	n.file.truncate(size)
	s.touch(n)
	return fuse.OK
}

// Open takes every mode; the kernel keeps its pages, since SQLite maps some of them.
func (s *server) Open(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, st := s.lookup(in.NodeId)
	if !st.Ok() {
		return st
	}
	out.OpenFlags = fuse.FOPEN_KEEP_CACHE
	if in.Flags&syscall.O_TRUNC != 0 && n.file != nil {
		return s.truncate(in.Pid, n, 0)
	}
	return fuse.OK
}

// Create makes a file and opens it.
func (s *server) Create(_ <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	out.OpenFlags = fuse.FOPEN_KEEP_CACHE
	return s.make(&in.InHeader, Create, name, syscall.S_IFREG|in.Mode&^syscall.S_IFMT, &out.EntryOut)
}

// Mkdir makes a directory.
func (s *server) Mkdir(_ <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	return s.make(&in.InHeader, Mkdir, name, syscall.S_IFDIR|in.Mode&^syscall.S_IFMT, out)
}

func (s *server) make(h *fuse.InHeader, kind Kind, name string, mode uint32, out *fuse.EntryOut) fuse.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	dir, n, st := s.child(h.NodeId, name)
	if !st.Ok() {
		return st
	}
	if n != nil {
		return fuse.Status(syscall.EEXIST)
	}
	n = s.node(dir, name, mode)
	if v := s.step(h.Pid, Op{Kind: kind, Path: n.path()}, true); v.errno != 0 {
		delete(s.known, n.ino)
		return fuse.Status(v.errno)
	}
	dir.dir.change(renaming{name: n})
	s.touch(dir)
	n.entry(out)
	return fuse.OK
}

// Unlink takes a file's name away; who has it open goes on using it.
func (s *server) Unlink(_ <-chan struct{}, h *fuse.InHeader, name string) fuse.Status {
	return s.remove(h, Unlink, name)
}

// Rmdir takes an empty directory away.
func (s *server) Rmdir(_ <-chan struct{}, h *fuse.InHeader, name string) fuse.Status {
	return s.remove(h, Rmdir, name)
}

func (s *server) remove(h *fuse.InHeader, kind Kind, name string) fuse.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	dir, n, st := s.child(h.NodeId, name)
	switch {
	case !st.Ok():
		return st
	case n == nil:
		return fuse.ENOENT
	case kind == Rmdir && n.dir == nil:
		return fuse.ENOTDIR
	case kind == Rmdir && len(n.dir.live) > 0:
		return fuse.Status(syscall.ENOTEMPTY)
	}
	if v := s.step(h.Pid, Op{Kind: kind, Path: n.path()}, false); v.errno != 0 {
		return fuse.Status(v.errno)
	}
	dir.dir.change(renaming{name: nil})
	s.touch(dir)
	return fuse.OK
}

// Link gives a file one more name.
func (s *server) Link(_ <-chan struct{}, in *fuse.LinkIn, name string, out *fuse.EntryOut) fuse.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	dir, was, st := s.child(in.NodeId, name)
	if !st.Ok() {
		return st
	}
	if was != nil {
		return fuse.Status(syscall.EEXIST)
	}
	n, st := s.lookup(in.Oldnodeid)
	if !st.Ok() {
		return st
	}
	if v := s.step(in.Pid, Op{Kind: Link, Path: path.Join(dir.path(), name)}, true); v.errno != 0 {
		return fuse.Status(v.errno)
	}
	dir.dir.change(renaming{name: n})
	n.parent, n.name = dir, name
	s.touch(dir)
	n.entry(out)
	return fuse.OK
}

// Rename gives another name in the same directory. Between directories it is refused, since what a power cut
// may leave of that is not modelled.
func (s *server) Rename(_ <-chan struct{}, in *fuse.RenameIn, old, name string) fuse.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	dir, n, st := s.child(in.NodeId, old)
	switch {
	case !st.Ok():
		return st
	case n == nil:
		return fuse.ENOENT
	case in.Newdir != in.NodeId:
		return fuse.Status(syscall.EXDEV)
	case in.Flags&^renameNoReplace != 0:
		return fuse.EINVAL
	}
	if was := dir.dir.live[name]; was != nil {
		switch {
		case in.Flags&renameNoReplace != 0:
			return fuse.Status(syscall.EEXIST)
		case was.dir != nil && len(was.dir.live) > 0:
			return fuse.Status(syscall.ENOTEMPTY)
		}
	}
	if v := s.step(in.Pid, Op{Kind: Rename, Path: path.Join(dir.path(), name)}, false); v.errno != 0 {
		return fuse.Status(v.errno)
	}
	dir.dir.change(renaming{old: nil, name: n})
	n.name = name
	s.touch(dir)
	return fuse.OK
}

const renameNoReplace = 1 // RENAME_NOREPLACE

// Read reads what processes see.
func (s *server) Read(_ <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, st := s.lookup(in.NodeId)
	if !st.Ok() {
		return nil, st
	}
	live := n.file.live
	if in.Offset >= uint64(len(live)) {
		return fuse.ReadResultData(nil), fuse.OK
	}
	return fuse.ReadResultData(buf[:copy(buf[:min(len(buf), int(in.Size))], live[in.Offset:])]), fuse.OK
}

// Write writes what processes see, and no more than that.
func (s *server) Write(_ <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, st := s.lookup(in.NodeId)
	if !st.Ok() {
		return 0, st
	}
	off := int(in.Offset)
	v := s.step(in.Pid, Op{Kind: Write, Path: n.path(), Size: len(data)}, off+len(data) > len(n.file.live))
	if v.half {
		n.file.write(off, data[:len(data)/2])
	}
	if v.errno != 0 {
		return 0, fuse.Status(v.errno)
	}
	n.file.write(off, data)
	s.touch(n)
	return uint32(len(data)), fuse.OK
}

// Fsync makes what was written survive.
func (s *server) Fsync(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status { return s.sync(in, Sync) }

// FsyncDir makes names survive.
func (s *server) FsyncDir(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	return s.sync(in, SyncDir)
}

func (s *server) sync(in *fuse.FsyncIn, kind Kind) fuse.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, st := s.lookup(in.NodeId)
	if !st.Ok() {
		return st
	}
	v := s.step(in.Pid, Op{Kind: kind, Path: n.path()}, false)
	switch {
	case v.errno != 0 && n.file != nil && !s.dead: // the death of who asked fails no sync: what is dirty stays so
		n.file.clean()
	case v.errno != 0, v.skip:
	case n.dir != nil:
		n.dir.sync()
	default:
		n.file.sync()
	}
	return fuse.Status(v.errno)
}

// OpenDir lists a directory as it is now.
func (s *server) OpenDir(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, st := s.lookup(in.NodeId)
	if !st.Ok() {
		return st
	}
	var list []fuse.DirEntry
	for _, name := range slices.Sorted(maps.Keys(n.dir.live)) {
		c := n.dir.live[name]
		list = append(list, fuse.DirEntry{Mode: c.mode, Name: name, Ino: c.ino})
	}
	s.lists.Lock()
	defer s.lists.Unlock()
	s.handles++
	s.open[s.handles], out.Fh = list, s.handles
	return fuse.OK
}

// ReadDir gives the list piece by piece.
func (s *server) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	s.lists.Lock()
	defer s.lists.Unlock()
	list := s.open[in.Fh]
	for _, e := range list[min(int(in.Offset), len(list)):] {
		if !out.AddDirEntry(e) {
			break
		}
	}
	return fuse.OK
}

// ReleaseDir forgets the list.
func (s *server) ReleaseDir(in *fuse.ReleaseIn) {
	s.lists.Lock()
	defer s.lists.Unlock()
	delete(s.open, in.Fh)
}

// StatFs says that there is room.
func (s *server) StatFs(_ <-chan struct{}, _ *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	const blocks = 1 << 24
	*out = fuse.StatfsOut{Blocks: blocks, Bfree: blocks, Bavail: blocks, Files: blocks, Ffree: blocks, Bsize: pageSize, Frsize: pageSize, NameLen: 255}
	return fuse.OK
}

// Flush is a close; it promises nothing.
func (s *server) Flush(<-chan struct{}, *fuse.FlushIn) fuse.Status { return fuse.OK }
