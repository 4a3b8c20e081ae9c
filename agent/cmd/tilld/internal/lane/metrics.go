package lane

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"tilld/agent/lane"
	"tilld/agent/payment"
	"tilld/ui/cashier"
)

// metrics are the lane's figures, named by Prometheus's conventions. They are read without a sign-in, on the port of
// the cashier's page, so no money and no share is among them: see exposureLevel.
func (n *Node) metrics() *prometheus.Registry {
	r := prometheus.NewRegistry()
	gauge := func(name, help string, value func() float64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "tilld", Subsystem: "lane", Name: name, Help: help}, value))
	}
	counter := func(name, help string, value func() float64) {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "tilld", Subsystem: "lane", Name: name, Help: help}, value))
	}
	flag := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	gauge("entries_unacknowledged", "Journal entries that HQ has not acknowledged.", func() float64 { return float64(n.lane.View().Stats.Pending) })
	gauge("exposure_level", "Money at risk, as the cashier's page colours it: 0 below a half of the lane's share, 1 below four fifths, 2 below all, 3 nothing is left.",
		func() float64 { return exposureLevel(n.lane.View()) })
	gauge("journal_stopped", "1 while the journal has stopped and nothing is sold.", func() float64 { return flag(n.lane.View().Stopped != nil) })
	gauge("storage_full", "1 while the journal's disks have no room for another sale.", func() float64 { return flag(standstill(n.lane.View()) == payment.StorageFull) })
	gauge("journal_bytes", "Size of the journal's database.", func() float64 { return float64(n.lane.View().Stats.Bytes) })
	gauge("hq_up", "1 while HQ answers.", func() float64 { return flag(n.uplink.Status().HQ) })
	gauge("hq_lost", "1 while HQ lacks entries that it had acknowledged.", func() float64 { return flag(n.uplink.Status().Lost) })
	gauge("journal_twice", "1 while HQ says that this lane's journal exists twice.", func() float64 { return flag(n.lane.View().Twice) })
	gauge("broker_up", "1 while a broker is connected.", func() float64 { return flag(n.uplink.Status().Link) })
	gauge("hq_answers", "1 while HQ answers what this lane asks about online payments.", func() float64 { return flag(n.asker.Status().Up) })
	gauge("attempts_open", "Online payments that HQ is asked about.", func() float64 { return float64(n.asker.Status().Open) })
	gauge("sales_parked", "Sales put aside until it is known whether they are paid.", func() float64 { return float64(len(n.lane.View().Parked)) })
	counter("questions_asked_total", "Questions about online payments, probes among them, that were signed.", func() float64 { return float64(n.asker.Status().Asked) })
	counter("second_road_calls_total", "Of these, sent to HQ's own address.", func() float64 { return float64(n.asker.Status().Road) })
	gauge("hq_contact_age_seconds", "Age of HQ's last signed time.", func() float64 { return n.lane.View().LastContact.Seconds() })
	gauge("policy_version", "Version of the policy in force.", func() float64 { return float64(n.lane.View().Policy) })
	gauge("sales_not_completed", "Sales paid, of which the POS never had the outcome; training left out.", func() float64 {
		s := n.lane.View().Stats
		return float64(s.NotCompleted - s.Practice)
	})
	gauge("payments_held", "Payments about which HQ asks.", func() float64 {
		s := n.lane.View().Stats
		return float64(s.Suspense + s.Rejected)
	})
	counter("batches_published_total", "Batches handed to the broker.", func() float64 { return float64(n.uplink.Status().Published) })
	counter("downward_messages_refused_total", "Messages from the broker that were not HQ's word.", func() float64 { return float64(n.uplink.Status().Refused) })
	counter("scanner_symbols_total", "Codes that the scanner read whole.", func() float64 { return float64(n.scanner.Stats().Symbols) })
	counter("scanner_bad_reads_total", "Reads that were no whole code.", func() float64 { return float64(n.scanner.Stats().BadReads) })
	counter("scanner_losses_total", "Times the scanner went away.", func() float64 { return float64(n.scanner.Stats().Losses) })
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// exposureLevel is the cashier's colour as a number, 0 to 3. The figures themselves are the manager's, behind the
// PIN: exact head-room is a thief's guide.
func exposureLevel(v lane.View) float64 {
	return float64(slices.Index([]cashier.Risk{cashier.Calm, cashier.Raised, cashier.High, cashier.Gone}, risk(v)))
}
