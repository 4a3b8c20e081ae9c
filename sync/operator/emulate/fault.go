package emulate

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"tilld/sync/operator"
)

// before does what goes wrong before the operator has looked at the request, and says whether that was all.
func (b Behaviour) before(w http.ResponseWriter, r *http.Request, x exchange) bool {
	switch b.Fault {
	case CutBefore:
		panic(http.ErrAbortHandler) // net/http's way to end the connection
	case ErrorBefore:
		http.Error(w, "internal error", http.StatusInternalServerError)
	case Busy:
		http.Error(w, "<html>upstream is busy</html>", http.StatusServiceUnavailable)
	case Redirect:
		w.Header().Set("Location", b.To+r.URL.Path)
		w.WriteHeader(http.StatusTemporaryRedirect)
	case Unauthorized:
		x.send(w, x.d.refuse())
	default:
		return false
	}
	return true
}

// after does what was asked, and what goes wrong with the answer.
func (b Behaviour) after(w http.ResponseWriter, r *http.Request, x exchange) {
	if b.Fault == Late {
		b.later(r.Context(), x)
		panic(http.ErrAbortHandler)
	}
	var t told
	if b.Fault == Unheard && x.op == Cancel {
		look := x
		look.op = Query
		t = look.do()
		t.Outcome = operator.Reversed
	} else {
		t = x.do()
	}
	res := x.d.answer(x.op, t.spoiled(b.Fault))
	switch b.Fault {
	case Slow:
		if !x.s.hold(r.Context(), x.wallet, b.Delay) {
			panic(http.ErrAbortHandler)
		}
	case CutAfter:
		panic(http.ErrAbortHandler)
	case ErrorAfter:
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	case Garbage:
		res.status, res.body = http.StatusOK, []byte("\x00\xff<html>{\"paid\": yes")
	case Truncated:
		res.body = res.body[:len(res.body)/2]
	case Huge:
		res.body = append(bytes.Repeat([]byte{' '}, 1<<20), res.body...)
	case Endless:
		endless(w, r)
		return
	case Twice:
		x.twice(w, res, x.d.answer(x.op, t.opposite()))
		return
	}
	x.send(w, res)
}

// later takes the request and lets its connection go; the charge comes when it comes.
func (b Behaviour) later(ctx context.Context, x exchange) {
	p, ok := x.s.park(x.wallet, true)
	if !ok {
		return
	}
	go func() {
		p.wait(context.Background(), b.Delay)
		x.s.mu.Lock()
		defer x.s.mu.Unlock()
		if x.s.late[p] {
			x.s.ledgers[x.wallet].do(x.op, x.ask, x.s.cfg.Now())
			delete(x.s.late, p)
		}
		x.s.leave(x.wallet, p)
	}()
	p.wait(ctx, b.Delay)
}

// hold waits for Release or the delay; false: whoever asked has gone, or there are too many.
func (s *Server) hold(ctx context.Context, w Wallet, delay time.Duration) bool {
	p, ok := s.park(w, false)
	if !ok {
		return false
	}
	p.wait(ctx, delay)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leave(w, p)
	return ctx.Err() == nil
}

func (p *parked) wait(ctx context.Context, delay time.Duration) {
	var after <-chan time.Time
	if delay > 0 {
		t := time.NewTimer(delay)
		defer t.Stop()
		after = t.C
	}
	select {
	case <-p.free:
	case <-after:
	case <-ctx.Done():
	}
}

func endless(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	line := bytes.Repeat([]byte{' '}, 1024)
	flush := http.NewResponseController(w)
	for r.Context().Err() == nil {
		if _, err := w.Write(line); err != nil || flush.Flush() != nil {
			return
		}
	}
}

// twice writes two whole answers to one request.
func (x exchange) twice(w http.ResponseWriter, one, two response) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		x.send(w, one)
		return
	}
	defer func() { _ = conn.Close() }() // both answers are written
	_, _ = conn.Write(append(x.raw(one), x.raw(two)...))
}
