package hq

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tilld/agent/payment"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/wire"
	pages "tilld/ui/hq"
)

// TestConsoleAlarms: books that were put back, and a lane that is alive twice, are on the overview, in the list of
// lanes and in the gauge, and end there.
func TestConsoleAlarms(t *testing.T) {
	d := newDesk(t)
	o := d.office()
	lost, twice := d.Lane("s1", "1"), d.Lane("s1", "2")
	d.Send(lost, 1, 1)
	hq, err := d.HQEpoch(d.Ctx)
	d.Must(err)
	says := func(l *ingesttest.Lane, acked uint64) {
		t.Helper()
		d.beats++
		_, _, err := d.Record(d.Ctx, nil, []*wire.Beat{{Terminal: l.ID, Epoch: l.Epoch, Count: d.beats, Last: l.Last(), Head: l.Head(), Acked: acked, HQEpoch: hq}})
		d.Must(err)
	}
	says(lost, lost.Last())
	twin := twice.Clone()
	twin.NewEpoch(payment.CauseFork)
	for range 2 {
		says(twice, 0)
		says(twin, 0)
	}
	glance := func(lost, awaited, twice int) {
		t.Helper()
		v, err := o.Overview(d.Ctx)
		if d.Must(err); v.Lost != lost || v.Awaited != awaited || v.Twice != twice {
			t.Errorf("lost %d, awaited %d, twice %d; want %d, %d, %d", v.Lost, v.Awaited, v.Twice, lost, awaited, twice)
		}
	}
	glance(1, 0, 1)
	list, err := o.Terminals(d.Ctx, pages.TerminalQuery{Only: pages.OnlyLost, Limit: 5})
	d.Must(err)
	gone := pages.Gone{Gap: pages.Gap{Epoch: lost.Epoch, From: 2, To: 2}}
	if len(list.Rows) != 1 || len(list.Rows[0].Gone) != 1 || list.Rows[0].Gone[0] != gone || len(list.Rows[0].Gaps) != 0 {
		t.Errorf("%+v", list.Rows)
	}
	list, err = o.Terminals(d.Ctx, pages.TerminalQuery{Only: pages.OnlyForked, Limit: 5})
	if d.Must(err); len(list.Rows) != 1 || !list.Rows[0].Twice {
		t.Errorf("%+v", list.Rows)
	}
	xs, err := o.Exceptions(d.Ctx, pages.ExceptionQuery{Owner: pages.OwnerOperations, Limit: 5})
	if d.Must(err); len(xs.Rows) != 2 || !strings.Contains(xs.Rows[1].Detail, "tilld hq restored") {
		t.Errorf("%+v", xs.Rows)
	}
	gauge := func(want float64) {
		t.Helper()
		r := prometheus.NewRegistry()
		d.Must(r.Register(exceptionGauge{d.books}))
		families, err := r.Gather()
		if d.Must(err); len(families) != 1 || families[0].GetName() != "tilld_hq_exceptions_open" || len(families[0].GetMetric()) != len(ledger.Kinds()) {
			t.Fatalf("gathered %v", families)
		}
		for _, m := range families[0].GetMetric() {
			kind, n := ledger.Kind(m.GetLabel()[0].GetValue()), 0.0
			if kind == ledger.HQLost || kind == ledger.TerminalTwice {
				n = want
			}
			if got := m.GetGauge().GetValue(); got != n || m.GetLabel()[1].GetValue() != kind.Owner() {
				t.Errorf("%s: %v, want %v", kind, m, n)
			}
		}
	}
	gauge(1)

	d.Chain.Now = d.Chain.Now.Add(time.Second)
	_, err = d.Restored(d.Ctx)
	d.Must(err)
	glance(0, 1, 1)
	d.Send(lost, 2, 2)
	for _, x := range xs.Rows {
		if x.Kind == string(ledger.TerminalTwice) {
			d.Must(o.Resolve(d.Ctx, "who", x.ID, pages.Noted, "one was stopped"))
		}
	}
	glance(0, 0, 0)
	gauge(0)
}
