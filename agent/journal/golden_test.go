package journal

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// envGolden makes the golden files of this release anew. Those of a release that is out are never made anew.
const envGolden = "TILLD_MAKE_GOLDEN"

// golden lists the journals of all releases, oldest first. Each release adds its own.
var golden = []struct {
	name    string
	entries int
	acked   uint64 // of the first epoch
	online  bool   // it knows online payments
}{{"v1", 22, 16, false}, {"v2", 22, 16, false}, {"v3", 40, 33, true}, {"v4", 53, 33, true}}

func goldenPath(name string) string { return filepath.Join("testdata", "golden", name) }

// listing says in a few words what a journal holds.
func listing(t testing.TB, src Source) []byte {
	t.Helper()
	var b bytes.Buffer
	for row, err := range src.Rows(ctx, Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		v, err := row.View()
		if err != nil {
			t.Fatal(err)
		}
		body := "-"
		if v.Body != nil {
			body = fmt.Sprintf("erased=%v cashier=%q evidence=%d", v.Body.Erased, v.Body.Cashier, v.Body.Evidence)
		}
		fmt.Fprintf(&b, "%d %s %d %s key %s %s (%s) %s\n", v.Pos, v.Epoch, v.Seq, v.Hash, v.Key, v.Kind, v.Summary(), body)
	}
	return b.Bytes()
}

// makeGolden fills a journal with one of everything.
func makeGolden(t *testing.T, name string) {
	j := newSecond(t)
	mustAppend(t, j, draft(&payment.DayOpened{}))
	r := sell(t, j, 1, 4)
	training := opened(50, 100)
	training.Training = true
	sellOnline(t, j)
	mustAppend(t, j, voided(r[1]), training, draft(&payment.Refused{Amount: yen(5), Reason: payment.CodeUsed, Wallet: "house"}),
		saleFact(&payment.SaleCompleted{}, 1), saleFact(&payment.SaleCancelled{}, 2))
	d, err := j.Day(ctx, today)
	if err != nil {
		t.Fatal(err)
	}
	last := mustAppend(t, j, draft(&payment.DayClosed{FirstSeq: d.FirstSeq, Totals: d.Totals}))
	if _, err := j.ChangeKey(ctx, newSigner(t, 2)); err != nil {
		t.Fatal(err)
	}
	a := ackFor(last[0], 1_795_000_000_000)
	a.Results = []wire.Result{{Seq: r[2].Entry.Seq, Status: wire.Suspense, Reason: "code_spent_twice"}}
	mustAck(t, j, a)
	if err := j.EraseBody(ctx, r[0].Entry.Epoch, r[0].Entry.Seq); err != nil {
		t.Fatal(err)
	}
	if err := j.SetDocument(ctx, PolicyDocument, 3, []byte("policy")); err != nil {
		t.Fatal(err)
	}
	if err := j.SetClockAnchor(ctx, []byte("anchor")); err != nil {
		t.Fatal(err)
	}
	if _, err := j.NewEpoch(ctx, payment.CauseFork); err != nil {
		t.Fatal(err)
	}
	sell(t, j, 100, 2)
	mustAppend(t, j, saleFact(&payment.SaleCompleted{}, 70)) // its attempt lies in the epoch before
	carryIn(t, j)
	c := openCopyOf(t, j)
	if err := os.MkdirAll(goldenPath(""), 0o755); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{j.cfg.database(): ".db", secondPath(&j.cfg): ".second"} {
		b, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(goldenPath(name)+to, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(goldenPath(name)+".txt", listing(t, c), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestGolden opens the journal of every release so far: it lists as it did, verifies with the first key
// alone, answers what it is asked, and is continued.
func TestGolden(t *testing.T) {
	if os.Getenv(envGolden) != "" {
		makeGolden(t, golden[len(golden)-1].name)
	}
	for _, g := range golden {
		name := g.name
		t.Run(name, func(t *testing.T) {
			cfg := config(t, t.TempDir())
			cfg.Second = t.TempDir()
			cfg.Signer = newSigner(t, 2)
			for from, to := range map[string]string{".db": cfg.database(), ".second": secondPath(&cfg)} {
				b, err := os.ReadFile(goldenPath(name) + from)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(to, b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if n := sameListing(t, name, cfg); n != g.entries {
				t.Errorf("%d entries in the listing, want %d", n, g.entries)
			}
			goldenAnswers(t, cfg, g.acked, g.online)
		})
	}
}

// sameListing says how many entries were listed.
func sameListing(t *testing.T, name string, cfg Config) int {
	t.Helper()
	want, err := os.ReadFile(goldenPath(name) + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	c, err := OpenCopy(ctx, cfg.database())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := listing(t, c); !bytes.Equal(got, want) {
		t.Errorf("lists as:\n%s\nwas:\n%s", got, want)
	}
	s, err := OpenSecondCopy(secondPath(&cfg))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := listing(t, s); !bytes.Equal(got, want) {
		t.Errorf("second medium lists as:\n%s\nwas:\n%s", got, want)
	}
	first := newSigner(t, 1).Public()
	if _, err := c.Verify(ctx, first); err != nil {
		t.Error(err)
	}
	if _, err := s.Verify(ctx, first); err != nil {
		t.Error(err)
	}
	return strings.Count(string(want), "\n")
}

func goldenAnswers(t *testing.T, cfg Config, acked uint64, online bool) {
	t.Helper()
	j := mustOpen(t, cfg)
	st := mustState(t, j)
	if len(st.Epochs) != 2 || st.Epochs[0].Acked != acked || st.Current.Last < 5 || st.HQEpoch != 1_795_000_000_000 {
		t.Errorf("state %+v", st)
	}
	if sum, n := exposure(t, j); sum != 200 || n != 2 {
		t.Errorf("exposure %d of %d", sum, n)
	}
	if v, raw, err := j.Document(ctx, PolicyDocument); v != 3 || string(raw) != "policy" || err != nil {
		t.Errorf("policy %d, %q, %v", v, raw, err)
	}
	if a, err := j.ClockAnchor(ctx); string(a) != "anchor" || err != nil {
		t.Errorf("anchor %q, %v", a, err)
	}
	if ex, err := j.Exceptions(ctx); err != nil || len(ex) != 1 || ex[0].ID != *id(30) {
		t.Errorf("exceptions %+v, %v", ex, err)
	}
	days, err := j.Days(ctx, today)
	if err != nil || len(days) != 2 || days[0].Totals[0].Sum != 400 || days[0].Totals[0].VoidSum != 100 || days[0].ClosedSeq != acked {
		t.Errorf("days %+v, %v", days, err)
	}
	if s, ok, err := j.SaleByID(ctx, *id(1)); err != nil || !ok || s.State != SaleCompleted {
		t.Errorf("sale %+v, %v, %v", s, ok, err)
	}
	open, err := j.OpenAttempts(ctx)
	if err != nil || (len(open) == 1) != online {
		t.Errorf("open attempts %+v, %v", open, err)
	}
	if online {
		mustAppend(t, j, authorised(73, 730, 1, 60))
	} else {
		sellOnline(t, j)
	}
	if _, err := j.Append(ctx, opened(7, 100), approved(t, 7, 100, 2, 1)); payment.CodeOf(err) != payment.Conflict {
		t.Errorf("a code that paid: %v", err)
	}
	sell(t, j, 200, 1)
	sameSecond(t, j)
	verifyCopy(t, j)
}
