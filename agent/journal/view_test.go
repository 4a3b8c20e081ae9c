package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/veraison/go-cose"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

func openCopyOf(t testing.TB, j *Journal) *Copy {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := OpenCopy(ctx, j.cfg.database())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestFilters(t *testing.T) {
	j := newSecond(t)
	r := sell(t, j, 1, 3)
	if _, err := j.NewEpoch(ctx, payment.CauseFork); err != nil {
		t.Fatal(err)
	}
	sell(t, j, 10, 2)
	c := openCopyOf(t, j)
	second, err := OpenSecondCopy(secondPath(&j.cfg))
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	first := r[0].Entry.Epoch
	tests := []struct {
		name string
		f    Filter
		want []int64 // positions
	}{
		{"all", Filter{}, []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}},
		{"an epoch", Filter{Epoch: first}, []int64{1, 2, 3, 4, 5, 6, 7}},
		{"a range", Filter{Epoch: first, From: 3, To: 5}, []int64{3, 4, 5}},
		{"beyond", Filter{From: 1 << 63}, nil},
		{"a kind", Filter{Kind: payment.KindApproved}, []int64{3, 5, 7, 10, 12}},
		{"a sale", Filter{Sale: *id(2)}, []int64{4, 5}},
		{"a payment", Filter{Payment: *id(20)}, []int64{5}},
		{"another day", Filter{Date: today.Next()}, nil},
		{"the last", Filter{Last: 2}, []int64{11, 12}},
		{"the last of a kind", Filter{Kind: payment.KindSaleOpened, Last: 2}, []int64{9, 11}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, src := range []Source{c, second} {
				var got []int64
				for row, err := range src.Rows(ctx, tt.f) {
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, row.Pos)
				}
				if len(got) != len(tt.want) {
					t.Fatalf("%T: %v, want %v", src, got, tt.want)
				}
				for i := range got {
					if got[i] != tt.want[i] {
						t.Fatalf("%T: %v, want %v", src, got, tt.want)
					}
				}
			}
		})
	}
	if c.Terminal() != terminal {
		t.Errorf("terminal %s", c.Terminal())
	}
	if e, err := c.Epochs(ctx); err != nil || len(e) != 2 {
		t.Errorf("epochs %v, %v", e, err)
	}
	if k, err := c.Keys(ctx); err != nil || len(k) != 1 {
		t.Errorf("keys %v, %v", k, err)
	}
}

func TestViewAndJSON(t *testing.T) {
	j := newJournal(t)
	r := sell(t, j, 1, 2)
	mustAppend(t, j, draft(&payment.Refused{Amount: yen(7), Reason: payment.OnlineOnly}), voided(r[1]))
	mustAck(t, j, ackFor(r[0], 1))
	if err := j.EraseBody(ctx, r[0].Entry.Epoch, r[0].Entry.Seq); err != nil {
		t.Fatal(err)
	}
	c := openCopyOf(t, j)
	var out bytes.Buffer
	if err := WriteJSON(&out, c.Rows(ctx, Filter{})); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 7 {
		t.Fatalf("%d lines", len(lines))
	}
	if strings.Contains(out.String(), "a signed code") {
		t.Error("the code is in the export")
	}
	var v struct {
		View
		Fact json.RawMessage `json:"fact"`
	}
	if err := json.Unmarshal([]byte(lines[4]), &v); err != nil {
		t.Fatal(err)
	}
	if v.Kind != "approved" || v.Seq != 5 || v.Body.Cashier != "aiko" || v.Body.Evidence == 0 || string(v.Body.Account) != "a\x03" ||
		!strings.Contains(string(v.Fact), `"minor":100`) || v.HQAgeMS == nil || *v.HQAgeMS != 60000 || !v.Wall.Equal(noon) {
		t.Errorf("view %+v of %s", v, lines[4])
	}
	if _, err := wire.Open(v.COSE, wire.TypEntry, wire.OneKey(newSigner(t, 1).Public())); err != nil {
		t.Errorf("exported envelope: %v", err)
	}
	if err := wire.CheckBody(v.RawBody, v.BodyHash); err != nil {
		t.Errorf("exported body: %v", err)
	}
	if !strings.Contains(lines[2], `"erased":true`) {
		t.Errorf("an erased body: %s", lines[2])
	}
	var summaries []string
	for row, err := range c.Rows(ctx, Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		v, err := row.View()
		if err != nil {
			t.Fatal(err)
		}
		summaries = append(summaries, v.Summary())
	}
	want := []string{"first epoch", "100 JPY due of 100 JPY ", "100 JPY house", "100 JPY due of 100 JPY ", "100 JPY house", "7 JPY online_only", "100 JPY house, entry 5"}
	for i := range want {
		if summaries[i] != want[i] {
			t.Errorf("summary %q, want %q", summaries[i], want[i])
		}
	}
}

// TestExportVerifiesElsewhere: another COSE library reads the export and verifies every entry.
func TestExportVerifiesElsewhere(t *testing.T) {
	j := newJournal(t)
	sell(t, j, 1, 3)
	c := openCopyOf(t, j)
	var out bytes.Buffer
	if err := WriteCOSE(&out, c.Rows(ctx, Filter{})); err != nil {
		t.Fatal(err)
	}
	var key cose.Key
	if err := key.UnmarshalCBOR(newSigner(t, 1).Public().Bytes()); err != nil {
		t.Fatal(err)
	}
	key.Algorithm = cose.AlgorithmEdDSA
	verifier, err := key.Verifier()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for rest := out.Bytes(); len(rest) > 0; n++ {
		var raw cbor.RawMessage
		if rest, err = cbor.UnmarshalFirst(rest, &raw); err != nil {
			t.Fatal(err)
		}
		var msg cose.Sign1Message
		if err := msg.UnmarshalCBOR(raw); err != nil {
			t.Fatal(err)
		}
		if err := msg.Verify(nil, verifier); err != nil {
			t.Errorf("entry %d: %v", n+1, err)
		}
		msg.Payload[len(msg.Payload)-1] ^= 1
		if err := msg.Verify(nil, verifier); err == nil {
			t.Errorf("entry %d verifies with a changed payload", n+1)
		}
	}
	if n != 7 {
		t.Errorf("%d entries", n)
	}
}

// laterKind is a fact of a release to come.
type laterKind struct {
	What string `cbor:"1,keyasint"`
}

func (*laterKind) Kind() payment.Kind { return 200 }

// TestEntriesOfALaterRelease: this release was rolled back to; what the later one wrote is kept, verified,
// shown as far as it can be, sent to HQ, and continued.
func TestEntriesOfALaterRelease(t *testing.T) {
	j := newSecond(t)
	sell(t, j, 1, 1)
	mustAppend(t, j, draft(&laterKind{What: "a refund"}))
	sell(t, j, 2, 1)
	reopen(t, &j)
	sell(t, j, 3, 1)
	sameSecond(t, j)
	drain(t, j, j.currentEpoch(), wire.OneKey(newSigner(t, 1).Public()), 3, 1<<20)
	c := openCopyOf(t, j)
	report, err := c.Verify(ctx, newSigner(t, 1).Public())
	if err != nil || report.SetAside != 1 || report.Entries != 8 {
		t.Fatalf("report %+v, %v", report, err)
	}
	for row, err := range c.Rows(ctx, Filter{From: 4, To: 4}) {
		if err != nil {
			t.Fatal(err)
		}
		v, err := row.View()
		if err != nil || v.SetAside == "" || v.Seq != 4 || len(v.Hash) != 32 || v.Fact != nil || v.Summary() == "" {
			t.Errorf("view %+v, %v", v, err)
		}
	}
}

func TestWritersStopAtErrors(t *testing.T) {
	broken := errors.New("broken")
	bad := func(yield func(Row, error) bool) { yield(Row{}, broken) }
	if err := WriteJSON(&bytes.Buffer{}, bad); !errors.Is(err, broken) {
		t.Error(err)
	}
	if err := WriteCOSE(&bytes.Buffer{}, bad); !errors.Is(err, broken) {
		t.Error(err)
	}
	rubbish := seqOf([]Row{{Envelope: []byte("rubbish")}})
	if err := WriteJSON(&bytes.Buffer{}, rubbish); err == nil {
		t.Error("rubbish was written")
	}
}

// FuzzEnvelope: what is taken apart is put together to the same bytes, and wire agrees.
func FuzzEnvelope(f *testing.F) {
	s := newSigner(f, 1)
	for _, v := range []any{[]int{1, 2, 3}, strings.Repeat("x", 300), strings.Repeat("y", 70000)} {
		b, err := wire.Seal(s, wire.TypBeat, v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := cutEnvelope(b)
		if _, wireErr := wire.Peek(b); wireErr == nil && err != nil {
			t.Fatalf("wire reads what is not cut here: %v", err)
		}
		if err != nil {
			return
		}
		if again := wire.Envelope(p.protected, p.payload, p.signature); len(again) > len(b) {
			t.Fatalf("%d bytes of %d", len(again), len(b))
		}
	})
}
