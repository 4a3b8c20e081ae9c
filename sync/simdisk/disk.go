//go:build linux

package simdisk

import (
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
)

// Disk is a disk's content. It is mounted to be used, in one place at a time; it outlives its mounts, as a
// disk outlives the machine's starts. Safe for concurrent use.
type Disk struct {
	mu    sync.Mutex
	root  *node
	known map[uint64]*node // by number; the kernel may ask for one whose name is gone
	last  uint64
	tick  int64 // stands for the time of a change

	plan    Plan
	counted int
	hit     Op
	done    bool // the plan's fault has come
	dead    bool // killed or without power: nothing is answered
}

// node is a file or a directory.
type node struct {
	ino    uint64
	mode   uint32
	mtime  int64
	name   string
	parent *node // nil: the root
	file   *content
	dir    *names
}

func (n *node) path() string {
	if n.parent == nil {
		return ""
	}
	return path.Join(n.parent.path(), n.name)
}

// New is an empty disk.
func New() *Disk {
	d := &Disk{known: map[uint64]*node{}}
	d.root = d.node(nil, "", syscall.S_IFDIR|0o700)
	return d
}

// node makes one and gives it a number; it has no name yet.
func (d *Disk) node(parent *node, name string, mode uint32) *node {
	d.last++
	n := &node{ino: d.last, mode: mode, parent: parent, name: name}
	if mode&syscall.S_IFMT == syscall.S_IFDIR {
		n.dir = newNames()
	} else {
		n.file = newContent()
	}
	d.known[n.ino] = n
	d.touch(n)
	return n
}

func (d *Disk) touch(n *node) { d.tick++; n.mtime = d.tick }

// Plan counts from now on, from 1, and may hit one of what it counts. It ends the plan before.
func (d *Disk) Plan(p Plan) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p.Chosen == nil {
		p.Chosen = func(Op) bool { return true }
	}
	d.plan, d.counted, d.done, d.hit, d.dead = p, 0, false, Op{}, false
}

// Counted says how many of the plan's operations there have been.
func (d *Disk) Counted() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.counted
}

// Hit is the operation that the plan's fault came to; false when it has not come.
func (d *Disk) Hit() (Op, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.hit, d.done
}

// Resume ends what the plan's fault did: a process that was killed may be started again, a full disk has room.
// Everything that was written is there, as after a process's death. Counting goes on, and Hit still tells.
func (d *Disk) Resume() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.plan.At, d.plan.Fault, d.dead = 0, None, false
}

// Cut takes the power away: what was not synced survives or not, as r says. Who uses the disk must be dead,
// and the disk not mounted: the machine starts anew. The plan ends.
func (d *Disk) Cut(r *rand.Rand) {
	d.Plan(Plan{})
	d.mu.Lock()
	defer d.mu.Unlock()
	luck := newLuck(r)
	d.known = map[uint64]*node{}
	d.survive(d.root, luck)
}

func (d *Disk) survive(n *node, l *luck) {
	d.known[n.ino] = n
	if n.dir == nil {
		n.file.survive(l)
		return
	}
	n.dir.survive(l)
	for _, name := range slices.Sorted(maps.Keys(n.dir.live)) {
		child := n.dir.live[name]
		child.parent, child.name = n, name
		d.survive(child, l)
	}
}

// Clone copies the disk, with what is not synced yet; the copy has no plan.
func (d *Disk) Clone() *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	twin := &Disk{known: map[uint64]*node{}, last: d.last, tick: d.tick}
	twins := map[*node]*node{}
	twin.root = twin.copy(d.root, twins)
	twin.Plan(Plan{})
	return twin
}

// copy copies what is below n, by whatever name it could be found.
func (d *Disk) copy(n *node, twins map[*node]*node) *node {
	if n == nil {
		return nil
	}
	if t, ok := twins[n]; ok {
		return t
	}
	t := &node{ino: n.ino, mode: n.mode, mtime: n.mtime, name: n.name}
	twins[n], d.known[t.ino] = t, t
	t.parent = d.copy(n.parent, twins)
	if n.dir == nil {
		t.file = n.file.clone()
		return t
	}
	all := func(m map[string]*node) map[string]*node {
		c := make(map[string]*node, len(m))
		for name, child := range m {
			c[name] = d.copy(child, twins)
		}
		return c
	}
	t.dir = &names{live: all(n.dir.live), disk: all(n.dir.disk)}
	for _, c := range n.dir.log {
		t.dir.log = append(t.dir.log, all(c))
	}
	return t
}

// verdict is what becomes of an operation.
type verdict struct {
	errno syscall.Errno // 0: it is done
	half  bool          // of a write, the first half is done before it fails
	skip  bool          // a sync says yes and does nothing
}

// step counts an operation and says what becomes of it; d.mu is held. Grows says that it needs room.
func (d *Disk) step(pid uint32, op Op, grows bool) verdict {
	if d.dead {
		return verdict{errno: syscall.EIO}
	}
	done := verdict{skip: d.plan.Lies != nil && d.plan.Lies(op)}
	if d.plan.Chosen == nil || !d.plan.Chosen(op) {
		return done
	}
	d.counted++
	now := d.counted == d.plan.At
	if now {
		d.hit, d.done = op, true
	}
	if !now && !d.done {
		return done
	}
	switch d.plan.Fault {
	case Kill, Tear:
		d.dead = true
		kill(pid)
		return verdict{errno: syscall.EIO, half: d.plan.Fault == Tear}
	case FailOnce:
		if now {
			return verdict{errno: syscall.EIO}
		}
	case FailOn:
		return verdict{errno: syscall.EIO}
	case NoSpace:
		if now || grows {
			return verdict{errno: syscall.ENOSPC}
		}
	case None:
	}
	return done
}

// kill kills the process that a thread belongs to; a disk that is used by its own server would take the test
// with it.
func kill(tid uint32) {
	own := filepath.Join("/proc/self/task", strconv.FormatUint(uint64(tid), 10))
	if _, err := os.Stat(own); tid == 0 || err == nil {
		return
	}
	_ = syscall.Kill(int(tid), syscall.SIGKILL) // it may be gone already
}
