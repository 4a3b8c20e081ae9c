package hq

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"tilld/sync/authorise"
)

// askMetrics tells of online payments: what comes of attempts, which are open, and which operators answer.
type askMetrics struct{ n *Node }

var (
	attemptsTotal = prometheus.NewDesc("tilld_authorise_attempts_total",
		"Attempts at online payments that came into a state since the start. wallet is empty for wallets that no operator is asked for.", []string{"wallet", "state"}, nil)
	attemptsOpen    = prometheus.NewDesc("tilld_authorise_attempts_open", "Attempts of which something is yet to come.", []string{"wallet", "state"}, nil)
	attemptsTrouble = prometheus.NewDesc("tilld_authorise_attempts_trouble",
		"Attempts that a person has to look at. lane_silent: paid, and the lane does not say so; overdue: open for a day; no_way_back: to be credited by hand; contradicts: the lane says otherwise.",
		[]string{"trouble"}, nil)
	operatorSilent = prometheus.NewDesc("tilld_authorise_operator_silent", "1 while a wallet's operator leaves calls without an answer.", []string{"wallet"}, nil)
	requestsLost   = prometheus.NewDesc("tilld_authorise_requests_lost_total",
		"Requests of lanes without an answer. refused: no lane's word; failed: HQ could not work at it; dropped: no room.", []string{"cause"}, nil)
	refundsTrouble = prometheus.NewDesc("tilld_authorise_refunds_trouble",
		"Refunds that a person has to look at. overdue: open for a day; no_way_back: promised to the customer, and refused by the operator.", []string{"trouble"}, nil)
	answersUnsent = prometheus.NewDesc("tilld_authorise_answers_unsent_total", "Answers that the broker did not take.", nil, nil)
)

// Describe tells what is collected.
func (askMetrics) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{attemptsTotal, attemptsOpen, attemptsTrouble, operatorSilent, requestsLost, answersUnsent, refundsTrouble} {
		descs <- d
	}
}

// Collect counts.
func (m askMetrics) Collect(metrics chan<- prometheus.Metric) {
	count := func(d *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(d, kind, value, labels...)
	}
	for c, n := range m.n.asks.desk.Counts() {
		count(attemptsTotal, prometheus.CounterValue, float64(n), c.Wallet, c.State.String())
	}
	for _, h := range m.n.asks.desk.Health() {
		silent := 0.0
		if h.Silent {
			silent = 1
		}
		count(operatorSilent, prometheus.GaugeValue, silent, h.Wallet)
	}
	s := m.n.asks.server.Stats()
	for cause, n := range map[string]uint64{"refused": s.Refused, "failed": s.Failed, "dropped": s.Dropped} {
		count(requestsLost, prometheus.CounterValue, float64(n), cause)
	}
	count(answersUnsent, prometheus.CounterValue, float64(s.Unsent))
	m.books(metrics, count)
}

// books adds what the books know. Every trouble is there, so that one that has ended is seen to be 0.
func (m askMetrics) books(metrics chan<- prometheus.Metric, count func(*prometheus.Desc, prometheus.ValueType, float64, ...string)) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeFor)
	defer cancel()
	open, err := m.n.Books.Attempts().Open(ctx)
	if err != nil {
		metrics <- prometheus.NewInvalidMetric(attemptsOpen, err)
	}
	for c, n := range open {
		count(attemptsOpen, prometheus.GaugeValue, float64(n), c.Wallet, c.State.String())
	}
	troubles, err := m.n.Books.Attempts().Troubles(ctx)
	if err != nil {
		metrics <- prometheus.NewInvalidMetric(attemptsTrouble, err)
		return
	}
	for _, t := range authorise.Troubles() {
		count(attemptsTrouble, prometheus.GaugeValue, float64(troubles[t]), t.String())
	}
	back, err := m.n.Books.Refunds().Troubles(ctx)
	if err != nil {
		metrics <- prometheus.NewInvalidMetric(refundsTrouble, err)
		return
	}
	for _, t := range []authorise.Trouble{authorise.Overdue, authorise.NoWayBack} {
		count(refundsTrouble, prometheus.GaugeValue, float64(back[t]), t.String())
	}
}
