package hq

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// TestMetricsAreNamedAsPrometheusWants by its own lint.
func TestMetricsAreNamedAsPrometheusWants(t *testing.T) {
	r := newRunning(t)
	url := "http://" + r.Addr() + "/metrics"
	var text []byte
	for range 2 { // the first request is counted in the second's answer
		resp, err := http.Get(url)
		r.must(err)
		text, err = io.ReadAll(resp.Body)
		r.must(err)
		r.must(resp.Body.Close())
	}
	for _, name := range []string{"tilld_hq_api_requests_total", "tilld_ingest_messages_total", "tilld_hq_healthy", "tilld_hq_exceptions_open",
		"tilld_authorise_requests_lost_total", "tilld_authorise_attempts_trouble", "tilld_authorise_answers_unsent_total"} {
		if !strings.Contains(string(text), "# TYPE "+name+" ") {
			t.Errorf("%s is not there:\n%s", name, text)
		}
	}
	problems, err := promlint.New(strings.NewReader(string(text))).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}
