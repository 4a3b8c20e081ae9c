package journal

import "testing"

// TestObeyed: entries that name no policy, however many, don't hide the one that was obeyed before them.
func TestObeyed(t *testing.T) {
	j := newJournal(t)
	want := func(version uint64) {
		t.Helper()
		if got, err := j.Obeyed(ctx); err != nil || got != version {
			t.Errorf("policy %d, %v; want %d", got, err, version)
		}
	}
	want(0)
	for n, version := range []uint64{2, 3} {
		d := opened(n+1, 100)
		d.Policy = version
		mustAppend(t, j, d)
		want(version)
	}
	for n := range 70 {
		d := opened(n+10, 100)
		d.Policy = 0
		mustAppend(t, j, d)
	}
	want(3)
}
