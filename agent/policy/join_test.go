package policy

import (
	"bytes"
	"encoding/base64"
	"errors"
	"reflect"
	"strings"
	"testing"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

var terminal = payment.ID{1, 2, 3}

func joinFiles(t testing.TB) (lane, root *wire.Signer, request, answer []byte) {
	t.Helper()
	lane, root = edKey(t, 7), edKey(t, 1)
	key := edKey(t, 2)
	request, err := NewJoinRequest(lane, terminal, "tilld test", today)
	if err != nil {
		t.Fatal(err)
	}
	answer, err = joinAnswer(t, root, key, lane).Sign(root)
	if err != nil {
		t.Fatal(err)
	}
	return lane, root, request, answer
}

func joinAnswer(t testing.TB, root, key, lane *wire.Signer) *JoinAnswer {
	t.Helper()
	kid := lane.Public().KID()
	return &JoinAnswer{
		Chain: "kita", Terminal: terminal, Key: kid[:], Store: "0001", Lane: "1", Entity: "Kita Foods K.K.", Zone: "Asia/Tokyo", Currency: "JPY",
		HashKeys: []HashKey{{Epoch: 1, Key: bytes.Repeat([]byte{3}, 32)}},
		Trust:    signed(t, trustOf(1, key), root), Policy: signed(t, starter(), key),
		Brokers: []string{"ssl://hq.example:8883"}, Made: StampOf(today),
	}
}

func TestJoin(t *testing.T) {
	lane, root, request, answer := joinFiles(t)
	r, err := ParseJoinRequest(request)
	if err != nil {
		t.Fatal(err)
	}
	if key, err := r.PublicKey(); err != nil || key.KID() != lane.Public().KID() || r.Terminal != terminal || r.Software != "tilld test" || r.Made.Time() != today {
		t.Errorf("got %+v, %v", r, err)
	}
	a, err := ParseJoinAnswer(answer, terminal, lane.Public().KID())
	if err != nil {
		t.Fatal(err)
	}
	want := joinAnswer(t, root, edKey(t, 2), lane)
	want.Version, want.Root = 1, root.Public().Bytes()
	if !reflect.DeepEqual(a, want) {
		t.Errorf("got %+v\nwant %+v", a, want)
	}
	b, err := a.Bundle()
	if err != nil || b.PolicyVersion() != 1 || b.Root().KID() != root.Public().KID() {
		t.Errorf("bundle: %v, %v", b, err)
	}
	for _, file := range [][]byte{request, answer} {
		if lines := strings.Split(strings.TrimSuffix(string(file), "\n"), "\n"); len(lines) != 2 {
			t.Errorf("the file has %d lines", len(lines))
		}
	}
}

func TestJoinDamaged(t *testing.T) {
	lane, root, request, answer := joinFiles(t)
	parse := func(file []byte) error {
		_, err := ParseJoinAnswer(file, terminal, lane.Public().KID())
		return err
	}
	edit := func(change func(*JoinAnswer)) []byte {
		a := joinAnswer(t, root, edKey(t, 2), lane)
		a.Version, a.Root = 1, root.Public().Bytes()
		change(a)
		raw, err := wire.Seal(root, wire.TypJoin, a)
		if err != nil {
			t.Fatal(err)
		}
		return armour(answerHeader, raw)
	}
	flip := func(file []byte) []byte {
		head, body, _ := strings.Cut(string(file), "\n")
		raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(body))
		if err != nil {
			t.Fatal(err)
		}
		raw[len(raw)/2] ^= 1
		return armour(head, raw)
	}
	tests := []struct {
		name string
		file []byte
		want string // part of the error; "" is none
	}{
		{"as it is", answer, ""},
		{"by mail", []byte("\r\n\r\n" + strings.ReplaceAll(string(answer), "\n", "\r\n") + "\r\n"), ""},
		{"nothing", nil, "the first line must be"},
		{"the request", request, "this is the lane's request"},
		{"cut", answer[:len(answer)/2], "join file"},
		{"wrapped", append(append(append([]byte{}, answer[:200]...), '\n'), answer[200:]...), "just one more"},
		{"a lone carriage return", append(append(append([]byte{}, answer[:200]...), '\r'), answer[200:]...), "just one more"},
		{"a bit flipped", flip(answer), "not a tilld join file"},
		{"no second line", []byte(answerHeader + "\n"), "just one more"},
		{"too large", bytes.Repeat([]byte("x"), maxFile+1), "at most"},
		{"another root inside", edit(func(a *JoinAnswer) { a.Root = edKey(t, 5).Public().Bytes() }), "known"},
		{"another terminal", edit(func(a *JoinAnswer) { a.Terminal = payment.ID{9} }), "another terminal"},
		{"another key", edit(func(a *JoinAnswer) { a.Key = make(Hex, 8) }), "another terminal"},
		{"no terminal", edit(func(a *JoinAnswer) { a.Terminal = payment.ID{} }), "no terminal"},
		{"version 2", edit(func(a *JoinAnswer) { a.Version = 2 }), "version 2"},
		{"a store that is a path", edit(func(a *JoinAnswer) { a.Store = "../1" }), "store"},
		{"no lane", edit(func(a *JoinAnswer) { a.Lane = "" }), "lane"},
		{"no chain", edit(func(a *JoinAnswer) { a.Chain = "" }), "chain"},
		{"another chain's policy", edit(func(a *JoinAnswer) { a.Chain = "minami" }), "of another chain"},
		{"no zone", edit(func(a *JoinAnswer) { a.Zone = "Local" }), "zone"},
		{"no currency", edit(func(a *JoinAnswer) { a.Currency = "XXX" }), "currency"},
		{"no entity", edit(func(a *JoinAnswer) { a.Entity = "" }), "entity"},
		{"no trust bundle", edit(func(a *JoinAnswer) { a.Trust, a.Policy = nil, nil }), "no trust bundle"},
		{"a policy that nobody vouches for", edit(func(a *JoinAnswer) { a.Policy = signed(t, starter(), edKey(t, 9)) }), "not known here"},
		{"no policy yet", edit(func(a *JoinAnswer) { a.Policy = nil }), ""},
		{"no hash key", edit(func(a *JoinAnswer) { a.HashKeys = nil }), "hash keys: 0"},
		{"half a hash key", edit(func(a *JoinAnswer) { a.HashKeys[0].Key = a.HashKeys[0].Key[:16] }), "hash keys: epoch 1"},
		{"a hash key twice", edit(func(a *JoinAnswer) { a.HashKeys = append(a.HashKeys, a.HashKeys[0]) }), "hash keys: epoch 1"},
		{"no time", edit(func(a *JoinAnswer) { a.Made = 0 }), "made"},
		{"many brokers", edit(func(a *JoinAnswer) { a.Brokers = make([]string, 11) }), "brokers"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := parse(tt.file)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	if _, err := ParseJoinRequest(answer); err == nil || !strings.Contains(err.Error(), "this is HQ's answer") {
		t.Errorf("the answer read as a request: %v", err)
	}
	if _, err := ParseJoinRequest(flip(request)); !errors.Is(err, ErrFile) {
		t.Errorf("a request with a bit flipped: %v", err)
	}
	if _, err := joinAnswer(t, root, edKey(t, 2), lane).Sign(edKey(t, 9)); err == nil {
		t.Error("a key that is not the bundle's root signs an answer")
	}
	if _, err := NewJoinRequest(lane, payment.ID{}, "", today); !errors.Is(err, ErrRequest) {
		t.Errorf("a request of no terminal: %v", err)
	}
}

func FuzzJoin(f *testing.F) {
	lane, _, request, answer := joinFiles(f)
	f.Add(request)
	f.Add(answer)
	f.Add([]byte(requestHeader + "\nAAAA\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		if r, err := ParseJoinRequest(file); err == nil {
			if _, err := r.PublicKey(); err != nil || r.Terminal.IsZero() {
				t.Fatalf("%+v, %v", r, err)
			}
		} else if r != nil {
			t.Fatal("a request with an error")
		}
		if a, err := ParseJoinAnswer(file, terminal, lane.Public().KID()); err == nil {
			if _, err := a.Bundle(); err != nil {
				t.Fatal(err)
			}
		} else if a != nil {
			t.Fatal("an answer with an error")
		}
	})
}

// TestNoSecretsInErrors reads damaged files: no error repeats the chain's hash key.
func TestNoSecretsInErrors(t *testing.T) {
	lane, _, _, answer := joinFiles(t)
	secret := strings.Repeat("\x03", 16)
	for i := range 200 {
		at := i * len(answer) / 200
		bad := append([]byte{}, answer...)
		bad[at] ^= 1
		_, err := ParseJoinAnswer(bad, terminal, lane.Public().KID())
		if err != nil && (strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "0303030303")) {
			t.Fatalf("the error holds the key: %v", err)
		}
	}
}
