package payment

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseID(t *testing.T) {
	const good = "01ARZ3NDEKTSV4RRFFQ69G5FAV" // the ULID specification's example
	id, err := ParseID(good)
	if err != nil || id.String() != good || id.IsZero() {
		t.Fatalf("got %v, %v", id, err)
	}
	if want := time.Date(2016, 7, 30, 23, 54, 10, 259e6, time.UTC); !id.Time().Equal(want) {
		t.Errorf("made at %v, want %v", id.Time(), want)
	}
	bad := map[string]string{
		"empty":             "",
		"lower case":        strings.ToLower(good),
		"one short":         good[:25],
		"one long":          good + "0",
		"letter not in use": "01ARZ3NDEKTSV4RRFFQ69G5FAU",
		"over 128 bits":     "81ARZ3NDEKTSV4RRFFQ69G5FAV",
		"space before":      " 1ARZ3NDEKTSV4RRFFQ69G5FAV",
		"a letter like one": "0IARZ3NDEKTSV4RRFFQ69G5FAV",
		"no ASCII":          "0１ARZ3NDEKTSV4RRFFQ69G5FA",
	}
	for name, s := range bad {
		if id, err := ParseID(s); !errors.Is(err, ErrID) || !id.IsZero() {
			t.Errorf("%s: %v, %v", name, id, err)
		}
	}
}

// An ID's text and its bytes name the same thing and sort alike.
func TestIDRoundTrip(t *testing.T) {
	gen := rapid.SliceOfN(rapid.Byte(), 16, 16)
	rapid.Check(t, func(t *rapid.T) {
		a, b := ID(gen.Draw(t, "a")), ID(gen.Draw(t, "b"))
		if got, err := ParseID(a.String()); err != nil || got != a {
			t.Fatalf("%v was read as %v, %v", a, got, err)
		}
		if bytes.Compare(a[:], b[:]) != strings.Compare(a.String(), b.String()) {
			t.Fatalf("%v and %v sort differently as text", a, b)
		}
		text, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		var got ID
		if err := json.Unmarshal(text, &got); err != nil || got != a {
			t.Fatalf("%s was read as %v, %v", text, got, err)
		}
	})
}

func TestZeroIDIsEmptyText(t *testing.T) {
	text, err := json.Marshal(ID{})
	if err != nil || string(text) != `""` {
		t.Fatalf("got %s, %v", text, err)
	}
	got := ID{1}
	if err := json.Unmarshal(text, &got); err != nil || !got.IsZero() {
		t.Fatalf("got %v, %v", got, err)
	}
	if err := json.Unmarshal([]byte(`"x"`), &got); !errors.Is(err, ErrID) {
		t.Errorf("error %v", err)
	}
}

func TestAttemptRef(t *testing.T) {
	id, err := ParseID("01ARZ3NDEKTSV4RRFFQ69G5FAV")
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int]string{0: "00", 7: "07", 99: "99"} {
		got := id.AttemptRef(n)
		if got != id.String()+want || !regexp.MustCompile(`^[A-Za-z0-9]{1,32}$`).MatchString(got) {
			t.Errorf("attempt %d: %s", n, got)
		}
	}
}

// IDs rise whatever the clock does: stands still, goes on, is set back.
func TestIDsRise(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.UnixMilli(1_800_000_000_000)
		ids := NewIDs(func() time.Time { return now }, rand.Reader)
		var last ID
		for range 20 {
			now = now.Add(time.Duration(rapid.IntRange(-3, 3).Draw(t, "step")) * time.Millisecond)
			id, err := ids.Next()
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Compare(id[:], last[:]) <= 0 {
				t.Fatalf("%v came after %v", id, last)
			}
			last = id
		}
	})
}

func TestIDsAreUniqueAcrossGoroutines(t *testing.T) {
	ids := NewIDs(time.Now, rand.Reader)
	var mu sync.Mutex
	seen := map[ID]bool{}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				id, err := ids.Next()
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				seen[id] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(seen) != 800 {
		t.Errorf("%d different IDs of 800", len(seen))
	}
}

func TestIDsReportTheRandomSource(t *testing.T) {
	ids := NewIDs(time.Now, bytes.NewReader(nil))
	if id, err := ids.Next(); !errors.Is(err, io.EOF) || !id.IsZero() {
		t.Errorf("got %v, %v", id, err)
	}
}
