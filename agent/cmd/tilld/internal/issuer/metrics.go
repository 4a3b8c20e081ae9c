package issuer

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"tilld/sync/house"
)

// metrics tells how the issuer stands; what customers do is not in it.
type metrics struct{ books *house.Issuer }

var (
	spendingStopped = prometheus.NewDesc("tilld_issuer_stopped", "1 while this is stopped for everybody.", []string{"what"}, nil)
	accountsStopped = prometheus.NewDesc("tilld_issuer_account_stops", "Stops of accounts that stand, by reason.", []string{"reason"}, nil)
	booksDown       = prometheus.NewDesc("tilld_issuer_books_down", "1 when the books can't be read.", nil, nil)
)

// Describe tells what is collected.
func (metrics) Describe(descs chan<- *prometheus.Desc) {
	descs <- spendingStopped
	descs <- accountsStopped
	descs <- booksDown
}

// Collect reads.
func (m metrics) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	ctx := context.Background()
	s, err := m.books.Standing(ctx)
	var stops []house.Stop
	if err == nil {
		stops, err = m.books.Stops(ctx, "")
	}
	if err != nil {
		gauge(booksDown, 1)
		return
	}
	gauge(booksDown, 0)
	gauge(spendingStopped, number(s.Spending), "spending")
	gauge(spendingStopped, number(s.TopUps), "top_ups")
	by := map[string]float64{}
	for _, st := range stops {
		by[st.Reason.String()]++
	}
	for reason, n := range by {
		gauge(accountsStopped, n, reason)
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
