package posapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"tilld/agent/checkout"
	"tilld/agent/httpapi"
	"tilld/agent/payment"
	"tilld/agent/policy"
)

func TestLifeOfASale(t *testing.T) {
	b := newBench(t)
	sale := b.open(t)
	path := "/v1/sales/" + sale.ID.String()
	if p := b.do(t, "POST", path+"/complete", "").problem(t); p.Status != 409 || p.Type != httpapi.ProblemPrefix+"conflict" {
		t.Errorf("completing what nobody paid: %+v", p)
	}
	b.lane.pay()
	got := b.do(t, "GET", path, "").sale(t, 200)
	if got.State != SalePaid || got.Outcome != "paid" || len(got.Payments) != 1 {
		t.Fatalf("paid: %+v", got)
	}
	if p := got.Payments[0]; !p.Offline || p.State != "taken" || p.Wallet != "house" || p.Amount.Minor != 1000 || p.Progress != "waiting" || p.ID.IsZero() {
		t.Errorf("payment: %+v", p)
	}
	list := decode[SaleList](t, b.do(t, "GET", "/v1/sales/uncompleted", ""), 200)
	if len(list.Items) != 1 || list.Items[0].ID != sale.ID || list.More {
		t.Errorf("not completed: %+v", list)
	}
	if p := b.do(t, "POST", path+"/cancel", "").problem(t); p.Status != 409 {
		t.Errorf("cancelling a paid sale: %+v", p)
	}
	for range 2 {
		if got = b.do(t, "POST", path+"/complete", "").sale(t, 200); got.State != SaleCompleted || got.Outcome != "paid" {
			t.Errorf("completed: %+v", got)
		}
	}
	if list = decode[SaleList](t, b.do(t, "GET", "/v1/sales/uncompleted", ""), 200); len(list.Items) != 0 {
		t.Errorf("not completed: %+v", list)
	}
}

func TestCancelSale(t *testing.T) {
	b := newBench(t)
	first := b.open(t)
	path := "/v1/sales/" + first.ID.String() + "/cancel"
	for range 2 {
		if got := b.do(t, "POST", path, "").sale(t, 200); got.State != SaleCancelled || got.Outcome != "not_paid" {
			t.Errorf("cancelled: %+v", got)
		}
	}
	second := b.open(t)
	b.do(t, "POST", path, "").sale(t, 200) // an earlier sale that was cancelled is
	b.lane.pay()
	b.open(t)
	p := b.do(t, "POST", "/v1/sales/"+second.ID.String()+"/cancel", "").problem(t)
	if p.Status != 409 || !strings.Contains(p.Detail, "is paid") {
		t.Errorf("an earlier sale that was paid: %+v", p)
	}
}

// TestAskedSale: while an operator is asked the POS hears neither paid nor not paid, may put the sale aside and open the
// next, and may give the attempt up.
func TestAskedSale(t *testing.T) {
	b := newBench(t)
	sale := b.open(t)
	path := "/v1/sales/" + sale.ID.String()
	for _, do := range []string{"/park", "/take-back"} {
		if p := b.do(t, "POST", path+do, "").problem(t); p.Status != 409 {
			t.Errorf("%s while nobody is asked: %+v", do, p)
		}
	}
	for state, outcome := range map[string]string{"asking": "undecided", "pending": "pending", "unknown": "unknown"} {
		b.lane.ask(state)
		got := b.do(t, "GET", path, "").sale(t, 200)
		if got.State != SaleOpen || got.Outcome != outcome || got.Asked == nil || got.Asked.State != state || got.Asked.Wallet != "paypay" || got.Asked.Amount != got.Due {
			t.Errorf("%s: %+v, %+v", state, got, got.Asked)
		}
	}
	if got := b.do(t, "POST", path+"/park", "").sale(t, 200); got.Asked == nil || !got.Asked.Parked {
		t.Errorf("parked: %+v", got)
	}
	if got := b.do(t, "POST", path+"/take-back", "").sale(t, 200); got.Asked != nil || got.State != SaleCancelled || got.Outcome != "not_paid" {
		t.Errorf("taken back: %+v", got)
	}
}

// TestOnlineStatus: whether operators can be asked, and which do not answer.
func TestOnlineStatus(t *testing.T) {
	b := newBench(t)
	if got := decode[LaneView](t, b.do(t, "GET", "/v1/lane", ""), 200); got.Online != nil {
		t.Errorf("a lane that asks nobody: %+v", got.Online)
	}
	b.lane.change(func(f *fakeLane) { f.status.Asks, f.status.Answered, f.status.Silent = true, true, []string{"paypay"} })
	if got := decode[LaneView](t, b.do(t, "GET", "/v1/lane", ""), 200); got.Online == nil || !got.Online.Answered || len(got.Online.Silent) != 1 {
		t.Errorf("%+v", got.Online)
	}
}

// A void makes the journal call the sale open again; the POS must hear that it is over and unpaid.
func TestVoidedSale(t *testing.T) {
	for _, state := range []SaleState{SaleOpen, SaleCompleted, SaleCancelled} {
		b := newBench(t)
		sale := b.open(t)
		b.lane.pay()
		b.lane.change(func(f *fakeLane) { f.sales[0].State, f.sales[0].Payments[0].Voided = state, true })
		got := b.do(t, "GET", "/v1/sales/"+sale.ID.String(), "").sale(t, 200)
		if got.State != "voided" || got.Outcome != "not_paid" || got.Payments[0].State != "voided" {
			t.Errorf("%s and voided: %+v", state, got)
		}
	}
}

func TestFindSales(t *testing.T) {
	b := newBench(t)
	b.lane.change(func(f *fakeLane) {
		for i := range maxSales + 3 {
			s := &Sale{ID: saleID(i + 1), Reference: "R 1/あ", State: SaleCancelled, Total: payment.Of(1, "JPY"), Due: payment.Of(1, "JPY"), Date: 20261122}
			if i < 2 {
				s.Reference = "other"
			}
			f.sales = append(f.sales, s)
		}
	})
	find := func(reference string) SaleList {
		return decode[SaleList](t, b.do(t, "GET", "/v1/sales?reference="+reference, ""), 200)
	}
	if got := find("other"); len(got.Items) != 2 || got.More || got.Items[0].ID != saleID(2) {
		t.Errorf("the newest first: %+v", got)
	}
	if got := find("R%201%2F%E3%81%82"); len(got.Items) != maxSales || !got.More {
		t.Errorf("%d sales, more %v", len(got.Items), got.More)
	}
	if got := b.do(t, "GET", "/v1/sales?reference=nothing", ""); string(got.body) != `{"items":[],"more":false}`+"\n" {
		t.Errorf("none: %s", got.body)
	}
	for _, query := range []string{"", "?reference=", "?reference=" + strings.Repeat("r", 65), "?reference=a&limit=1"} {
		if p := b.do(t, "GET", "/v1/sales"+query, "").problem(t); p.Status != 422 || len(p.Errors) != 1 || !strings.HasPrefix(p.Errors[0].Location, "query.") {
			t.Errorf("%q: %+v", query, p)
		}
	}
}

func TestNoSuchSale(t *testing.T) {
	b := newBench(t)
	for _, path := range []string{"", "/cancel", "/complete"} {
		method := "POST"
		if path == "" {
			method = "GET"
		}
		if p := b.do(t, method, "/v1/sales/"+saleID(9).String()+path, "").problem(t); p.Status != 404 || p.Type != httpapi.ProblemPrefix+"not_found" {
			t.Errorf("%s: %+v", path, p)
		}
		for _, id := range []string{"1", strings.Repeat("0", 26), strings.ToLower(saleID(9).String()), strings.Repeat("Z", 26), "%00"} {
			if p := b.do(t, method, "/v1/sales/"+id+path, "").problem(t); p.Status != 422 || p.Errors[0].Location != "path.id" {
				t.Errorf("%s%s: %+v", id, path, p)
			}
		}
	}
}

func TestLaneStatus(t *testing.T) {
	b := newBench(t)
	get := func() LaneView { return decode[LaneView](t, b.do(t, "GET", "/v1/lane", ""), 200) }
	v := get()
	if v.State != "ready" || v.Store != "0001" || v.Lane != "2" || v.Works != "full" || v.HQ.State != "online" || v.Scanner.State != "ok" ||
		!v.Scanner.Since.Equal(noon) || v.BusinessDate != "2026-11-22" || v.Currency != "JPY" || !v.Sale.IsZero() {
		t.Errorf("%+v", v)
	}
	sale := b.open(t)
	if v = get(); v.State != "open" || v.Sale != sale.ID {
		t.Errorf("with a sale open: %+v", v)
	}
	b.lane.change(func(f *fakeLane) {
		f.status.Online, f.status.Tier, f.status.Blocked, f.status.Unsent, f.status.Uncompleted = false, policy.TierNone, payment.OfflineTooLong, 5, 2
	})
	if v = get(); v.HQ.State != "offline" || v.Works != "none" || v.Reason != payment.OfflineTooLong || v.Unsent != 5 || v.Uncompleted != 2 {
		t.Errorf("offline for too long: %+v", v)
	}
	b.lane.change(func(f *fakeLane) { f.status.Stopped = payment.JournalStopped })
	if v = get(); v.State != "stopped" || v.Works != "none" || v.Reason != payment.JournalStopped {
		t.Errorf("stopped: %+v", v)
	}
	b.lane.change(func(f *fakeLane) { f.status.Stopped = payment.StorageFull })
	if v = get(); v.State != "stopped" || v.Works != "none" || v.Reason != payment.StorageFull {
		t.Errorf("full: %+v", v)
	}
	b.lane.change(func(f *fakeLane) { f.status = Status{} })
	if v = get(); v.State != "ready" || v.BusinessDate != "" || v.Works != "none" {
		t.Errorf("a lane that has nothing yet: %+v", v)
	}
}

// Every code that the lane may answer with has its status; what is ours is logged and not told.
func TestErrors(t *testing.T) {
	disk := errors.New("disk I/O error on /dev/sda")
	tests := []struct {
		err    error
		status int
		code   string
		detail string // must be contained
	}{
		{payment.Errorf(payment.Invalid, "lane", "total: this store sells in JPY"), 422, "invalid", "this store sells in JPY"},
		{payment.Errorf(payment.Invalid, "lane", "no field of ours: at all"), 422, "invalid", "no field of ours: at all"},
		{payment.Errorf(payment.NotFound, "lane", "no such sale"), 404, "not_found", "no such sale"},
		{payment.Errorf(payment.Conflict, "lane", "twice"), 409, "conflict", "twice"},
		{payment.Errorf(payment.NotAllowed, "lane", "set the clock"), 409, "not_allowed", "set the clock"},
		{payment.Errorf(payment.Unauthorized, "lane", "who?"), 401, "unauthorized", "who?"},
		{payment.Errorf(payment.Forbidden, "lane", "no"), 403, "forbidden", "no"},
		{payment.Errorf(payment.Retry, "lane", "busy"), 503, "retry", "busy"},
		{payment.Errorf(payment.Internal, "lane", "secret: %w", disk), 500, "internal", "its log says what"},
		{fmt.Errorf("no code: %w", disk), 500, "internal", "its log says what"},
		{&payment.Error{Code: "new", Op: "lane", Msg: "secret", Err: disk}, 500, "internal", "its log says what"},
	}
	id := saleID(1).String()
	requests := []struct{ method, path, body string }{
		{"POST", "/v1/sales", yen1000}, {"GET", "/v1/sales/" + id, ""}, {"GET", "/v1/sales?reference=r", ""}, {"GET", "/v1/sales/uncompleted", ""},
		{"POST", "/v1/sales/" + id + "/cancel", ""}, {"POST", "/v1/sales/" + id + "/complete", ""},
	}
	b := newBench(t)
	for _, tt := range tests {
		b.lane.change(func(f *fakeLane) { f.fail = tt.err })
		for _, r := range requests {
			logged := len(b.log.String())
			res := b.do(t, r.method, r.path, r.body)
			p := res.problem(t)
			if p.Status != tt.status || p.Type != httpapi.ProblemPrefix+tt.code || !strings.Contains(p.Detail, tt.detail) {
				t.Errorf("%v: %s %s: %s", tt.err, r.method, r.path, res.body)
			}
			if (res.Header.Get("Retry-After") != "") != (tt.status == 503) {
				t.Errorf("%v: Retry-After %q", tt.err, res.Header.Get("Retry-After"))
			}
			said := b.log.String()[logged:]
			if ours := tt.status == 500; strings.Contains(said, "disk I/O") != ours || strings.Contains(string(res.body), "secret") {
				t.Errorf("%v: logged %q, told %s", tt.err, said, res.body)
			}
		}
	}
}

// ErrPhase alone does not make a Conflict "another sale is open".
func TestPhaseOfAnotherRequest(t *testing.T) {
	b := newBench(t)
	b.lane.change(func(f *fakeLane) { f.fail = payment.Errorf(payment.Conflict, "lane", "%w", checkout.ErrPhase) })
	if p := b.do(t, "POST", "/v1/sales/"+saleID(1).String()+"/complete", "").problem(t); p.Type != httpapi.ProblemPrefix+"conflict" {
		t.Errorf("%+v", p)
	}
}

func TestUnknownPaths(t *testing.T) {
	b := newBench(t)
	for _, path := range []string{"/", "/v1", "/v1/", "/docs", "/openapi.yaml", "/schemas/SaleView.json", "/v2/sales", "/v1/sales/x/y/z", "/metrics"} {
		if p := b.do(t, "GET", path, "").problem(t); p.Status != 404 {
			t.Errorf("%s: %+v", path, p)
		}
	}
	for _, tt := range []struct{ method, path, allow string }{
		{"DELETE", "/v1/sales", "GET, HEAD, POST"}, {"POST", "/v1/lane", "GET, HEAD"}, {"GET", "/v1/sales/x/cancel", "POST"}, {"PUT", "/openapi.json", "GET, HEAD"},
	} {
		res := b.do(t, tt.method, tt.path, "")
		if p := res.problem(t); p.Status != 405 || res.Header.Get("Allow") != tt.allow {
			t.Errorf("%s %s: %+v, Allow %q", tt.method, tt.path, p, res.Header.Get("Allow"))
		}
	}
}

// A lane that does not answer is said to be busy after callLimit, and no earlier.
func TestBusyLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, &fakeLane{hang: true}, &syncBuffer{})
		defer a.EndStreams()
		w := record(t, a, "GET", "/v1/sales/"+saleID(1).String(), "")
		if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "busy") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

// What a client that left has asked for is nobody's fault.
func TestClientGone(t *testing.T) {
	lane, log := newFakeLane(), &syncBuffer{}
	a := newAPI(t, lane, log)
	lane.fail = context.Canceled
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := recordCtx(ctx, a, "GET", "/v1/sales/"+saleID(1).String(), "")
	if w.Code != http.StatusServiceUnavailable || log.String() != "" {
		t.Errorf("%d %s, logged %q", w.Code, w.Body, log)
	}
}

// TestTrainingIsNotPosted: head office reads a practice payment and posts nothing, and that is what is said of it.
func TestTrainingIsNotPosted(t *testing.T) {
	for _, tt := range []struct {
		training       bool
		progress, want string
	}{
		{false, "posted", "posted"}, {true, "posted", "not_charged"}, {true, "waiting", "waiting"}, {true, "at_hq", "at_hq"}, {false, "borne", "borne"},
	} {
		v := viewSale(&Sale{ID: payment.ID{1}, State: SalePaid, Training: tt.training, Payments: []Payment{{ID: payment.ID{2}, Progress: tt.progress}}})
		if got := v.Payments[0].Progress; got != tt.want || v.Training != tt.training {
			t.Errorf("training %v, %s: %s", tt.training, tt.progress, got)
		}
	}
}

// TestOfferedSale: the POS may have a sale shown to the customer's phone, and draws it itself if it likes.
func TestOfferedSale(t *testing.T) {
	b := newBench(t)
	sale := b.open(t)
	path := "/v1/sales/" + sale.ID.String()
	if sale.Offer != nil {
		t.Errorf("offered from the start: %+v", sale.Offer)
	}
	got := b.do(t, "POST", path+"/offer", "").sale(t, 200)
	if got.Offer == nil || got.Offer.Text != "ZY:S the sale" || got.Offer.Until.IsZero() || got.Outcome != "undecided" {
		t.Errorf("%+v", got)
	}
	b.do(t, "POST", path+"/cancel", "").sale(t, 200)
	if p := b.do(t, "POST", path+"/offer", "").problem(t); p.Status != 409 {
		t.Errorf("of a cancelled sale: %+v", p)
	}
}
