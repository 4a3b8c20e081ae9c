package ingest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/ledger/ledgertest"
	"tilld/sync/wire"
)

var update = flag.Bool("update", false, "write the captures of testdata/mixed again")

// TestMixedVersions takes to HQ what lanes of three releases sent, as it is kept in testdata/mixed: this one's,
// one two releases back and one a release ahead. Whatever this release makes of it is in the file beside it.
func TestMixedVersions(t *testing.T) {
	for _, d := range dialects {
		t.Run(d.name, func(t *testing.T) {
			path := filepath.Join("testdata", "mixed", d.name)
			if *update {
				must(t, os.MkdirAll(filepath.Dir(path), 0o755))
				must(t, os.WriteFile(path+".capture", d.capture(t), 0o644))
			}
			text, err := os.ReadFile(path + ".capture")
			must(t, err)
			got := replay(t, string(text))
			if *update {
				must(t, os.WriteFile(path+".want", []byte(got), 0o644))
			}
			want, err := os.ReadFile(path + ".want")
			must(t, err)
			if got != string(want) {
				t.Errorf("HQ makes of it\n%s\nand it was\n%s", got, want)
			}
		})
	}
}

func must(t testing.TB, err error) {
	if err != nil {
		t.Helper()
		t.Fatal(err)
	}
}

// replay plays a capture to an HQ with new books and says in words what came of it.
func replay(t *testing.T, text string) string {
	t.Helper()
	c := &ingesttest.Chain{TB: t, Ack: ingesttest.Ed25519(t)}
	store, err := ledger.Open(context.Background(), filepath.Join(t.TempDir(), "hq.db"), func() time.Time { return c.Now })
	must(t, err)
	t.Cleanup(func() { _ = store.Close() })
	b := &bench{Bench: &ledgertest.Bench{T: t, Ledger: store, Chain: c, Ctx: context.Background()}, store: store, road: &road{}}
	p := &player{bench: b, lane: &ingesttest.Lane{}, count: map[string]int{}}
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) > 0 && f[0] != "#" {
			p.line(f[0], f[1:])
		}
	}
	b.post()
	p.books()
	return p.out.String()
}

// player reads a capture.
type player struct {
	*bench
	lane  *ingesttest.Lane
	root  wire.PublicKey
	out   strings.Builder
	count map[string]int
}

func (p *player) line(what string, f []string) {
	p.Helper()
	raw, err := hex.DecodeString(f[len(f)-1])
	p.Must(err)
	switch what {
	case "now":
		p.Chain.Now, err = time.Parse(time.RFC3339, string(raw))
	case "root":
		p.root, err = wire.ParsePublicKey(raw)
	case "seal":
		p.Chain.Seal, err = wire.ParseConfidantKey(raw)
	case "trust":
		err = p.AddDocument(p.Ctx, ledger.Document{Kind: ledger.TrustDocument, Version: 1, Sealed: raw})
	case "policy":
		err = p.AddDocument(p.Ctx, ledger.Document{Kind: ledger.PolicyDocument, Version: 1, Sealed: raw})
	case "terminal":
		p.lane.ID, err = payment.ParseID(f[0])
		p.Must(err)
		p.begin(f[1], f[2], raw)
	case "up":
		p.up(raw)
	default:
		p.Fatalf("a capture with %q", what)
	}
	p.Must(err)
}

// begin enrols the lane and starts HQ.
func (p *player) begin(store, lane string, key []byte) {
	p.Helper()
	k, err := wire.ParsePublicKey(key)
	p.Must(err)
	p.Must(p.AddTerminal(p.Ctx, ledger.Terminal{ID: p.lane.ID, Entity: "kita", Store: store, Lane: lane}, k))
	p.g, err = New(p.Ctx, Config{Ledger: p.store, Publish: p.road, Root: p.root, Signer: func() *wire.Signer { return p.Chain.Ack },
		Unseal: p.Chain.Unseal, Now: func() time.Time { return p.Chain.Now }, Random: rand.Reader, Log: slog.New(slog.DiscardHandler)})
	p.Must(err)
}

// up takes a message in and says how it was answered.
func (p *player) up(msg []byte) {
	p.Helper()
	what := "beat"
	if wire.IsBatch(msg) {
		what = "batch"
	}
	before := p.g.Stats()
	acks := p.deliver(p.lane, msg)
	after := p.g.Stats()
	fmt.Fprintf(&p.out, "%s: stored %d, broken %d, answers %d", what, after.Stored-before.Stored, after.Broken-before.Broken, len(acks))
	for _, a := range acks {
		fmt.Fprintf(&p.out, ", acked %d, resend %v, forked %v, echo %v", a.Acked, a.Resend, a.Forked, len(a.Echo) > 0)
	}
	p.out.WriteByte('\n')
}

// books says what was posted, what waits for whom, and that it all adds up.
func (p *player) books() {
	p.Helper()
	pays, err := p.Payments(p.Ctx, ledger.PaymentFilter{}, 0, 100)
	p.Must(err)
	for _, x := range pays {
		fmt.Fprintf(&p.out, "payment %s %s %d\n", x.ID, x.State, x.Amount)
	}
	open, err := p.Exceptions(p.Ctx, ledger.ExceptionFilter{}, 0, 100)
	p.Must(err)
	for _, x := range open {
		fmt.Fprintf(&p.out, "exception %s of entry %d: %s\n", x.Kind, x.Entry.Seq, x.Detail)
	}
	rows, err := p.Trial(p.Ctx)
	p.Must(err)
	for _, r := range rows {
		fmt.Fprintf(&p.out, "account %v %d\n", r.Account, r.Net())
	}
	r, err := p.Check(p.Ctx, time.Time{})
	p.Must(err)
	fmt.Fprintf(&p.out, "faults %v\n", r.Faults)
}

// encodePlain is a batch that nobody compressed.
func encodePlain(t testing.TB, b *wire.Batch) []byte {
	t.Helper()
	raw, err := wire.Marshal(b)
	must(t, err)
	return bytes.Join([][]byte{{'B'}, raw}, nil)
}
