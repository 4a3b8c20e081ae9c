package phone

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"tilld/agent/payment"
)

var noon = time.Date(2026, 11, 22, 12, 34, 0, 0, time.UTC)

// text is as long and of the same characters as a code at every limit; see paycode/signed/FORMAT.md.
func text(counter uint64) string {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
	var b strings.Builder
	for i := range 386 {
		b.WriteByte(alphabet[(uint64(i)*7+counter*31+uint64(i)*uint64(i)/3)%45])
	}
	return "ZY:1" + b.String()
}

// purse is a Wallet whose codes are only counted, and which keeps what it was asked.
type purse struct {
	mu      sync.Mutex
	now     time.Time
	counter uint64
	state   State
	calls   []string
	err     error // of Fresh and Hold
}

func newPurse() *purse {
	return &purse{now: noon, counter: 16, state: State{
		Store: "S0001", Console: "http://127.0.0.1:7900/hq",
		Lanes: []Lane{{"L01", "S0001/L01", "http://127.0.0.1:7801/", true}, {"L02", "S0001/L02", "http://127.0.0.1:7802/", true}},
	}}
}

func (p *purse) clock() time.Time { p.mu.Lock(); defer p.mu.Unlock(); return p.now }

func (p *purse) pass(d time.Duration) { p.mu.Lock(); defer p.mu.Unlock(); p.now = p.now.Add(d) }

func (p *purse) call(format string, args ...any) {
	p.calls = append(p.calls, fmt.Sprintf(format, args...))
}

// called gives what was asked since the last time.
func (p *purse) called() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := strings.Join(p.calls, "; ")
	p.calls = nil
	return all
}

func (p *purse) Phones(context.Context) ([]Phone, error) {
	return []Phone{{"aiko", payment.Of(10_000, "JPY")}, {"ben", payment.Of(3_000, "JPY")}}, nil
}

func (p *purse) Fresh(_ context.Context, phone, place string) (Code, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.call("fresh %s %s", phone, place)
	if p.err != nil {
		return Code{}, p.err
	}
	p.counter++
	return Code{Text: text(p.counter), Counter: p.counter, Expires: p.now.Add(30 * time.Second)}, nil
}

func (p *purse) Other(_ context.Context, kind Kind) (Code, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.call("other %s", kind)
	if kind == Goods {
		return Code{Text: "4901234567894", Title: "Green tea"}, nil
	}
	return Code{Text: "281234567890123456", Title: "Another wallet"}, nil
}

func (p *purse) Hold(_ context.Context, text, lane string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return p.err
	}
	p.call("hold %s %.6s %x", lane, text, len(text))
	for _, l := range p.state.Lanes {
		if l.Name == lane && !l.Plugged {
			return payment.Errorf(payment.NotAllowed, "purse", "the scanner of %s is unplugged", lane)
		}
	}
	return nil
}

func (p *purse) CutHQ(context.Context) error     { return p.switchTo(true) }
func (p *purse) RestoreHQ(context.Context) error { return p.switchTo(false) }

func (p *purse) switchTo(cut bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.call("cut %v", cut)
	p.state.Cut, p.state.CutSince = cut, p.now
	return nil
}

func (p *purse) Plug(_ context.Context, lane string, in bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.call("plug %s %v", lane, in)
	lanes := append([]Lane{}, p.state.Lanes...)
	for i := range lanes {
		if lanes[i].Name == lane {
			lanes[i].Plugged = in
		}
	}
	p.state.Lanes = lanes
	return nil
}

func (p *purse) State(context.Context) (State, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state, nil
}

// set makes the wallet answer as it did for a view.
func (p *purse) set(v View) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state, p.err = v.State, nil
	if v.Fault != "" {
		p.err = payment.Errorf(payment.NotAllowed, "purse", "%s", v.Fault)
	}
}
