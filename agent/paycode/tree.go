package paycode

import "strconv"

// maxDepth is how far templates inside templates are looked into; real codes have two.
const maxDepth = 8

// node is a data object with what it is made of. The objects' heads and values, written one behind the other, are
// the code again, byte for byte.
type node struct {
	object
	path   string // tags from the top, "61.63.9F26"; a second object of a tag beside the first is "61[2]"
	inner  []node // of a template that could be split
	split  bool   // it is a template, and inner is all of it
	broken bool   // its tag says that it is a template, and it can't be split, or lies too deep
}

// parseTree splits a whole code. Only the top level must be right: which of the inner ones must is for
// parseTemplates to say, since the contents of others are their makers' own.
func parseTree(raw []byte) ([]node, *Fault) {
	top, fault := parseTLV(raw, 0)
	if fault != nil {
		return nil, fault
	}
	return grow(top, "", maxDepth), nil
}

func grow(list []object, prefix string, depth int) []node {
	times := map[uint32]int{}
	nodes := make([]node, 0, len(list))
	for _, o := range list {
		n := node{object: o, path: prefix + o.name()}
		if times[o.tag]++; times[o.tag] > 1 {
			n.path += "[" + strconv.Itoa(times[o.tag]) + "]"
		}
		if !o.primitive() {
			inner, fault := parseTLV(o.value, o.at)
			n.split = fault == nil && depth > 0
			n.broken = !n.split
			if n.split {
				n.inner = grow(inner, n.path+".", depth-1)
			}
		}
		nodes = append(nodes, n)
	}
	return nodes
}

// walk visits every object, a template before what is in it.
func walk(nodes []node, visit func(*node)) {
	for i := range nodes {
		visit(&nodes[i])
		walk(nodes[i].inner, visit)
	}
}

// objects are a template's own, without their insides.
func (n *node) objects() (list []object) {
	for i := range n.inner {
		list = append(list, n.inner[i].object)
	}
	return list
}
