package policy

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// withVersion is the starter policy under another version, with a payment cap that tells versions apart.
func withVersion(v uint64) *Document {
	d := starter()
	d.Version, d.Caps.Payment = v, 3_000+int64(v)
	return d
}

func mustAccept(t testing.TB, b *Bundle, docs ...[]byte) *Bundle {
	t.Helper()
	for _, doc := range docs {
		var err error
		if b, err = b.Accept(doc, today); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func TestAccept(t *testing.T) {
	root, key, other, thief := edKey(t, 1), edKey(t, 2), edKey(t, 3), edKey(t, 9)
	held := mustAccept(t, NewBundle(root.Public(), "kita"), signed(t, trustOf(2, key, other), root), signed(t, withVersion(5), key))

	otherChain, otherTrust := withVersion(6), trustOf(3, key)
	otherChain.Chain, otherTrust.Chain = "minami", "minami"
	changed := withVersion(5)
	changed.Caps.Payment--
	demanding := trustOf(3, key)
	demanding.Policy = 6
	expired := trustOf(3, key)
	expired.Rows[0].NotAfter = StampOf(today)

	tests := []struct {
		name           string
		doc            []byte
		trust, version uint64 // in force afterwards
		err            error
	}{
		{"the same policy", signed(t, withVersion(5), key), 2, 5, nil},
		{"the same policy, by another key", signed(t, withVersion(5), other), 2, 5, nil},
		{"a newer policy", signed(t, withVersion(6), key), 2, 6, nil},
		{"a much newer policy", signed(t, withVersion(600), other), 2, 600, nil},
		{"an older policy", signed(t, withVersion(4), key), 2, 5, ErrOlder},
		{"another content under the version", signed(t, changed, key), 2, 5, ErrConflict},
		{"another chain's", signed(t, otherChain, key), 2, 5, ErrChain},
		{"signed by the root itself", signed(t, withVersion(6), root), 2, 5, wire.ErrUnknownKey},
		{"signed by a thief", signed(t, withVersion(6), thief), 2, 5, wire.ErrUnknownKey},
		{"the same trust bundle", signed(t, trustOf(2, key, other), root), 2, 5, nil},
		{"a newer trust bundle", signed(t, trustOf(3, key), root), 3, 5, nil},
		{"one that withdraws the key", signed(t, trustOf(3, other), root), 3, 0, nil},
		{"one whose key is out of its window keeps what was taken", signed(t, expired, root), 3, 5, nil},
		{"one that demands more", signed(t, demanding, root), 3, 0, nil},
		{"an older trust bundle", signed(t, trustOf(1, thief), root), 2, 5, ErrOlder},
		{"another trust bundle under the version", signed(t, trustOf(2, thief), root), 2, 5, ErrConflict},
		{"a trust bundle by a policy key", signed(t, trustOf(3, thief), key), 2, 5, wire.ErrUnknownKey},
		{"another chain's trust bundle", signed(t, otherTrust, root), 2, 5, ErrChain},
		{"nothing", nil, 2, 5, wire.ErrEnvelope},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			next, err := held.Accept(tt.doc, today)
			if !errors.Is(err, tt.err) || (err == nil) != (next != nil) {
				t.Fatalf("got %v and %v, want %v", next, err, tt.err)
			}
			if next == nil {
				next = held
			}
			if next.Trust().Version != tt.trust || next.PolicyVersion() != tt.version {
				t.Errorf("trust %d, policy %d; want %d and %d", next.Trust().Version, next.PolicyVersion(), tt.trust, tt.version)
			}
			if held.PolicyVersion() != 5 || held.Trust().Version != 2 {
				t.Error("the bundle itself changed")
			}
			reload(t, next)
		})
	}
}

// reload checks that what Raw gives comes back.
func reload(t testing.TB, b *Bundle) {
	t.Helper()
	rawTrust, rawPolicy := b.Raw()
	again, err := Load(b.Root(), b.Chain(), rawTrust, rawPolicy)
	if err != nil {
		t.Fatal(err)
	}
	if again.PolicyVersion() != b.PolicyVersion() || (again.Trust() == nil) != (b.Trust() == nil) {
		t.Errorf("loaded policy %d, had %d", again.PolicyVersion(), b.PolicyVersion())
	}
}

func TestAcceptWindows(t *testing.T) {
	root, key := edKey(t, 1), edKey(t, 2)
	trust := trustOf(1, key)
	trust.Rows[0].NotBefore, trust.Rows[0].NotAfter = StampOf(today), StampOf(today.Add(time.Hour))
	b := mustAccept(t, NewBundle(root.Public(), "kita"), signed(t, trust, root))
	doc := signed(t, withVersion(1), key)
	tests := []struct {
		name string
		at   time.Time
		err  error
	}{
		{"before", today.Add(-1), wire.ErrUnknownKey},
		{"at its first moment", today, nil},
		{"at its last", today.Add(time.Hour - 1), nil},
		{"after", today.Add(time.Hour), wire.ErrUnknownKey},
		{"when the time can't be told", time.Time{}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := b.Accept(doc, tt.at); !errors.Is(err, tt.err) {
				t.Errorf("got %v, want %v", err, tt.err)
			}
		})
	}
}

func TestAcceptWithoutTrust(t *testing.T) {
	b := NewBundle(edKey(t, 1).Public(), "kita")
	if _, err := b.Accept(signed(t, withVersion(1), edKey(t, 2)), today); !errors.Is(err, wire.ErrUnknownKey) {
		t.Errorf("a policy without any trust bundle: %v", err)
	}
	if b.Policy() != nil || b.Trust() != nil || b.PolicyVersion() != 0 {
		t.Error("an empty bundle holds something")
	}
	reload(t, b)
}

// TestVersionsNeverGoBack delivers policies and trust bundles in any order, repeated, by keys that come and
// go: what is in force never goes back, and is always vouched for by the trust bundle in force.
func TestVersionsNeverGoBack(t *testing.T) {
	root := edKey(t, 1)
	keys := []*wire.Signer{edKey(t, 2), edKey(t, 3), edKey(t, 4)}
	rapid.Check(t, func(rt *rapid.T) {
		b := NewBundle(root.Public(), "kita")
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			v := rapid.Uint64Range(1, 8).Draw(rt, "version")
			var doc []byte
			if rapid.Bool().Draw(rt, "trust") {
				trust := trustOf(v, keys[v%3], keys[(v+1)%3])
				trust.Policy = v / 2
				doc = signed(t, trust, root)
			} else {
				doc = signed(t, withVersion(v), rapid.SampledFrom(keys).Draw(rt, "key"))
			}
			next, err := b.Accept(doc, today)
			if err != nil {
				continue
			}
			if b.Trust() != nil && next.Trust().Version < b.Trust().Version {
				rt.Fatalf("the trust bundle went back from %d to %d", b.Trust().Version, next.Trust().Version)
			}
			sameTrust := b.Trust() != nil && b.Trust().Version == next.Trust().Version
			if sameTrust && next.PolicyVersion() < b.PolicyVersion() {
				rt.Fatalf("the policy went back from %d to %d", b.PolicyVersion(), next.PolicyVersion())
			}
			if next.Policy() != nil {
				if next.PolicyVersion() < next.Trust().Policy {
					rt.Fatalf("policy %d under a bundle that demands %d", next.PolicyVersion(), next.Trust().Policy)
				}
				if _, err := OpenPolicy(next.rawPolicy, next.Trust().Keys(UsePolicy, today)); err != nil {
					rt.Fatalf("the policy in force is not vouched for: %v", err)
				}
			}
			b = next
		}
	})
}

func TestLoadDamaged(t *testing.T) {
	root, key := edKey(t, 1), edKey(t, 2)
	trust, doc := signed(t, trustOf(1, key), root), signed(t, withVersion(1), key)
	for i := range doc {
		bad := append([]byte(nil), doc...)
		bad[i] ^= 0x20
		if b, err := Load(root.Public(), "kita", trust, bad); err == nil && b.Policy() != nil {
			t.Fatalf("byte %d changed, and the policy is in force", i)
		}
	}
	if _, err := Load(key.Public(), "kita", trust, doc); err == nil {
		t.Error("another root's documents are loaded")
	}
	if b, err := Load(root.Public(), "kita", signed(t, trustOf(2, edKey(t, 3)), root), doc); err != nil || b.Policy() != nil {
		t.Errorf("a policy that is no longer vouched for: %v, %v", b.Policy(), err)
	}
}

func TestFieldsOfLaterReleases(t *testing.T) {
	key := edKey(t, 2)
	for field, want := range map[int64]error{-9: nil, 99: ErrInvalid} {
		raw, err := wire.Marshal(withVersion(1))
		if err != nil {
			t.Fatal(err)
		}
		var fields map[int64]any
		if err := wire.Unmarshal(raw, &fields); err != nil {
			t.Fatal(err)
		}
		fields[field] = "of a later release"
		later, err := wire.Seal(key, wire.TypPolicy, fields)
		if err != nil {
			t.Fatal(err)
		}
		d, err := OpenPolicy(later, wire.OneKey(key.Public()))
		if !errors.Is(err, want) || (err == nil) != (d != nil) {
			t.Errorf("field %d: %v", field, err)
		}
		if d != nil && (d.Caps != withVersion(1).Caps || d.Market != "JP") {
			t.Errorf("field %d: read %+v", field, d.Caps)
		}
	}
}

// TestMarketCameLater: a policy from before there was a market is what it was, in bytes and in meaning; and one with
// a market has it where a lane of then passes over it.
func TestMarketCameLater(t *testing.T) {
	key := edKey(t, 2)
	fields := func(d *Document) (f map[int64]any) {
		t.Helper()
		raw, err := wire.Marshal(d)
		if err == nil {
			err = wire.Unmarshal(raw, &f)
		}
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	old := withVersion(1)
	old.Market = ""
	for k := range fields(old) {
		if k < 0 {
			t.Errorf("without a market there is key %d", k)
		}
	}
	d, err := OpenPolicy(signed(t, old, key), wire.OneKey(key.Public()))
	if err != nil || d.Terms("s", "1").Market != "" {
		t.Fatalf("market %q, %v", d.Market, err)
	}
	if d, err = OpenPolicy(signed(t, withVersion(1), key), wire.OneKey(key.Public())); err != nil || d.Terms("s", "1").Market != "JP" {
		t.Fatalf("market %q, %v", d.Market, err)
	}
	if len(fields(withVersion(1))) != len(fields(old))+1 || fields(withVersion(1))[-1] != "JP" {
		t.Errorf("the market is no field of its own that may be passed over")
	}
}

func TestStarterMarket(t *testing.T) {
	for currency, want := range map[payment.Currency]string{"JPY": "JP", "TWD": "TW", "THB": "TH", "EUR": ""} {
		d := Starter("kita", currency, "Asia/Tokyo", today)
		if err := d.Validate(); err != nil || d.Market != want {
			t.Errorf("%s: %q, %v", currency, d.Market, err)
		}
	}
}

func TestSignRefuses(t *testing.T) {
	key := edKey(t, 2)
	if _, err := new(Document).Sign(key); !errors.Is(err, ErrInvalid) {
		t.Errorf("an empty policy: %v", err)
	}
	big := starter()
	for i := range 40_000 {
		id := make(Hex, AccountSize)
		id[0], id[1], id[2] = byte(i>>16), byte(i>>8), byte(i)
		big.Revoked.Accounts = append(big.Revoked.Accounts, id)
	}
	if _, err := big.Sign(key); !errors.Is(err, ErrInvalid) {
		t.Errorf("a policy over the limit: %v", err)
	}
}

// FuzzOpenTrust: whoever may sign as the root, a bundle that is taken can be asked for every use, and what this
// release would sign itself is written as it was read.
func FuzzOpenTrust(f *testing.F) {
	root := edKey(f, 1)
	payload, err := wire.Marshal(trustOf(2, edKey(f, 3)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(payload)
	f.Add([]byte{0xa1, 0x01, 0x01})
	f.Fuzz(func(t *testing.T, payload []byte) {
		head, err := wire.Protected(root.Public(), wire.TypTrust)
		if err != nil {
			t.Fatal(err)
		}
		sig, err := root.Sign(wire.ToBeSigned(head, payload))
		if err != nil {
			t.Fatal(err)
		}
		b, err := OpenTrust(wire.Envelope(head, payload, sig), root.Public())
		if err != nil {
			if b != nil {
				t.Fatal("a bundle with an error")
			}
			return
		}
		again, err := b.Sign(root)
		if err != nil {
			return // a use of a later release is passed over, and is not signed by this one
		}
		same, err := OpenTrust(again, root.Public())
		if err != nil || !reflect.DeepEqual(same, b) {
			t.Fatalf("read %+v, and then %+v, %v", b, same, err)
		}
		b.Keys(UseAck, time.Now())
		b.Keys(UseIssuer, time.Time{})
		b.Seal(time.Now())
	})
}

func FuzzOpenPolicy(f *testing.F) {
	key := edKey(f, 2)
	payload, err := wire.Marshal(starter())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(payload)
	f.Add([]byte{0xa1, 0x01, 0x01})
	f.Fuzz(func(t *testing.T, payload []byte) {
		head, err := wire.Protected(key.Public(), wire.TypPolicy)
		if err != nil {
			t.Fatal(err)
		}
		sig, err := key.Sign(wire.ToBeSigned(head, payload))
		if err != nil {
			t.Fatal(err)
		}
		d, err := OpenPolicy(wire.Envelope(head, payload, sig), wire.OneKey(key.Public()))
		if err != nil {
			if d != nil {
				t.Fatal("a policy with an error")
			}
			return
		}
		terms := d.Terms("s", "1")
		for tier := range Tier(5) {
			if c := terms.PaymentCap(tier, true, 1<<40); c < 0 || c > d.Caps.Payment {
				t.Fatalf("tier %v: cap %d of %d", tier, c, d.Caps.Payment)
			}
			if sum, _ := terms.Share(tier); sum < 0 || sum > terms.ShareSum {
				t.Fatalf("tier %v: share %d of %d", tier, sum, terms.ShareSum)
			}
		}
		if _, err := RenderTOML(d); err != nil {
			t.Fatal(err)
		}
	})
}

// TestDemand: a version that was in force once keeps all older ones out, whatever comes in between.
func TestDemand(t *testing.T) {
	root, key := edKey(t, 1), edKey(t, 2)
	held := mustAccept(t, NewBundle(root.Public(), "kita"), signed(t, trustOf(2, key), root), signed(t, withVersion(5), key))
	if b := held.Demand(5); b.PolicyVersion() != 5 {
		t.Errorf("demanding what is held leaves %d", b.PolicyVersion())
	}
	b := mustAccept(t, held.Demand(7).Demand(6), signed(t, trustOf(3, key), root))
	if _, raw := b.Raw(); b.PolicyVersion() != 0 || raw != nil {
		t.Errorf("policy %d is in force, %x", b.PolicyVersion(), raw)
	}
	if _, err := b.Accept(signed(t, withVersion(6), key), today); !errors.Is(err, ErrOlder) {
		t.Errorf("version 6: %v", err)
	}
	if b = mustAccept(t, b, signed(t, withVersion(7), key)); b.PolicyVersion() != 7 || held.PolicyVersion() != 5 {
		t.Errorf("policy %d, and %d before", b.PolicyVersion(), held.PolicyVersion())
	}
}
