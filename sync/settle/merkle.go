package settle

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/bits"
)

// ErrProof reports a proof that does not lead to the content hash.
var ErrProof = errors.New("the proof does not lead to the content hash")

// The hash tree is that of RFC 6962, 2.1: a leaf is SHA-256(0x00 || data), a node SHA-256(0x01 || left ||
// right), and the left subtree of n leaves holds the largest power of two below n. The prefixes keep a
// node from ever being shown as a leaf.
const (
	leafPrefix = 0
	nodePrefix = 1
)

func leafHash(data []byte) EntryHash {
	h := sha256.New()
	h.Write([]byte{leafPrefix})
	h.Write(data)
	return EntryHash(h.Sum(nil))
}

func nodeHash(left, right EntryHash) EntryHash {
	var b [1 + 2*sha256.Size]byte
	b[0] = nodePrefix
	copy(b[1:], left[:])
	copy(b[1+sha256.Size:], right[:])
	return sha256.Sum256(b[:])
}

// rootOf is the tree's head over at least one leaf hash.
func rootOf(leaves []EntryHash) EntryHash {
	if len(leaves) == 1 {
		return leaves[0]
	}
	k := split(len(leaves))
	return nodeHash(rootOf(leaves[:k]), rootOf(leaves[k:]))
}

// pathTo is the audit path of leaf i, from the leaf upward (RFC 6962, 2.1.1).
func pathTo(leaves []EntryHash, i int) []EntryHash {
	if len(leaves) == 1 {
		return []EntryHash{}
	}
	k := split(len(leaves))
	if i < k {
		return append(pathTo(leaves[:k], i), rootOf(leaves[k:]))
	}
	return append(pathTo(leaves[k:], i-k), rootOf(leaves[:k]))
}

// split is the largest power of two below n, for n of 2 and more.
func split(n int) int { return 1 << (bits.Len(uint(n-1)) - 1) }

// Proof shows that one leaf is part of a batch, without the other leaves. Leaf 0 is the batch's head,
// leaf n its nth line in the order of the files.
type Proof struct {
	Index uint64      `json:"index"`
	Size  uint64      `json:"size"` // leaves in the tree: the lines and the head
	Leaf  string      `json:"leaf"` // the leaf's data: a line's CSV record without its line end, or the head's JSON
	Path  []EntryHash `json:"path"` // from the leaf upward
}

// VerifyProof says whether p leads to root (the walk of RFC 9162, 2.1.3.2); otherwise ErrProof. Whether
// the root is that of a batch is for the caller to know.
func VerifyProof(root EntryHash, p Proof) error {
	if p.Index >= p.Size {
		return fmt.Errorf("%w: leaf %d of %d", ErrProof, p.Index, p.Size)
	}
	at, last := p.Index, p.Size-1
	hash := leafHash([]byte(p.Leaf))
	for _, sibling := range p.Path {
		if last == 0 {
			return fmt.Errorf("%w: the path is too long", ErrProof)
		}
		if at&1 == 1 || at == last {
			hash = nodeHash(sibling, hash)
			for at&1 == 0 && at != 0 {
				at, last = at>>1, last>>1
			}
		} else {
			hash = nodeHash(hash, sibling)
		}
		at, last = at>>1, last>>1
	}
	if last != 0 || hash != root {
		return fmt.Errorf("%w: leaf %d of %d", ErrProof, p.Index, p.Size)
	}
	return nil
}
