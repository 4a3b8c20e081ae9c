package journal

import (
	"runtime"
	"testing"
	"weak"
)

// TestAppendKeepsNothing: what was written is not held in memory. Each entry names the hash of the one before it,
// and a lane runs for weeks.
func TestAppendKeepsNothing(t *testing.T) {
	j := newJournal(t)
	first := weak.Make(mustAppend(t, j, opened(1, 100), approved(t, 1, 100, 1, 5))[1].Entry)
	sell(t, j, 2, 3)
	runtime.GC()
	if e := first.Value(); e != nil {
		t.Errorf("entry %d is still held after others were written", e.Seq)
	}
	runtime.KeepAlive(j)
}
