package hq

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/ui/web"
)

func TestFiltersReachTheOffice(t *testing.T) {
	d := busy()
	c := newBench(t, d).client(t)
	c.signIn("read")
	for _, tt := range []struct {
		path, want string
		live       bool // only the beginning of a list changes by itself
	}{
		{"/hq/terminals", "terminals {Store: Only: After: Limit:50}", true},
		{"/hq/terminals?store=+S0001+&only=behind", "terminals {Store:S0001 Only:behind After: Limit:50}", true},
		{"/hq/terminals?after=t5", "terminals {Store: Only: After:t5 Limit:50}", false},
		{"/hq/payments?state=suspense&store=S1&wallet=house&date=2026-11-22&after=p4", "payments {State:suspense Store:S1 Wallet:house Date:2026-11-22 End: After:p4 Limit:50}", false},
		{"/hq/payments?date=2026%2F11%2F22&after=p", "payments {State: Store: Wallet: Date:2026-11-22 End: After:p Limit:50}", false},
		{"/hq/payments?date=+２０２６１１２２&after=p", "payments {State: Store: Wallet: Date:2026-11-22 End: After:p Limit:50}", false},
		{"/hq/batches?wallet=house&date=2026-11-21&after=b", "batches {Wallet:house Date:2026-11-21 After:b Limit:50}", false},
		{"/hq/exceptions", "exceptions {State:open Kind: Owner: Terminal:00000000000000000000000000 Payment:00000000000000000000000000 After: Limit:50}", true},
		{"/hq/exceptions?state=&kind=fork&owner=risk&after=x", "exceptions {State: Kind:fork Owner:risk Terminal:00000000000000000000000000 Payment:00000000000000000000000000 After:x Limit:50}", false},
		{"/hq/exceptions?terminal=" + id('T', 2).String(), "exceptions {State:open Kind: Owner: Terminal:" + id('T', 2).String() + " Payment:00000000000000000000000000 After: Limit:50}", true},
		{"/hq/exceptions?state=&payment=" + id('P', 2).String(), "exceptions {State: Kind: Owner: Terminal:00000000000000000000000000 Payment:" + id('P', 2).String() + " After: Limit:50}", true},
		{"/hq/online", "online", true},
		{"/hq/batches/" + id('B', 1).String() + "?from=200", "batch " + id('B', 1).String() + " 200 200", false},
	} {
		status, _, body := c.do("GET", tt.path, nil)
		if got := d.called(); status != 200 || got != tt.want {
			t.Errorf("%s: %d, the office was asked %q, want %q", tt.path, status, got, tt.want)
		}
		if live := strings.Contains(body, "data-live"); live != tt.live {
			t.Errorf("%s: live is %v", tt.path, live)
		}
	}
}

func TestFiltersRefuse(t *testing.T) {
	d := busy()
	c := newBench(t, d).client(t)
	c.signIn("read")
	long := strings.Repeat("x", maxField+1)
	for _, path := range []string{
		"/hq/terminals?only=all", "/hq/terminals?store=" + long, "/hq/payments?state=paid", "/hq/payments?date=22.11.2026", "/hq/payments?date=22112026", "/hq/payments?date=11/22/2026", "/hq/payments?date=2026-13-01", "/hq/payments?date=2026-1-2",
		"/hq/payments?date=0001-01-01", "/hq/batches?date=x", "/hq/exceptions?state=closed", "/hq/exceptions?terminal=T2", "/hq/exceptions?payment=x", "/hq/payments?after=" + long,
		"/hq/payments/x", "/hq/batches/x", "/hq/batches/" + id('B', 1).String() + "?from=-1", "/hq/find?id=4901234567894", "/hq/find",
	} {
		status, _, body := c.do("GET", path, nil)
		if status != 422 || d.called() != "" || !strings.Contains(body, "This can&#39;t be shown") && !strings.Contains(body, "This can't be shown") {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if status, _, _ := c.do("GET", "/hq/payments/"+id('P', 99).String(), nil); status != 404 {
		t.Errorf("no such payment: %d", status)
	}
	d.err = payment.Errorf(payment.Invalid, "desk", "that cursor is from nowhere")
	if status, _, body := c.do("GET", "/hq/payments?after=nowhere", nil); status != 422 || !strings.Contains(body, "from nowhere") {
		t.Errorf("a cursor from nowhere: %d", status)
	}
}

func TestPages(t *testing.T) {
	d := busy()
	b := newBench(t, d)
	c := b.client(t)
	c.signIn("read")
	_, _, body := c.do("GET", "/hq/payments?store=S0001", nil)
	if want := `href="/hq/payments?after=p4&amp;store=S0001"`; !strings.Contains(body, want) {
		t.Errorf("no way to the next page: %s", body)
	}
	live := httptest.NewRequest("GET", "/hq/payments/live?store=S0001", nil)
	if v, err := b.page.load(&sheets[2], live, person{}); err != nil || v.Older != "/hq/payments?after=p4&store=S0001" {
		t.Errorf("a stream leads to %q, %v", v.Older, err)
	}
	_, _, body = c.do("GET", "/hq/payments?store=S0001&after=p4", nil)
	if want := `href="/hq/payments?store=S0001"`; !strings.Contains(body, want) {
		t.Errorf("no way back to the first page: %s", body)
	}
	_, _, body = c.do("GET", "/hq/batches/"+id('B', 1).String()+"?from=10", nil)
	if !strings.Contains(body, "from=12") || !strings.Contains(body, `<td class="num soft">11</td>`) {
		t.Errorf("the lines behind: %s", body)
	}
	d.detail.Count = 12
	if _, _, body = c.do("GET", "/hq/batches/"+id('B', 1).String()+"?from=10", nil); strings.Contains(body, "from=12") {
		t.Error("a page behind the last line")
	}
}

func TestFind(t *testing.T) {
	c := newBench(t, busy()).client(t)
	c.signIn("read")
	status, head, _ := c.do("GET", "/hq/find?id="+url.QueryEscape(" "+strings.ToLower(id('P', 1).String())+"\n"), nil)
	if status != 303 || head.Get("Location") != "/hq/payments/"+id('P', 1).String() {
		t.Errorf("%d to %s", status, head.Get("Location"))
	}
}

// TestFindByTheEnd: what lists show of an identifier finds the payment, however it is typed; several that end alike
// are listed, and so is that there is none.
func TestFindByTheEnd(t *testing.T) {
	d := busy()
	c := newBench(t, d).client(t)
	c.signIn("read")
	one, end := id('P', 1), id('P', 1).String()[20:]
	for typed, want := range map[string]string{
		end: "/hq/payments/" + one.String(), strings.ToLower(end): "/hq/payments/" + one.String(),
		" " + end[:3] + "-" + end[3:] + " ": "/hq/payments/" + one.String(), "…ooooo1": "/hq/payments/" + one.String(), "０００　００ｌ": "/hq/payments/" + one.String(),
		"0000‐ZZ": "/hq/payments?end=0000ZZ",
	} {
		status, head, _ := c.do("GET", "/hq/find?id="+url.QueryEscape(typed), nil)
		if status != 303 || head.Get("Location") != want {
			t.Errorf("%q: %d to %s, want %s", typed, status, head.Get("Location"), want)
		}
	}
	_, _, body := c.do("GET", "/hq/payments?end=0000-zz", nil)
	if !strings.Contains(body, "end in 0000ZZ, of the last 90 days") || !strings.Contains(body, "None.") || strings.Contains(body, "data-live") || strings.Contains(body, id('P', 1).String()) {
		t.Errorf("none ends like that: %s", body)
	}
	again := d.payments.Rows[0]
	d.payments.Rows = append(d.payments.Rows, again) // a second record of the same payment
	if _, head, _ := c.do("GET", "/hq/find?id="+end, nil); head.Get("Location") != "/hq/payments/"+one.String() {
		t.Errorf("a repeat is listed: %s", head.Get("Location"))
	}
	again.ID[5] = 1
	d.payments.Rows = append(d.payments.Rows, again)
	if _, head, _ := c.do("GET", "/hq/find?id="+end, nil); head.Get("Location") != "/hq/payments?end="+end {
		t.Errorf("two that end alike: %s", head.Get("Location"))
	}
	if _, _, body := c.do("GET", "/hq/payments?end="+end, nil); !strings.Contains(body, one.String()) || !strings.Contains(body, again.ID.String()) || strings.Contains(body, id('P', 2).String()) {
		t.Errorf("the list of two: %s", body)
	}
	if _, _, body := c.do("GET", "/hq/payments?end=-", nil); !strings.Contains(body, "data-live") || !strings.Contains(body, id('P', 2).String()) {
		t.Errorf("the end of nothing: %s", body)
	}
}

func TestDownload(t *testing.T) {
	d := busy()
	c := newBench(t, d).client(t)
	c.signIn("read")
	b := id('B', 1).String()
	for file, want := range map[string]string{"json": "application/json", "csv": "text/csv; charset=utf-8"} {
		status, head, body := c.do("GET", "/hq/batches/"+b+"/batch."+file, nil)
		if status != 200 || body != "archived "+file+"\n" || head.Get("Content-Type") != want ||
			head.Get("Content-Disposition") != `attachment; filename="`+b+"."+file+`"` {
			t.Errorf("%s: %d %v %q", file, status, head, body)
		}
	}
	d.called()
	for path, want := range map[string]int{b + "/batch.xml": 404, b + "/..%2fbatch.csv": 404, "x/batch.csv": 422} {
		if status, _, _ := c.do("GET", "/hq/batches/"+path, nil); status != want || d.called() != "" {
			t.Errorf("%s: %d, want %d", path, status, want)
		}
	}
	d.err = payment.Errorf(payment.NotFound, "desk", "no such batch in the archive")
	if status, _, _ := c.do("GET", "/hq/batches/"+b+"/batch.csv", nil); status != 404 {
		t.Errorf("not archived: %d", status)
	}
}

// TestStreamFollows: a stream shows what changes, asks the office no more often than its pace, and is over
// with the session.
func TestStreamFollows(t *testing.T) {
	d := busy()
	b := newBench(t, d)
	c := b.client(t)
	c.signIn("read")
	resp, err := c.Get(b.srv.URL + "/hq/live")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	events := bufio.NewScanner(resp.Body)
	until := func(text string) {
		t.Helper()
		for events.Scan() {
			if strings.Contains(events.Text(), text) {
				return
			}
		}
		t.Fatalf("the stream ended without %q: %v", text, events.Err())
	}
	until("¥184,300")
	until("event: beat")
	until("event: beat")
	if got := d.called(); got != "overview" {
		t.Errorf("while the clock stood the office was asked %q", got)
	}
	d.set(func() { d.overview.Wallets[0].Posted.Sum = yen(190000) })
	b.pass(pace)
	until("¥190,000")
	b.auth.revoke("Aoki read")
	b.pass(pace)
	until("event: over")
	if resp.StatusCode != http.StatusOK {
		t.Error(resp.Status)
	}
}

func FuzzQuery(f *testing.F) {
	f.Add("state=posted&store=S0001&date=2026-11-22&after=p4")
	f.Add("state=%00&date=9999-99-99&after=%ff&store=%e5")
	d := busy()
	b := newBench(f, d)
	f.Fuzz(func(t *testing.T, query string) {
		in, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		r, err := http.NewRequest("GET", "/hq/payments?"+in.Encode(), nil)
		if err != nil {
			t.Fatal(err)
		}
		d.called()
		_, err = b.page.load(&sheets[2], r, person{})
		if asked := d.called(); (err == nil) != (asked != "") || err != nil && payment.CodeOf(err) != payment.Invalid {
			t.Errorf("%q: %v, and the office was asked %q", query, err, asked)
		}
	})
}

// TestNowhere: an address that leads to nothing says so, with the status, and leads home; signed in or not.
func TestNowhere(t *testing.T) {
	c := newBench(t, busy()).client(t)
	for range 2 {
		for _, path := range []string{"/hq/lanes", "/favicon.ico", "/nowhere", "/hq/batches/" + id('B', 1).String() + "/batch.xml"} {
			status, head, body := c.do("GET", path, nil)
			if status != 404 || !strings.HasPrefix(head.Get("Content-Type"), "text/html") || !strings.Contains(body, "There is no such page") || !strings.Contains(body, `href="/hq"`) {
				t.Errorf("%s: %d %s %s", path, status, head.Get("Content-Type"), body)
			}
		}
		c.signIn("read")
	}
}

func TestAgo(t *testing.T) {
	for silent, want := range map[time.Duration]string{
		0: "now", 29 * time.Second: "now", 30 * time.Second: "1 min", 60*time.Second - 1: "1 min", 60 * time.Second: "1 min", 89 * time.Second: "1 min",
		90 * time.Second: "2 min", 59*time.Minute + 40*time.Second: "1 h", 119 * time.Minute: "1 h",
	} {
		lane := Terminal{Silent: silent}
		got := web.Span("en", lane.Ago())
		if lane.JustNow() {
			got = "now"
		}
		if got != want {
			t.Errorf("heard %v ago: %s, want %s", silent, got, want)
		}
	}
}
