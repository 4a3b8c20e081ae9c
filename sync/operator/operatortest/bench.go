package operatortest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/operator"
	"tilld/sync/operator/emulate"
)

// impatience is the time-out of the connector that meets answers that don't come: long against a request on this
// machine, short against a test.
const impatience = 400 * time.Millisecond

type bench struct {
	*testing.T
	Setup
	ctx       context.Context
	server    *emulate.Server
	url       string
	requests  *atomic.Int64     // that reached the operator
	op        operator.Operator // that waits
	impatient operator.Operator
	clock     *clock
	codes     []string // ever shown: they may turn up nowhere
	refs      int
}

// clock is the operator's and the connector's.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) get() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

func newBench(t *testing.T, s Setup) *bench {
	b := &bench{T: t, Setup: s, ctx: t.Context(), requests: new(atomic.Int64),
		clock: &clock{now: time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC)}}
	server, err := emulate.New(emulate.Config{Wallets: map[emulate.Wallet]emulate.Party{s.Wallet: s.Party}, Now: b.clock.get})
	b.must(err)
	b.server = server
	http1 := httptest.NewServer(b.counted())
	t.Cleanup(http1.Close)
	t.Cleanup(server.Close)
	b.url = http1.URL
	b.op, b.impatient = b.open(b.url, 20*time.Second), b.open(b.url, impatience)
	return b
}

func (b *bench) counted() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.requests.Add(1)
		b.server.ServeHTTP(w, r)
	})
}

func (b *bench) open(url string, timeout time.Duration) operator.Operator {
	return b.Open(b, operator.Reach{BaseURL: url, Timeout: timeout, Now: b.clock.get}, true)
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) behave(f emulate.Fault, on ...emulate.Op) {
	b.Helper()
	b.must(b.server.Behave(b.Wallet, emulate.Behaviour{Fault: f, On: on}))
}

func (b *bench) ref() operator.Ref {
	b.refs++
	return operator.Ref(fmt.Sprintf("01ARZ3NDEKTSV4RRFFQ69%05d", b.refs))
}

func (b *bench) money(units int64) payment.Money { return payment.Of(units*100, b.Currency) }

// customer has a phone and 100,000 minor units.
func (b *bench) customer(name string, edit func(*emulate.Customer)) operator.Code {
	b.Helper()
	c := emulate.Customer{Name: name, Balance: b.money(1000)}
	if edit != nil {
		edit(&c)
	}
	b.must(b.server.SetCustomer(b.Wallet, c))
	code, err := b.server.Show(b.Wallet, name)
	b.must(err)
	b.codes = append(b.codes, string(code))
	return code
}

// charge is to be paid by a new customer.
func (b *bench) charge(edit func(*emulate.Customer)) operator.Charge {
	b.Helper()
	ref := b.ref()
	return operator.Charge{Ref: ref, Code: b.customer("customer of "+string(ref), edit), Amount: b.money(12), Shop: b.Shop, Sale: "R-17",
		Made: b.clock.get()}
}

func find(c operator.Charge) operator.Find {
	return operator.Find{Ref: c.Ref, Amount: c.Amount, Shop: c.Shop, Made: c.Made}
}

func (b *bench) pay(c operator.Charge) operator.Answer {
	b.Helper()
	return b.checked(b.op.Pay(b.ctx, c))
}

func (b *bench) query(c operator.Charge) operator.Answer {
	b.Helper()
	return b.checked(b.op.Query(b.ctx, find(c)))
}

func (b *bench) cancel(c operator.Charge) operator.Answer {
	b.Helper()
	return b.checked(b.op.Cancel(b.ctx, find(c)))
}

// paid charges a new customer.
func (b *bench) paid() operator.Charge {
	b.Helper()
	c := b.charge(nil)
	b.want(b.pay(c), operator.Paid)
	return c
}

// want wants one of the outcomes.
func (b *bench) want(a operator.Answer, outcomes ...operator.Outcome) {
	b.Helper()
	if !slices.Contains(outcomes, a.Outcome) {
		b.Fatalf("%s (%q, %v), want %v", a.Outcome, a.Said, a.Err, outcomes)
	}
}

// net wants a customer to be out of so much for a charge, taken at most once.
func (b *bench) net(c operator.Charge, want payment.Money) {
	b.Helper()
	book, _ := b.server.Book(b.Wallet, c.Ref)
	if book.Net != want.Minor || book.Charges > 1 {
		b.Fatalf("the customer is out of %d in %d charges, want %d: %+v", book.Net, book.Charges, want.Minor, book.History)
	}
}

func (b *bench) none() payment.Money { return payment.Of(0, b.Currency) }

// checked holds an answer to what all of them promise.
func (b *bench) checked(a operator.Answer) operator.Answer {
	b.Helper()
	if silent := a.Outcome == operator.Unknown || a.Outcome == operator.NotSent; silent != (a.Err != nil) {
		b.Errorf("%s with error %v", a.Outcome, a.Err)
	}
	if a.Outcome != operator.Declined && a.Why != operator.NoReason {
		b.Errorf("%s because of %s", a.Outcome, a.Why)
	}
	if a.Transaction != operator.Text(a.Transaction) || a.Said != operator.Text(a.Said) {
		b.Errorf("transaction %q, said %q", a.Transaction, a.Said)
	}
	b.silent(a)
	if a.Err != nil {
		b.silent(a.Err.Error())
	}
	return a
}

// silent wants a value to name no code and no credential, however it is printed or logged.
func (b *bench) silent(v any) {
	b.Helper()
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		fmt.Fprintf(&log, verb+"\n", v)
	}
	if j, err := json.Marshal(v); err == nil {
		log.Write(j)
	}
	for _, secret := range append(b.codes, b.Secrets...) {
		if hex := fmt.Sprintf("%x", secret); strings.Contains(log.String(), secret) || strings.Contains(log.String(), hex) {
			b.Errorf("a code or a credential shows in %T", v)
		}
	}
}
