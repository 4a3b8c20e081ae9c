package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/drivers/emulate"
	"tilld/sync/outage"
	"tilld/sync/wire"
)

// asProgram makes this test binary be tilld itself: the processes that the stories start and kill are the
// shipped program.
const asProgram = "TILLD_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if conf := os.Getenv(asNATS); conf != "" {
		os.Exit(runNATS(conf))
	}
	if os.Getenv(asProgram) != "" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
		stop()
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// patience bounds every wait; two loaded cores are slow.
const patience = 60 * time.Second

// stage is HQ, its broker behind a line that can be cut, and lanes, each a process of its own.
type stage struct {
	testing.TB
	profile  string // of the lanes' scanners
	dir      string
	hq       *process
	hqURL    string
	token    string
	line     *outage.Proxy
	issuer   *wire.Signer
	lanes    []*laneProcess
	ids      *payment.IDs
	level    string // of the processes' logs; empty: warn
	shown    shown
	outside  bool          // commands run as processes of their own: the data lies on a disk that this one serves
	road     road          // brokers beside HQ; the zero one is HQ's own, behind line
	patience time.Duration // where it has to be more than usual

	first, more string // of HQ's configuration: what comes before its sections, and sections
	secondRoad  bool   // lanes have HQ's own address
}

// shown are the codes that phones have shown.
type shown struct {
	mu    sync.Mutex
	codes []string
}

func (c *shown) note(code string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.codes = append(c.codes, code)
	return code
}

// process is tilld, running; or another program, by command.
type process struct {
	t       testing.TB
	args    []string
	command func() *exec.Cmd // nil: tilld with args
	cmd     *exec.Cmd
	log     *lockedBuffer
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

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

type laneProcess struct {
	*process
	name    string
	store   string
	dir     string
	pages   string
	pos     string
	scanner *emulate.Scanner
}

func (s *stage) start(args ...string) *process {
	s.Helper()
	p := &process{t: s.TB, args: args, log: &lockedBuffer{}}
	p.begin()
	s.Cleanup(p.kill)
	return p
}

func (p *process) begin() {
	p.t.Helper()
	if p.command != nil {
		p.cmd = p.command()
	} else {
		p.cmd = exec.Command(self(p.t), p.args...)
		p.cmd.Env = append(os.Environ(), asProgram+"=1")
	}
	p.cmd.Stderr, p.cmd.Stdout = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
}

// self is this test binary.
func self(t testing.TB) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// kill is kill -9; killing what has ended is no fault.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	_ = p.cmd.Wait()         // "signal: killed"
}

// end is an orderly end, which must succeed.
func (p *process) end() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Fatalf("%v: %v\n%s", p.args, err, p.log)
	}
}

// given are the ports that freeAddr gave to somebody in this process, who may not listen yet.
var given sync.Map

// freeAddr is an address to listen on in a moment, below the ports that the kernel gives to outgoing connections:
// one of these could take it meanwhile. It gives none twice.
func freeAddr(t testing.TB) string {
	t.Helper()
	for range 100 {
		port := 10_000 + mathrand.IntN(22_000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		defer l.Close()
		if _, taken := given.LoadOrStore(port, true); !taken {
			return l.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

func (s *stage) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// cli runs a command that must succeed and returns its standard output.
func (s *stage) cli(args ...string) string {
	s.Helper()
	run := tilld
	if s.outside {
		run = tilldOutside
	}
	code, out, errs := run(s.TB, args...)
	if code != 0 {
		s.Fatalf("tilld %s: exit %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return strings.TrimSpace(out)
}

// tilldOutside runs a command as a process of its own.
func tilldOutside(t testing.TB, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	cmd := exec.Command(self(t), args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	cmd.Stdout, cmd.Stderr = &o, &e
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), o.String(), e.String()
}

func (s *stage) file(name, text string) string {
	s.Helper()
	path := filepath.Join(s.dir, name)
	s.must(os.WriteFile(path, []byte(text), 0o600))
	return path
}

// newStage sets everything up by the files that people carry; edit changes the policy before the lanes join.
func newStage(t testing.TB, lanes int, edit func(*policy.Document)) *stage {
	t.Helper()
	return newStageWith(t, lanes, "generic", edit)
}

// newStageWith is newStage with scanners of a device profile: a built-in one's name, or a file.
func newStageWith(t testing.TB, lanes int, profile string, edit func(*policy.Document)) *stage {
	t.Helper()
	s := &stage{TB: t, profile: profile, dir: t.TempDir(), ids: payment.NewIDs(time.Now, rand.Reader)}
	s.setUp(lanes, edit)
	return s
}

func (s *stage) setUp(lanes int, edit func(*policy.Document)) {
	s.Helper()
	data := filepath.Join(s.dir, "hq")
	s.cli("hq", "init", "--data", data, "--chain", "kita")
	var err error
	s.issuer, err = newP256()
	s.must(err)
	s.cli("hq", "issuer", "add", "--data", data, "--wallet", "house", policy.Hex(s.issuer.Public().Bytes()).String())
	if edit != nil {
		doc, err := policy.ParseTOML("policy", []byte(s.cli("hq", "policy", "show", "--data", data)))
		s.must(err)
		doc.Version++
		edit(doc)
		text, err := policy.RenderTOML(doc)
		s.must(err)
		s.cli("hq", "policy", "sign", "--data", data, s.file("policy.toml", string(text)))
	}
	s.token = s.cli("hq", "token", "add", "--data", data, "--scope", "finance", "tester")
	conf, broker := s.hqConfig(data)
	s.hq = s.start("hq", "-c", conf)
	s.outsideLine(broker)
	for i := range lanes {
		s.addLane(data, fmt.Sprintf("L%d", i+1))
	}
	s.healthy(s.hqURL)
	for _, l := range s.lanes {
		s.ready(l)
	}
}

// hqConfig writes HQ's configuration; nobody listens at its addresses yet.
func (s *stage) hqConfig(data string) (conf, broker string) {
	s.Helper()
	broker, api := freeAddr(s.TB), freeAddr(s.TB)
	s.hqURL = "http://" + api
	way := fmt.Sprintf("[embedded_broker]\nlisten = %q\n", broker)
	if s.road.outside() {
		way = s.road.table(0)
	}
	conf = s.file("hq.toml", fmt.Sprintf("data = %q\n%s%s[serve]\naddress = %q\n[settle]\nzone = \"Asia/Tokyo\"\n[log]\nlevel = %q\n%s", data, s.first, way, api, cmp.Or(s.level, "warn"), s.more))
	return conf, broker
}

// outsideLine is the line between the lanes and the broker.
func (s *stage) outsideLine(broker string) {
	s.Helper()
	var err error
	s.line, err = outage.Start(outage.Config{Listen: "127.0.0.1:0", Target: broker})
	s.must(err)
	s.Cleanup(func() { s.must(s.line.Close()) })
}

func (s *stage) addLane(hqData, name string) {
	s.Helper()
	l := s.newLane(name)
	request, answer := filepath.Join(s.dir, name+".request"), filepath.Join(s.dir, name+".answer")
	s.cli("lane", "init", "--data", l.dir, "-o", request)
	s.cli("hq", "terminal", "add", "--data", hqData, "--store", l.store, "--lane", name, "--entity", "kita-foods", "-o", answer, request)
	s.cli("lane", "join", "--data", l.dir, answer)
	l.process = s.start("lane", "-c", s.laneConfig(l))
}

func (s *stage) newLane(name string) *laneProcess {
	l := &laneProcess{name: name, store: "S001", dir: filepath.Join(s.dir, name), pages: freeAddr(s.TB), pos: freeAddr(s.TB)}
	s.lanes = append(s.lanes, l)
	return l
}

// laneConfig plugs a scanner in and writes the lane's configuration.
func (s *stage) laneConfig(l *laneProcess) (conf string) {
	s.Helper()
	var err error
	link := filepath.Join(s.dir, l.name+"-scanner")
	l.scanner, err = emulate.NewScanner(link, emulate.Options{})
	s.must(err)
	s.Cleanup(func() { _ = l.scanner.Close() })
	way := fmt.Sprintf("[broker]\naddresses = [%q]\nkeep_alive = %q\n", "mqtt://"+s.line.Addr(), s.road.keepAlive)
	if s.road.outside() {
		way = s.road.table(len(s.lanes) - 1)
	}
	if s.secondRoad {
		way += fmt.Sprintf("[hq]\nurl = %q\n", s.hqURL)
	}
	return s.file(l.name+".toml", fmt.Sprintf("data = %q\n[scanner]\npath = %q\nprofile = %q\nlocks = %q\n%s[listen]\npages = %q\npos = %q\n[log]\nlevel = %q\n",
		l.dir, link, s.profile, s.dir, way, l.pages, l.pos, cmp.Or(s.level, "warn")))
}

// until polls a condition; what is the story's words for it.
func (s *stage) until(what string, ok func() bool) {
	s.Helper()
	deadline := time.NewTimer(max(patience, s.patience))
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			s.Fatalf("gave up waiting: %s\nHQ says:\n%s\nlanes say:\n%s", what, tail(s.hq.log.String()), s.laneLogs())
		}
	}
}

func tail(s string) string { return s[max(0, len(s)-4000):] }

func (s *stage) laneLogs() string {
	var b strings.Builder
	for _, l := range s.lanes {
		fmt.Fprintf(&b, "%s:\n%s\n", l.name, tail(l.log.String()))
	}
	return b.String()
}

func (s *stage) healthy(url string) {
	s.Helper()
	s.until(url+" answers", func() bool {
		resp, err := http.Get(url + "/healthz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// ready waits until a lane hears its scanner and HQ has spoken to it.
func (s *stage) ready(l *laneProcess) {
	s.Helper()
	s.healthy("http://" + l.pages)
	s.until(l.name+" has its scanner", func() bool { return s.metric(l, "tilld_lane_broker_up") >= 0 && s.scannerOK(l) })
}

func (s *stage) scannerOK(l *laneProcess) bool {
	var v map[string]any
	if s.call(l, "GET", "/v1/lane", nil, &v) != http.StatusOK {
		return false
	}
	b, err := json.Marshal(v)
	s.must(err)
	return strings.Contains(string(b), `"ok"`)
}

// online waits until HQ has answered the lane: only then may it sell.
func (s *stage) online(l *laneProcess) {
	s.Helper()
	s.until(l.name+" hears HQ", func() bool { return s.metric(l, "tilld_lane_hq_up") == 1 })
}

// metric is a gauge of a lane; -1 when it can't be had.
func (s *stage) metric(l *laneProcess, name string) float64 {
	resp, err := http.Get("http://" + l.pages + "/metrics")
	if err != nil {
		return -1
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return -1
	}
	for line := range strings.Lines(string(b)) {
		var v float64
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			if _, err := fmt.Sscan(rest, &v); err == nil {
				return v
			}
		}
	}
	return -1
}

// call speaks to a lane's POS API; a lane that is dead answers 0.
func (s *stage) call(l *laneProcess, method, path string, body, into any) int {
	s.Helper()
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		s.must(err)
		r = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, "http://"+l.pos+path, r)
	s.must(err)
	req.Header.Set("Content-Type", "application/json")
	return s.send(req, into)
}

// callKey opens a sale under an idempotency key.
func (s *stage) callKey(l *laneProcess, key string, body, into any) int {
	s.Helper()
	b, err := json.Marshal(body)
	s.must(err)
	req, err := http.NewRequest("POST", "http://"+l.pos+"/v1/sales", bytes.NewReader(b))
	s.must(err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", key)
	return s.send(req, into)
}

// ask speaks to HQ's API; an HQ that is dead answers 0.
func (s *stage) ask(method, path string, into any) int {
	s.Helper()
	var body io.Reader
	if method == "POST" {
		body = strings.NewReader("{}")
	}
	req, err := http.NewRequest(method, s.hqURL+path, body)
	s.must(err)
	req.Header.Set("Authorization", "Bearer "+s.token)
	req.Header.Set("Content-Type", "application/json")
	return s.send(req, into)
}

func (s *stage) send(req *http.Request, into any) int {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0
	}
	switch v := into.(type) {
	case nil:
	case *[]byte:
		*v = b
	default:
		if err := json.Unmarshal(b, into); err != nil && resp.StatusCode < 300 {
			s.Errorf("%s %s: %v\n%s", req.Method, req.URL, err, b)
		}
	}
	return resp.StatusCode
}

// saleView is a sale as a lane's API shows it.
type saleView struct {
	ID       string `json:"id"`
	State    string `json:"state"`
	Payments []struct {
		ID       string `json:"id"`
		Progress string `json:"progress"`
		Voided   bool   `json:"voided"`
		Amount   struct {
			Minor int64 `json:"minor"`
		} `json:"amount"`
	} `json:"payments"`
}

// newP256 is a key as issuers and phones have it.
func newP256() (*wire.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return wire.NewSigner(key, rand.Reader)
}

// phone is a customer's.
type phone struct {
	s       *stage
	key     *wire.Signer
	cert    []byte
	counter uint64
}

func (s *stage) phone() *phone {
	s.Helper()
	p := &phone{s: s}
	var err error
	p.key, err = newP256()
	s.must(err)
	var account signed.Account
	_, err = rand.Read(account[:])
	s.must(err)
	p.cert, err = signed.Certify(s.issuer, signed.Claims{
		Account: account, Phone: p.key.Public(), Cap: payment.Of(50_000, "JPY"), NotBefore: time.Now().Add(-time.Hour), Hours: 24,
	})
	s.must(err)
	return p
}

// code is a fresh code for the store.
func (p *phone) code() string {
	p.s.Helper()
	p.counter++
	text, err := signed.Sign(p.key, p.cert, signed.CodeClaims{Counter: p.counter, Time: time.Now(), Store: "S001"})
	p.s.must(err)
	return p.s.shown.note(text)
}

// blankingOver is longer than the generic scanner's blanking time, within which two codes are one.
const blankingOver = 400 * time.Millisecond

// oldCode is a screenshot: made half an hour ago.
func (p *phone) oldCode() string {
	p.s.Helper()
	p.counter++
	text, err := signed.Sign(p.key, p.cert, signed.CodeClaims{Counter: p.counter, Time: time.Now().Add(-30 * time.Minute), Store: "S001"})
	p.s.must(err)
	return p.s.shown.note(text)
}

// open opens a sale at a lane.
func (s *stage) open(l *laneProcess, amount int64) saleView {
	s.Helper()
	var sale saleView
	body := map[string]any{"total": map[string]any{"minor": amount, "currency": "JPY"}}
	if code := s.call(l, "POST", "/v1/sales", body, &sale); code != http.StatusCreated {
		s.Fatalf("%s: opening a sale: %d\n%s", l.name, code, tail(l.log.String()))
	}
	return sale
}

// sell opens a sale, holds a code to the scanner until it is paid, as a customer does (two codes within the
// scanner's blanking time are one), and completes it.
func (s *stage) sell(l *laneProcess, p *phone, amount int64) saleView {
	s.Helper()
	sale := s.open(l, amount)
	s.hold(l, p, &sale)
	if code := s.call(l, "POST", "/v1/sales/"+sale.ID+"/complete", nil, &sale); code != http.StatusOK {
		s.Fatalf("%s: completing a sale: %d\n%s", l.name, code, s.laneLogs())
	}
	return sale
}

// hold holds a fresh code to the scanner until the sale is paid.
func (s *stage) hold(l *laneProcess, p *phone, sale *saleView) {
	s.Helper()
	code, again := p.code(), time.Now()
	s.until(l.name+": the sale is paid", func() bool {
		if !time.Now().Before(again) {
			s.must(l.scanner.Send(code))
			again = time.Now().Add(500 * time.Millisecond)
		}
		return s.call(l, "GET", "/v1/sales/"+sale.ID, nil, sale) == http.StatusOK && sale.State == "paid"
	})
}

// drained waits until HQ has every entry of every lane.
func (s *stage) drained() {
	s.Helper()
	for _, l := range s.lanes {
		s.until(l.name+" has nothing unsent", func() bool { return s.metric(l, "tilld_lane_entries_unacknowledged") == 0 })
	}
}
