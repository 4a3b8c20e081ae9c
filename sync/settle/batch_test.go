package settle

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tilld/agent/payment"
)

func mustBuild(t interface {
	Helper()
	Fatalf(string, ...any)
}, c *Cut) *Batch {
	t.Helper()
	b, err := Build(c)
	if err != nil {
		t.Fatalf("Build: %v", err)
	}
	return b
}

func mustJSON(t interface {
	Helper()
	Fatalf(string, ...any)
}, b *Batch) []byte {
	t.Helper()
	raw, err := b.JSON()
	if err != nil {
		t.Fatalf("JSON: %v", err)
	}
	return raw
}

func TestBuildRefuses(t *testing.T) {
	good := line(1, 2, 500)
	with := func(change func(*Line)) *Cut {
		l := line(1, 3, 700)
		change(&l)
		return cutOf(good, l)
	}
	cut := func(change func(*Cut)) *Cut {
		c := cutOf(good)
		change(c)
		return c
	}
	tests := []struct {
		name string
		cut  *Cut
		want error
		says string
	}{
		{"nothing wrong", cutOf(good), nil, ""},
		{"void of the same payment", with(func(l *Line) { l.Payment, l.Kind, l.Amount = good.Payment, KindVoid, -500 }), nil, ""},
		{"two refunds of one payment", cutOf(refund(4, -100), refund(5, -200)), nil, ""},
		{"suspended and released again", cutOf(adjustment(500), adjustment(-500)), nil, ""},
		{"same entry twice", with(func(l *Line) { l.Entry = good.Entry }), ErrCut, "there twice"},
		{"same payment twice", with(func(l *Line) { l.Payment = good.Payment }), ErrCut, "there twice"},
		{"same adjustment twice", cutOf(adjustment(500), adjustment(400)), ErrCut, "there twice"},
		{"another currency", with(func(l *Line) { l.Currency = "TWD" }), ErrCut, "house/TWD, the batch is of house/JPY"},
		{"another wallet", with(func(l *Line) { l.Wallet = "paypay" }), ErrCut, "paypay/JPY"},
		{"sum is not the ledger's", cut(func(c *Cut) { c.Control.Sum++ }), ErrCut, "1 and sum to 500, the ledger says 1 and 501"},
		{"count is not the ledger's", cut(func(c *Cut) { c.Control.Count++ }), ErrCut, "the ledger says 2"},
		{"no number", cut(func(c *Cut) { c.Number = 0 }), ErrCut, "number 0"},
		{"no HQ epoch", cut(func(c *Cut) { c.HQEpoch = 0 }), ErrCut, "HQ epoch 0"},
		{"no such date", cut(func(c *Cut) { c.SettlementDate = 20261131 }), ErrCut, "not a date"},
		{"no wallet", cut(func(c *Cut) { c.Wallet = "" }), ErrCut, "wallet"},
		{"no currency", cut(func(c *Cut) { c.Currency = "XXX" }), ErrCut, "unknown currency"},
		{"no cause", cut(func(c *Cut) { c.Cause = "" }), ErrCut, "cause"},
		{"no time", cut(func(c *Cut) { c.At = time.Time{} }), ErrCut, "cut at 0001"},
		{"too many lines", cut(func(c *Cut) { c.Lines = make([]Line, MaxLines+1) }), ErrCut, "100001 lines"},
		{"payment below zero", with(func(l *Line) { l.Amount = -1 }), ErrLine, "payment of -1"},
		{"void above zero", with(func(l *Line) { l.Kind = KindVoid }), ErrLine, "below zero"},
		{"zero", with(func(l *Line) { l.Amount = 0 }), ErrLine, "out of range"},
		{"too much", with(func(l *Line) { l.Amount = payment.MaxMinor + 1 }), ErrLine, "out of range"},
		{"unknown kind", with(func(l *Line) { l.Kind = "gift" }), ErrLine, `"gift"`},
		{"adjustment without decision", with(func(l *Line) { l.Kind = KindAdjustment }), ErrLine, "decision"},
		{"payment with decision", with(func(l *Line) { l.Decision = "x1" }), ErrLine, "with a decision"},
		{"formula for a store", with(func(l *Line) { l.Store = "=1+1" }), ErrLine, "store"},
		{"comma in an entity", with(func(l *Line) { l.Entity = "a,b" }), ErrLine, "entity"},
		{"no payment", with(func(l *Line) { l.Payment = payment.ID{} }), ErrLine, "no payment"},
		{"no sequence", with(func(l *Line) { l.Seq = 0 }), ErrLine, "sequence"},
		{"no entry", with(func(l *Line) { l.Entry = EntryHash{} }), ErrLine, "entry hash"},
		{"no business date", with(func(l *Line) { l.BusinessDate = 0 }), ErrLine, "not a date"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := Build(tt.cut)
			if !errors.Is(err, tt.want) || (err != nil && !strings.Contains(err.Error(), tt.says)) {
				t.Errorf("error %v, want %v that says %q", err, tt.want, tt.says)
			}
			if err != nil && b != nil {
				t.Error("a batch came with an error")
			}
		})
	}
}

func refund(seq uint64, amount int64) Line {
	l := line(1, seq, amount)
	l.Kind, l.Payment = KindRefund, idOf('p', 9)
	return l
}

// adjustment is always of the same entry.
func adjustment(amount int64) Line {
	l := line(1, 7, 1)
	l.Kind, l.Amount, l.Decision = KindAdjustment, amount, "x1"
	return l
}

// TestOrderChangesNothing: a batch is a function of what is in the cut, not of the order in which the
// ledger gave it.
func TestOrderChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCut(t)
		a, b := mustBuild(t, c), mustBuild(t, shuffled(c, rapid.Uint64().Draw(t, "seed")))
		if !bytes.Equal(mustJSON(t, a), mustJSON(t, b)) {
			t.Fatal("JSON differs")
		}
		if !bytes.Equal(a.CSV(), b.CSV()) || !bytes.Equal(a.ManifestJSON(), b.ManifestJSON()) || a.Root != b.Root {
			t.Fatal("CSV, manifest or content hash differs")
		}
	})
}

// TestSumsAgree adds the lines up by hand and holds every figure of the batch against that.
func TestSumsAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCut(t)
		b := mustBuild(t, c)
		var want, byDay, byPart, byDate Total
		for _, l := range c.Lines {
			want.add(l.Amount)
		}
		for _, d := range b.Totals {
			byDay.Count += d.Taken.Count + d.Returned.Count
			byDay.Sum += d.Taken.Sum + d.Returned.Sum
			if d.Net != d.Taken.Sum+d.Returned.Sum {
				t.Fatalf("net of %+v", d)
			}
		}
		for _, p := range b.Manifest.Terminals {
			byPart.Count += p.Count
			byPart.Sum += p.Sum
		}
		for _, d := range []Total{b.Manifest.Expected, b.Manifest.Late, b.Manifest.Early} {
			byDate.Count += d.Count
			byDate.Sum += d.Sum
		}
		for name, got := range map[string]Total{"head": b.Total, "totals": byDay, "terminals": byPart, "dates": byDate} {
			if got != want {
				t.Errorf("%s: %+v, want %+v", name, got, want)
			}
		}
	})
}

// TestSplitSums: however lines are divided into batches, the batches sum to the lines.
func TestSplitSums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCut(t)
		at := rapid.IntRange(0, len(c.Lines)).Draw(t, "at")
		first, second := mustBuild(t, cutOf(c.Lines[:at]...)), mustBuild(t, cutOf(c.Lines[at:]...))
		if whole := mustBuild(t, c).Total; first.Sum+second.Sum != whole.Sum || first.Count+second.Count != whole.Count {
			t.Fatalf("%+v and %+v are not %+v", first.Total, second.Total, whole)
		}
	})
}

// TestEveryProofVerifies: each line and the head, against the content hash; and no proof for another line.
func TestEveryProofVerifies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := mustBuild(t, drawCut(t))
		records := strings.Split(strings.TrimSuffix(string(b.CSV()), crlf), crlf)
		for n := -1; n < len(b.Lines); n++ {
			p, err := b.Proof(n)
			if err != nil {
				t.Fatal(err)
			}
			if err := VerifyProof(b.Root, p); err != nil {
				t.Fatalf("line %d: %v", n, err)
			}
			if n >= 0 && p.Leaf != records[n+1] {
				t.Fatalf("leaf %q is not the CSV record %q", p.Leaf, records[n+1])
			}
			p.Leaf = strings.Replace(p.Leaf, "chain", "other", 1) + "0"
			if err := VerifyProof(b.Root, p); !errors.Is(err, ErrProof) {
				t.Fatalf("line %d with another leaf: %v", n, err)
			}
		}
		for _, n := range []int{-2, len(b.Lines)} {
			if _, err := b.Proof(n); err == nil {
				t.Fatalf("proof of line %d", n)
			}
		}
	})
}

func TestFind(t *testing.T) {
	paid := line(1, 2, 500)
	void := line(1, 3, -500)
	void.Payment = paid.Payment
	b := mustBuild(t, cutOf(void, line(1, 9, 1), paid))
	if at := b.Find(paid.Payment); len(at) != 2 || b.Lines[at[0]].Kind != KindPayment || b.Lines[at[1]].Kind != KindVoid {
		t.Errorf("found lines %v of %+v", at, b.Lines)
	}
	if at := b.Find(idOf('x', 1)); len(at) != 0 {
		t.Errorf("found %v of a payment that is not there", at)
	}
}

// TestEmptyDay: a day without payments is a batch, with a content hash of its own.
func TestEmptyDay(t *testing.T) {
	one := mustBuild(t, cutOf())
	next := cutOf()
	next.SettlementDate = testDate.Next()
	two := mustBuild(t, next)
	if one.Root == two.Root || one.ID == two.ID {
		t.Error("two empty days look the same")
	}
	if got := string(one.CSV()); got != columns+crlf {
		t.Errorf("CSV %q", got)
	}
}

// TestIDs: a batch's identifier is a function of its key, every part counts, and it sorts by date.
func TestIDs(t *testing.T) {
	key := cutOf().Key
	if got, want := key.ID().String(), "01M808TX00X4GR74NP28PC98Y4"; got != want {
		t.Errorf("ID %s, want %s: the identifiers of old batches must never change", got, want)
	}
	if payment.DateOf(key.ID().Time()) != testDate {
		t.Errorf("the date in the ID is %s", key.ID().Time())
	}
	seen := map[payment.ID]string{key.ID(): "key"}
	for name, change := range map[string]func(*Key){
		"wallet":   func(k *Key) { k.Wallet = "house2" },
		"currency": func(k *Key) { k.Currency = "KRW" },
		"date":     func(k *Key) { k.SettlementDate = 20261123 },
		"number":   func(k *Key) { k.Number = 2 },
		"epoch":    func(k *Key) { k.HQEpoch++ },
	} {
		k := key
		change(&k)
		if other, ok := seen[k.ID()]; ok {
			t.Errorf("another %s gives the ID of %s", name, other)
		}
		seen[k.ID()] = name
	}
}

func TestManifest(t *testing.T) {
	c := cutOf(line(1, 5, 100), line(1, 9, 200), late(line(12, 3, 300)))
	c.Coverage = []Coverage{
		{Terminal: terminal(1), Entity: "chain", Store: "s0", Lane: "lane-1", Epoch: testEpoch, Held: 9, Known: 9, Judged: 9, LastClosed: testDate},
		{Terminal: terminal(12), Entity: "chain", Store: "s1", Lane: "lane-12", Epoch: testEpoch, Held: 3, Known: 8, Judged: 2, LastClosed: 20261120},
		{Terminal: terminal(12), Entity: "chain", Store: "s1", Lane: "lane-12", Epoch: 4, Held: 10, Known: 11, Judged: 10, LastClosed: 20261120},
		{Terminal: terminal(13), Entity: "chain", Store: "s1", Lane: "lane-13"},
	}
	m := mustBuild(t, c).Manifest
	var parts, missing []string
	for _, p := range m.Terminals {
		parts = append(parts, fmt.Sprintf("%s %d-%d held %d: %d, %d", p.Lane, p.First, p.Last, p.Held, p.Count, p.Sum))
	}
	for _, x := range m.Missing {
		missing = append(missing, fmt.Sprintf("%s %s %d-%d %s", x.Lane, x.Reason, x.From, x.To, x.LastClosed))
	}
	want := "lane-1 5-9 held 9: 2, 300\nlane-12 3-3 held 3: 1, 300"
	if got := strings.Join(parts, "\n"); got != want {
		t.Errorf("terminals:\n%s\nwant:\n%s", got, want)
	}
	want = "lane-12 day_not_closed 0-0 2026-11-20\nlane-12 entries_missing 11-11 2026-11-20\n" +
		"lane-12 entries_missing 4-8 2026-11-20\nlane-12 not_judged 3-3 2026-11-20\nlane-13 never_heard 0-0 "
	if got := strings.Join(missing, "\n"); got != want {
		t.Errorf("missing:\n%s\nwant:\n%s", got, want)
	}
	if m.Expected != (Total{2, 300}) || m.Late != (Total{1, 300}) || m.Early != (Total{}) {
		t.Errorf("expected %+v, late %+v, early %+v", m.Expected, m.Late, m.Early)
	}
}

func late(l Line) Line {
	l.BusinessDate = 20261121
	return l
}
