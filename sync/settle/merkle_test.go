package settle

import (
	"encoding/hex"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

// The inputs and heads are the sample tree of the Certificate Transparency implementations of RFC 6962.
var (
	sampleLeaves = []string{"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"}
	sampleRoots  = []string{
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	}
)

func TestRootOfSampleTree(t *testing.T) {
	var leaves []EntryHash
	for i, text := range sampleLeaves {
		data, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		leaves = append(leaves, leafHash(data))
		if got := rootOf(leaves).String(); got != sampleRoots[i] {
			t.Errorf("%d leaves: root %s, want %s", i+1, got, sampleRoots[i])
		}
	}
}

// TestProofs is the heart of "one payment can be proved without the others": every leaf's proof verifies,
// and no change to any part of it does.
func TestProofs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 40), 1, 40).Draw(t, "leaves")
		leaves := make([]EntryHash, len(data))
		for i := range data {
			data[i] = append([]byte{byte(i)}, data[i]...) // equal leaves could stand in for each other
			leaves[i] = leafHash(data[i])
		}
		root := rootOf(leaves)
		i := rapid.IntRange(0, len(data)-1).Draw(t, "index")
		p := Proof{Index: uint64(i), Size: uint64(len(data)), Leaf: string(data[i]), Path: pathTo(leaves, i)}
		if err := VerifyProof(root, p); err != nil {
			t.Fatalf("a good proof: %v", err)
		}
		for _, bad := range tampered(t, p) {
			if err := VerifyProof(root, bad); !errors.Is(err, ErrProof) {
				t.Fatalf("a changed proof: %v; %+v of %+v", err, bad, p)
			}
		}
		root[rapid.IntRange(0, 31).Draw(t, "root byte")] ^= 1
		if err := VerifyProof(root, p); !errors.Is(err, ErrProof) {
			t.Fatalf("another root: %v", err)
		}
	})
}

func tampered(t *rapid.T, p Proof) []Proof {
	change := func(how func(*Proof)) Proof {
		q := p
		q.Path = append([]EntryHash(nil), p.Path...)
		how(&q)
		return q
	}
	bad := []Proof{
		change(func(q *Proof) { q.Leaf += "x" }),
		change(func(q *Proof) { q.Index = q.Size }),
		change(func(q *Proof) { q.Size = 0 }),
		change(func(q *Proof) { q.Path = append(q.Path, EntryHash{1}) }),
	}
	if n := len(p.Path); n > 0 {
		at, bit := rapid.IntRange(0, n-1).Draw(t, "node"), rapid.IntRange(0, 255).Draw(t, "bit")
		bad = append(bad,
			change(func(q *Proof) { q.Path[at][bit/8] ^= 1 << (bit % 8) }),
			change(func(q *Proof) { q.Path = q.Path[:n-1] }),
			change(func(q *Proof) { q.Index ^= 1 }))
	}
	return bad
}

// TestNodeIsNoLeaf shows why the hashes have prefixes: an inner node's content can't pass for a line.
func TestNodeIsNoLeaf(t *testing.T) {
	leaves := []EntryHash{leafHash([]byte("a")), leafHash([]byte("b")), leafHash([]byte("c")), leafHash([]byte("d"))}
	inner := string(append(append([]byte{}, leaves[0][:]...), leaves[1][:]...))
	forged := Proof{Index: 0, Size: 2, Leaf: inner, Path: []EntryHash{nodeHash(leaves[2], leaves[3])}}
	if err := VerifyProof(rootOf(leaves), forged); !errors.Is(err, ErrProof) {
		t.Errorf("an inner node shown as a leaf: %v, want %v", err, ErrProof)
	}
}
