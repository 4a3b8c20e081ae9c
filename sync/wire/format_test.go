package wire

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tilld/agent/payment"
)

// formatPage is FORMAT.md, which must not drift from the code.
func formatPage(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The types that have a table of keys in FORMAT.md, by their headings.
var formatTables = map[string]any{
	"Entry": wireEntry{}, "Body": payment.Body{}, "A line": payment.Line{}, "Key proof": keyProof{},
	"Beat": Beat{}, "Hello": Hello{}, "Ack": Ack{}, "Ask": Ask{}, "Answer": Answer{}, "Probe": Probe{}, "Pong": Pong{},
	"A total": payment.DayTotal{}, "A tax line": payment.TaxLine{}, "A tender": payment.Tender{}, "Eligible amounts": payment.Eligible{}, "Limits": payment.Limits{},
}

// Every key of every map is in its table, in order, with the right word about zero values, and no other.
func TestFormatNamesEveryKey(t *testing.T) {
	tables := map[string]any{}
	for heading, v := range formatTables {
		tables[heading] = v
	}
	for k := range payment.Kind(1000) {
		if payment.NewFact(k) == nil {
			continue
		}
		tables[fmt.Sprintf("Kind %d: %s", k, k)] = reflect.ValueOf(payment.NewFact(k)).Elem().Interface()
	}
	sections := map[string]string{}
	for section := range strings.SplitSeq(formatPage(t), "\n### ") {
		heading, body, _ := strings.Cut(section, "\n")
		body, _, _ = strings.Cut(body, "\n## ")
		sections[heading] = body
	}
	row := regexp.MustCompile(`(?m)^\| (-?\d+) \| (always|unless zero) \|`)
	for heading, v := range tables {
		body, ok := sections[heading]
		if !ok {
			t.Errorf("no heading %q", heading)
			continue
		}
		var got []string
		for _, m := range row.FindAllStringSubmatch(body, -1) {
			got = append(got, m[1]+" "+m[2])
		}
		if want := keysOf(reflect.TypeOf(v)); !slices.Equal(got, want) {
			t.Errorf("%s: the page has\n%q, the code\n%q", heading, got, want)
		}
	}
	for heading := range sections {
		if _, ok := tables[heading]; !ok && strings.HasPrefix(heading, "Kind ") {
			t.Errorf("%q is no kind", heading)
		}
	}
}

// keysOf lists a struct's CBOR keys and whether each is there when zero.
func keysOf(typ reflect.Type) []string {
	var keys []string
	for f := range typ.Fields() {
		if f.Anonymous {
			keys = append(keys, keysOf(f.Type)...)
			continue
		}
		tag := strings.Split(f.Tag.Get("cbor"), ",")
		if tag[0] == "-" {
			continue
		}
		when := "always"
		if slices.Contains(tag, "omitempty") {
			when = "unless zero"
		}
		keys = append(keys, tag[0]+" "+when)
	}
	return keys
}

// What else the page states as figures and names.
func TestFormatNamesLimitsAndPurposes(t *testing.T) {
	page := formatPage(t)
	for _, want := range []string{
		"| a message, frame included | 524,288 bytes |", "| a batch when inflated | 4,194,304 bytes |", "| entries in a batch | 1,000 |",
		"| items in an array, pairs in a map | 65,536 |", "| nesting | 8 |", "| an amount | 1 to 1,000,000,000,000 minor units |",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no row %q", want)
		}
	}
	if MaxMessage != 524_288 || MaxPlain != 4_194_304 || MaxEntries != 1000 || maxItems != 65_536 || maxDepth != 8 || payment.MaxMinor != 1_000_000_000_000 {
		t.Error("the limits are not the page's any more")
	}
	for _, typ := range []Typ{TypEntry, TypBeat, TypHello, TypAck, TypPolicy, TypTrust, TypJoin, TypReq, TypProof, TypBatch, TypAsk, TypAnswer, TypProbe, TypPong,
		TypTill, TypOffer, TypApproval} {
		if !strings.Contains(page, "`"+string(typ)+"`") {
			t.Errorf("%s is not named", typ)
		}
	}
}

// formatExample is the hexadecimal of a named example in FORMAT.md, without its comments.
func formatExample(t *testing.T, name string) []byte {
	t.Helper()
	_, block, ok := strings.Cut(formatPage(t), "```hex "+name+"\n")
	if !ok {
		t.Fatalf("no example %q", name)
	}
	block, _, _ = strings.Cut(block, "```")
	var b []byte
	for line := range strings.Lines(block) {
		line, _, _ = strings.Cut(line, "#")
		b = append(b, unhex(t, line)...)
	}
	return b
}

func TestFormatExample(t *testing.T) {
	signer := testSigner(t, EdDSA, "example")
	l := newLane(t, signer)
	e := l.draft(&payment.Voided{Amount: payment.Of(1000, "JPY"), Wallet: "house", Of: 5, Acked: 3})
	sale, pay := testID(20), testID(21)
	e.Seq, e.Prev, e.Sale, e.Payment = 7, bytes.Repeat([]byte{0xab}, HashSize), &sale, &pay
	s := l.append(e, &payment.Body{Salt: bytes.Repeat([]byte{7}, SaltSize), Cashier: "c-17", Supervisor: "s-2"})
	kid := signer.Public().KID()
	batch := message(t, &Batch{
		Version: 1, Terminal: e.Terminal, Epoch: e.Epoch, First: 7, Prev: e.Prev, Protected: s.protected,
		Payloads: [][]byte{s.payload}, Bodies: [][]byte{s.body}, Signature: s.signature,
	}, framePlain)
	for name, want := range map[string][]byte{
		"key": signer.Public().Bytes(), "kid": kid[:], "body": s.body, "envelope": s.envelope, "hash": s.hash[:], "batch": batch,
	} {
		if got := formatExample(t, name); !bytes.Equal(got, want) {
			t.Errorf("%s: the page has\n%x, the code makes\n%x", name, got, want)
		}
	}
	if sum := sha256.Sum256(formatExample(t, "body")); !bytes.Equal(sum[:], e.BodyHash) {
		t.Errorf("the body's hash is %x", sum)
	}
	// The page is enough: what it shows is read without anything from above.
	key, err := ParsePublicKey(formatExample(t, "key"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := DecodeBatch(formatExample(t, "batch"))
	if err != nil {
		t.Fatal(err)
	}
	hashes, err := b.Verify(OneKey(key))
	if err != nil || !bytes.Equal(hashes[0][:], formatExample(t, "hash")) {
		t.Errorf("%x, %v", hashes, err)
	}
}
