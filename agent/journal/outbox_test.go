package journal

import (
	"bytes"
	"errors"
	"testing"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// drain reads an epoch's outbox as HQ would get it, verifying every batch on the way.
func drain(t testing.TB, j *Journal, epoch uint64, keys wire.Keys, maxEntries, maxBytes int) (batches []*wire.Batch) {
	t.Helper()
	after := uint64(0)
	var prev []byte
	for {
		b, err := j.NextBatch(ctx, epoch, after, maxEntries, maxBytes)
		if err != nil {
			t.Fatal(err)
		}
		if b == nil {
			return batches
		}
		msg, err := wire.EncodeBatch(b)
		if err != nil {
			t.Fatal(err)
		}
		got, err := wire.DecodeBatch(msg)
		if err != nil {
			t.Fatal(err)
		}
		hashes, err := got.Verify(keys)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Prev, prev) {
			t.Fatalf("batch at %d does not continue the one before", got.First)
		}
		after, prev = b.Last(), hashes[len(hashes)-1][:]
		batches = append(batches, got)
	}
}

func TestNextBatch(t *testing.T) {
	j := newJournal(t)
	sell(t, j, 1, 10) // 21 entries with the epoch's
	epoch := mustState(t, j).Current.Epoch
	keys := wire.OneKey(newSigner(t, 1).Public())
	tests := []struct {
		name                 string
		maxEntries, maxBytes int
		batches              int
	}{
		{"all at once", 1000, 1 << 20, 1},
		{"by number", 4, 1 << 20, 6},
		{"one by one", 1, 1 << 20, 21},
		{"bytes for none: each goes alone", 1000, 1, 21},
		{"no entries asked for: one all the same", 0, 1 << 20, 21},
		{"more than a batch may have", 1 << 30, 1 << 30, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := drain(t, j, epoch, keys, tt.maxEntries, tt.maxBytes); len(got) != tt.batches {
				t.Errorf("%d batches, want %d", len(got), tt.batches)
			}
		})
	}
	if b, err := j.NextBatch(ctx, epoch+1, 0, 10, 1<<20); b != nil || err != nil {
		t.Errorf("an epoch that is not here: %v, %v", b, err)
	}
	if b, err := j.NextBatch(ctx, epoch, 1<<63, 10, 1<<20); b != nil || err != nil {
		t.Errorf("behind everything: %v, %v", b, err)
	}
}

func TestBatchCarriesBodies(t *testing.T) {
	j := newJournal(t)
	r := sell(t, j, 1, 1)
	b, err := j.NextBatch(ctx, r[0].Entry.Epoch, 0, 10, 1<<20)
	if err != nil || len(b.Bodies) != 3 || b.Bodies[0] != nil || b.Bodies[1] != nil || !bytes.Equal(b.Bodies[2], r[0].Body) {
		t.Errorf("bodies of %+v, %v", b, err)
	}
}

// TestBatchesSplitAtTheKey: a batch is signed by one key; the change itself is the old key's last entry.
func TestBatchesSplitAtTheKey(t *testing.T) {
	j := newJournal(t)
	sell(t, j, 1, 2)
	next := newSigner(t, 2)
	r, err := j.ChangeKey(ctx, next)
	if err != nil {
		t.Fatal(err)
	}
	sell(t, j, 3, 2)
	both := func(id wire.KID) []wire.PublicKey {
		return append(wire.OneKey(newSigner(t, 1).Public())(id), wire.OneKey(next.Public())(id)...)
	}
	got := drain(t, j, r.Entry.Epoch, both, 1000, 1<<20)
	if len(got) != 2 || got[0].Last() != r.Entry.Seq {
		t.Fatalf("%d batches, the first up to %d; the key changes at %d", len(got), got[0].Last(), r.Entry.Seq)
	}
	f := r.Entry.Fact.(*payment.KeyChanged)
	if k, err := wire.CheckKeyChange(f, r.Name()); err != nil || k.KID() != next.Public().KID() {
		t.Errorf("proof: %v", err)
	}
	if j.Signer() != next {
		t.Error("the old key still signs")
	}
}

func TestKeyChangeOverRestarts(t *testing.T) {
	j := newJournal(t)
	old, next := j.cfg.Signer, newSigner(t, 2)
	if _, err := j.ChangeKey(ctx, next); err != nil {
		t.Fatal(err)
	}
	sell(t, j, 1, 1)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	cfg := config(t, j.cfg.Dir)
	cfg.Signer, cfg.Staged = old, nil
	if _, err := Open(ctx, cfg); !errors.Is(err, ErrOtherKey) {
		t.Fatalf("the old key alone: %v", err)
	}
	cfg.Staged = next // the crash came before the new key's file was put into place
	j = mustOpen(t, cfg)
	if j.Signer() != next {
		t.Error("the staged key is not taken")
	}
	sell(t, j, 2, 1)
	if _, err := j.ChangeKey(ctx, old); err == nil {
		t.Error("a key came back")
	}
	sell(t, j, 3, 1)
	if r := verifyCopy(t, j, old.Public()); r.Entries != 8 { // the first key is enough: it names the second
		t.Errorf("report %+v", r)
	}
	cfg.Signer, cfg.Staged = next, nil
	mustOpen(t, cfg)
}

// TestStagedKeyThatWasNeverUsed: the crash came before the journal had the change.
func TestStagedKeyThatWasNeverUsed(t *testing.T) {
	j := newJournal(t)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	cfg := j.cfg
	cfg.Staged = newSigner(t, 2)
	j = mustOpen(t, cfg)
	if j.Signer() != cfg.Signer {
		t.Error("a key signs that the journal does not know")
	}
}
