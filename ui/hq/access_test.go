package hq

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"tilld/agent/payment"
)

// client is a browser without a screen.
type client struct {
	t   *testing.T
	url string
	*http.Client
}

func (b *bench) client(t *testing.T) *client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &client{t, b.srv.URL, &http.Client{Jar: jar}}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c
}

func (c *client) do(method, path string, form url.Values) (int, http.Header, string) {
	c.t.Helper()
	req, err := http.NewRequest(method, c.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := c.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(body)
}

func (c *client) signIn(roles string) {
	c.t.Helper()
	if status, _, body := c.do("POST", "/hq/in", url.Values{"secret": {"secret-" + roles}}); status != http.StatusNoContent {
		c.t.Fatalf("signing in: %d %s", status, body)
	}
}

// routes are all that the console serves behind the sign-in.
var routes = []struct {
	method, path string
	form         url.Values
	read         int    // what a person who may only read gets
	finance      int    // and one of finance
	shows        string // what only those who may see it see
}{
	{"GET", "/hq", nil, 200, 200, "¥184,300"},
	{"GET", "/hq/terminals", nil, 200, 200, "S0002"},
	{"GET", "/hq/payments", nil, 200, 200, "¥1,280"},
	{"GET", "/hq/payments/" + id('P', 1).String(), nil, 200, 200, "deadbeef"},
	{"GET", "/hq/batches", nil, 200, 200, "¥1,842,370"},
	{"GET", "/hq/batches/" + id('B', 1).String(), nil, 200, 200, "¥1,842,370"},
	{"GET", "/hq/exceptions", nil, 200, 200, "spent twice"},
	{"GET", "/hq/find?id=" + id('P', 1).String(), nil, 303, 303, ""},
	{"GET", "/hq/batches/" + id('B', 1).String() + "/batch.csv", nil, 200, 200, "archived csv"},
	{"GET", "/hq/online", nil, 200, 200, "the lane is silent"},
	{"POST", "/hq/online/decide", choose(0, Complete), 403, 204, ""},
	{"POST", "/hq/cut", url.Values{}, 403, 204, ""},
	{"POST", "/hq/decide", decision(id('X', 1), Receivable), 403, 204, ""},
	{"POST", "/hq/decide", decision(id('X', 2), Noted), 403, 204, ""},
}

func decision(x payment.ID, o Outcome) url.Values {
	return url.Values{"exception": {x.String()}, "outcome": {string(o)}, "why": {"called them"}}
}

// TestDoors tries every route as nobody, with a role that is none, as one who reads and as finance.
func TestDoors(t *testing.T) {
	for _, tt := range routes {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			d := busy()
			d.cuts = 1
			b := newBench(t, d)
			try := func(who string, want int) {
				t.Helper()
				c := b.client(t)
				if who != "" {
					c.signIn(who)
				}
				status, _, body := c.do(tt.method, tt.path, tt.form)
				if status != want {
					t.Errorf("%q got %d, want %d: %s", who, status, want, body)
				}
				asked := d.called()
				if want >= 400 && (asked != "" || tt.shows != "" && strings.Contains(body, tt.shows)) {
					t.Errorf("%q was refused, and the office was asked %q", who, asked)
				}
				if want == 200 && !strings.Contains(body, tt.shows) {
					t.Errorf("%q does not see %q: %s", who, tt.shows, body)
				}
			}
			try("", 401)
			try("visitor", 403)
			try("read", tt.read)
			try("finance", tt.finance)
			try("operations+finance", tt.finance)
			if refused := strings.Contains(b.logged(), "request refused"); !refused {
				t.Error("refusals are not on record")
			}
			if strings.Contains(b.logged(), "secret-") {
				t.Error("a secret is in the log")
			}
		})
	}
}

// TestOperationsNoteTheirOwn: operations decide what is theirs and has no money in it, and nothing else.
func TestOperationsNoteTheirOwn(t *testing.T) {
	d := busy()
	c := newBench(t, d).client(t)
	c.signIn("operations")
	if status, _, body := c.do("POST", "/hq/decide", decision(id('X', 2), Noted)); status != 204 {
		t.Errorf("their own: %d %s", status, body)
	}
	if got, want := d.called(), "resolve Aoki operations "+id('X', 2).String()+" noted called them"; got != want {
		t.Errorf("the office was asked %q, want %q", got, want)
	}
	if status, _, _ := c.do("POST", "/hq/decide", decision(id('X', 1), Loss)); status != 403 || d.called() != "" {
		t.Errorf("money: %d", status)
	}
	d.exceptions.Rows[1].Owner = "finance"
	if status, _, _ := c.do("POST", "/hq/decide", decision(id('X', 2), Noted)); status != 403 || d.called() != "" {
		t.Errorf("another's: %d", status)
	}
	if status, _, _ := c.do("POST", "/hq/cut", nil); status != 403 || d.called() != "" {
		t.Errorf("a cut: %d", status)
	}
	for _, hidden := range []string{`data-dialog="decide"`, `data-dialog="note"`} {
		if _, _, body := c.do("GET", "/hq/exceptions", nil); strings.Contains(body, hidden) {
			t.Errorf("a button that would be refused is shown: %s", hidden)
		}
	}
}

func TestDecideRefuses(t *testing.T) {
	d := busy()
	c := newBench(t, d).client(t)
	c.signIn("finance")
	with := func(form url.Values, name, value string) url.Values { form.Set(name, value); return form }
	for name, tt := range map[string]struct {
		form url.Values
		want int
	}{
		"no exception":         {url.Values{}, 422},
		"rubbish":              {with(decision(id('X', 1), Loss), "exception", "<script>"), 422},
		"unknown":              {decision(id('X', 99), Loss), 404},
		"no reason":            {with(decision(id('X', 1), Loss), "why", " \t"), 422},
		"a long reason":        {with(decision(id('X', 1), Loss), "why", strings.Repeat("理", 200)), 422},
		"no outcome":           {with(decision(id('X', 1), Loss), "outcome", ""), 422},
		"an unknown outcome":   {with(decision(id('X', 1), Loss), "outcome", "voided"), 422},
		"money is not noted":   {decision(id('X', 1), Noted), 422},
		"no money is not lost": {decision(id('X', 2), Loss), 422},
	} {
		if status, _, body := c.do("POST", "/hq/decide", tt.form); status != tt.want || d.called() != "" {
			t.Errorf("%s: %d, want %d: %s", name, status, tt.want, body)
		}
	}
	d.err = payment.Errorf(payment.Conflict, "desk", "it is decided already")
	if status, _, body := c.do("POST", "/hq/decide", decision(id('X', 1), Loss)); status != 409 || !strings.Contains(body, "decided already") {
		t.Errorf("decided meanwhile: %d %s", status, body)
	}
}

func TestCutWithNothingToSettle(t *testing.T) {
	d := busy()
	c := newBench(t, d).client(t)
	c.signIn("finance")
	if status, _, body := c.do("POST", "/hq/cut", nil); status != 409 || !strings.Contains(body, "nothing to settle") {
		t.Errorf("%d %s", status, body)
	}
}

// TestRevokedShowsNothingMore: the session outlives its right by no request.
func TestRevokedShowsNothingMore(t *testing.T) {
	b := newBench(t, busy())
	c := b.client(t)
	c.signIn("finance")
	if status, _, _ := c.do("GET", "/hq", nil); status != 200 {
		t.Fatal(status)
	}
	b.auth.revoke("Aoki finance")
	b.called()
	for _, tt := range routes {
		if status, _, _ := c.do(tt.method, tt.path, tt.form); status != 401 {
			t.Errorf("%s %s: %d", tt.method, tt.path, status)
		}
	}
	if got := b.called(); got != "" {
		t.Errorf("the office was asked %q", got)
	}
	if _, head, body := c.do("GET", "/hq/live", nil); head.Get("Content-Type") != "text/event-stream" || body != "event: over\ndata:\n\n" {
		t.Errorf("the stream: %q", body)
	}
}

func TestSignIn(t *testing.T) {
	b := newBench(t, busy())
	c := b.client(t)
	try := func(secret string) (int, http.Header, string) {
		t.Helper()
		return c.do("POST", "/hq/in", url.Values{"secret": {secret}})
	}
	for n := range freeTries {
		if status, _, body := try(fmt.Sprint("guess-", n)); status != 401 || !strings.Contains(body, "not known here") {
			t.Fatalf("guess %d: %d %s", n, status, body)
		}
	}
	status, head, body := try("secret-read")
	if status != 429 || head.Get("Retry-After") != "61" || !strings.Contains(body, "wait 1 min") {
		t.Errorf("the right one after too many guesses: %d %q %s", status, head.Get("Retry-After"), body)
	}
	b.pass(tryWait)
	c.signIn("read")
	if status, _, _ := c.do("GET", "/hq", nil); status != 200 {
		t.Errorf("signed in: %d", status)
	}
	b.pass(16 * time.Minute)
	if status, _, _ := c.do("GET", "/hq", nil); status != 401 {
		t.Errorf("idle for long: %d", status)
	}
	c.signIn("read")
	if status, _, _ := c.do("POST", "/hq/out", nil); status != 204 {
		t.Errorf("signing out: %d", status)
	}
	if status, _, _ := c.do("GET", "/hq", nil); status != 401 {
		t.Errorf("signed out: %d", status)
	}
	b.auth.down = errors.New("the ledger is locked")
	if status, _, body := try("secret-read"); status != 500 || strings.Contains(body, "locked") || !strings.Contains(b.logged(), "locked") {
		t.Errorf("when nobody can be known: %d %s", status, body)
	}
}

func TestTriesAreForgotten(t *testing.T) {
	now := noon
	tr := newTries(func() time.Time { return now })
	for range freeTries {
		tr.failed("a")
	}
	if tr.wait("a") != tryWait || tr.wait("b") != 0 {
		t.Errorf("a waits %v, b %v", tr.wait("a"), tr.wait("b"))
	}
	now = now.Add(tryWait)
	if tr.wait("a") != 0 || len(tr.from) != 0 {
		t.Error("a failure is remembered for ever")
	}
	for n := range 3 * maxAddresses {
		tr.failed(fmt.Sprint(n))
	}
	if len(tr.from) > maxAddresses {
		t.Errorf("%d addresses are remembered", len(tr.from))
	}
}
