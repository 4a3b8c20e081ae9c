package posapi_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"tilld/agent/checkout"
	"tilld/agent/clock"
	"tilld/agent/journal"
	"tilld/agent/lane"
	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/agent/posapi"
	"tilld/drivers/scanner"
	"tilld/sync/wire"
	"tilld/ui/web"
)

var start = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// shop is a real lane on a real journal, with the API in front of it.
type shop struct {
	t      *testing.T
	lane   *lane.Lane
	issuer *wire.Signer
	url    string
}

func newShop(t *testing.T) *shop {
	t.Helper()
	key := func() *wire.Signer {
		return must(wire.NewSigner(must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), rand.Reader))
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &shop{t: t, issuer: key()}
	root, seal, terminal := key(), must(wire.NewConfidantKey(rand.Reader)), payment.ID{1, 2, 3}
	row := func(use policy.Use, raw []byte, wallet string) policy.TrustRow {
		return policy.TrustRow{Use: use, Key: raw, Wallet: wallet, NotBefore: policy.StampOf(start.AddDate(-1, 0, 0)), NotAfter: policy.StampOf(start.AddDate(1, 0, 0))}
	}
	trust := &policy.Trust{Version: 1, Chain: "kita", Issued: policy.StampOf(start), Rows: []policy.TrustRow{
		row(policy.UsePolicy, root.Public().Bytes(), ""), row(policy.UseAck, root.Public().Bytes(), ""),
		row(policy.UseSeal, seal.Public().Bytes(), ""), row(policy.UseIssuer, s.issuer.Public().Bytes(), "house"),
	}}
	bundle := must(policy.Load(root.Public(), "kita", must(trust.Sign(root)), must(policy.Starter("kita", "JPY", "Asia/Tokyo", start).Sign(root))))
	now := func() time.Time { return start }
	boot := func() (time.Duration, error) { return time.Hour, nil }
	j := must(journal.Open(t.Context(), journal.Config{
		Dir: t.TempDir(), Terminal: terminal, Store: "0001", Lane: "1", Software: "test", Random: rand.Reader, Signer: must(wire.NewSigner(private, rand.Reader)),
		Now: func() journal.Moment {
			return journal.Moment{Date: 20261122, Wall: start, Boot: time.Hour, Zone: "Asia/Tokyo"}
		},
	}))
	s.lane = must(lane.New(t.Context(), lane.Config{
		Journal: j, Clock: clock.New(clock.Source{Wall: now, Boot: boot, BootID: "b"}, clock.Saved{}), Bundle: bundle,
		HashKey: policy.HashKey{Epoch: 1, Key: make([]byte, 32)}, IDs: payment.NewIDs(now, rand.Reader), Log: slog.New(slog.DiscardHandler),
		Place: checkout.Place{Terminal: terminal, Store: "0001", Lane: "1", Zone: must(time.LoadLocation("Asia/Tokyo")), Roll: 4 * time.Hour},
	}))
	api := must(posapi.New(posapi.Config{
		Lane: adapter{s.lane, j}, Stream: payment.ID{9}, Log: slog.New(slog.DiscardHandler), Version: "test",
		Guard: func(next http.Handler) http.Handler { return web.Guard(nil, next) },
	}))
	ln := must(net.Listen("tcp", "127.0.0.1:0"))
	s.url = "http://" + ln.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- s.lane.Run(ctx) }()
	go func() { done <- api.Serve(ctx, ln) }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		cancel()
		for range 2 {
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("ended with %v", err)
			}
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.lane.Contact(ctx, start, time.Hour); err != nil {
		t.Fatal(err)
	}
	return s
}

// code is what a new customer's phone shows.
func (s *shop) code() string {
	phone := must(wire.NewSigner(must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), rand.Reader))
	cert := must(signed.Certify(s.issuer, signed.Claims{
		Account: signed.Account{1}, Phone: phone.Public(), Cap: payment.Of(8000, "JPY"), NotBefore: start.Add(-time.Hour), Hours: 48,
	}))
	return must(signed.Sign(phone, cert, signed.CodeClaims{Counter: 1, Time: start, Store: "0001"}))
}

func (s *shop) scan(text string) {
	s.lane.Scanned(s.t.Context(), scanner.Symbol{Text: text, AIM: "]Q1", At: start})
}

// ask reads an answer into v and gives its status.
func (s *shop) ask(method, path, body string, v any) int {
	s.t.Helper()
	req := must(http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body)))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", "key "+body)
	res := must(http.DefaultClient.Do(req))
	defer res.Body.Close()
	raw := must(io.ReadAll(res.Body))
	if err := json.Unmarshal(raw, v); err != nil {
		s.t.Fatalf("%v: %s", err, raw)
	}
	return res.StatusCode
}

func (s *shop) sale(method, path, body string, status int) (v posapi.SaleView) {
	s.t.Helper()
	if got := s.ask(method, path, body, &v); got != status {
		s.t.Fatalf("%s %s: %d", method, path, got)
	}
	return v
}

// TestOnALane is the story that an integrator reads in the package comment, on real parts.
func TestOnALane(t *testing.T) {
	s := newShop(t)
	res := must(http.Get(s.url + "/v1/events"))
	defer res.Body.Close()
	stream := bufio.NewScanner(res.Body)
	hear := func() (e posapi.EventView) {
		t.Helper()
		for stream.Scan() {
			if data, ok := strings.CutPrefix(stream.Text(), "data: "); ok {
				if err := json.Unmarshal([]byte(data), &e); err != nil {
					t.Fatal(err)
				}
				return e
			}
		}
		t.Fatalf("the stream ended: %v", stream.Err())
		return e
	}
	const body = `{"total":{"minor":1200,"currency":"JPY"},"reference":"R-1"}`
	sale := s.sale("POST", "/v1/sales", body, 201)
	if again := s.sale("POST", "/v1/sales", body, 200); again.ID != sale.ID {
		t.Errorf("the same request: %s, not %s", again.ID, sale.ID)
	}
	if e := hear(); e.Event != "sale.opened" || e.Sale != sale.ID || e.Reference != "R-1" {
		t.Errorf("%+v", e)
	}
	s.scan("4901234567894")
	if e := hear(); e.Event != "scan.passed" || *e.Text != "4901234567894" || e.AIM != "]Q1" {
		t.Errorf("%+v", e)
	}
	s.scan("900081818800001111222233")
	if e := hear(); e.Event != "code.refused" || e.Reason == payment.ReasonNone {
		t.Errorf("%+v", e)
	}
	s.scan(s.code())
	if e := hear(); e.Event != "sale.paid" || e.Sale != sale.ID || e.Amount.Minor != 1200 || e.Wallet != "house" {
		t.Errorf("%+v", e)
	}
	path := "/v1/sales/" + sale.ID.String()
	if got := s.sale("GET", path, "", 200); got.State != posapi.SalePaid || got.Outcome != "paid" || len(got.Payments) != 1 || !got.Payments[0].Offline {
		t.Errorf("%+v", got)
	}
	var list posapi.SaleList
	if s.ask("GET", "/v1/sales/uncompleted", "", &list); len(list.Items) != 1 || list.Items[0].ID != sale.ID {
		t.Errorf("not completed: %+v", list)
	}
	s.sale("POST", path+"/complete", "", 200)
	s.sale("POST", path+"/complete", "", 200)
	if e := hear(); e.Event != "sale.completed" {
		t.Errorf("%+v", e)
	}
	if s.ask("GET", "/v1/sales?reference=R-1", "", &list); len(list.Items) != 1 || list.Items[0].State != posapi.SaleCompleted {
		t.Errorf("by reference: %+v", list)
	}
	var status posapi.LaneView
	if s.ask("GET", "/v1/lane", "", &status); status.State != "ready" || status.Works != "full" || status.Unsent == 0 || status.Currency != "JPY" {
		t.Errorf("%+v", status)
	}
}

// What the lane refuses comes out as the API promises.
func TestRefusalsOfALane(t *testing.T) {
	s := newShop(t)
	var p struct {
		Type, Detail string
		Errors       []struct{ Location string }
	}
	if got := s.ask("POST", "/v1/sales", `{"total":{"minor":1,"currency":"USD"}}`, &p); got != 422 || len(p.Errors) != 1 || p.Errors[0].Location != "body.total" {
		t.Errorf("another currency: %d %+v", got, p)
	}
	first := s.sale("POST", "/v1/sales", `{"total":{"minor":1,"currency":"JPY"}}`, 201)
	if got := s.ask("POST", "/v1/sales", `{"total":{"minor":2,"currency":"JPY"}}`, &p); got != 409 || p.Type != "urn:tilld:problem:sale_open" || !strings.Contains(p.Detail, first.ID.String()) {
		t.Errorf("a second sale: %d %+v", got, p)
	}
	cancel := "/v1/sales/" + first.ID.String() + "/cancel"
	s.sale("POST", cancel, "", 200)
	s.sale("POST", cancel, "", 200)
	second := s.sale("POST", "/v1/sales", `{"total":{"minor":3,"currency":"JPY"}}`, 201)
	s.sale("POST", cancel, "", 200)
	s.scan(s.code())
	paid := s.sale("GET", "/v1/sales/"+second.ID.String(), "", 200)
	if err := s.lane.Void(t.Context(), paid.Payments[0].ID, "Abe"); err != nil {
		t.Fatal(err)
	}
	if got := s.sale("GET", "/v1/sales/"+second.ID.String(), "", 200); got.State != "voided" || got.Outcome != "not_paid" {
		t.Errorf("voided: %+v", got)
	}
	if got := s.ask("POST", "/v1/sales/"+second.ID.String()+"/complete", "", &p); got != 409 {
		t.Errorf("completing what was voided: %d %+v", got, p)
	}
}
