package hq

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tilld/sync/ledger"
)

// exceptionGauge reports the open exceptions by kind, so that whoever watches over HQ hears of a till that lives
// twice, or of books that were put back, without looking at the console.
type exceptionGauge struct{ books *ledger.Store }

// scrapeFor is how long a scrape may take.
const scrapeFor = 5 * time.Second

var openExceptions = prometheus.NewDesc("tilld_hq_exceptions_open",
	"Exceptions that nobody has decided. hq_lost: HQ's books lack what HQ had acknowledged; terminal_twice: two journals of one terminal are alive.",
	[]string{"kind", "owner"}, nil)

// Describe tells what is collected.
func (exceptionGauge) Describe(descs chan<- *prometheus.Desc) { descs <- openExceptions }

// Collect counts, every kind, so that an alarm that has ended is seen to be 0.
func (g exceptionGauge) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeFor)
	defer cancel()
	counts, err := g.books.OpenByKind(ctx)
	if err != nil {
		metrics <- prometheus.NewInvalidMetric(openExceptions, err)
		return
	}
	for _, k := range ledger.Kinds() {
		metrics <- prometheus.MustNewConstMetric(openExceptions, prometheus.GaugeValue, float64(counts[k]), string(k), k.Owner())
	}
}
