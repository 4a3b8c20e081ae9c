package lane

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"database/sql/driver"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"tilld/agent/checkout"
	"tilld/agent/clock"
	"tilld/agent/journal"
	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/drivers/scanner"
	"tilld/sync/wire"
)

var start = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC) // 12:00 in Tokyo

// rig is a lane on a real journal, with keys of its own for everybody and a clock that the test moves.
type rig struct {
	t       testing.TB
	dir     string
	second  string     // the journal's second medium; empty: none
	mu      sync.Mutex // the lane's goroutine asks the clock too
	now     time.Time
	booted  time.Time
	bootID  string
	root    *wire.Signer
	policy  *wire.Signer
	issuer  *wire.Signer
	signer  *wire.Signer
	bundle  *policy.Bundle
	doc     *policy.Document
	journal *journal.Journal
	clock   *clock.Clock
	lane    *Lane
	stop    func()
	id      payment.ID
	ids     *payment.IDs
	free    func(string) (uint64, error)            // what the journal is told of its disks; nil: the truth
	log     slog.Handler                            // nil: nobody listens
	wrap    func(driver.Connector) driver.Connector // between the journal and SQLite; nil: nothing
	asker   Asker                                   // nil: nobody is asked
}

func edSigner(t testing.TB) *wire.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := wire.NewSigner(key, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func ecSigner(t testing.TB) *wire.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := wire.NewSigner(key, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newRig starts a lane to which HQ has just spoken; edit changes the policy before it is signed.
func newRig(t testing.TB, edit func(*policy.Document)) *rig {
	t.Helper()
	r := bare(t)
	r.begin(edit)
	return r
}

// bare is a rig that has not begun.
func bare(t testing.TB) *rig {
	t.Helper()
	return &rig{
		t: t, dir: t.TempDir(), now: start, booted: start.Add(-time.Hour), bootID: "boot-1",
		root: edSigner(t), policy: edSigner(t), issuer: ecSigner(t), signer: edSigner(t), id: payment.ID{1, 2, 3},
	}
}

// begin makes the papers and starts the lane.
func (r *rig) begin(edit func(*policy.Document)) {
	r.t.Helper()
	r.ids = payment.NewIDs(func() time.Time { return r.time() }, rand.Reader)
	seal, err := wire.NewConfidantKey(rand.Reader)
	r.ok(err)
	row := func(use policy.Use, key []byte, wallet string) policy.TrustRow {
		return policy.TrustRow{Use: use, Key: key, Wallet: wallet, NotBefore: policy.StampOf(start.AddDate(-1, 0, 0)), NotAfter: policy.StampOf(start.AddDate(1, 0, 0))}
	}
	trust := &policy.Trust{Version: 1, Chain: "kita", Issued: policy.StampOf(start), Rows: []policy.TrustRow{
		row(policy.UsePolicy, r.policy.Public().Bytes(), ""), row(policy.UseAck, r.policy.Public().Bytes(), ""),
		row(policy.UseSeal, seal.Public().Bytes(), ""), row(policy.UseIssuer, r.issuer.Public().Bytes(), "house"),
	}}
	rawTrust, err := trust.Sign(r.root)
	r.ok(err)
	r.doc = policy.Starter("kita", "JPY", "Asia/Tokyo", start)
	if edit != nil {
		edit(r.doc)
	}
	rawPolicy, err := r.doc.Sign(r.policy)
	r.ok(err)
	r.bundle, err = policy.Load(r.root.Public(), "kita", rawTrust, rawPolicy)
	r.ok(err)
	r.open()
	r.t.Cleanup(func() { r.stop() })
	r.contact()
}

func (r *rig) time() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

// pass lets time pass.
func (r *rig) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

func (r *rig) ok(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) source() clock.Source {
	return clock.Source{
		Wall: func() time.Time { return r.time() }, Boot: func() (time.Duration, error) { return r.time().Sub(r.booted), nil }, BootID: r.bootID,
	}
}

// open starts the lane on what the directory holds.
func (r *rig) open() {
	r.t.Helper()
	ctx := context.Background()
	zone, err := time.LoadLocation("Asia/Tokyo")
	r.ok(err)
	r.journal, err = journal.Open(ctx, journal.Config{
		Dir: r.dir, Second: r.second, Terminal: r.id, Store: "0001", Lane: "1", Software: "test", Signer: r.signer, Random: rand.Reader, Free: r.free, Wrap: r.wrap,
		Now: func() journal.Moment {
			return journal.Moment{Date: payment.BusinessDate(r.time(), zone, 4*time.Hour), Wall: r.time(), Boot: r.time().Sub(r.booted), Zone: "Asia/Tokyo"}
		},
	})
	r.ok(err)
	raw, err := r.journal.ClockAnchor(ctx)
	r.ok(err)
	saved, err := clock.LoadSaved(raw)
	r.ok(err)
	r.clock = clock.New(r.source(), saved)
	r.lane, err = New(ctx, Config{
		Journal: r.journal, Clock: r.clock, Bundle: r.bundle, HashKey: policy.HashKey{Epoch: 1, Key: make([]byte, 32)}, IDs: r.ids, Asker: r.asker,
		Place: checkout.Place{Terminal: r.id, Store: "0001", Lane: "1", Zone: zone, Roll: 4 * time.Hour},
		Log:   slog.New(cmp.Or(r.log, slog.DiscardHandler)),
	})
	r.ok(err)
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- r.lane.Run(ctx) }()
	r.stop = func() {
		r.stop = func() {}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			r.t.Errorf("Run ended with %v", err)
		}
		r.ok(r.journal.Close())
	}
}

// restart ends the lane and starts it again on the same directory.
func (r *rig) restart() {
	r.t.Helper()
	r.stop()
	r.open()
}

// reboot starts the machine anew, and the lane with it.
func (r *rig) reboot() {
	r.t.Helper()
	r.stop()
	r.bootID, r.booted = r.bootID+"+", r.time()
	r.open()
}

// contact is a fresh answer of HQ.
func (r *rig) contact() {
	r.t.Helper()
	r.ok(r.lane.Contact(r.t.Context(), r.time(), r.time().Sub(r.booted)))
}

func (r *rig) sale(amount int64) journal.Sale {
	r.t.Helper()
	s, _, err := r.lane.OpenSale(r.t.Context(), NewSale{Sale: newSale(amount)})
	r.ok(err)
	return s
}

func newSale(amount int64) payment.Sale {
	return payment.Sale{Total: payment.Of(amount, "JPY"), Eligible: payment.Eligible{Wallet: amount}}
}

// phone is a customer's.
type phone struct {
	r       *rig
	key     *wire.Signer
	cert    []byte
	counter uint64
}

func (r *rig) phone(account byte) *phone {
	r.t.Helper()
	p := &phone{r: r, key: ecSigner(r.t)}
	var err error
	p.cert, err = signed.Certify(r.issuer, signed.Claims{
		Account: signed.Account{account}, Phone: p.key.Public(), Cap: payment.Of(8000, "JPY"), NotBefore: r.time().Add(-time.Hour), Hours: 48,
	})
	r.ok(err)
	return p
}

// code is a fresh one for this store.
func (p *phone) code() string {
	p.r.t.Helper()
	p.counter++
	text, err := signed.Sign(p.key, p.cert, signed.CodeClaims{Counter: p.counter, Time: p.r.time(), Store: "0001"})
	p.r.ok(err)
	return text
}

func (r *rig) scan(text string) View {
	r.t.Helper()
	r.lane.Scanned(r.t.Context(), scanner.Symbol{Text: text, AIM: "]Q1", At: r.time()})
	return r.lane.View()
}
