//go:build linux

package simdisk

import "maps"

// names is a directory: its names as they are seen, and as they would be found.
type names struct {
	live map[string]*node
	disk map[string]*node // surely there
	log  []renaming       // since; oldest first
}

// renaming is one change of names, which happens whole or not at all: nil is a name that is gone.
type renaming map[string]*node

func newNames() *names { return &names{live: map[string]*node{}, disk: map[string]*node{}} }

func (d *names) change(c renaming) {
	c.on(d.live)
	d.log = append(d.log, c)
}

func (c renaming) on(to map[string]*node) {
	for name, n := range c {
		if n == nil {
			delete(to, name)
		} else {
			to[name] = n
		}
	}
}

func (d *names) sync() { d.disk, d.log = maps.Clone(d.live), nil }

// survive is what is found after the power went. Changes of different names may survive in any order; what
// builds on a change that is lost is lost with it.
func (d *names) survive(l *luck) {
	lost := map[string]bool{}
	for _, c := range d.log {
		gone := !l.keep()
		for name := range c {
			gone = gone || lost[name]
		}
		if !gone {
			c.on(d.disk)
			continue
		}
		for name := range c {
			lost[name] = true
		}
	}
	d.live, d.log = maps.Clone(d.disk), nil
}
