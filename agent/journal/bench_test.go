package journal

import (
	"bytes"
	"crypto/ed25519"
	"slices"
	"strings"
	"testing"
	"time"

	"tilld/agent/journal/journaltest"
	"tilld/agent/payment"
	"tilld/sync/wire"
)

// BenchmarkAppend compares Append with the same rows written bare, plus one bare signature, plus one seal
// where there is evidence: turn by turn in one run, on the same file system with the same pragmas. "ratio"
// is the rate of Append divided by the rate of the bare writing; 0.9 is wanted. On a machine that does other
// things too the ratio of the medians says more.
func BenchmarkAppend(b *testing.B) {
	b.Run("approved", func(b *testing.B) {
		compare(b, true, func(i int) Draft { return approved(b, i, 100, byte(i%200+1), uint64(i)) })
	})
	b.Run("completed", func(b *testing.B) {
		compare(b, false, func(i int) Draft { return saleFact(&payment.SaleCompleted{}, i) })
	})
}

func compare(b *testing.B, evidence bool, make func(i int) Draft) {
	var rec journaltest.Recorder
	cfg := config(b, b.TempDir())
	cfg.Wrap = rec.Wrap
	model := mustOpen(b, cfg)
	began := slices.DeleteFunc(rec.Take(), func(st journaltest.Statement) bool { // the bare database has made its schema itself
		return strings.Contains(st.Query, "goose_db_version") || strings.Contains(st.Query, "INTO projection")
	})
	ours := mustOpen(b, config(b, b.TempDir()))
	var empty journaltest.Recorder
	s, err := openStore(ctx, b.TempDir()+"/"+DatabaseFile, empty.Wrap)
	if err != nil {
		b.Fatal(err)
	}
	if err := s.close(); err != nil {
		b.Fatal(err)
	}
	x := journaltest.OpenBare(b, empty.Connectors[0])
	x.Write(began)
	for from := 0; from < b.N; from += 100 {
		var sales []Draft
		for i := from; i < min(from+100, b.N); i++ {
			sales = append(sales, opened(i, 100))
		}
		mustAppend(b, model, sales...)
		mustAppend(b, ours, sales...)
		x.Write(rec.Take()) // in the same portions, so that the files grow alike
	}
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
	payload := bytes.Repeat([]byte{1}, 400)
	about := wire.Name{Terminal: terminal, Epoch: 1, Seq: 1}
	to := newConfidant(b).Public()

	var oursTook, bareTook times
	one := func(d Draft) {
		began := time.Now()
		mustAppend(b, ours, d)
		oursTook = append(oursTook, time.Since(began))
	}
	other := func(d Draft, list []journaltest.Statement) {
		began := time.Now()
		if evidence {
			if _, err := to.Confide(about, d.Evidence); err != nil {
				b.Fatal(err)
			}
		}
		ed25519.Sign(key, payload)
		x.Write(list)
		bareTook = append(bareTook, time.Since(began))
	}
	b.ResetTimer()
	for i := range b.N {
		d := make(i)
		mustAppend(b, model, d) // says what rows there are to write
		if list := rec.Take(); i%2 == 0 {
			one(d)
			other(d, list)
		} else {
			other(d, list)
			one(d)
		}
	}
	b.StopTimer()
	b.ReportMetric(bareTook.sum()/oursTook.sum(), "ratio")
	b.ReportMetric(bareTook.median()/oursTook.median(), "ratio-of-medians")
	b.ReportMetric(oursTook.median(), "append-µs")
	b.ReportMetric(bareTook.median(), "bare-µs")
}

// times are how long something took, each time.
type times []time.Duration

func (t times) sum() float64 {
	var s time.Duration
	for _, d := range t {
		s += d
	}
	return float64(s.Microseconds())
}

// median leaves out what a busy disk does now and then.
func (t times) median() float64 {
	return float64(slices.Sorted(slices.Values(t))[len(t)/2].Microseconds())
}
