package hq

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
)

// issuerMetrics tells how it goes with the issuers that hear of what lanes took offline.
type issuerMetrics struct{ n *Node }

var (
	issuerSilent    = prometheus.NewDesc("tilld_issuer_silent", "1 while a wallet's issuer can't be told what lanes took offline.", []string{"wallet"}, nil)
	issuerPresented = prometheus.NewDesc("tilld_issuer_told_total", "Payments that a wallet's issuer was told of since the start.", []string{"wallet"}, nil)
	issuerRefused   = prometheus.NewDesc("tilld_issuer_refused", "Payments that HQ upheld and their issuer refuses: a person has to look.", nil, nil)
)

// Describe tells what is collected.
func (issuerMetrics) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{issuerSilent, issuerPresented, issuerRefused} {
		descs <- d
	}
}

// Collect reads.
func (m issuerMetrics) Collect(out chan<- prometheus.Metric) {
	for _, d := range m.n.issuers {
		silent := 0.0
		if d.silent.Load() {
			silent = 1
		}
		out <- prometheus.MustNewConstMetric(issuerSilent, prometheus.GaugeValue, silent, d.wallet)
		out <- prometheus.MustNewConstMetric(issuerPresented, prometheus.CounterValue, float64(d.presented.Load()), d.wallet)
	}
	if len(m.n.issuers) == 0 {
		return
	}
	if denied, err := m.n.Books.ToldCounts(context.Background()); err == nil {
		out <- prometheus.MustNewConstMetric(issuerRefused, prometheus.GaugeValue, float64(denied))
	}
}
