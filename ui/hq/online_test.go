package hq

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"tilld/agent/payment"
	"tilld/ui/web/webtest"
)

// choose is a decision about a row of the page.
func choose(row int, c Choice) url.Values {
	return url.Values{"attempt": {online().Rows[row].Ref}, "choice": {string(c)}, "why": {"called the store"}}
}

// TestChoices: each trouble has what can be done about it, and no more.
func TestChoices(t *testing.T) {
	for _, tt := range []struct {
		trouble, state string
		want           []Choice
	}{
		{"lane_silent", "paid", []Choice{Complete, Reverse}},
		{"lane_silent", "reversing", []Choice{Cleared}},
		{"overdue", "doubtful", []Choice{Reverse}},
		{"overdue", "confirming", []Choice{Reverse}},
		{"overdue", "reversing", nil},
		{"no_way_back", "manual", []Choice{Cleared}},
		{"contradicts", "closed", []Choice{Cleared}},
		{"refund_failed", "manual", []Choice{Credited, Cleared}},
		{"overdue", "refunding", nil},
		{"", "paid", nil},
		{"of_the_future", "paid", nil},
	} {
		if got := (Attempt{Trouble: tt.trouble, State: tt.state}).Choices(); !slices.Equal(got, tt.want) {
			t.Errorf("%s, %s: %v, want %v", tt.trouble, tt.state, got, tt.want)
		}
	}
}

func TestOnlineDecideRefuses(t *testing.T) {
	d := busy()
	c := newBench(t, d).client(t)
	c.signIn("finance")
	with := func(form url.Values, name, value string) url.Values { form.Set(name, value); return form }
	for name, tt := range map[string]struct {
		form url.Values
		want int
	}{
		"nothing":               {url.Values{}, 422},
		"unknown":               {with(choose(0, Complete), "attempt", "X"), 404},
		"no reason":             {with(choose(0, Complete), "why", " "), 422},
		"a long reason":         {with(choose(0, Complete), "why", strings.Repeat("理", 200)), 422},
		"no choice":             {with(choose(0, Complete), "choice", ""), 409},
		"one that does not fit": {choose(0, Cleared), 409},
		"money can't be got":    {choose(1, Reverse), 409},
		"HQ does it already":    {choose(4, Reverse), 409},
	} {
		if status, _, body := c.do("POST", "/hq/online/decide", tt.form); status != tt.want || d.called() != "" {
			t.Errorf("%s: %d, want %d: %s", name, status, tt.want, body)
		}
	}
	d.err = payment.Errorf(payment.Conflict, "desk", "it has gone on meanwhile")
	if status, _, body := c.do("POST", "/hq/online/decide", choose(0, Reverse)); status != 409 || !strings.Contains(body, "gone on") {
		t.Errorf("%d %s", status, body)
	}
}

// TestOnlineWithoutARole: who may only read sees what there is, and no button.
func TestOnlineWithoutARole(t *testing.T) {
	for role, want := range map[string]bool{"finance": true, "operations": false, "read": false} {
		c := newBench(t, busy()).client(t)
		c.signIn(role)
		_, _, body := c.do("GET", "/hq/online", nil)
		if got := strings.Contains(body, `data-dialog="online-`); got != want || !strings.Contains(body, "04123456789012345678") {
			t.Errorf("%s: buttons: %t", role, got)
		}
	}
}

func TestOnlineByKeyboardAlone(t *testing.T) {
	d := busy()
	at := newBench(t, d)
	b := webtest.New(t, 1024, 768)
	signIn(b, at, "finance")
	b.Type("6")
	arrive(b, "/hq/online")
	focus(b, `button[data-dialog=online-reverse]`)
	b.Type(webtest.Enter)
	b.Await(`document.querySelector("#online-reverse[open]") && document.activeElement.name === "why"`)
	b.WantText("Paid, and the lane is silent · ¥1,200")
	b.Legible()
	b.Picture("hq-online-reverse-1024")
	b.Type("the customer left without the goods")
	d.called()
	b.Eval(`window.before = true`)
	b.Type(webtest.Enter)
	b.Await(`!window.before`)
	if got, want := d.called(), "decide attempt Aoki finance "+online().Rows[0].Ref+" reverse the customer left without the goods"; !strings.Contains(got, want) {
		t.Errorf("the office was asked %q, want %q", got, want)
	}
}
