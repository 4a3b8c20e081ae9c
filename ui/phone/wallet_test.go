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
	opaque  int
	lost    bool // ben's phone
	state   State
	calls   []string
	err     error // of Fresh and Hold
}

func newPurse() *purse {
	yen := func(n int64) payment.Money { return payment.Of(n, "JPY") }
	return &purse{now: noon, counter: 16, state: State{
		Store: "S0001", Market: "JP", Console: "http://127.0.0.1:7900/hq", Right: Right{Full: 4 * time.Hour, Small: 24 * time.Hour},
		Lanes: []Lane{
			{Name: "L01", Place: "S0001/L01", Screen: "http://127.0.0.1:7801/", Customer: "http://127.0.0.1:7801/customer", Plugged: true},
			{Name: "L02", Place: "S0001/L02", Screen: "http://127.0.0.1:7802/", Customer: "http://127.0.0.1:7802/customer", Plugged: true},
		},
		Operators: []Operator{
			{Wallet: "paypay", Mode: Answers, Balance: yen(98_800), Last: &Charge{yen(1200), 1200, "paid"}},
			{Wallet: "merpay", Mode: Slow, Balance: yen(100_000), Last: &Charge{yen(12_800), 0, "declined"}},
			{Wallet: "unionpay", Mode: Late, Balance: yen(100_000), Last: &Charge{yen(3_900), 0, "reversed"}},
			{Wallet: "alipay", Mode: Silent, Balance: yen(100_000)},
			{Wallet: "wechat", Mode: Asks, Balance: yen(100_000), Last: &Charge{yen(500), 0, "refunded"}},
		},
	}}
}

// ask has an operator ask its customer.
func (p *purse) ask(wallet string, minor int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ops := append([]Operator{}, p.state.Operators...)
	for i := range ops {
		if ops[i].Wallet == wallet {
			ops[i].Asks = []Question{{wallet, "R" + wallet, payment.Of(minor, "JPY")}}
			ops[i].Last = &Charge{payment.Of(minor, "JPY"), 0, "confirming"}
		}
	}
	p.state.Operators = ops
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
	p.mu.Lock()
	defer p.mu.Unlock()
	return []Phone{
		{ID: "aiko", Cap: payment.Of(10_000, "JPY")}, {ID: "ben", Cap: payment.Of(3_000, "JPY"), Lost: p.lost},
		{ID: "paypay", Wallet: "paypay", Cap: payment.Of(98_800, "JPY")},
	}, nil
}

func (p *purse) Fresh(_ context.Context, phone, place string) (Code, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.call("fresh %s %s", phone, place)
	if p.err != nil {
		return Code{}, p.err
	}
	if phone == "paypay" {
		p.opaque++
		return Code{Text: fmt.Sprintf("9000818188%014d", p.opaque), Expires: p.now.Add(30 * time.Second)}, nil
	}
	p.counter++
	return Code{Text: text(p.counter), Counter: p.counter, Expires: p.now.Add(30 * time.Second)}, nil
}

func (p *purse) Goods(context.Context) (Code, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.call("goods")
	return Code{Text: "4901234567894", Title: "Green tea"}, nil
}

func (p *purse) Pay(_ context.Context, phone, lane string) (Code, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.call("pay %s %s", phone, lane)
	if p.err != nil {
		return Code{}, p.err
	}
	return Code{Text: "ZZ:1" + text(90)[4:200], Amount: payment.Of(8_400, "JPY")}, nil
}

func (p *purse) Behave(_ context.Context, wallet string, mode Mode) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.call("behave %s %s", wallet, mode)
	ops := append([]Operator{}, p.state.Operators...)
	for i := range ops {
		if ops[i].Wallet == wallet {
			ops[i].Mode = mode
			p.state.Operators = ops
			return nil
		}
	}
	return payment.Errorf(payment.NotFound, "purse", "there is no operator of %q", wallet)
}

func (p *purse) Confirm(_ context.Context, wallet, ref string, yes bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.call("confirm %s %s %v", wallet, ref, yes)
	ops := append([]Operator{}, p.state.Operators...)
	for i := range ops {
		ops[i].Asks = nil
	}
	p.state.Operators = ops
	return nil
}

func (p *purse) Report(_ context.Context, phone string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.call("lost %s", phone)
	p.lost = true
	return nil
}

func (p *purse) Replace(_ context.Context, phone string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.call("new %s", phone)
	p.lost = false
	return nil
}

func (p *purse) Right(_ context.Context, short bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.call("right %v", short)
	p.state.Right = Right{short, 15 * time.Second, 25 * time.Second}
	return nil
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
	p.state, p.err, p.lost = v.State, nil, v.Lost()
	if v.Fault != "" {
		p.err = payment.Errorf(payment.NotAllowed, "purse", "%s", v.Fault)
	}
}
