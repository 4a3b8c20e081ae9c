package policy

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tilld/agent/paycode"
	"tilld/agent/payment"
)

// drawDocument draws a valid policy with everything in it.
func drawDocument(t *rapid.T) *Document {
	d := starter()
	d.Version = rapid.Uint64Range(1, 1<<62).Draw(t, "version")
	d.Market = rapid.SampledFrom([]string{"", "JP", "TW"}).Draw(t, "market")
	d.Caps.AccountDay = rapid.Int64Range(1, payment.MaxMinor).Draw(t, "account_day")
	d.Caps.AccountCount = rapid.OneOf(rapid.Just(uint64(0)), rapid.Uint64Range(1, 200)).Draw(t, "account_count")
	d.Caps.Payment = rapid.Int64Range(1, d.Caps.AccountDay).Draw(t, "payment")
	d.Caps.Unbound = rapid.Int64Range(0, d.Caps.Payment).Draw(t, "unbound")
	d.Caps.Small = rapid.Int64Range(0, d.Caps.Payment).Draw(t, "small")
	d.Tiers.RestartPayment = rapid.Int64Range(1, d.Caps.Payment).Draw(t, "restart")
	d.Tiers.FullFor = Seconds(rapid.Uint32Range(0, 24*3600).Draw(t, "full_for"))
	d.Features = rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z0-9][a-z0-9-]{0,31}`), 0, 3, rapid.ID).Draw(t, "features")
	for _, name := range rapid.SliceOfNDistinct(rapid.StringMatching(`[A-Za-z0-9]{1,8}`), 0, 4, rapid.ID).Draw(t, "stores") {
		s := Store{Name: name, Zone: rapid.SampledFrom([]string{"", "Asia/Taipei"}).Draw(t, "zone")}
		for _, lane := range rapid.SliceOfNDistinct(rapid.StringMatching(`[A-Za-z0-9]{1,4}`), 0, 4, rapid.ID).Draw(t, "lanes") {
			l := Lane{Name: lane, Sum: rapid.Int64Range(0, 1_000_000).Draw(t, "sum"), Count: rapid.Uint64Range(0, 1000).Draw(t, "count")}
			s.Lanes, s.Cap = append(s.Lanes, l), s.Cap+l.Sum
		}
		d.Stores = append(d.Stores, s)
	}
	for i, name := range rapid.SliceOfNDistinct(rapid.StringMatching(`[A-Za-z0-9]{1,8}`), 0, 3, rapid.ID).Draw(t, "groups") {
		d.Groups = append(d.Groups, Group{Name: name, Stores: []string{fmt.Sprintf("S%d", i)}, Wallets: rapid.SampledFrom([][]string{nil, {"house"}}).Draw(t, "wallets")})
	}
	d.Revoked.Accounts = drawIDs(t, "accounts", AccountSize)
	d.Revoked.Phones = drawIDs(t, "phones", KeySize)
	d.Revoked.Issuers = drawIDs(t, "issuers", KeySize)
	for _, id := range drawIDs(t, "terminals", 16) {
		d.Revoked.Terminals = append(d.Revoked.Terminals, payment.ID(id))
	}
	d.sort()
	return d
}

func drawIDs(t *rapid.T, what string, size int) []Hex {
	var ids []Hex
	for i := range rapid.IntRange(0, 3).Draw(t, what) {
		id := rapid.SliceOfN(rapid.Byte(), size, size).Draw(t, what)
		id[0], id[1] = byte(i), 1 // distinct and not zero; and within what text can say of an ID's time
		ids = append(ids, id)
	}
	return ids
}

func TestTOMLRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDocument(t)
		src, err := RenderTOML(d)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseTOML("policy.toml", src)
		if err != nil {
			t.Fatalf("%v in\n%s", err, src)
		}
		again, err := RenderTOML(got)
		if err != nil || string(again) != string(src) {
			t.Fatalf("%v; wrote\n%s\nthen\n%s", err, src, again)
		}
		if err := got.Validate(); err != nil {
			t.Fatal(err)
		}
	})
}

// example are the lines of a rendered policy that are examples of what it leaves empty.
var example = regexp.MustCompile(`(?m)^# (\[\[.*|[a-z_]+ = .*)$`)

// TestTheExamplesHold: whoever takes the "# " away has switched on what the example shows, whatever else is set.
func TestTheExamplesHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDocument(t)
		src, err := RenderTOML(d)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseTOML("policy.toml", example.ReplaceAll(src, []byte("$1")))
		if err != nil {
			t.Fatalf("%v in\n%s", err, src)
		}
		if len(got.Features) == 0 || len(got.Stores) == 0 || len(got.Revoked.Accounts) == 0 || len(got.Revoked.Phones) == 0 ||
			len(got.Revoked.Issuers) == 0 || len(got.Revoked.Terminals) == 0 {
			t.Fatalf("something has no example in\n%s", src)
		}
		if len(d.Features) == 0 && !got.Feature(Training) || len(d.Stores) == 0 && (len(got.Stores[0].Lanes) != 1 || got.Stores[0].Cap != d.Default.Cap) {
			t.Fatalf("an example is another than it looks in\n%s", src)
		}
	})
}

// TestNoExampleOfWhatIsThere: what a policy says stands there once.
func TestNoExampleOfWhatIsThere(t *testing.T) {
	d := starter()
	id := payment.ID{15: 1}
	d.Features, d.Stores = []string{Training}, []Store{{Name: "1"}}
	d.Revoked = Revoked{Accounts: []Hex{make([]byte, AccountSize)}, Phones: []Hex{make([]byte, KeySize)}, Issuers: []Hex{make([]byte, KeySize)}, Terminals: []payment.ID{id}}
	src, err := RenderTOML(d)
	if found := example.FindAll(src, -1); err != nil || len(found) != 0 {
		t.Errorf("%v; %q in\n%s", err, found, src)
	}
}

func TestHeadings(t *testing.T) {
	d := starter()
	draft, err := RenderTOML(d)
	if err != nil || !strings.HasPrefix(string(draft), "# The policy of chain kita, to be version 1. Lanes obey it once it is signed.\n") {
		t.Errorf("%v\n%s", err, draft)
	}
	signed, err := RenderInForce(d, today.In(time.FixedZone("", 9*3600)))
	if err != nil || !strings.HasPrefix(string(signed), "# The policy of chain kita: version 1, signed, in force since 2026-11-22T09:00:00Z. ") {
		t.Errorf("%v\n%s", err, signed)
	}
	_, a, _ := strings.Cut(string(draft), "\n")
	if _, b, _ := strings.Cut(string(signed), "\n"); a != b {
		t.Errorf("they differ in more than the heading:\n%s\n%s", a, b)
	}
}

func TestParseTOML(t *testing.T) {
	src, err := RenderTOML(starter())
	if err != nil {
		t.Fatal(err)
	}
	good := string(src)
	store := "\n[[store]]\nname = 'b'\ncap = 30\n[[store.lane]]\nname = '1'\nshare_sum = 10\nshare_count = 1\n" +
		"[[store.lane]]\nname = '2'\nshare_sum = 20\nshare_count = 1\n[[store]]\nname = 'a'\ncap = 5\n"
	tests := []struct {
		name, old, new string
		want           string // the error after "policy.toml:LINE: "; "" is none
		line           string // text of the line that the error must name
	}{
		{"as it is", "", "", "", ""},
		{"unknown key", "small = ", "smal = ", "caps.smal: unknown key", "smal = "},
		{"unknown table", "[caps]", "[cap]", "cap: unknown key", "[cap]"},
		{"text for a number", "payment = 5000", "payment = '5000'", "caps.payment: ", "payment = '5000'"},
		{"a fraction", "payment = 5000", "payment = 50.5", "caps.payment: ", "payment = 50.5"},
		{"negative", "payment = 5000", "payment = -5", "caps.payment: -5 is not within 1..10000", "payment = -5"},
		{"over the account's", "payment = 5000", "payment = 10001", "caps.payment: 10001 is not within 1..10000", "payment = 10001"},
		{"more than any int64", "payment = 5000", "payment = 9223372036854775808", "", "payment = 9223372036854775808"},
		{"a number without unit", "full_for = '4h'", "full_for = 4", "tiers.full_for: a number without a unit", "full_for = 4"},
		{"a number without unit, inline", "[code]\npast = '1m'\nfuture = '2m'", "[code]\npast = '1m'\nfuture = 120", "code.future: a number without a unit", "future = 120"},
		{"a wrong unit", "full_for = '4h'", "full_for = '4 hours'", "not a duration", "full_for = "},
		{"less than a second", "full_for = '4h'", "full_for = '1500ms'", "not a duration", "full_for = "},
		{"full over small", "full_for = '4h'", "full_for = '25h'", "tiers.full_for: 25h is over small_for (24h)", "full_for = "},
		{"over three days", "small_for = '24h'", "small_for = '73h'", "tiers.small_for: 73h is over 72h", "small_for = "},
		{"half a restart tier", "restart_payment = 2000", "restart_payment = 0", "tiers.restart_for: 12h without", "restart_for = "},
		{"no zone", "zone = 'Asia/Tokyo'", "zone = 'Asia/Atlantis'", `zone: "Asia/Atlantis" is no time zone`, "zone = "},
		{"no market", "market = 'JP'", "market = ''", "", ""},
		{"a market in words", "market = 'JP'", "market = 'Japan'", `market: "Japan" is not two capital letters`, "market = "},
		{"the machine's zone", "zone = 'Asia/Tokyo'", "zone = 'Local'", `zone: "Local" is no time zone`, "zone = "},
		{"foreign currency", "currency = 'JPY'", "currency = 'XAU'", `currency: "XAU" is not a currency`, "currency = "},
		{"local time", "issued = '2026-11-22T09:00:00Z'", "issued = '2026-11-22T09:00:00+09:00'", "not a time in UTC", "issued = "},
		{"shares over the cap", "cap = 400000", "cap = 399999", "store_default.share_sum: 100000 for each of 4 lanes is over cap (399999)", "share_sum = "},
		{"version 0", "version = 1", "version = 0", "version: must be 1 or more", "version = 0"},
		{"half a file", "[tiers]", "[tiers", "", "[tiers"},
		{"wallet without codes", "wallets = ['house']", "wallets = ['house', 'nobody']", `wallets: "nobody" has no row in codes`, "wallets = "},
		{"a wrong row", "confidence = 'verified'", "confidence = 'sure'", "codes.rows[0]: not a valid wallet table", "[[codes.rows]]"},
		{"wallet in capitals", "wallets = ['house']", "wallets = ['House']", `wallets: "House"`, "wallets = "},
		{"not hexadecimal", "[revoked]", "[revoked]\naccounts = ['xyz']", "not an even number", "accounts = "},
		{"capital digits", "[revoked]", "[revoked]\nphone_keys = ['AA00000000000000']", "not an even number", "phone_keys = "},
		{"short account", "[revoked]", "[revoked]\naccounts = ['0011']", "revoked.accounts: 0011 has 2 bytes, not 16", "accounts = "},
		{"no terminal", "[revoked]", "[revoked]\nterminals = ['123']", "not an identifier", "terminals = "},
		{"stores in any order", "[revoked]", store + "[revoked]", "", ""},
		{"store over its cap", "[revoked]", strings.Replace(store, "cap = 30", "cap = 29", 1) + "[revoked]",
			"store[0].cap: the shares of store b sum to 30, over its cap of 29", "cap = 29"},
		{"store twice", "[revoked]", strings.Replace(store, "'a'", "'b'", 1) + "[revoked]", `store[1].name: "b" is given twice`, ""},
		{"lane twice", "[revoked]", strings.Replace(store, "'2'", "'1'", 1) + "[revoked]", `store[0].lane[1].name: "1" is given twice`, ""},
		{"store's zone", "[revoked]", strings.Replace(store, "cap = 5", "cap = 5\nzone = 'x'", 1) + "[revoked]", `store[1].zone: "x"`, "zone = 'x'"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.old != "" && !strings.Contains(good, tt.old) {
				t.Fatalf("the policy has no %q", tt.old)
			}
			src := strings.Replace(good, tt.old, tt.new, 1)
			d, err := ParseTOML("policy.toml", []byte(src))
			if tt.want == "" && tt.line == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			bad, ok := errors.AsType[*SourceError](err)
			if !ok || d != nil || !errors.Is(err, ErrInvalid) {
				t.Fatalf("got %v and %v, want a *SourceError", d, err)
			}
			if !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "policy.toml:") {
				t.Errorf("got %q, want %q in it", err, tt.want)
			}
			if line := strings.Split(src, "\n")[max(bad.Line-1, 0)]; bad.Line == 0 || !strings.Contains(line, tt.line) {
				t.Errorf("the error %q names line %d, %q; want %q", err, bad.Line, line, tt.line)
			}
		})
	}
}

func TestParseTOMLDefaults(t *testing.T) {
	src := `version = 2
chain = "kita"
issued = "2026-11-22T09:00:00Z"
currency = "TWD"
zone = "Asia/Taipei"
wallets = ["house"]
[caps]
payment = 200000
account_day = 300000
[store_default]
lanes = 1
[[codes.rows]]
wallet = "house"
format = "signed"
offline = true
confidence = "verified"
source = "here"
`
	d, err := ParseTOML("p", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	want := &Document{Version: 2, Chain: "kita", Issued: StampOf(today), Currency: "TWD", Zone: "Asia/Taipei", Wallets: []string{"house"},
		Retention: 30, Code: Tolerance{60, 120}, Tiers: Tiers{FullFor: 4 * 3600, SmallFor: 24 * 3600},
		Caps: Caps{Payment: 200000, AccountDay: 300000}, Default: StoreDefault{Lanes: 1},
		Codes: paycode.Table{Rows: []paycode.Row{{Wallet: "house", Format: paycode.Signed, Offline: true, Confidence: paycode.ConfidenceVerified, Source: "here"}}}}
	if !reflect.DeepEqual(d, want) {
		t.Errorf("got %+v\nwant %+v", d, want)
	}
}

func FuzzParseTOML(f *testing.F) {
	d := starter()
	d.Codes.Rows = d.Codes.Rows[:1]
	d.Stores = []Store{{Name: "1", Cap: 5, Lanes: []Lane{{"1", 5, 5, nil}}}}
	src, err := RenderTOML(d)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(src)
	f.Add([]byte("version = 1\n[[store]]\n[[store.lane]]\n"))
	f.Add([]byte("caps = {payment = 1}\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		d, err := ParseTOML("f", src)
		if err != nil {
			if d != nil || !errors.Is(err, ErrInvalid) {
				t.Fatalf("%v with %v", d, err)
			}
			return
		}
		out, err := RenderTOML(d)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseTOML("f", out)
		if err != nil {
			t.Fatalf("%v in\n%s", err, out)
		}
		if third, err := RenderTOML(again); err != nil || string(third) != string(out) {
			t.Fatalf("%v\n%s\n%s", err, out, third)
		}
	})
}
