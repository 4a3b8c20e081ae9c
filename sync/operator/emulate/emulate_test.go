package emulate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tilld/agent/payment"
	"tilld/sync/operator"
)

func newServer(t interface{ Fatal(...any) }) *Server {
	now := time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)
	s, err := New(Config{Now: func() time.Time { now = now.Add(time.Second); return now },
		Wallets: map[Wallet]Party{PayPay: {ID: "k", Secret: operator.SecretOf("s")}}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestBook: whatever is asked in whatever order, no yen is lost or made, and nobody is charged twice.
func TestBook(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newServer(t)
		l := s.ledgers[PayPay]
		const each = 100
		for _, name := range []string{"a", "b"} {
			prompted := rapid.Bool().Draw(t, "prompted")
			if err := s.SetCustomer(PayPay, Customer{Name: name, Balance: payment.Of(each, "JPY"), Prompted: prompted}); err != nil {
				t.Fatal(err)
			}
		}
		var codes []string
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			a := ask{ref: operator.Ref(rapid.SampledFrom([]string{"R1", "R2", "R3"}).Draw(t, "ref")),
				refund: rapid.SampledFrom([]string{"", "F1", "F2"}).Draw(t, "refund"), whole: rapid.Bool().Draw(t, "whole"),
				amount: payment.Of(rapid.Int64Range(1, 120).Draw(t, "amount"), "JPY")}
			switch step := rapid.SampledFrom([]string{"code", "pay", "cancel", "refund", "query", "confirm"}).Draw(t, "step"); step {
			case "code":
				code, err := s.Show(PayPay, rapid.SampledFrom([]string{"a", "b"}).Draw(t, "who"))
				if err != nil {
					t.Fatal(err)
				}
				codes = append(codes, string(code))
			case "confirm":
				_ = s.Confirm(PayPay, a.ref, rapid.Bool().Draw(t, "yes")) // often there is nothing to confirm
			default:
				if len(codes) > 0 {
					a.code = rapid.SampledFrom(codes).Draw(t, "code")
				}
				l.do(Op(step), a, s.cfg.Now())
			}
			sum := l.customers["a"].Balance.Minor + l.customers["b"].Balance.Minor
			for ref, e := range l.charges {
				if sum += e.Net; e.Charges > 1 || e.Net < 0 || e.Net > e.Amount.Minor || e.Outcome != operator.Paid && e.Net != 0 {
					t.Fatalf("%s: %+v", ref, e.Charge)
				}
			}
			if sum != 2*each {
				t.Fatalf("%d yen in all, began with %d", sum, 2*each)
			}
		}
	})
}

// TestControl: a demo's way to move the operators, over HTTP.
func TestControl(t *testing.T) {
	s := newServer(t)
	h := httptest.NewServer(s.Control())
	defer h.Close()
	call := func(method, path, body string, status int) string {
		t.Helper()
		q, err := http.NewRequestWithContext(t.Context(), method, h.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Body.Close() }()
		b, err := io.ReadAll(r.Body)
		if err != nil || r.StatusCode != status {
			t.Fatalf("%s %s: %d %s, %v", method, path, r.StatusCode, b, err)
		}
		return string(bytes.TrimSpace(b))
	}
	if got := call("GET", "/wallets", "", 200); got != `["paypay"]` {
		t.Errorf("wallets %s", got)
	}
	call("POST", "/customers", `{"wallet":"paypay","customer":{"name":"Hana","prompted":true,"balance":{"minor":500,"currency":"JPY"}}}`, 200)
	call("POST", "/customers", `{"wallet":"paypay","customer":{"name":"","balance":{"minor":500,"currency":"JPY"}}}`, 400)
	call("POST", "/customers", `{"wallet":"nobody","customer":{"name":"Hana"}}`, 404)
	call("POST", "/customers", `{"wallet":"paypay","colour":1}`, 400)
	var shown struct{ Code string }
	if err := json.Unmarshal([]byte(call("POST", "/codes", `{"wallet":"paypay","name":"Hana"}`, 200)), &shown); err != nil || len(shown.Code) != 24 {
		t.Fatalf("code %v, %v", shown, err)
	}
	call("POST", "/codes", `{"wallet":"paypay","name":"Nobody"}`, 404)
	s.ledgers[PayPay].do(Pay, ask{ref: "R1", code: shown.Code, amount: payment.Of(120, "JPY")}, s.cfg.Now())
	for _, row := range []struct{ do, want string }{{"", "confirming"}, {`{"wallet":"paypay","ref":"R1","yes":true}`, "paid"}} {
		if row.do != "" {
			call("POST", "/confirm", row.do, 200)
		}
		if got := call("GET", "/charges/paypay/R1", "", 200); !strings.Contains(got, fmt.Sprintf("%q:%q", "outcome", row.want)) {
			t.Errorf("after %s: %s", row.do, got)
		}
	}
	call("POST", "/confirm", `{"wallet":"paypay","ref":"R1","yes":true}`, 404)
	if got := call("GET", "/customers/paypay/Hana", "", 200); !strings.Contains(got, `"minor":380`) {
		t.Errorf("customer %s", got)
	}
	if got := call("GET", "/charges/paypay?most=5", "", 200); strings.Contains(got, shown.Code) || !strings.Contains(got, `"net":120`) {
		t.Errorf("charges %s", got)
	}
	call("GET", "/charges/paypay/R2", "", 404)
	call("POST", "/behaviour", `{"wallet":"paypay","behaviour":{"fault":"error_after","on":["pay"],"times":1}}`, 200)
	call("POST", "/behaviour", `{"wallet":"paypay","behaviour":{"fault":"mean"}}`, 400)
	call("POST", "/behaviour", `{"wallet":"paypay","behaviour":{"fault":"redirect"}}`, 400)
	call("POST", "/behaviour", `{"wallet":"paypay","behaviour":{"fault":"slow","on":["sing"]}}`, 400)
	if got := call("POST", "/release", `{"wallet":"paypay"}`, 200); got != `{"released":0}` {
		t.Errorf("release %s", got)
	}
}

// TestTimes: a fault that is to happen so often happens so often, and only to what it is for.
func TestTimes(t *testing.T) {
	s := newServer(t)
	if err := s.Behave(PayPay, Behaviour{Fault: Busy, On: []Op{Pay}, Times: 2}); err != nil {
		t.Fatal(err)
	}
	var got []Fault
	for _, op := range []Op{Pay, Query, Pay, Pay} {
		got = append(got, s.faultOf(PayPay, op).Fault)
	}
	if want := fmt.Sprint([]Fault{Busy, None, Busy, None}); fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
}

// TestForgets: the oldest charges go when there are too many, and the server forgets nothing else.
func TestForgets(t *testing.T) {
	s := newServer(t)
	l := s.ledgers[PayPay]
	for i := range MaxCharges + 3 {
		l.do(Pay, ask{ref: operator.Ref(fmt.Sprint("R", i)), code: "none", amount: payment.Of(1, "JPY")}, time.Unix(1, 0))
	}
	if len(l.charges) != MaxCharges || len(l.order) != MaxCharges {
		t.Errorf("%d charges in %d places", len(l.charges), len(l.order))
	}
	if _, ok := s.Book(PayPay, "R2"); ok {
		t.Error("the third is still there")
	}
	if _, ok := s.Book(PayPay, "R3"); !ok {
		t.Error("the fourth is not there any more")
	}
}

func TestConfig(t *testing.T) {
	for _, row := range []struct {
		wallets map[Wallet]Party
		err     error
	}{
		{nil, nil}, {map[Wallet]Party{"nobody": {ID: "a"}}, ErrUnknown}, {map[Wallet]Party{PayPay: {}}, ErrInvalid},
	} {
		if _, err := New(Config{Wallets: row.wallets}); !errors.Is(err, row.err) {
			t.Errorf("%v: %v", row.wallets, err)
		}
	}
}

// TestWaiting: who waits and leaves is forgotten; what is late is done after its delay; and Close frees all.
func TestWaiting(t *testing.T) {
	s := newServer(t)
	gone, leave := context.WithCancel(t.Context())
	done := make(chan bool)
	go func() { done <- s.hold(gone, PayPay, 0) }()
	s.Await(PayPay, 1)
	leave()
	if <-done {
		t.Error("who left is taken to wait still")
	}
	s.mu.Lock()
	if n := len(s.waiting[PayPay]); n != 0 {
		t.Errorf("%d wait", n)
	}
	s.mu.Unlock()

	x := exchange{s: s, wallet: PayPay, op: Pay, ask: ask{ref: "R1", code: "none", amount: payment.Of(1, "JPY")}}
	Behaviour{Delay: time.Millisecond}.later(t.Context(), x)
	s.mu.Lock()
	for len(s.late) > 0 {
		s.arrived.Wait()
	}
	s.mu.Unlock()
	if _, ok := s.Book(PayPay, "R1"); !ok {
		t.Error("the late charge never came")
	}

	x.ask.ref = "R2"
	go func() {
		Behaviour{}.later(t.Context(), x)
		done <- true
	}()
	s.Await(PayPay, 1)
	s.Close()
	<-done
	if _, ok := s.Book(PayPay, "R2"); ok {
		t.Error("a charge came after the end")
	}
	if _, ok := s.park(PayPay, false); ok {
		t.Error("a closed server has room")
	}
}
