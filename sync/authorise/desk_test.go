package authorise

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tilld/agent/payment"
	"tilld/sync/operator"
)

// shelf is the least store that a desk works on; the suite's are in authorisetest, which imports this package.
type shelf struct {
	mu  sync.Mutex
	all map[operator.Ref]Attempt
}

func (s *shelf) Begin(_ context.Context, a *Attempt) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.all[a.Ref]; ok {
		return ErrExists
	}
	s.all[a.Ref] = *a
	return nil
}

func (s *shelf) Save(_ context.Context, a *Attempt) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all[a.Ref].Version != a.Version {
		return ErrMoved
	}
	a.Version++
	s.all[a.Ref] = *a
	return nil
}

func (s *shelf) Get(_ context.Context, ref operator.Ref) (Attempt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.all[ref]
	if !ok {
		return a, ErrNone
	}
	return a, nil
}

func (s *shelf) Due(_ context.Context, until time.Time, most int, but []string) (due []Attempt, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.all {
		if !a.Due.IsZero() && !a.Due.After(until) && (len(but) == 0 || but[0] != a.Wallet) {
			due = append(due, a)
		}
	}
	return due[:min(most, len(due))], nil
}

// hung is an operator that never answers before its caller gives up, and counts who asks.
type hung struct {
	mu    sync.Mutex
	calls map[string]int
}

func (h *hung) wait(ctx context.Context, call string) operator.Answer {
	h.mu.Lock()
	h.calls[call]++
	h.mu.Unlock()
	<-ctx.Done()
	return operator.Answer{Err: ctx.Err()}
}

func (h *hung) Rules() operator.Rules {
	return operator.Rules{Timeout: 30 * time.Second, QueryAfter: 5 * time.Second, QueryEvery: 3 * time.Second, GiveUp: time.Hour, AbsentIsFinal: time.Hour}
}
func (h *hung) Pay(ctx context.Context, _ operator.Charge) operator.Answer { return h.wait(ctx, "pay") }
func (h *hung) Query(ctx context.Context, _ operator.Find) operator.Answer {
	return h.wait(ctx, "query")
}
func (h *hung) Cancel(ctx context.Context, _ operator.Find) operator.Answer {
	return h.wait(ctx, "cancel")
}
func (h *hung) Refund(ctx context.Context, _ operator.Refund) operator.Answer {
	return h.wait(ctx, "refund")
}

// prompt answers at once that it was paid.
type prompt struct{ hung }

func (p *prompt) Pay(context.Context, operator.Charge) operator.Answer {
	return operator.Answer{Outcome: operator.Paid}
}
func (p *prompt) Query(context.Context, operator.Find) operator.Answer {
	return operator.Answer{Outcome: operator.Paid}
}

func request(n byte, wallet string) Request {
	id := payment.ID{15: n}
	ref, _ := operator.NewRef(id, 0)
	return Request{Ref: ref, Payment: id, Wallet: wallet, Amount: payment.Money{Minor: 100, Currency: "JPY"}, NotAfter: time.Now().Add(time.Minute)}
}

func newDesk(most int) (*Desk, *hung) {
	h := &hung{calls: map[string]int{}}
	return New(Config{Store: &shelf{all: map[operator.Ref]Attempt{}}, Operators: map[string]operator.Operator{"hung": h, "prompt": &prompt{}},
		Now: time.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Most: most}), h
}

// TestHungOperator: one operator hangs. Its charges are bounded, its calls are made once at a time each, and another
// operator's customers notice nothing.
func TestHungOperator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, h := newDesk(2)
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = d.Run(ctx) })
		for n := range byte(2) {
			running.Go(func() {
				if a, err := d.Ask(ctx, request(n+1, "hung")); err != nil || a.State != Doubtful {
					t.Errorf("%s, %v", a.State, err)
				}
			})
		}
		synctest.Wait()
		if a, err := d.Ask(ctx, request(3, "hung")); err != nil || a.State != Declined || a.Why != operator.Busy {
			t.Errorf("a third: %s, %s, %v", a.State, a.Why, err)
		}
		if a, err := d.Ask(ctx, request(1, "hung")); err != nil || a.State != Asked {
			t.Errorf("the first, said again: %s, %s, %v", a.State, a.Why, err)
		}
		start := time.Now()
		if a, err := d.Ask(ctx, request(4, "prompt")); err != nil || a.State != Paid || time.Since(start) > 0 {
			t.Errorf("the other operator's: %s, %v, after %s", a.State, err, time.Since(start))
		}
		time.Sleep(35 * time.Second) // the charges have timed out, and the first queries hang
		synctest.Wait()
		h.mu.Lock()
		if h.calls["pay"] != 2 || h.calls["query"] != 2 {
			t.Errorf("calls %v", h.calls)
		}
		h.mu.Unlock()
		stop()
		running.Wait()
	})
}

// TestOneCallAtATime: while a call is under way nobody makes it again, however often the loop looks.
func TestOneCallAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, h := newDesk(4)
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = d.Run(ctx) })
		if _, err := d.Ask(ctx, request(1, "hung")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(4 * time.Second)
		for range 20 { // the query hangs for 30 s
			d.Stir()
			time.Sleep(time.Second)
		}
		h.mu.Lock()
		if h.calls["query"] != 1 {
			t.Errorf("calls %v", h.calls)
		}
		h.mu.Unlock()
		stop()
		running.Wait()
	})
}

// TestDeskRefuses: what is wrong is said, and nothing is asked or written.
func TestDeskRefuses(t *testing.T) {
	d, h := newDesk(1)
	if a, err := d.Ask(t.Context(), request(9, "nobody")); err != nil || a.State != Declined || a.Why != operator.NotEnabled {
		t.Errorf("%s, %s, %v", a.State, a.Why, err)
	}
	if a, err := d.Reverse(t.Context(), request(9, "nobody")); err != nil || a.State != Declined {
		t.Errorf("%s, %v", a.State, err)
	}
	late := request(8, "prompt")
	late.NotAfter = time.Now().Add(-time.Second)
	if a, err := d.Ask(t.Context(), late); err != nil || a.State != Declined || a.Why != operator.Late {
		t.Errorf("%s, %s, %v", a.State, a.Why, err)
	}
	late.NotAfter = time.Now().Add(time.Minute)
	if a, err := d.Ask(t.Context(), late); err != nil || a.State != Declined {
		t.Errorf("in time, but declined before: %s, %v", a.State, err)
	}
	if _, err := d.Status(t.Context(), request(7, "prompt")); !errors.Is(err, ErrNone) {
		t.Errorf("status of what nobody asked: %v", err)
	}
	bad := request(1, "prompt")
	bad.Ref = "a-b"
	if _, err := d.Ask(t.Context(), bad); !errors.Is(err, operator.ErrRef) {
		t.Error(err)
	}
	if _, err := d.Reverse(t.Context(), bad); !errors.Is(err, operator.ErrRef) {
		t.Error(err)
	}
	first := request(1, "prompt")
	if _, err := d.Ask(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Request){
		"amount": func(r *Request) { r.Amount.Minor++ }, "terminal": func(r *Request) { r.Terminal = payment.ID{1} },
		"payment": func(r *Request) { r.Payment = payment.ID{2} }, "wallet": func(r *Request) { r.Wallet = "hung" },
	} {
		r := first
		change(&r)
		if _, err := d.Ask(t.Context(), r); !errors.Is(err, ErrOther) {
			t.Errorf("another %s: asked: %v", name, err)
		}
		if _, err := d.Reverse(t.Context(), r); !errors.Is(err, ErrOther) {
			t.Errorf("another %s: reversed: %v", name, err)
		}
		if _, err := d.Status(t.Context(), r); !errors.Is(err, ErrOther) {
			t.Errorf("another %s: status: %v", name, err)
		}
		if _, err := d.Complete(t.Context(), r); !errors.Is(err, ErrOther) {
			t.Errorf("another %s: completed: %v", name, err)
		}
	}
	if _, err := d.Complete(t.Context(), request(2, "prompt")); !errors.Is(err, ErrNone) {
		t.Errorf("completed what nobody asked: %v", err)
	}
	if a, err := d.Complete(t.Context(), first); err != nil || a.State != Completed {
		t.Errorf("%s, %v", a.State, err)
	}
	if _, err := d.Reverse(t.Context(), first); !errors.Is(err, ErrCompleted) {
		t.Errorf("reversed what is completed: %v", err)
	}
	if len(h.calls) > 0 {
		t.Errorf("calls %v", h.calls)
	}
}
