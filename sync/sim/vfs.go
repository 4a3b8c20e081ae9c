package sim

import (
	"bytes"
	"path/filepath"
	"strings"
	"sync"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// Between SQLite and the operating system stands its VFS: a table of functions to open files, and one for each
// file to write, truncate and sync it. Here the default VFS of this process is changed, so that all of the
// system under test goes through it, unknowing: opening puts our own functions in the place of those that
// change a file. Files of directories that are no Disk are left alone.
//
// The types are SQLite's own (https://www.sqlite.org/c3ref/io_methods.html), as modernc.org/sqlite translates
// them: a C pointer is a uintptr, a C function pointer is that of a Go function value.

var vfs struct {
	install sync.Once
	open    uintptr // the default VFS's xOpen

	mu      sync.Mutex
	disks   map[string]*Disk                         // by directory
	handles map[uintptr]*file                        // open files of Disks, by their sqlite3_file
	tables  map[uintptr]*sqlite3.Tsqlite3_io_methods // ours, by the original table's address
	theirs  map[*sqlite3.Tsqlite3_io_methods]*sqlite3.Tsqlite3_io_methods
}

// at is what a C pointer points to.
func at[T any](p uintptr) *T { return *(**T)(unsafe.Pointer(&p)) }

// pointer is a Go function as C sees it; f points to a variable that lives as long as the process.
func pointer[F any](f *F) uintptr { return *(*uintptr)(unsafe.Pointer(f)) }

// function is a C function pointer as Go calls it.
func function[F any](p uintptr) F { return *(*F)(unsafe.Pointer(&p)) }

type (
	openFunc     = func(tls *libc.TLS, v, name, file uintptr, flags int32, out uintptr) int32
	closeFunc    = func(tls *libc.TLS, file uintptr) int32
	writeFunc    = func(tls *libc.TLS, file, buf uintptr, n int32, off int64) int32
	truncateFunc = func(tls *libc.TLS, file uintptr, size int64) int32
	syncFunc     = func(tls *libc.TLS, file uintptr, flags int32) int32
)

// Function values are kept in variables: what C holds must not move.
var (
	ourOpen     openFunc     = vfsOpen
	ourClose    closeFunc    = vfsClose
	ourWrite    writeFunc    = vfsWrite
	ourTruncate truncateFunc = vfsTruncate
	ourSync     syncFunc     = vfsSync
)

// installVFS changes the default VFS, once.
func installVFS() {
	vfs.install.Do(func() {
		vfs.disks, vfs.handles = map[string]*Disk{}, map[uintptr]*file{}
		vfs.tables = map[uintptr]*sqlite3.Tsqlite3_io_methods{}
		vfs.theirs = map[*sqlite3.Tsqlite3_io_methods]*sqlite3.Tsqlite3_io_methods{}
		tls := libc.NewTLS()
		defer tls.Close()
		v := at[sqlite3.Tsqlite3_vfs](sqlite3.Xsqlite3_vfs_find(tls, 0))
		vfs.open = v.FxOpen
		v.FxOpen = pointer(&ourOpen)
	})
}

func vfsOpen(tls *libc.TLS, v, name, f uintptr, flags int32, out uintptr) int32 {
	rc := function[openFunc](vfs.open)(tls, v, name, f, flags, out)
	if rc != sqlite3.SQLITE_OK || name == 0 {
		return rc
	}
	path := libc.GoString(name)
	vfs.mu.Lock()
	defer vfs.mu.Unlock()
	d := vfs.disks[filepath.Dir(path)]
	if d == nil {
		return rc
	}
	vfs.handles[f] = d.file(filepath.Base(path))
	h := at[sqlite3.Tsqlite3_file](f)
	original := h.FpMethods
	ours := vfs.tables[original]
	if ours == nil {
		t := *at[sqlite3.Tsqlite3_io_methods](original)
		t.FxClose, t.FxWrite, t.FxTruncate, t.FxSync = pointer(&ourClose), pointer(&ourWrite), pointer(&ourTruncate), pointer(&ourSync)
		ours = &t
		vfs.tables[original], vfs.theirs[ours] = ours, at[sqlite3.Tsqlite3_io_methods](original)
	}
	h.FpMethods = uintptr(unsafe.Pointer(ours))
	return rc
}

// handle is an open file of a Disk, and the functions of the VFS below.
func handle(f uintptr) (*file, *sqlite3.Tsqlite3_io_methods) {
	vfs.mu.Lock()
	defer vfs.mu.Unlock()
	return vfs.handles[f], vfs.theirs[at[sqlite3.Tsqlite3_io_methods](at[sqlite3.Tsqlite3_file](f).FpMethods)]
}

func vfsClose(tls *libc.TLS, f uintptr) int32 {
	_, below := handle(f)
	vfs.mu.Lock()
	delete(vfs.handles, f)
	vfs.mu.Unlock()
	return function[closeFunc](below.FxClose)(tls, f)
}

func vfsWrite(tls *libc.TLS, f, buf uintptr, n int32, off int64) int32 {
	file, below := handle(f)
	data := bytes.Clone(unsafe.Slice(at[byte](buf), n))
	part, rc := file.write(off, data)
	if part > 0 {
		if below := function[writeFunc](below.FxWrite)(tls, f, buf, int32(part), off); below != sqlite3.SQLITE_OK {
			return below
		}
		file.disk.ended()
	}
	return rc
}

func vfsTruncate(tls *libc.TLS, f uintptr, size int64) int32 {
	file, below := handle(f)
	if rc := file.truncate(size); rc != sqlite3.SQLITE_OK {
		return rc
	}
	defer file.disk.ended()
	return function[truncateFunc](below.FxTruncate)(tls, f, size)
}

func vfsSync(tls *libc.TLS, f uintptr, flags int32) int32 {
	file, below := handle(f)
	if rc := file.sync(); rc != sqlite3.SQLITE_OK {
		return rc
	}
	defer file.disk.ended()
	return function[syncFunc](below.FxSync)(tls, f, flags)
}

// isDatabase says whether a file of a Disk is SQLite's; its shared memory is not on the disk.
func isDatabase(name string) bool {
	return strings.HasSuffix(name, ".db") || strings.HasSuffix(name, ".db-wal") || strings.HasSuffix(name, ".db-journal")
}
