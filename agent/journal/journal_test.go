package journal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

func TestFirstEpoch(t *testing.T) {
	j := newJournal(t)
	s := mustState(t, j)
	if len(s.Epochs) != 1 || s.Current.Last != 1 || s.Current.Epoch == 0 {
		t.Fatalf("state %+v, want one epoch with one entry", s)
	}
	b, err := j.NextBatch(ctx, s.Current.Epoch, 0, 10, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	e, err := wire.DecodeEntry(b.Payloads[0])
	if err != nil {
		t.Fatal(err)
	}
	f, ok := e.Fact.(*payment.EpochOpened)
	if !ok || f.Cause != payment.CauseFirst || !bytes.Equal(f.PublicKey, newSigner(t, 1).Public().Bytes()) || f.ParentEpoch != 0 {
		t.Errorf("first entry %+v of %+v", f, e)
	}
}

func TestAppendFillsTheEntry(t *testing.T) {
	j := newJournal(t)
	d := approved(t, 1, 100, 1, 5)
	d.Shift = 2
	r := mustAppend(t, j, opened(1, 100), d)
	e := r[1].Entry
	if e.Version != wire.Version || e.Terminal != terminal || e.Seq != 3 || e.Store != "S0001" || e.Lane != "L1" ||
		e.Software != "tilld test" || !bytes.Equal(e.Prev, r[0].Hash[:]) || e.Shift != 2 || e.Policy != 3 ||
		e.HQAge != 60_001 || e.Boot != 3_600_000 || e.Wall != noon.UnixMilli() || e.Zone != "Asia/Tokyo" {
		t.Errorf("entry %+v", e)
	}
	m, err := wire.Open(r[1].Envelope, wire.TypEntry, wire.OneKey(newSigner(t, 1).Public()))
	if err != nil || m.Hash() != r[1].Hash {
		t.Errorf("envelope: %v", err)
	}
	if err := wire.CheckBody(r[1].Body, e.BodyHash); err != nil {
		t.Error(err)
	}
	body, err := wire.DecodeBody(r[1].Body)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := newConfidant(t).Open(e.Name(), body.Evidence)
	if err != nil || string(plain) != "a signed code" {
		t.Errorf("evidence %q, %v", plain, err)
	}
	if _, err := newConfidant(t).Open(r[0].Name(), body.Evidence); err == nil {
		t.Error("the evidence opens under another entry's name")
	}
	if d.Body.Salt != nil || d.Body.Evidence != nil {
		t.Error("the caller's body was written to")
	}
}

// TestAllOrNothing: an entry that is refused takes the ones before it in the same Append with it.
func TestAllOrNothing(t *testing.T) {
	j := newJournal(t)
	sell(t, j, 1, 1)
	before := mustState(t, j).Current
	_, err := j.Append(ctx, opened(2, 100), approved(t, 2, 100, 2, 1)) // sale 1 used phone 2, counter 1
	if !errors.Is(err, ErrCodeUsed) || payment.CodeOf(err) != payment.Conflict {
		t.Fatalf("a code that paid: %v", err)
	}
	if after := mustState(t, j).Current; after.Last != before.Last || !bytes.Equal(after.Head, before.Head) {
		t.Errorf("head moved from %d to %d", before.Last, after.Last)
	}
	if _, ok, _ := j.SaleByID(ctx, *id(2)); ok {
		t.Error("the sale of the refused Append is there")
	}
	mustAppend(t, j, opened(2, 100)) // and the journal goes on
	verifyCopy(t, j)
}

func TestDraftsThatAreRefused(t *testing.T) {
	j := newJournal(t)
	sell(t, j, 1, 1)
	change := func(d Draft, f func(*Draft)) Draft { f(&d); return d }
	big := make([]payment.Line, payment.MaxLines)
	for i := range big {
		big[i] = payment.Line{Text: strings.Repeat("\U0001f363", 300), Count: 1, Amount: 1}
	}
	tests := []struct {
		name string
		d    Draft
		err  error
		code payment.Code
	}{
		{"no fact", Draft{Moment: moment(today)}, nil, payment.Invalid},
		{"no date", change(opened(2, 1), func(d *Draft) { d.Moment.Date = 0 }), payment.ErrDate, payment.Invalid},
		{"no wall time", change(opened(2, 1), func(d *Draft) { d.Moment = Moment{Date: today, Zone: "UTC"} }), nil, payment.Invalid},
		{"no zone", change(opened(2, 1), func(d *Draft) { d.Moment.Zone = "" }), nil, payment.Invalid},
		{"the journal's own kind", draft(&payment.EpochOpened{Cause: payment.CauseFork}), errOwnFact, payment.Invalid},
		{"a key change", draft(&payment.KeyChanged{}), errOwnFact, payment.Invalid},
		{"a sale without an identifier", change(opened(2, 1), func(d *Draft) { d.Sale = nil }), errNoPayment, payment.Invalid},
		{"a payment without a sale", change(approved(t, 2, 1, 9, 9), func(d *Draft) { d.Sale = nil }), errNoPayment, payment.Invalid},
		{"a payment without an identifier", change(approved(t, 2, 1, 9, 9), func(d *Draft) { d.Payment = &payment.ID{} }), errNoPayment, payment.Invalid},
		{"a negative amount", opened(2, -5), payment.ErrRange, payment.Invalid},
		{"an unknown currency", saleFact(&payment.SaleOpened{Total: payment.Of(1, "XXX"), Due: payment.Of(1, "XXX")}, 2), payment.ErrCurrency, payment.Invalid},
		{"more due than the total", saleFact(&payment.SaleOpened{Total: yen(1), Due: yen(2)}, 2), nil, payment.Invalid},
		{"no replay key", change(approved(t, 1, 1, 9, 9), func(d *Draft) { d.Fact.(*payment.Approved).Replay.Phone = nil }), nil, payment.Invalid},
		{"a salt of one's own", change(approved(t, 1, 1, 9, 9), func(d *Draft) { d.Body.Salt = []byte{1} }), errBodyFields, payment.Invalid},
		{"evidence without a key", change(approved(t, 1, 1, 9, 9), func(d *Draft) { d.SealTo = nil }), errSealTo, payment.Invalid},
		{"a key without evidence", change(approved(t, 1, 1, 9, 9), func(d *Draft) { d.Evidence = nil }), errSealTo, payment.Invalid},
		{"too large for any message", change(opened(2, 1), func(d *Draft) { d.Body = &payment.Body{Lines: big} }), ErrTooLarge, payment.Invalid},
		{"a sale again", opened(1, 100), ErrSaleExists, payment.Conflict},
		{"a payment of an unknown sale", approved(t, 99, 100, 9, 9), ErrSaleState, payment.Conflict},
		{"a payment above what is due", approved(t, 1, 1, 9, 9), ErrPaymentExists, payment.Conflict},
		{"a void of nothing", change(saleFact(&payment.Voided{Amount: yen(1), Wallet: "house", Of: 1}, 1), func(d *Draft) { d.Payment = id(10) }), ErrNotVoidable, payment.Conflict},
		{"completing an unknown sale", saleFact(&payment.SaleCompleted{}, 77), ErrSaleState, payment.Conflict},
		{"cancelling a paid sale", saleFact(&payment.SaleCancelled{}, 1), ErrSaleState, payment.Conflict},
		{"closing a day that is not open", draft(&payment.DayClosed{FirstSeq: 1}), ErrDay, payment.Conflict},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := mustState(t, j).Current.Last
			_, err := j.Append(ctx, tt.d)
			if err == nil || payment.CodeOf(err) != tt.code || (tt.err != nil && !errors.Is(err, tt.err)) {
				t.Errorf("got %v (code %s), want %v (code %s)", err, payment.CodeOf(err), tt.err, tt.code)
			}
			if after := mustState(t, j).Current.Last; after != before || j.Stopped() != nil {
				t.Errorf("head moved from %d to %d, stopped: %v", before, after, j.Stopped())
			}
		})
	}
	mustAppend(t, j, opened(50, 100))
	verifyCopy(t, j)
}

func TestSecondLaneOnOneDirectory(t *testing.T) {
	j := newJournal(t)
	_, err := Open(ctx, j.cfg)
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "process") {
		t.Fatalf("second open: %v", err)
	}
	mustAppend(t, j, opened(1, 100)) // the refusal did no harm
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, j.cfg)
}

func TestOtherTerminalOrKey(t *testing.T) {
	j := newJournal(t)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	cfg := j.cfg
	cfg.Terminal = payment.ID{9}
	if _, err := Open(ctx, cfg); !errors.Is(err, ErrOtherTerminal) {
		t.Errorf("another terminal: %v", err)
	}
	cfg = j.cfg
	cfg.Signer = newSigner(t, 2)
	if _, err := Open(ctx, cfg); !errors.Is(err, ErrOtherKey) {
		t.Errorf("another key: %v", err)
	}
	mustOpen(t, j.cfg)
}

func TestOpenRefuses(t *testing.T) {
	blank := func(f func(*Config)) func(*testing.T) Config {
		return func(t *testing.T) Config { c := config(t, t.TempDir()); f(&c); return c }
	}
	tests := []struct {
		name string
		cfg  func(*testing.T) Config
		want string
	}{
		{"no directory", blank(func(c *Config) { c.Dir = "" }), "no data directory"},
		{"no key", blank(func(c *Config) { c.Signer = nil }), "key"},
		{"a store's name", blank(func(c *Config) { c.Store = "a b" }), "store"},
		{"a lane's name", blank(func(c *Config) { c.Lane = "../x" }), "lane"},
		{"a directory that can't be made", blank(func(c *Config) { c.Dir = "/proc/tilld/x" }), "data directory"},
		{"a second medium that is not mounted", blank(func(c *Config) { c.Second = filepath.Join(c.Dir, "usb") }), "is not there"},
		{"no time", blank(func(c *Config) { c.Now = func() Moment { return Moment{} } }), "business date"},
		{"somebody else's database", func(t *testing.T) Config {
			c := config(t, t.TempDir())
			db := rawDB(t, c.database())
			mustExec(t, db, `CREATE TABLE cat (name TEXT)`)
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			return c
		}, "not a tilld journal"},
		{"no database at all", func(t *testing.T) Config {
			c := config(t, t.TempDir())
			if err := os.WriteFile(c.database(), bytes.Repeat([]byte("rubbish "), 1000), 0o600); err != nil {
				t.Fatal(err)
			}
			return c
		}, "not a database"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j, err := Open(ctx, tt.cfg(t))
			if err == nil {
				_ = j.Close()
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestFilesArePrivate(t *testing.T) {
	j := newJournal(t)
	sell(t, j, 1, 1)
	for _, name := range []string{DatabaseFile, DatabaseFile + "-wal", DatabaseFile + "-shm", LockFile} {
		info, err := os.Stat(filepath.Join(j.cfg.Dir, name))
		if err != nil {
			t.Error(err)
		} else if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
}

func TestReopenedJournalGoesOn(t *testing.T) {
	j := newJournal(t)
	sell(t, j, 1, 3)
	before := mustState(t, j)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	if _, err := j.Append(ctx, opened(9, 1)); !errors.Is(err, ErrClosed) {
		t.Errorf("append after close: %v", err)
	}
	if _, err := j.State(ctx); !errors.Is(err, ErrClosed) {
		t.Errorf("read after close: %v", err)
	}
	j = mustOpen(t, j.cfg)
	if after := mustState(t, j); after.Current.Last != before.Current.Last || !bytes.Equal(after.Current.Head, before.Current.Head) {
		t.Errorf("%+v became %+v", before.Current, after.Current)
	}
	sell(t, j, 4, 1)
	if r := verifyCopy(t, j); r.Entries != 9 || r.Bodies != 4 {
		t.Errorf("report %+v", r)
	}
}

func TestChangedWakes(t *testing.T) {
	j := newJournal(t)
	woken := j.Changed()
	select {
	case <-woken:
		t.Fatal("woken by nothing")
	default:
	}
	r := mustAppend(t, j, opened(1, 100))
	<-woken
	woken = j.Changed()
	mustAck(t, j, ackFor(r[0], 1))
	<-woken
}
