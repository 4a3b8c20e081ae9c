package journal

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// hqKeys are believed for acknowledgements in these tests.
func hqKeys(t testing.TB) wire.Keys { return wire.OneKey(newSigner(t, 9).Public()) }

// sealAck makes HQ's word of an answer.
func sealAck(t testing.TB, by *wire.Signer, a *wire.Ack) []byte {
	t.Helper()
	whole := *a
	for _, b := range []*[]byte{&whole.Nonce, &whole.Head, &whole.Echo} {
		*b = orEmpty(*b)
	}
	if whole.Results == nil {
		whole.Results = []wire.Result{}
	}
	sealed, err := wire.Seal(by, wire.TypAck, whole)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

// prove takes HQ's word and keeps it.
func prove(t testing.TB, j *Journal, a *wire.Ack) AckResult {
	t.Helper()
	res, err := j.Acknowledge(ctx, a, sealAck(t, newSigner(t, 9), a))
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func acksOf(t testing.TB, path string, keys wire.Keys) []AckProof {
	t.Helper()
	c, err := OpenCopy(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	list, err := c.Acks(ctx, keys)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func mustCheckAcks(t testing.TB, j *Journal) []AckProof {
	t.Helper()
	list, err := j.CheckAcks(ctx, hqKeys(t))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestAckIsKept: what HQ said is kept as it came, and proves the cursor to whoever has HQ's key.
func TestAckIsKept(t *testing.T) {
	j := newJournal(t)
	if got := mustCheckAcks(t, j); len(got) != 0 {
		t.Fatalf("a new journal claims something: %+v", got)
	}
	r := sell(t, j, 1, 5)
	a := ackFor(r[2], 10)
	a.Time = noon.UnixMilli()
	prove(t, j, a)
	if e := mustState(t, j).Current; !e.Proven || e.Acked != 7 {
		t.Errorf("%+v", e)
	}
	if got := mustCheckAcks(t, j); len(got) != 0 {
		t.Errorf("taken back: %+v", got)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	want := AckProof{Epoch: a.Epoch, Acked: 7, HQEpoch: 10, Time: a.Time}
	if got := acksOf(t, j.cfg.database(), hqKeys(t)); len(got) != 1 || got[0] != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := acksOf(t, j.cfg.database(), wire.OneKey(newSigner(t, 1).Public())); !errors.Is(got[0].Err, wire.ErrUnknownKey) {
		t.Errorf("by another's key: %v", got[0].Err)
	}
}

// TestUnprovenAckIsTakenBack: somebody moved the cursor in the file, with the exposure, so that the lane may
// take more. At the next start it counts again, and HQ's next word sets all right.
func TestUnprovenAckIsTakenBack(t *testing.T) {
	all := `UPDATE epoch SET acked = last; DELETE FROM exposure`
	foreign := func(t *testing.T, last Record, by byte, change func(*wire.Ack)) string {
		a := ackFor(last, 10)
		change(a)
		return fmt.Sprintf(`%s; UPDATE epoch SET ack = x'%x'`, all, sealAck(t, newSigner(t, by), a))
	}
	tests := []struct {
		name  string
		text  func(t *testing.T, last Record) string
		acked uint64 // what is left
		sum   int64  // exposure
	}{
		{"the cursor alone", func(*testing.T, Record) string { return all }, 7, 200},
		{"and no word", func(*testing.T, Record) string { return all + `; UPDATE epoch SET ack = NULL` }, 0, 500},
		{"and a later HQ epoch", func(*testing.T, Record) string { return all + `; UPDATE epoch SET hq_epoch = 99` }, 7, 200},
		{"and a word that he signed", func(t *testing.T, r Record) string { return foreign(t, r, 8, func(*wire.Ack) {}) }, 0, 500},
		{"and the word of another epoch", func(t *testing.T, r Record) string {
			return foreign(t, r, 9, func(a *wire.Ack) { a.Epoch++ })
		}, 0, 500},
		{"and the word to another terminal", func(t *testing.T, r Record) string {
			return foreign(t, r, 9, func(a *wire.Ack) { a.Terminal = payment.ID{7} })
		}, 0, 500},
		{"and a word about another branch", func(t *testing.T, r Record) string {
			return foreign(t, r, 9, func(a *wire.Ack) { a.Head = make([]byte, 32) })
		}, 0, 500},
		{"and a word about more than there is", func(t *testing.T, r Record) string {
			return foreign(t, r, 9, func(a *wire.Ack) { a.Acked = 99 })
		}, 0, 500},
		{"and rubbish", func(*testing.T, Record) string { return all + `; UPDATE epoch SET ack = x'00'` }, 0, 500},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j := newJournal(t)
			r := sell(t, j, 1, 5)
			prove(t, j, ackFor(r[2], 10))
			text := tt.text(t, r[4])
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			cfg := j.cfg
			path := tamper(t, cfg.database(), text)
			if got := acksOf(t, path, hqKeys(t)); len(got) != 1 || !errors.Is(got[0].Err, ErrUnproven) {
				t.Errorf("the copy: %+v", got)
			}
			cfg.Dir = filepath.Dir(path)
			j = mustOpen(t, cfg)
			if sum, _ := exposure(t, j); sum != 0 {
				t.Fatalf("exposure %d before it is looked at", sum)
			}
			if got := mustCheckAcks(t, j); len(got) != 1 || got[0].Acked != 11 || !errors.Is(got[0].Err, ErrUnproven) {
				t.Errorf("taken back: %+v", got)
			}
			e := mustState(t, j).Current
			if sum, _ := exposure(t, j); e.Acked != tt.acked || sum != tt.sum || e.Proven != (tt.acked > 0) {
				t.Errorf("%+v with an exposure of %d, want %d and %d", e, sum, tt.acked, tt.sum)
			}
			if got := mustCheckAcks(t, j); len(got) != 0 {
				t.Errorf("taken back again: %+v", got)
			}
			if res := prove(t, j, ackFor(r[2], 10)); !res.Taken || res.Behind {
				t.Errorf("HQ's next word: %+v", res)
			}
			if e := mustState(t, j).Current; e.Acked != 7 || !e.Proven {
				t.Errorf("%+v", e)
			}
			if sum, _ := exposure(t, j); sum != 200 {
				t.Errorf("exposure %d", sum)
			}
			verifyCopy(t, j)
		})
	}
}

// TestAckWithoutProofIsProvenByTheNext: an earlier release kept no word. The next one is kept though it says
// nothing new.
func TestAckWithoutProofIsProvenByTheNext(t *testing.T) {
	j := newJournal(t)
	r := sell(t, j, 1, 3)
	a := ackFor(r[1], 10)
	mustAck(t, j, a)
	if mustState(t, j).Current.Proven {
		t.Fatal("proven by nothing")
	}
	if res := prove(t, j, a); !res.Taken || res.Moved != 0 {
		t.Errorf("%+v", res)
	}
	if e := mustState(t, j).Current; !e.Proven || e.Acked != 5 {
		t.Errorf("%+v", e)
	}
}

// TestAckOfARestoredHQ proves a cursor that went back, also behind what has been pruned.
func TestAckOfARestoredHQ(t *testing.T) {
	j := newJournal(t)
	r := sell(t, j, 1, 5)
	prove(t, j, ackFor(r[3], 10))
	if _, err := j.Prune(ctx, Retention{Entries: today.Next()}); err != nil {
		t.Fatal(err)
	}
	if e := mustState(t, j).Current; e.Pruned != 9 {
		t.Fatalf("%+v", e)
	}
	if res := prove(t, j, ackFor(r[1], 11)); !res.Taken || res.Acked != 9 || res.Lost != 4 {
		t.Errorf("%+v", res)
	}
	if got := mustCheckAcks(t, j); len(got) != 0 {
		t.Errorf("taken back: %+v", got)
	}
	prove(t, j, &wire.Ack{Version: 1, HQEpoch: 12, Terminal: terminal, Epoch: r[0].Entry.Epoch})
	if got := mustCheckAcks(t, j); len(got) != 0 {
		t.Errorf("taken back: %+v", got)
	}
	verifyCopy(t, j)
}
