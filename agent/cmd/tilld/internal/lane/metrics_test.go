package lane

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"tilld/agent/cmd/tilld/internal/hq"
	"tilld/agent/lane"
)

// TestMetricsAreNamedAsPrometheusWants by its own lint.
func TestMetricsAreNamedAsPrometheusWants(t *testing.T) {
	n := joined(t, "127.0.0.1:0")
	defer run(t, n)()
	code, text := get(t, "http://"+n.PagesAddr()+"/metrics")
	if code != http.StatusOK || !strings.Contains(text, "\ntilld_lane_exposure_level ") {
		t.Fatalf("%d\n%s", code, text)
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

// TestHeadRoomIsNotTold: neither how much the lane may still take, nor its share, is told to who has not signed
// in. A thief who knows it knows when to come, and for how much.
func TestHeadRoomIsNotTold(t *testing.T) {
	office := t.TempDir()
	n := joinedAt(t, office, "127.0.0.1:0")
	defer run(t, n)()
	o, err := hq.OpenOffice(t.Context(), office, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if _, err := o.EditPolicy(t.Context(), func(text []byte) ([]byte, error) {
		return []byte(strings.NewReplacer("share_sum = 100000", "share_sum = 98713", "share_count = 200", "share_count = 8641").Replace(string(text))), nil
	}); err != nil {
		t.Fatal(err)
	}
	_, sealed, err := o.Policy(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := n.lane.Policy(t.Context(), sealed); err != nil {
		t.Fatal(err)
	}
	if v := n.lane.View(); v.ShareSum != 98713 || v.ShareCount != 8641 {
		t.Fatalf("the share of this test: %d in %d", v.ShareSum, v.ShareCount)
	}
	pages, pos := "http://"+n.PagesAddr(), "http://"+n.POSAddr()
	for _, url := range []string{
		pages + "/", pages + "/today", pages + "/manager", pages + "/healthz", pages + "/metrics",
		pages + "/live", pages + "/today/live", pages + "/manager/live",
		pos + "/v1/lane", pos + "/v1/sales?reference=x", pos + "/v1/sales/uncompleted", pos + "/v1/events", pos + "/openapi.json",
	} {
		code, text := get(t, url)
		if code == http.StatusNotFound || text == "" {
			t.Errorf("%s: %d, nothing to look at", url, code)
		}
		for _, figure := range []string{"98713", "98,713", "8641", "8,641", "exposure_minor", "exposure_share"} {
			if strings.Contains(text, figure) {
				t.Errorf("%s tells %s", url, figure)
			}
		}
	}
}

// get fetches a page; of a stream, what comes first.
func get(t *testing.T, url string) (code int, text string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.Header.Get("Content-Type") == "text/event-stream" {
		b := make([]byte, 64<<10)
		n, err := io.ReadAtLeast(resp.Body, b, 1)
		if err != nil {
			t.Fatalf("%s: %v", url, err)
		}
		return resp.StatusCode, string(b[:n])
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	return resp.StatusCode, string(b)
}

// TestExposureLevel is the cashier's colour as a number.
func TestExposureLevel(t *testing.T) {
	var got []float64
	for _, used := range []int64{0, 49, 50, 79, 80, 99, 100, 101} {
		got = append(got, exposureLevel(lane.View{UsedSum: used, ShareSum: 100, ShareCount: 10}))
	}
	if want := []float64{0, 0, 1, 1, 2, 2, 3, 3}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if l := exposureLevel(lane.View{}); l != 3 {
		t.Errorf("without a share: %v", l)
	}
}
