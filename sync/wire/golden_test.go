package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tilld/agent/payment"
)

var update = flag.Bool("update", false, "write the golden capture of this release's format again")

// Each release leaves a capture of what it wrote, and every later one reads all of them. See
// testdata/golden/README.md before you write one again.
const captureOfThisRelease = "testdata/golden/v1"

// capture is what travelled: for each kind of thing its bytes in order, as hexadecimal lines of a text file.
type capture map[string][][]byte

func readCapture(t *testing.T, dir string) capture {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "capture.txt"))
	if err != nil {
		t.Fatal(err)
	}
	c := capture{}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		what, h, _ := strings.Cut(line, " ")
		c[what] = append(c[what], unhex(t, h))
	}
	return c
}

// keys are the capture's public keys of one owner.
func (c capture) keys(t *testing.T, what string) Keys {
	t.Helper()
	var all []PublicKey
	for _, b := range c[what] {
		k, err := ParsePublicKey(b)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, k)
	}
	return func(id KID) []PublicKey {
		var fit []PublicKey
		for _, k := range all {
			fit = append(fit, OneKey(k)(id)...)
		}
		return fit
	}
}

func TestGolden(t *testing.T) {
	if *update {
		writeGolden(t, captureOfThisRelease)
	}
	dirs, err := filepath.Glob("testdata/golden/v*")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no captures: %v", err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			got := retell(t, readCapture(t, dir))
			if *update && dir == captureOfThisRelease {
				if err := os.WriteFile(filepath.Join(dir, "want.txt"), []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(filepath.Join(dir, "want.txt"))
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("this release makes of it\n%s\nand it was\n%s", got, want)
			}
		})
	}
}

// retell opens, verifies and decodes all of a capture and says in words what is in it.
func retell(t *testing.T, c capture) string {
	t.Helper()
	var out strings.Builder
	keys := c.keys(t, "terminal-key")
	chain := retellJournal(t, &out, c, keys)
	for _, msg := range c["batch"] {
		retellBatch(t, &out, msg, keys, chain)
	}
	retellMessages(t, &out, c, keys)
	return out.String()
}

func retellJournal(t *testing.T, out *strings.Builder, c capture, keys Keys) (chain []*Message) {
	t.Helper()
	sealing, err := ParseConfidantKey(c["sealing-key"][0])
	if err != nil {
		t.Fatal(err)
	}
	bodies := map[[sha256.Size]byte][]byte{}
	for _, b := range c["body"] {
		bodies[sha256.Sum256(b)] = b
	}
	for i, b := range c["entry"] {
		m, err := Open(b, TypEntry, keys)
		if err != nil {
			t.Fatal(err)
		}
		e, err := DecodeEntry(m.Payload)
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 && chain[i-1].Hash() != [HashSize]byte(e.Prev) {
			t.Errorf("entry %d does not continue the one before", e.Seq)
		}
		chain = append(chain, m)
		fmt.Fprintf(out, "entry %d %s\n  signed with %d, hash %x\n", e.Seq, e.Kind, m.Key.Alg(), m.Hash())
		fmt.Fprintf(out, "  %s %s of %s, shift %d, policy %d, training %v, sale %s, payment %s\n", e.Store, e.Lane, e.BusinessDate, e.Shift, e.Policy, e.Training, text(e.Sale), text(e.Payment))
		fmt.Fprintf(out, "  wall %d, boot %d, HQ %d, %s, software %s\n", e.Wall, e.Boot, e.HQAge, e.Zone, e.Software)
		fmt.Fprintf(out, "  %s\n", tell(t, e))
		if len(e.BodyHash) > 0 {
			fmt.Fprintf(out, "  %s\n", tellBody(t, e, bodies[[sha256.Size]byte(e.BodyHash)], sealing))
		}
	}
	return chain
}

func retellBatch(t *testing.T, out *strings.Builder, msg []byte, keys Keys, chain []*Message) {
	t.Helper()
	b, err := DecodeBatch(msg)
	if err != nil {
		t.Fatal(err)
	}
	hashes, err := b.Verify(keys)
	if err != nil {
		t.Fatal(err)
	}
	bodies := 0
	for i, p := range b.Payloads {
		if m := chain[b.First-1+uint64(i)]; !bytes.Equal(p, m.Payload) || hashes[i] != m.Hash() {
			t.Errorf("entry %d of the batch is not the journal's", b.First+uint64(i))
		}
		if e, err := DecodeEntry(p); err != nil || (b.Bodies[i] != nil && CheckBody(b.Bodies[i], e.BodyHash) != nil) {
			t.Errorf("entry %d of the batch has not the journal's body", b.First+uint64(i))
		}
		if b.Bodies[i] != nil {
			bodies++
		}
	}
	if !bytes.Equal(b.Signature, chain[b.Last()-1].Signature) {
		t.Errorf("the batch's signature is not entry %d's", b.Last())
	}
	fmt.Fprintf(out, "batch %c of %s/%016x, %d to %d, with %d bodies\n", msg[0], b.Terminal, b.Epoch, b.First, b.Last(), bodies)
}

func retellMessages(t *testing.T, out *strings.Builder, c capture, terminal Keys) {
	t.Helper()
	hq := c.keys(t, "hq-key")
	var b Beat
	openMessage(t, c["beat"][0], TypBeat, terminal, &b)
	fmt.Fprintf(out, "beat %d of %s/%016x, %d at %d\n  last %d %x, acknowledged %d, HQ epoch %d, policy %d, challenge %x, software %s\n",
		b.Version, b.Terminal, b.Epoch, b.Count, b.Wall, b.Last, b.Head, b.Acked, b.HQEpoch, b.Policy, b.Challenge, b.Software)
	var h Hello
	openMessage(t, c["hello"][0], TypHello, hq, &h)
	fmt.Fprintf(out, "hello %d of HQ epoch %d at %d, nonce %x\n", h.Version, h.HQEpoch, h.Time, h.Nonce)
	var a Ack
	openMessage(t, c["ack"][0], TypAck, hq, &a)
	fmt.Fprintf(out, "ack %d of HQ epoch %d at %d, nonce %x\n  for %s/%016x, up to %d %x, resend %v, forked %v, judged %d, policy %d, echo %x, revoked %v\n",
		a.Version, a.HQEpoch, a.Time, a.Nonce, a.Terminal, a.Epoch, a.Acked, a.Head, a.Resend, a.Forked, a.Judged, a.Policy, a.Echo, a.Revoked)
	for _, r := range a.Results {
		fmt.Fprintf(out, "  entry %d %s: %s\n", r.Seq, r.Status, r.Reason)
	}
}

func text(id *payment.ID) string {
	if id == nil {
		return "none"
	}
	return id.String()
}

// tell says what a fact is, by its bytes: the names of Go's fields may change, the format may not.
func tell(t *testing.T, e *Entry) string {
	t.Helper()
	raw, err := Marshal(e.Fact)
	if err != nil {
		t.Fatal(err)
	}
	switch f := e.Fact.(type) {
	case *payment.Approved:
		return fmt.Sprintf("%v of %s, code %x/%d, fact %x", f.Amount, f.Wallet, f.Replay.Phone, f.Replay.Counter, raw)
	case *payment.Refused:
		return fmt.Sprintf("%v refused: %v, fact %x", f.Amount, f.Reason, raw)
	case *payment.Voided:
		return fmt.Sprintf("%v of %s back, of entry %d, fact %x", f.Amount, f.Wallet, f.Of, raw)
	case *payment.KeyChanged:
		key, err := CheckKeyChange(f, e.Name())
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("key %s from here, fact %x", key.KID(), raw)
	}
	return fmt.Sprintf("fact %x", raw)
}

func tellBody(t *testing.T, e *Entry, raw []byte, sealing *ConfidantKey) string {
	t.Helper()
	if raw == nil {
		return "body erased"
	}
	b, err := DecodeBody(raw)
	if err != nil {
		t.Fatal(err)
	}
	code := []byte("none")
	if b.Evidence != nil {
		if kid := sealing.Public().KID(); !bytes.Equal(b.SealKey, kid[:]) {
			t.Errorf("sealed to %x", b.SealKey)
		}
		if code, err = sealing.Open(e.Name(), b.Evidence); err != nil {
			t.Fatal(err)
		}
	}
	return fmt.Sprintf("body: cashier %q, supervisor %q, account %x, lines %v, code %s", b.Cashier, b.Supervisor, b.Account, b.Lines, code)
}

func openMessage(t *testing.T, msg []byte, typ Typ, keys Keys, into any) {
	t.Helper()
	b, err := UnframeSigned(msg)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Open(b, typ, keys)
	if err != nil {
		t.Fatal(err)
	}
	if err := UnmarshalKnown(m.Payload, into); err != nil {
		t.Fatal(err)
	}
}

// line writes one line of a capture.
func line(w *bytes.Buffer, what string, b []byte) {
	fmt.Fprintf(w, "%s %s\n", what, hex.EncodeToString(b))
}
