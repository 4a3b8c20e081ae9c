package settle

import "testing"

// BenchmarkLargest states what the largest batch costs to make, to read back, and to prove one line of.
func BenchmarkLargest(b *testing.B) {
	lines := make([]Line, 0, MaxLines)
	for n := range uint64(MaxLines) {
		lines = append(lines, line(1+n%50, 1+n/50, 500))
	}
	cut := cutOf(lines...)
	batch := mustBuild(b, cut)
	raw := mustJSON(b, batch)
	b.Run("build", func(b *testing.B) {
		for b.Loop() {
			mustBuild(b, cut)
		}
	})
	b.Run("parse", func(b *testing.B) {
		b.SetBytes(int64(len(raw)))
		for b.Loop() {
			if _, err := Parse(raw); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("proof", func(b *testing.B) {
		for b.Loop() {
			if _, err := batch.Proof(77); err != nil {
				b.Fatal(err)
			}
		}
	})
}
