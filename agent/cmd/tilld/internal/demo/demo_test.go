package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tilld/ui/web/webtest"
)

// begun is a running demo.
type begun struct {
	*testing.T
	opts Options
	demo *Demo
	out  *bytes.Buffer
	end  func()
}

// freePorts finds a first port from which all of the demo's are free.
func freePorts(t *testing.T) int {
	t.Helper()
	for base := 20_000; base < 60_000; base += 211 {
		free := true
		for _, n := range []int{phonePort, lanePort, lanePort + 1, 2 * lanePort, 2*lanePort + 1, brokerPort, hqPort, operatorPort, issuerPort, gatewayPort} {
			l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", base+n))
			if err != nil {
				free = false
				break
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if free {
			return base
		}
	}
	t.Fatal("no free ports")
	return 0
}

func start(t *testing.T, opts Options) *begun {
	t.Helper()
	b := &begun{T: t, opts: opts, out: &bytes.Buffer{}}
	b.opts.Out, b.opts.Log, b.opts.Software = b.out, slog.New(slog.DiscardHandler), "test"
	var err error
	if b.demo, err = Open(t.Context(), b.opts); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.demo.Run(ctx) }()
	b.end = func() {
		b.end = func() {}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the demo ended with %v", err)
		}
	}
	t.Cleanup(func() { b.end() })
	return b
}

// get asks HQ's API with the token that the demo prints.
func (b *begun) get(method, path string) []byte {
	b.Helper()
	var body io.Reader
	if method == "POST" {
		body = strings.NewReader("{}")
	}
	req, err := http.NewRequest(method, "http://"+b.demo.hq.Addr()+path, body)
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+b.demo.notes.Token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		b.Fatalf("%s %s: %s\n%s", method, path, resp.Status, answer)
	}
	return answer
}

// settled is what all batches come to, after cutting what there is.
func (b *begun) settled() (count, sum int64) {
	b.Helper()
	b.get("POST", "/v1/settlements")
	var list struct {
		Items []struct{ Count, Sum int64 }
	}
	if err := json.Unmarshal(b.get("GET", "/v1/settlements"), &list); err != nil {
		b.Fatal(err)
	}
	for _, i := range list.Items {
		count, sum = count+i.Count, sum+i.Sum
	}
	return count, sum
}

func (b *begun) until(what string, ok func() bool) {
	b.Helper()
	deadline := time.After(60 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			b.Fatalf("gave up waiting: %s", what)
		}
	}
}

// reach waits until HQ answers both lanes: only then they ask the house wallet's issuer, and know the time at a first start.
func (b *begun) reach() {
	b.Helper()
	b.until("the lanes reach HQ", func() bool {
		return b.demo.nodes[0].Lane().View().Reach.Up && b.demo.nodes[1].Lane().View().Reach.Up
	})
}

// storeClock is what the store's clocks may show now, as a JavaScript array: this minute's time and the last's.
func storeClock(t *testing.T) string {
	t.Helper()
	at, err := time.LoadLocation(markets[0].zone)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().In(at)
	return fmt.Sprintf("[%q, %q]", now.Format("15:04"), now.Add(-time.Minute).Format("15:04"))
}

// refusesTheOldCode shows lane L1 the code again that has paid there, on purpose: it pays for no second sale. It stays on
// the phone until another one is asked for; the sale goes on, and is given up.
func refusesTheOldCode(phone, cashier *webtest.Browser) {
	cashier.Type("900" + webtest.Enter)
	cashier.Await(`document.body.dataset.state === "waiting"`)
	phone.Type("o")
	phone.Await(`document.querySelector(".handset.old") !== null`)
	// Within the scanner's blanking time the same code again is its stutter, of which nobody is told.
	cashier.Await(fmt.Sprintf(`Date.now() > %d`, time.Now().Add(500*time.Millisecond).UnixMilli()))
	phone.Type("1")
	cashier.Await(`document.body.innerText.includes("This code has paid already, for another sale: ask for a fresh one") && document.body.dataset.state === "waiting"`)
	cashier.Type(webtest.Escape)
	cashier.Await(`document.body.dataset.state === "idle"`)
	phone.Type("n")
	phone.Await(`document.querySelector(".handset.old") === null`)
}

// TestDemo is what the README promises: sales through both lanes, an outage, recovery, a batch that balances, all by
// the pages; and it continues after it was ended.
func TestDemo(t *testing.T) {
	opts := Options{Dir: t.TempDir(), Port: freePorts(t)}
	b := start(t, opts)
	phone, cashier := webtest.New(t, 1024, 768), webtest.New(t, 1024, 768)
	phone.Open("http://" + b.demo.page.Addr().String())
	lane := func(i int) { cashier.Open("http://" + b.demo.nodes[i].PagesAddr()) }
	state := func(want string) {
		t.Helper()
		cashier.Await(fmt.Sprintf(`document.body.dataset.state === %q`, want))
	}
	sell := func(i int, amount string) {
		t.Helper()
		state("idle")
		cashier.Type(amount + webtest.Enter)
		state("waiting")
		shown := phone.Eval(`document.querySelector("img").src`)
		phone.Type(fmt.Sprint(i + 1)) // hold it to that lane
		state("paid")
		phone.Await(fmt.Sprintf(`document.querySelector("img").src !== %q`, shown)) // the next code follows by itself
		cashier.Type(webtest.Enter)
		state("idle")
	}
	for _, want := range []string{b.demo.notes.PIN, b.demo.notes.Token, b.demo.hq.Addr()} {
		b.until("the addresses are printed", func() bool { return strings.Contains(b.out.String(), want) })
	}
	phone.Await(`document.querySelector("img") !== null`)
	lane(0)
	b.reach()
	cashier.Await(`document.body.innerText.includes("Scanner ready") && document.body.innerText.includes("connected")`)
	sell(0, "700")
	phone.Await(fmt.Sprintf(`%s.some(at => document.body.innerText.includes("held to L1 at " + at))`, storeClock(t)))
	refusesTheOldCode(phone, cashier)
	lane(1)
	cashier.Await(`document.body.innerText.includes("Scanner ready") && document.body.innerText.includes("connected")`)
	sell(1, "300")

	phone.Type("c") // cut the line: a lane that asks for online payments finds out when it needs to know
	cashier.Type("250" + webtest.Enter)
	cashier.Await(`document.body.innerText.includes("No line to head office since")`)
	phone.Type("2")
	state("paid")
	cashier.Type(webtest.Enter)
	state("idle")
	cashier.Await(`document.body.innerText.includes("not yet at head office")`)
	phone.Type("c") // and restore it
	cashier.Await(`document.body.innerText.includes("All payments at head office")`)
	b.until("all is settled", func() bool { n, sum := b.settled(); return n == 3 && sum == 1250 })

	b.end()
	b = start(t, opts)
	b.reach()
	resp, err := http.PostForm("http://"+b.demo.page.Addr().String()+"/phone/hold", url.Values{"lane": {"L2"}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		t.Errorf("a hold before anybody opened the page: %s", resp.Status)
	}
	lane(1)
	phone.Open("http://" + b.demo.page.Addr().String())
	phone.Await(`document.querySelector("img") !== null`)
	cashier.Await(`document.body.innerText.includes("Scanner ready") && document.body.innerText.includes("connected")`)
	// The scanner may have read what was held before just now: another code within its blanking time is none of this sale's.
	cashier.Await(fmt.Sprintf(`Date.now() > %d`, time.Now().Add(500*time.Millisecond).UnixMilli()))
	sell(1, "50")
	b.until("all is settled", func() bool { n, sum := b.settled(); return n == 4 && sum == 1300 })
}

// TestPortsThatAreTaken: whichever it is, the reader is told what to do, and nothing is made.
func TestPortsThatAreTaken(t *testing.T) {
	for _, n := range []int{phonePort, lanePort, 2*lanePort + 1, brokerPort, hqPort, operatorPort, issuerPort, gatewayPort} {
		opts := Options{Dir: filepath.Join(t.TempDir(), "demo"), Port: freePorts(t), Log: slog.New(slog.DiscardHandler)}
		l, err := net.Listen("tcp", opts.addr(n))
		if err != nil {
			t.Fatal(err)
		}
		_, err = Open(t.Context(), opts)
		if want := fmt.Sprintf("--port %d", opts.Port+1000); !errors.Is(err, ErrPort) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), l.Addr().String()) {
			t.Errorf("port %d: %v", n, err)
		}
		if _, err := os.Stat(opts.Dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("port %d: a demo was begun: %v", n, err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestForgetLeavesOthersAlone(t *testing.T) {
	dir := t.TempDir()
	if err := Forget(dir + "/none"); err != nil {
		t.Errorf("nothing there: %v", err)
	}
	if err := Forget("."); err == nil {
		t.Error("a directory that is no demo was removed")
	}
}
