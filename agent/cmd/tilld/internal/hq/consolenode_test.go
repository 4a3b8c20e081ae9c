package hq

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"tilld/agent/cmd/tilld/internal/config"
	"tilld/agent/payment"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/mqtt"
	"tilld/sync/wire"
	"tilld/ui/web/webtest"
)

// patience bounds every wait; two loaded cores are slow.
const patience = 60 * time.Second

// running is a whole HQ, and a chain of lanes that speak to its broker.
type running struct {
	*testing.T
	*Node
	chain *ingesttest.Chain
	road  *mqtt.Client
	date  payment.Date
	log   *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}
func (l *lockedBuffer) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

func newRunning(t *testing.T) *running {
	t.Helper()
	r := &running{T: t, chain: ingesttest.NewChain(t), log: &lockedBuffer{}}
	c, ctx, dir := r.chain, t.Context(), t.TempDir()
	c.Now = time.Now()
	r.must(Init(ctx, dir, "kita", "JPY", ingesttest.Zone, time.Now))
	log := slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	cfg := &config.HQ{Data: dir, Embedded: config.Embedded{Listen: "127.0.0.1:0"}, Serve: config.Serve{Address: "127.0.0.1:0"},
		Settle: config.Settle{Zone: ingesttest.Zone, Cut: "03:00"}}
	var err error
	r.Node, err = Open(ctx, cfg, "test", log)
	r.must(err)
	r.must(r.AddIssuer(ctx, c.Issuer.Public(), ingesttest.Wallet))
	doc, _, err := r.Policy(ctx)
	r.must(err)
	doc.Version++
	doc.Caps, doc.Default = c.Doc.Caps, c.Doc.Default
	zone, err := time.LoadLocation(ingesttest.Zone)
	r.must(err)
	if h := c.Now.In(zone).Hour(); h == 3 || h == 4 {
		doc.Roll = 8 * 3600 // no test runs over the roll of a day
	}
	r.must(r.SignPolicy(ctx, doc))
	for _, key := range r.Keys.Seal {
		c.Seal = key
	}
	c.Doc = doc
	r.date = payment.BusinessDate(c.Now, zone, doc.Roll.Duration())
	r.road, err = mqtt.NewClient(mqtt.Config{Brokers: []string{r.BrokerURL()}, ClientID: "lanes"})
	r.must(err)
	r.run(r.Node.Run)
	r.run(r.road.Run)
	return r
}

// run runs a part until the test ends.
func (r *running) run(part func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- part(ctx) }()
	r.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			r.Errorf("%v\n%s", err, r.log)
		}
	})
}

func (r *running) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatalf("%v\n%s", err, r.log)
	}
}

// lane makes a lane that has opened the running business date.
func (r *running) lane(store, name string) *ingesttest.Lane {
	r.Helper()
	l := r.chain.Lane(store, name)
	l.OpenDay(r.date)
	r.must(r.Books.AddTerminal(r.Context(), ledger.Terminal{ID: l.ID, Entity: l.Entity, Store: store, Lane: name}, l.Key.Public()))
	return l
}

// send publishes until the broker has it.
func (r *running) send(l *ingesttest.Lane, msg []byte) {
	r.Helper()
	r.until("the broker takes a message", func() bool { return r.road.Publish(r.Context(), wire.UpTopic(l.ID), 1, msg) == nil })
}

// sendAll sends all entries and waits until HQ has judged them.
func (r *running) sendAll(l *ingesttest.Lane) {
	r.Helper()
	for _, b := range l.Batches(0, 100) {
		msg, err := wire.EncodeBatch(b)
		r.must(err)
		r.send(l, msg)
	}
	r.until("HQ has judged everything", func() bool {
		t, err := r.Books.Terminal(r.Context(), l.ID)
		r.must(err)
		n := len(t.Epochs)
		return n > 0 && t.Epochs[n-1].Judged == l.Last()
	})
}

func (r *running) until(what string, ok func() bool) {
	r.Helper()
	deadline, tick := time.NewTimer(patience), time.NewTicker(20*time.Millisecond)
	defer deadline.Stop()
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			r.Fatalf("gave up waiting: %s\n%s", what, r.log)
		}
	}
}

func (r *running) token(scopes ...string) string {
	r.Helper()
	secret, err := r.AddToken(r.Context(), "Aoki", time.Hour, scopes...)
	r.must(err)
	return secret
}

// trade is a day: sales, one taken back, a code that was spent twice, a lane of which something is missing.
func (r *running) trade() {
	r.Helper()
	one, two := r.lane("S001", "L1"), r.lane("S001", "L2")
	p := r.chain.Phone()
	for i := range 60 {
		if i%20 == 0 {
			p = r.chain.Phone() // an account has a cap
		}
		one.Sell(p, int64(1000+i))
	}
	one.Void(one.Sell(p, 333))
	code := p.Code("S001", "")
	one.SellWith(p, 900, ingesttest.Change{Code: code})
	r.sendAll(one)
	two.SellWith(p, 900, ingesttest.Change{Code: code})
	r.sendAll(two)
	r.send(one, one.Beat(1, nil))
	r.send(two, two.Beat(1, func(b *wire.Beat) { b.Last += 7 }))
	r.until("both lanes are heard", func() bool {
		list, err := r.Books.Terminals(r.Context(), 0, 10)
		r.must(err)
		return len(list) == 2 && !list[0].LastSeen.IsZero() && !list[1].LastSeen.IsZero()
	})
}

// TestConsoleOfARunningHQ is a person at HQ, by keyboard alone, before the whole of HQ.
func TestConsoleOfARunningHQ(t *testing.T) {
	r := newRunning(t)
	r.trade()
	base := "http://" + r.Addr()
	secret := r.token("finance")
	b := webtest.New(t, 1024, 768)
	b.Open(base)
	b.Await(`document.activeElement.name === "secret"`)
	b.Type("tilld_wrong" + webtest.Enter)
	b.Await(`document.querySelector("[role=alert].error").textContent !== ""`)
	b.Type(secret + webtest.Enter)
	there(b, "/hq")
	b.Await(`document.querySelector("canvas") !== null`)
	b.WantText("kita", r.date.String(), "connected", "2 / 2", "¥62,670", "¥900", "S001 / L2", "Aoki (token ")
	b.Picture("console-overview-1024")

	b.Type("2")
	there(b, "/hq/terminals")
	b.WantText("S001 / L1", "S001 / L2")
	b.Picture("console-terminals-1024")
	b.Type("3")
	there(b, "/hq/payments")
	first := b.Text()
	b.Type("n")
	b.Await(`location.search.includes("after=") && document.readyState === "complete" && document.querySelectorAll("tbody tr").length === 13`)
	b.WantText("¥1,000", "¥1,012")
	if !strings.Contains(first, "¥333") || !strings.Contains(first, "¥1,013") || strings.Contains(first, "¥1,012") {
		t.Errorf("the first page: %s", first)
	}
	b.Picture("console-payments-1024")

	r.decide(b)
	r.cutByKey(b)
	at := b.Eval(`document.querySelector("tbody a[href^='/hq/batches/']").getAttribute("href")`)
	r.sameBytes(b, base, at, secret)
	for _, size := range [][2]int{{1024, 768}, {1920, 1080}} {
		r.look(b, base, at, size)
	}
	r.revoke(b)
}

// decide ends the one exception.
func (r *running) decide(b *webtest.Browser) {
	r.Helper()
	b.Type("5")
	there(b, "/hq/exceptions")
	b.Await(`(() => { const e = document.querySelector("button[data-dialog=decide]"); e?.focus(); return e && document.activeElement === e; })()`)
	b.Type(webtest.Enter)
	b.Await(`document.querySelector("dialog[open]") && document.activeElement.value === "receivable"`)
	b.Type(" " + webtest.Tab + "the issuer pays")
	b.Eval(`window.before = true`)
	b.Type(webtest.Enter)
	b.Await(`!window.before && document.readyState === "complete"`)
	open, err := r.Books.NewestExceptions(r.Context(), ledger.ExceptionFilter{}, 0, 10)
	r.must(err)
	if len(open) != 1 || open[0].Decision != ledger.Receivable || !strings.HasPrefix(open[0].ResolvedBy, "Aoki (token ") || open[0].Why != "the issuer pays" {
		r.Errorf("exceptions %+v", open)
	}
}

// cutByKey makes a batch of what is there.
func (r *running) cutByKey(b *webtest.Browser) {
	r.Helper()
	b.Type("4")
	there(b, "/hq/batches")
	b.Type("c")
	b.Await(`document.querySelector("dialog[open]") && document.activeElement.classList.contains("main")`)
	b.Eval(`window.before = true`)
	b.Type(webtest.Enter)
	b.Await(`!window.before && document.readyState === "complete" && document.querySelector("tbody a[href^='/hq/batches/']") !== null`)
	b.WantText("¥63,570")
	b.Picture("console-batches-1024")
}

// there waits until a page is there with its script.
func there(b *webtest.Browser, path string) {
	b.Await(fmt.Sprintf(`location.pathname === %q && document.querySelector(".tabs") && document.readyState === "complete"`, path))
}

// sameBytes wants what the console sends of a batch to be what the API does.
func (r *running) sameBytes(b *webtest.Browser, base, at, secret string) {
	r.Helper()
	for _, form := range []string{"json", "csv"} {
		req, err := http.NewRequest("GET", base+"/v1/settlements/"+strings.TrimPrefix(at, "/hq/batches/")+"."+form, nil)
		r.must(err)
		req.Header.Set("Authorization", "Bearer "+secret)
		resp, err := http.DefaultClient.Do(req)
		r.must(err)
		api, err := io.ReadAll(resp.Body)
		r.must(err)
		resp.Body.Close()
		b.Await(fmt.Sprintf(`fetch(%q).then(r => r.text()).then(t => { window.got = t; return true; })`, at+"/batch."+form))
		if got := b.Eval("window.got"); got != string(api) || resp.StatusCode != http.StatusOK {
			r.Errorf("%s: the API sends %d bytes (%s), the console %d", form, len(api), resp.Status, len(got))
		}
	}
}

// look opens every page at a size.
func (r *running) look(first *webtest.Browser, base, batch string, size [2]int) {
	r.Helper()
	b := first
	if size[0] != 1024 {
		b = webtest.New(r.T, size[0], size[1])
		b.Open(base)
		b.Await(`document.activeElement.name === "secret"`)
		b.Type(r.token("operations") + webtest.Enter)
		there(b, "/hq")
	}
	for name, path := range map[string]string{"overview": "/hq", "terminals": "/hq/terminals", "payments": "/hq/payments", "batches": "/hq/batches",
		"batch": batch, "exceptions": "/hq/exceptions?state="} {
		b.Open(base + path)
		b.Await(`document.readyState === "complete" && document.querySelectorAll("[data-chart]").length <= document.querySelectorAll("canvas").length`)
		b.Fits(false)
		b.Picture(fmt.Sprintf("console-%s-%d", name, size[0]))
	}
}

// revoke ends the token of somebody who has a page open: it shows nothing more.
func (r *running) revoke(b *webtest.Browser) {
	r.Helper()
	b.Open("http://" + r.Addr() + "/hq")
	there(b, "/hq")
	list, err := r.Books.Tokens(r.Context())
	r.must(err)
	for _, t := range list {
		r.must(r.Books.RevokeToken(r.Context(), t.ID))
	}
	b.Await(`document.activeElement.name === "secret" && !document.body.innerText.includes("¥")`)
}
