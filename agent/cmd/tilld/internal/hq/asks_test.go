package hq

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tilld/agent/cmd/tilld/internal/config"
	"tilld/agent/cmd/tilld/internal/operators"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/authorise"
	"tilld/sync/ledger"
	"tilld/sync/mqtt"
	"tilld/sync/operator"
	"tilld/sync/operator/emulate"
	"tilld/sync/settle"
	"tilld/sync/wire"
)

// hall is an HQ with two wallets' operators behind real HTTP, and a lane that asks it over its broker.
type hall struct {
	*testing.T
	*Node
	cfg  *config.HQ
	op   *emulate.Server
	web  *httptest.Server
	log  *lockedBuffer
	id   payment.ID
	key  *wire.Signer
	ids  *payment.IDs
	down chan []byte
	road *mqtt.Client
	end  func()
	shut time.Duration // what ending took
}

func (h *hall) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatalf("%v\n%s", err, h.log)
	}
}

const (
	withPayPay = emulate.PayPay   // wallet "paypay"
	withMerpay = emulate.Acquirer // wallet "merpay"
)

func newHall(t *testing.T) *hall {
	t.Helper()
	h := &hall{T: t, log: &lockedBuffer{}, ids: payment.NewIDs(time.Now, rand.Reader), down: make(chan []byte, 64)}
	dir, files := t.TempDir(), t.TempDir()
	h.must(Init(t.Context(), dir, "kita", "JPY", "Asia/Tokyo", time.Now))
	secret := operator.SecretOf("sesame")
	var err error
	h.op, err = emulate.New(emulate.Config{Wallets: map[emulate.Wallet]emulate.Party{withPayPay: {ID: "key", Secret: secret}, withMerpay: {ID: "gate", Secret: secret}}})
	h.must(err)
	h.web = httptest.NewServer(h.op)
	t.Cleanup(h.web.Close)
	t.Cleanup(h.op.Close)
	put := func(name, text string) string {
		path := filepath.Join(files, name)
		h.must(os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	h.cfg = &config.HQ{Data: dir, Embedded: config.Embedded{Listen: "127.0.0.1:0"}, Serve: config.Serve{Address: "127.0.0.1:0"},
		Settle: config.Settle{Zone: "Asia/Tokyo", Cut: "03:00"},
		Shops:  put("shops.csv", "wallet,store,lane,merchant,shop_store,shop_terminal\npaypay,S001,,M1,1001,\nmerpay,S001,,M2,1001,\n"),
		Operators: []operators.Section{
			{Kind: operators.KindPayPay, Wallet: "paypay", URL: h.web.URL, CredentialsFile: put("paypay", "key:sesame\n")},
			{Kind: operators.KindAcquirer, Wallet: "merpay", URL: h.web.URL, CredentialsFile: put("gate", "sesame\n"), Timeout: "20s", Prefix: "/acquirer/v1",
				Terms: operators.Terms{QueryAfter: "100ms", QueryEvery: "100ms", GiveUp: "1h", AbsentIsFinal: "1h"}},
		}}
	_, seed, err := ed25519.GenerateKey(rand.Reader)
	h.must(err)
	h.key, err = wire.NewSigner(seed, nil)
	h.must(err)
	h.id, err = h.ids.Next()
	h.must(err)
	return h
}

// start runs HQ, and the lane's connection to it, until stop.
func (h *hall) start() {
	h.Helper()
	var err error
	h.Node, err = Open(h.Context(), h.cfg, "test", slog.New(slog.NewTextHandler(h.log, nil)))
	h.must(err)
	h.must(h.Books.AddTerminal(h.Context(), ledger.Terminal{ID: h.id, Entity: "E1", Store: "S001", Lane: "L1"}, h.key.Public()))
	up := make(chan struct{}, 16)
	lane, err := mqtt.NewClient(mqtt.Config{Brokers: []string{h.BrokerURL()}, ClientID: "lane-1", Subscriptions: []mqtt.Subscription{{Filter: wire.DownTopic(h.id)}},
		OnMessage: func(_ string, payload []byte) { h.down <- payload },
		OnState: func(is bool, _ error) {
			if is {
				up <- struct{}{}
			}
		}})
	h.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	hq, road := make(chan error, 1), make(chan error, 1)
	go func() { hq <- h.Node.Run(ctx) }()
	go func() { road <- lane.Run(ctx) }()
	h.road = lane
	h.end = func() {
		h.end = func() {}
		began := time.Now()
		cancel()
		if err := errors.Join(<-hq, <-road); err != nil {
			h.Errorf("%v\n%s", err, h.log)
		}
		h.shut = time.Since(began)
	}
	h.Cleanup(func() { h.end() })
	<-up
	h.wait("HQ listens", func() bool { return h.asks.client.Stats().Up })
}

func (h *hall) wait(what string, ok func() bool) {
	h.Helper()
	(&running{T: h.T, log: h.log}).until(what, ok)
}

// customer shows a code.
func (h *hall) customer(w emulate.Wallet, prompted bool) operator.Code {
	h.Helper()
	h.must(h.op.SetCustomer(w, emulate.Customer{Name: "Aoki", Balance: payment.Of(50_000, "JPY"), Prompted: prompted}))
	code, err := h.op.Show(w, "Aoki")
	h.must(err)
	return code
}

func (h *hall) ask(wallet string, code operator.Code) *wire.Ask {
	h.Helper()
	id, err := h.ids.Next()
	h.must(err)
	ref, err := operator.NewRef(id, 1)
	h.must(err)
	a := &wire.Ask{Version: wire.MessageVersion, Terminal: h.id, Ref: string(ref), Want: wire.WantCharge, Payment: id, Wallet: wallet, Amount: payment.Of(1200, "JPY"),
		Reference: "R-1", NotAfter: time.Now().Add(time.Minute).UnixMilli(), Challenge: []byte(rand.Text()[:wire.NonceSize])}
	for kid, key := range h.Keys.Seal {
		a.SealKey = kid[:]
		a.Code, err = key.Public().ConfideCode(h.id, a.Ref, []byte(code))
		h.must(err)
	}
	return a
}

func (h *hall) framed(typ wire.Typ, m any) []byte {
	h.Helper()
	b, err := wire.Seal(h.key, typ, m)
	h.must(err)
	return wire.FrameSigned(b)
}

func (h *hall) say(payload []byte) {
	h.Helper()
	h.must(h.road.Publish(h.Context(), wire.AskTopic(h.id), 0, payload))
}

// open reads what HQ says; false: it is of another kind.
func (h *hall) open(payload []byte, typ wire.Typ, into interface{ Validate() error }) bool {
	h.Helper()
	sealed, err := wire.UnframeSigned(payload)
	h.must(err)
	if is, err := wire.Peek(sealed); err != nil || is != typ {
		return false
	}
	m, err := wire.Open(sealed, typ, wire.OneKey(h.Keys.Ack.Public()))
	h.must(err)
	h.must(errors.Join(wire.UnmarshalKnown(m.Payload, into), into.Validate()))
	return true
}

// hear waits for an answer about an attempt that fits.
func (h *hall) hear(what, ref string, ok func(*wire.Answer) bool) wire.Answer {
	h.Helper()
	patience := time.NewTimer(patience)
	defer patience.Stop()
	for {
		select {
		case payload := <-h.down:
			var a wire.Answer
			if h.open(payload, wire.TypAnswer, &a) && a.Ref == ref && ok(&a) {
				return a
			}
		case <-patience.C:
			h.Fatalf("did not hear: %s\n%s", what, h.log)
		}
	}
}

func outcome(o payment.Outcome) func(*wire.Answer) bool {
	return func(a *wire.Answer) bool { return a.Outcome == o }
}

// post takes the second road.
func (h *hall) post(body []byte) (int, []byte) {
	h.Helper()
	resp, err := http.Post("http://"+h.Addr()+"/v1/ask", "application/octet-stream", bytes.NewReader(body))
	h.must(err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	h.must(err)
	if resp.StatusCode == http.StatusOK && resp.Header.Get("Content-Type") != "application/octet-stream" {
		h.Errorf("content type %q", resp.Header.Get("Content-Type"))
	}
	return resp.StatusCode, b
}

func (h *hall) posted(typ wire.Typ, m any, into interface{ Validate() error }) {
	h.Helper()
	status, body := h.post(h.framed(typ, m))
	if status != http.StatusOK || !h.open(body, map[wire.Typ]wire.Typ{wire.TypAsk: wire.TypAnswer, wire.TypProbe: wire.TypPong}[typ], into) {
		h.Fatalf("status %d, %d bytes\n%s", status, len(body), h.log)
	}
}

// TestOnlinePaymentAtARunningHQ: a lane asks over the broker and over HTTP, and the customer is charged once.
func TestOnlinePaymentAtARunningHQ(t *testing.T) {
	h := newHall(t)
	h.start()
	ask := h.ask("paypay", h.customer(withPayPay, false))
	h.say(h.framed(wire.TypAsk, ask))
	got := h.hear("paid", ask.Ref, func(a *wire.Answer) bool { return a.Outcome == payment.Paid && len(a.Echo) > 0 })
	if !bytes.Equal(got.Echo, ask.Challenge) || got.Transaction == "" || got.Amount != ask.Amount || got.Payment != ask.Payment {
		t.Errorf("%+v", got)
	}
	if b, ok := h.op.Book(withPayPay, operator.Ref(ask.Ref)); !ok || b.Amount != ask.Amount {
		t.Errorf("the operator's book: %+v, %t", b, ok)
	}
	var again wire.Answer
	h.posted(wire.TypAsk, ask, &again)
	if again.Outcome != payment.Paid || again.Transaction != got.Transaction {
		t.Errorf("by the second road: %+v", again)
	}

	ask = h.ask("merpay", h.customer(withMerpay, false))
	var second wire.Answer
	h.posted(wire.TypAsk, ask, &second)
	if second.Outcome != payment.Paid || !bytes.Equal(second.Echo, ask.Challenge) {
		t.Errorf("by the second road alone: %+v", second)
	}
	h.hear("that it is paid, unasked, by the first", ask.Ref, func(a *wire.Answer) bool { return a.Outcome == payment.Paid && len(a.Echo) == 0 })

	ask = h.ask("merpay", h.customer(withMerpay, true))
	h.say(h.framed(wire.TypAsk, ask))
	h.hear("that the customer is asked", ask.Ref, outcome(payment.Pending))
	back := *ask
	back.Want, back.Code, back.SealKey = wire.WantReverse, nil, nil
	h.say(h.framed(wire.TypAsk, &back))
	h.hear("that it is taken back", ask.Ref, outcome(payment.NotPaid))
	if n := h.log.String(); strings.Contains(n, "sesame") {
		t.Errorf("a credential in the log: %s", n)
	}
}

// TestProbeAtARunningHQ, by both roads; then an operator does not answer, and the pong says whose.
func TestProbeAtARunningHQ(t *testing.T) {
	h := newHall(t)
	h.start()
	probe := &wire.Probe{Version: wire.MessageVersion, Terminal: h.id, Challenge: bytes.Repeat([]byte{3}, wire.NonceSize)}
	h.say(h.framed(wire.TypProbe, probe))
	var pong wire.Pong
	if !h.open(<-h.down, wire.TypPong, &pong) || !bytes.Equal(pong.Echo, probe.Challenge) || pong.Terminal != h.id || len(pong.Down) != 0 {
		t.Errorf("%+v", pong)
	}
	epoch, err := h.Books.HQEpoch(t.Context())
	h.must(err)
	if pong.HQEpoch != epoch || time.Since(time.UnixMilli(pong.Time)) > patience {
		t.Errorf("%+v", pong)
	}
	h.must(h.op.Behave(withMerpay, emulate.Behaviour{Fault: emulate.CutBefore}))
	ask := h.ask("merpay", h.customer(withMerpay, false))
	h.say(h.framed(wire.TypAsk, ask))
	h.wait("the operator counts as silent", func() bool {
		pong = wire.Pong{}
		h.posted(wire.TypProbe, probe, &pong)
		return slices.Equal(pong.Down, []string{"merpay"})
	})
	h.must(h.op.Behave(withMerpay, emulate.Behaviour{}))
	h.wait("the operator answers again", func() bool {
		pong = wire.Pong{}
		h.posted(wire.TypProbe, probe, &pong)
		return len(pong.Down) == 0
	})
}

// TestAsksThatAreDeclined: the lane is told, and nobody is charged.
func TestAsksThatAreDeclined(t *testing.T) {
	h := newHall(t)
	h.start()
	declined := func(what, why string, ask *wire.Ask) {
		t.Helper()
		var a wire.Answer
		h.posted(wire.TypAsk, ask, &a)
		if a.Outcome != payment.NotPaid || a.Why != why {
			t.Errorf("%s: %s %q, want %q", what, a.Outcome, a.Why, why)
		}
	}
	code := h.customer(withPayPay, false)
	declined("a wallet without an operator", "not_enabled", h.ask("linepay", code))
	late := h.ask("paypay", code)
	late.NotAfter = time.Now().Add(-time.Second).UnixMilli()
	declined("ten minutes late", "late", late)
	other := h.ask("paypay", code)
	other.Ref = string(operator.Ref(other.Ref[:26] + "02"))
	declined("a code of another attempt", "code_unreadable", other)
	was := h.id
	h.id, _ = h.ids.Next()
	h.must(h.Books.AddTerminal(t.Context(), ledger.Terminal{ID: h.id, Entity: "E1", Store: "S002", Lane: "L1"}, func() wire.PublicKey {
		_, seed, err := ed25519.GenerateKey(rand.Reader)
		h.must(err)
		h.key, err = wire.NewSigner(seed, nil)
		h.must(err)
		return h.key.Public()
	}()))
	declined("a store that is not in the table", "not_enabled", h.ask("paypay", code))
	h.must(h.Books.RevokeTerminal(t.Context(), h.id, "Aoki", "stolen"))
	declined("a terminal that was revoked", "terminal_revoked", h.ask("paypay", code))

	h.id = was // and not its key
	for name, body := range map[string][]byte{"another's name": h.framed(wire.TypAsk, h.ask("paypay", code)), "rubbish": []byte("rubbish"), "nothing": nil} {
		if status, b := h.post(body); status != http.StatusNoContent || len(b) > 0 {
			t.Errorf("%s: %d, %d bytes", name, status, len(b))
		}
	}
	if status, _ := h.post(make([]byte, maxAsk+1)); status != http.StatusRequestEntityTooLarge {
		t.Errorf("a long one: %d", status)
	}
	resp, err := http.Get("http://" + h.Addr() + "/v1/ask")
	h.must(err)
	resp.Body.Close()
	if resp.StatusCode < 400 {
		t.Errorf("GET: %s", resp.Status)
	}
	if list := h.op.Charges(withPayPay, 10); len(list) > 0 {
		t.Errorf("charged: %+v", list)
	}
}

// TestHQGoesOnWithAnOpenAttempt: HQ ends over a charge whose answer was lost, and finds out at its next start.
func TestHQGoesOnWithAnOpenAttempt(t *testing.T) {
	h := newHall(t)
	h.start()
	h.must(h.op.Behave(withMerpay, emulate.Behaviour{Fault: emulate.CutAfter}))
	ask := h.ask("merpay", h.customer(withMerpay, false))
	h.say(h.framed(wire.TypAsk, ask))
	h.wait("the answer is lost", func() bool {
		a, err := h.Books.Attempts().Get(h.Context(), operator.Ref(ask.Ref))
		return err == nil && a.State == authorise.Doubtful
	})
	open, err := h.Books.Attempts().Open(t.Context())
	h.must(err)
	if len(open) != 1 || open[authorise.Count{Wallet: "merpay", State: authorise.Doubtful}] != 1 {
		t.Errorf("open: %v", open)
	}
	h.end()
	h.must(h.op.Behave(withMerpay, emulate.Behaviour{}))
	h.start()
	h.hear("that it was paid, unasked", ask.Ref, outcome(payment.Paid))
	if list := h.op.Charges(withMerpay, 10); len(list) != 1 {
		t.Errorf("charged: %+v", list)
	}
}

// TestHQWaitsForAnswers: who ends HQ over a charge lets it come to its answer.
func TestHQWaitsForAnswers(t *testing.T) {
	h := newHall(t)
	h.start()
	h.must(h.op.Behave(withMerpay, emulate.Behaviour{Fault: emulate.Slow, On: []emulate.Op{emulate.Pay}}))
	ask := h.ask("merpay", h.customer(withMerpay, false))
	h.say(h.framed(wire.TypAsk, ask))
	h.op.Await(withMerpay, 1)
	ended := make(chan struct{})
	go func() { h.end(); close(ended) }()
	h.wait("the connection is closed", func() bool { return !h.asks.client.Stats().Up })
	select {
	case <-ended:
		t.Fatal("HQ ended over a charge")
	default:
	}
	h.op.Release(withMerpay)
	<-ended
	if h.shut > askGrace {
		t.Errorf("it took %s", h.shut)
	}
	o, err := OpenOffice(t.Context(), h.cfg.Data, time.Now)
	h.must(err)
	defer o.Close()
	if a, err := o.Books.Attempts().Get(t.Context(), operator.Ref(ask.Ref)); err != nil || a.State != authorise.Paid {
		t.Errorf("%s, %v", a.State, err)
	}
}

// TestOperatorsWalletsAreSettled, beside those that lanes take by themselves.
func TestOperatorsWalletsAreSettled(t *testing.T) {
	h := newHall(t)
	h.start()
	doc, _, err := h.Policy(t.Context())
	h.must(err)
	doc.Version++
	doc.Wallets = append(doc.Wallets, "paypay", "linepay")
	h.must(h.SignPolicy(t.Context(), doc))
	list, err := h.schedules(t.Context(), time.UTC, time.Hour)
	h.must(err)
	var wallets []string
	for _, s := range list {
		wallets = append(wallets, s.Account.Wallet)
	}
	if !slices.Contains(wallets, "paypay") || slices.Contains(wallets, "linepay") {
		t.Errorf("settled are %v", wallets)
	}
}

// TestGroupsAreThePolicys: what operators call a shop goes by the groups of the newest policy, and a wallet that only a
// group takes is settled too.
func TestGroupsAreThePolicys(t *testing.T) {
	h := newHall(t)
	h.must(os.WriteFile(h.cfg.Shops, []byte("wallet,store,lane,merchant,shop_store,shop_terminal\npaypay,@stations,,M3,,\n"), 0o600))
	h.start()
	at := func(store, want string) {
		t.Helper()
		if got, _ := h.asks.shopOf("paypay", &authorise.Terminal{Store: store, Lane: "L1"}); got.Merchant != want {
			t.Errorf("store %s: %+v, want %q", store, got, want)
		}
	}
	at("S001", "")
	doc, _, err := h.Policy(t.Context())
	h.must(err)
	doc.Version++
	doc.Groups = []policy.Group{{Name: "stations", Stores: []string{"S001"}, Wallets: []string{"house", "paypay"}}}
	h.must(h.SignPolicy(t.Context(), doc))
	at("S001", "M3")
	at("S002", "")
	list, err := h.schedules(t.Context(), time.UTC, time.Hour)
	h.must(err)
	if !slices.ContainsFunc(list, func(s settle.Schedule) bool { return s.Account.Wallet == "paypay" }) {
		t.Errorf("settled are %+v", list)
	}
}

// TestHQWithoutOperators answers probes, and declines.
func TestHQWithoutOperators(t *testing.T) {
	h := newHall(t)
	code := h.customer(withPayPay, false)
	h.cfg.Operators, h.cfg.Shops = nil, ""
	h.start()
	probe := &wire.Probe{Version: wire.MessageVersion, Terminal: h.id, Challenge: bytes.Repeat([]byte{3}, wire.NonceSize)}
	var pong wire.Pong
	h.posted(wire.TypProbe, probe, &pong)
	ask := h.ask("paypay", code)
	h.say(h.framed(wire.TypAsk, ask))
	if a := h.hear("declined", ask.Ref, outcome(payment.NotPaid)); a.Why != "not_enabled" {
		t.Errorf("%+v", a)
	}
}

// TestNoRoomNoCharge: while HQ's disk is full nobody is charged, and the lane is not told that he isn't.
func TestNoRoomNoCharge(t *testing.T) {
	h := newHall(t)
	h.start()
	full := errors.New("full")
	store := roomy{h.Books.Attempts(), func() error { return full }}
	at := authorise.Attempt{Ref: "R1", Payment: payment.ID{1}, Terminal: h.id, Store: "S001", Lane: "L1", Wallet: "paypay", Amount: payment.Of(1, "JPY"),
		Made: time.Now().UTC().Truncate(time.Millisecond), State: authorise.Asked}
	if err := store.Begin(t.Context(), &at); !errors.Is(err, full) || !errors.Is(err, ledger.ErrFull) {
		t.Errorf("%v", err)
	}
	if _, err := store.Get(t.Context(), "R1"); !errors.Is(err, authorise.ErrNone) {
		t.Errorf("%v", err)
	}
	store.lacks = func() error { return nil }
	h.must(store.Begin(t.Context(), &at))
	store.lacks = func() error { return full }
	at.State = authorise.Declined
	h.must(store.Save(t.Context(), &at)) // what came of it is kept while that is possible
}

// TestMetricsOfOnlinePayments: what lanes asked for is counted, and who does not answer.
func TestMetricsOfOnlinePayments(t *testing.T) {
	h := newHall(t)
	h.start()
	ask := h.ask("paypay", h.customer(withPayPay, false))
	var a wire.Answer
	h.posted(wire.TypAsk, ask, &a)
	h.post([]byte("rubbish"))
	h.posted(wire.TypAsk, h.ask("made-up", "x"), &a)
	h.must(h.op.Behave(withMerpay, emulate.Behaviour{Fault: emulate.CutBefore}))
	h.posted(wire.TypAsk, h.ask("merpay", h.customer(withMerpay, false)), &a)
	h.wait("the operator counts as silent", func() bool { return len(h.asks.desk.Down()) > 0 })
	resp, err := http.Get("http://" + h.Addr() + "/metrics")
	h.must(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	h.must(err)
	for _, want := range []string{
		`tilld_authorise_attempts_total{state="paid",wallet="paypay"} 1`, `tilld_authorise_attempts_total{state="declined",wallet=""} 1`,
		`tilld_authorise_attempts_open{state="paid",wallet="paypay"} 1`, `tilld_authorise_attempts_open{state="doubtful",wallet="merpay"} 1`,
		`tilld_authorise_operator_silent{wallet="merpay"} 1`, `tilld_authorise_operator_silent{wallet="paypay"} 0`,
		`tilld_authorise_requests_lost_total{cause="refused"} 1`, `tilld_authorise_attempts_trouble{trouble="lane_silent"} 0`,
	} {
		if !strings.Contains(string(text), want+"\n") {
			t.Errorf("not there: %s", want)
		}
	}
}

// TestAsksFollowTheEntries: with several brokers the connection of the asks hears HQ's hello, and where it does not it goes
// on to another one.
func TestAsksFollowTheEntries(t *testing.T) {
	h := newHall(t)
	var addresses []string
	all := mqtt.Rights{Publish: []string{"#"}, Subscribe: []string{"#"}}
	for _, name := range []string{"a", "b"} {
		b, err := mqtt.StartBroker(mqtt.BrokerConfig{StoreDir: t.TempDir(), Listen: "127.0.0.1:0", Guests: all, Name: name, Log: slog.New(slog.DiscardHandler)})
		h.must(err)
		t.Cleanup(b.Close)
		addresses = append(addresses, b.URL())
	}
	h.cfg.Embedded, h.cfg.Broker = config.Embedded{}, config.Broker{Addresses: addresses}
	var err error
	h.Node, err = Open(t.Context(), h.cfg, "test", slog.New(slog.NewTextHandler(h.log, nil)))
	h.must(err)
	(&running{T: t, log: h.log}).run(h.Node.Run)
	h.wait("both are connected", func() bool { return h.client.Stats().Up && h.asks.client.Stats().Up })
	if h.deaf() {
		t.Error("deaf at once")
	}
	h.listenOnce()
	h.wait("it hears HQ", func() bool {
		h.asks.hello.Store(1)
		h.must(h.client.Publish(t.Context(), wire.AllTopic, 0, []byte("hello")))
		return h.asks.hello.Load() != 1
	})
	if h.asks.client.Stats().Connects != 1 || h.deaf() {
		t.Errorf("%+v", h.asks.client.Stats())
	}
	h.asks.hello.Store(h.now().Add(-2 * deafAfter).UnixNano())
	if !h.deaf() {
		t.Error("not deaf after so long")
	}
	h.listenOnce()
	h.wait("it goes on", func() bool { s := h.asks.client.Stats(); return s.Connects == 2 && s.Up })
	if h.client.Stats().Connects != 1 {
		t.Errorf("the other connection went too: %+v", h.client.Stats())
	}
}
