package journal

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// newSecond is a journal with a second medium.
func newSecond(t testing.TB) *Journal {
	t.Helper()
	cfg := config(t, t.TempDir())
	cfg.Second = t.TempDir()
	return mustOpen(t, cfg)
}

// sameSecond wants the second medium to hold just what the open journal does.
func sameSecond(t testing.TB, j *Journal) {
	t.Helper()
	s, err := OpenSecondCopy(secondPath(&j.cfg))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var there []Row
	for row, err := range s.Rows(ctx, Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		there = append(there, row)
	}
	i := 0
	for row, err := range rows(ctx, j.store.readers.QueryContext, Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if i >= len(there) || !bytes.Equal(row.Envelope, there[i].Envelope) || !bytes.Equal(row.Body, there[i].Body) || row.HasBody != there[i].HasBody {
			t.Fatalf("entry %d is not the second medium's record %d of %d", row.Seq, i, len(there))
		}
		i++
	}
	if i != len(there) {
		t.Fatalf("%d records for %d entries", len(there), i)
	}
	if s.Terminal() != terminal {
		t.Errorf("terminal %s", s.Terminal())
	}
}

func TestSecondMedium(t *testing.T) {
	j := newSecond(t)
	for i := range 3 {
		r := sell(t, j, 1+10*i, 3)
		sameSecond(t, j)
		mustAck(t, j, ackFor(r[1], uint64(i+1)))
		if i == 1 {
			if _, err := j.NewEpoch(ctx, payment.CauseFork); err != nil {
				t.Fatal(err)
			}
			sameSecond(t, j)
		}
		reopen(t, &j)
		sameSecond(t, j)
	}
	s, err := OpenSecondCopy(secondPath(&j.cfg))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if r, err := s.Verify(ctx, newSigner(t, 1).Public()); err != nil || r.Entries != 20 || r.Bodies != 9 {
		t.Errorf("report %+v, %v", r, err)
	}
	if keys, err := s.Keys(ctx); err != nil || len(keys) != 1 || keys[0].KID() != newSigner(t, 1).Public().KID() {
		t.Errorf("keys %v, %v", keys, err)
	}
}

// TestSecondCatchesUp: what was written without it, and what a crash kept from it, is there after opening.
func TestSecondCatchesUp(t *testing.T) {
	j := newJournal(t)
	sell(t, j, 1, 300) // more than one mark
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j.cfg.Second = t.TempDir()
	j = mustOpen(t, j.cfg)
	sameSecond(t, j)
	mustAck(t, j, ackFor(sell(t, j, 301, 200)[199], 1)) // what is open is gone through at every start
	sameSecond(t, j)
	path := secondPath(&j.cfg)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		file []byte
	}{
		{"gone", nil},
		{"empty", []byte{}},
		{"a torn head", whole[:secondHeader-1]},
		{"the head alone", whole[:secondHeader]},
		{"a torn record's head", whole[:len(whole)-2000]},
		{"the last byte gone", whole[:len(whole)-1]},
		{"far behind the mark", whole[:len(whole)/3]},
		{"zeros at the end", append(bytes.Clone(whole), make([]byte, 4096)...)},
		{"garbage at the end", append(bytes.Clone(whole), bytes.Repeat([]byte{0xff}, 100)...)},
		{"damage in the last record", flipByte(whole, len(whole)-10)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if tt.file != nil {
				if err := os.WriteFile(path, tt.file, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			j = mustOpen(t, j.cfg)
			sameSecond(t, j)
		})
	}
}

func flipByte(b []byte, i int) []byte {
	b = bytes.Clone(b)
	b[i] ^= 0x10
	return b
}

func TestSecondThatIsRefused(t *testing.T) {
	j := newSecond(t)
	sell(t, j, 1, 2)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	before := copyFile(t, j.cfg.database())
	j = mustOpen(t, j.cfg)
	sell(t, j, 3, 1)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	other := j.cfg // the same disk, another terminal's
	other.Dir, other.Terminal = t.TempDir(), payment.ID{9}
	if _, err := Open(ctx, other); !errors.Is(err, ErrOtherTerminal) {
		t.Errorf("another terminal: %v", err)
	}
	fresh := j.cfg // the main disk was replaced by an empty one
	fresh.Dir = t.TempDir()
	if _, err := Open(ctx, fresh); !errors.Is(err, ErrSecondAhead) {
		t.Errorf("a new main disk: %v", err)
	}
	restored := j.cfg // the main disk was put back
	restored.Dir = filepath.Dir(before)
	if _, err := Open(ctx, restored); !errors.Is(err, ErrSecondAhead) {
		t.Errorf("an old main disk: %v", err)
	}
	if err := os.WriteFile(secondPath(&j.cfg), bytes.Repeat([]byte("shopping list "), 10), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(ctx, j.cfg); !errors.Is(err, ErrSecond) {
		t.Errorf("another file: %v", err)
	}
}

// dying is a file whose disk dies when told to.
type dying struct {
	file
	dead *string // "write", "sync", "half": what fails from now on
}

var errDying = errors.New("no such device")

func (d *dying) WriteAt(b []byte, off int64) (int, error) {
	switch *d.dead {
	case "write":
		return 0, errDying
	case "half":
		n, _ := d.file.WriteAt(b[:len(b)/2], off)
		return n, errDying
	}
	return d.file.WriteAt(b, off)
}

func (d *dying) Sync() error {
	if *d.dead == "sync" {
		return errDying
	}
	return d.file.Sync()
}

// TestSecondMediumDies: the lane stops, though the entry is in the database; reopening finds it.
func TestSecondMediumDies(t *testing.T) {
	for _, how := range []string{"write", "half", "sync"} {
		t.Run(how, func(t *testing.T) {
			dead := ""
			cfg := config(t, t.TempDir())
			cfg.Second = t.TempDir()
			cfg.openFile = func(path string) (file, error) {
				f, err := openFile(path)
				return &dying{f, &dead}, err
			}
			j := mustOpen(t, cfg)
			sell(t, j, 1, 1)
			dead = how
			if _, err := j.Append(ctx, opened(2, 100), approved(t, 2, 100, 2, 2)); !errors.Is(err, ErrStopped) || !errors.Is(err, errDying) {
				t.Fatalf("append: %v", err)
			}
			stopped(t, j)
			if _, err := j.Reopen(ctx); !errors.Is(err, ErrStopped) && how != "half" {
				t.Fatalf("reopen while it is dead: %v", err)
			}
			dead = ""
			found, err := j.Reopen(ctx)
			if err != nil || len(found) != 2 {
				t.Fatalf("found %v, %v", found, err)
			}
			sameSecond(t, j)
			sell(t, j, 3, 1)
			sameSecond(t, j)
			verifyCopy(t, j)
		})
	}
}

// TestErasedOnTheSecondToo: pruning and erasing reach it, also when it was away.
func TestErasedOnTheSecondToo(t *testing.T) {
	j := newSecond(t)
	d := opened(1, 100)
	d.Body = &payment.Body{Cashier: "a name to forget"}
	r := mustAppend(t, j, d)
	sell(t, j, 2, 2)
	mustAck(t, j, ackFor(r[0], 1))
	has := func() bool {
		b, err := os.ReadFile(secondPath(&j.cfg))
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Contains(b, []byte("a name to forget"))
	}
	if !has() {
		t.Fatal("the body is not there at all")
	}
	away := j.cfg.Second
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j.cfg.Second = ""
	j = mustOpen(t, j.cfg)
	if err := j.EraseBody(ctx, r[0].Entry.Epoch, r[0].Entry.Seq); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j.cfg.Second = away
	if !has() {
		t.Fatal("erased while it was away")
	}
	j = mustOpen(t, j.cfg)
	if has() {
		t.Error("the second medium remembers")
	}
	sameSecond(t, j)
	sell(t, j, 10, 1)
	sameSecond(t, j)
	verifyCopy(t, j)
}

func TestRecover(t *testing.T) {
	j := newSecond(t)
	r := sell(t, j, 1, 700) // more than a chunk
	mustAppend(t, j, voided(r[699]))
	if _, err := j.ChangeKey(ctx, newSigner(t, 2)); err != nil {
		t.Fatal(err)
	}
	r = append(r, sell(t, j, 2000, 2)...)
	epoch := j.currentEpoch()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(secondPath(&j.cfg), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte{0, 0, 1}); err != nil { // the power went with the disk
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	cfg := j.cfg
	cfg.Dir, cfg.Signer, cfg.Staged = t.TempDir(), newSigner(t, 2), nil
	got, err := Recover(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = got.Close() })
	s := mustState(t, got)
	if len(s.Epochs) != 2 || s.Epochs[0].Epoch != epoch || s.Epochs[0].Last != r[701].Entry.Seq || s.Epochs[0].Acked != 0 || s.Current.Last != 1 {
		t.Fatalf("state %+v", s)
	}
	if sum, n := exposure(t, got); sum != 70100 || n != 701 {
		t.Errorf("exposure %d of %d", sum, n)
	}
	if _, err := got.Append(ctx, opened(5000, 100), approved(t, 5000, 100, byte(2001%5+1), 2001)); !errors.Is(err, ErrCodeUsed) {
		t.Errorf("a code that paid before: %v", err)
	}
	sameSecond(t, got)
	sell(t, got, 3000, 1)
	sameSecond(t, got)
	verifyCopy(t, got)
	if _, err := Recover(ctx, cfg); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("over a journal: %v", err)
	}
}

// TestRecoverAfterPruning: what was pruned is not missed, and the chain goes on from where it was.
func TestRecoverAfterPruning(t *testing.T) {
	j := newSecond(t)
	r := sell(t, j, 1, 5)
	mustAck(t, j, ackFor(r[2], 1))
	if p, err := j.Prune(ctx, Retention{Entries: today.Next()}); err != nil || p.Entries != 7 {
		t.Fatalf("pruned %+v, %v", p, err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	cfg := j.cfg
	cfg.Dir = t.TempDir()
	got, err := Recover(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = got.Close() })
	if s := mustState(t, got); s.Epochs[0].Acked != 7 || s.Epochs[0].Pruned != 7 || s.Epochs[0].Last != 11 {
		t.Errorf("state %+v", s)
	}
	if got := mustAck(t, got, ackFor(r[4], 2)); !got.Taken || got.Moved != 4 {
		t.Errorf("acknowledged %+v", got)
	}
	sameSecond(t, got)
	verifyCopy(t, got)
}

func TestRecoverRefuses(t *testing.T) {
	j := newSecond(t)
	sell(t, j, 1, 2)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(secondPath(&j.cfg))
	if err != nil {
		t.Fatal(err)
	}
	fresh := func(f func(*Config)) Config {
		cfg := j.cfg
		cfg.Dir, cfg.Second = t.TempDir(), t.TempDir()
		if err := os.WriteFile(secondPath(&cfg), whole, 0o600); err != nil {
			t.Fatal(err)
		}
		f(&cfg)
		return cfg
	}
	content := func(b []byte) func(*Config) {
		return func(c *Config) {
			if err := os.WriteFile(secondPath(c), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := []struct {
		name string
		f    func(*Config)
		err  error
	}{
		{"another terminal's", func(c *Config) { c.Terminal = payment.ID{9} }, ErrOtherTerminal},
		{"another key", func(c *Config) { c.Signer = newSigner(t, 5) }, ErrOtherKey},
		{"nothing in it", content(whole[:secondHeader]), ErrEmpty},
		{"not one at all", content([]byte("x")), ErrSecond},
		{"not there", func(c *Config) { c.Second = t.TempDir() }, os.ErrNotExist},
		{"a body that is another's", content(otherBody(t, whole)), wire.ErrBody},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := fresh(tt.f)
			got, err := Recover(ctx, cfg)
			if got != nil {
				_ = got.Close()
			}
			if !errors.Is(err, tt.err) {
				t.Errorf("%v, want %v", err, tt.err)
			}
			if _, err := os.Stat(cfg.database()); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("a database was left behind: %v", err)
			}
		})
	}
}

// otherBody gives an approval another body, in a record that is whole.
func otherBody(t *testing.T, whole []byte) []byte {
	t.Helper()
	out := bytes.Clone(whole[:secondHeader])
	offset := int64(secondHeader)
	for {
		rec, err := readRecord(bytes.NewReader(whole), offset, int64(len(whole)))
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(rec.body) > 0 {
			rec.body[0] ^= 1
		}
		out, offset = appendRecord(out, rec.envelope, rec.body), rec.end
	}
}

// FuzzSecond reads any file as a second medium: it never panics, never reads past the end, and what it takes
// for records it writes again byte for byte.
func FuzzSecond(f *testing.F) {
	whole := encodeHeader(terminal) // made without a journal: SQLite is slow when it is instrumented for fuzzing
	for seq := range uint64(3) {
		e := &wire.Entry{Version: 1, Terminal: terminal, Epoch: 1, Seq: seq + 1, Kind: payment.KindDayOpened, BusinessDate: today, Zone: "UTC", Fact: &payment.DayOpened{}}
		if seq > 0 {
			e.Prev = make([]byte, wire.HashSize)
		}
		envelope, _, err := wire.SealEntry(newSigner(f, 1), e)
		if err != nil {
			f.Fatal(err)
		}
		whole = appendRecord(whole, envelope, bytes.Repeat([]byte{5}, int(seq)*30))
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-3])
	f.Add(flipByte(whole, len(whole)/2))
	f.Add(append(bytes.Clone(whole), make([]byte, 64)...))
	f.Add(bytes.Repeat([]byte{0xff}, 64))
	f.Fuzz(func(t *testing.T, b []byte) {
		size := int64(len(b))
		offset, good := int64(secondHeader), []byte{}
		if size < offset {
			return
		}
		for {
			rec, err := readRecord(bytes.NewReader(b), offset, size)
			if err != nil {
				if d, ok := errors.AsType[*Damage](err); ok && (d.Offset != offset || d.Left != size-offset) {
					t.Fatalf("damage %+v at %d of %d", d, offset, size)
				} else if !ok && !errors.Is(err, io.EOF) {
					t.Fatal(err)
				}
				break
			}
			good, offset = appendRecord(good, rec.envelope, rec.body), rec.end
		}
		if !bytes.Equal(good, b[secondHeader:offset]) {
			t.Fatal("the records are not what was read")
		}
		for row, err := range secondRows(bytes.NewReader(b), size) {
			if err == nil && (row.Seq == 0 || len(row.Envelope) == 0) {
				t.Fatalf("row %+v", row)
			}
		}
	})
}
