package manager

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"tilld/agent/payment"
	"tilld/ui/web"
)

func TestTodos(t *testing.T) {
	with := func(change func(*Board)) Board { b := calm(); change(&b); return b }
	for _, tt := range []struct {
		name string
		b    Board
		want string
	}{
		{"calm", calm(), ""},
		{"busy", busy(), "open 1 [640 JPY], line 0 [], scanner 0 []"},
		{"ordinary", ordinary(), "open 1 [640 JPY]"},
		{"over", over(), "open 1 [640 JPY], out 0 [], scanner 0 [], disk 0 []"},
		{"two of one kind", with(func(b *Board) { b.Open = []Open{{noon, "a", yen(1)}, {noon, "b", yen(2)}} }), "open 2 [3 JPY]"},
		{"two currencies", with(func(b *Board) { b.Open = []Open{{noon, "a", yen(1)}, {noon, "b", payment.Of(200, "TWD")}} }), "open 2 [1 JPY 2.00 TWD]"},
		{"small amounts only", with(func(b *Board) { b.Online, b.FullLeft = false, 0 }), "small 0 []"},
		{"the right is over", with(func(b *Board) { b.Online, b.FullLeft, b.SmallLeft = false, 0, 0 }), "out 0 []"},
		{"after a restart", restarted(), "small 0 []"},
		{"revoked", revoked(), "revoked 0 [], open 1 [640 JPY]"},
		{"no policy", with(func(b *Board) { b.Blocked, b.Share, b.Online = payment.NoPolicy, yen(0), false }), "policy 0 []"},
		{"the clock is not trusted", with(func(b *Board) { b.Blocked, b.SmallLeft, b.FullLeft, b.Online = payment.ClockUntrusted, 0, 0, false }), "clock 0 []"},
		{"silent too long", with(func(b *Board) { b.Blocked, b.Online = payment.OfflineTooLong, false }), "out 0 []"},
		{"the share is used", with(func(b *Board) { b.AtRisk = b.Share }), "out 0 []"},
		{"looking for the scanner", with(func(b *Board) { b.Scanner = "start" }), ""},
		{"a scanner that another has", with(func(b *Board) { b.Scanner = "busy" }), "scanner 0 []"},
		{"stopped by its second disk", stopped(), ""},
		{"decided against the store", with(func(b *Board) { b.Held = []Held{{Amount: yen(5), Borne: true}} }), ""},
		{"one that head office is clarifying", with(func(b *Board) { b.Held = []Held{{Amount: yen(900)}, {Amount: yen(5), Borne: true}} }), ""},
		{"no second disk", with(func(b *Board) { b.Second = "off" }), ""},
	} {
		list, err := tt.b.Todos()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, x := range list {
			got = append(got, fmt.Sprintf("%s %d %v", x.Kind, x.Count, x.Sums))
		}
		if text := strings.Join(got, ", "); text != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, text, tt.want)
		}
		for i, x := range list[min(1, len(list)):] {
			if x.Tone == "bad" && list[i].Tone != "bad" {
				t.Errorf("%s: %s comes behind what is less urgent", tt.name, x.Kind)
			}
		}
	}
	b := with(func(b *Board) { b.Held = []Held{{Amount: yen(math.MaxInt64)}, {Amount: yen(1)}} })
	if _, err := b.Clarified(); err == nil {
		t.Error("a sum that overflows is shown")
	}
	b = with(func(b *Board) { b.Open = []Open{{noon, "a", yen(math.MaxInt64)}, {noon, "b", yen(1)}} })
	if _, err := b.Todos(); err == nil {
		t.Error("a sum that overflows is shown")
	}
}

// TestClarified is for the manager to know, and never among what is to be done.
func TestClarified(t *testing.T) {
	b := calm()
	if got, err := b.Clarified(); got != nil || err != nil {
		t.Errorf("nothing: %+v, %v", got, err)
	}
	b.Held = []Held{{Amount: yen(900)}, {Amount: payment.Of(200, "TWD")}, {Amount: yen(5), Borne: true}}
	got, err := b.Clarified()
	if err != nil || got.Count != 2 || fmt.Sprint(got.Sums) != "[900 JPY 2.00 TWD]" || got.Key() != "2" {
		t.Errorf("%+v, %v", got, err)
	}
	if list, err := b.Todos(); len(list) != 0 || err != nil {
		t.Errorf("to do: %+v, %v", list, err)
	}
}

// TestSinceHQWasReached is not since when the share is used up.
func TestSinceHQWasReached(t *testing.T) {
	for _, online := range []bool{false, true} {
		b := calm()
		b.Online, b.AtRisk, b.HQSince = online, b.Share, noon
		list, err := b.Todos()
		if err != nil || len(list) != 1 || list[0].Since.IsZero() != online {
			t.Errorf("online %v: %+v, %v", online, list, err)
		}
	}
}

// TestTodosHaveTheirWords: what to do is said of every kind in every language.
func TestTodosHaveTheirWords(t *testing.T) {
	for _, lang := range web.Langs {
		for _, kind := range []string{TodoRevoked, TodoPolicy, TodoClock, TodoOpen, TodoHeld, TodoOut, TodoSmall, TodoLine, TodoScanner, TodoDisk} {
			if web.Word(lang, "manager.todo."+kind+".do", "") == "" {
				t.Errorf("%s does not say what to do: %s", lang, kind)
			}
		}
	}
}
