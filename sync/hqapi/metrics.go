package hqapi

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts what clients ask. Routes are patterns, so that no client can make new labels.
type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	bad      prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tilld_hq_api_requests_total", Help: "Requests to HQ's API, by route and class of status.",
		}, []string{"route", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tilld_hq_api_request_duration_seconds", Help: "Time to answer a request to HQ's API, by route.",
			Buckets: []float64{.001, .005, .02, .1, .5, 2, 10},
		}, []string{"route"}),
		bad: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tilld_hq_api_bad_tokens_total", Help: "Requests to HQ's API with a token that is unknown, expired or revoked.",
		}),
	}
	for _, c := range []prometheus.Collector{m.requests, m.duration, m.bad} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// observe counts an answered request.
func (m *metrics) observe(r *http.Request, status int, took time.Duration) {
	route := r.Pattern
	if route == "" {
		route = "none"
	}
	m.requests.WithLabelValues(route, statusClass(status)).Inc()
	m.duration.WithLabelValues(route).Observe(elapsed(took))
}
