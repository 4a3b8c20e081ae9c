package operator

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"tilld/agent/payment"
)

func TestRef(t *testing.T) {
	id, err := payment.ParseID("01ARZ3NDEKTSV4RRFFQ69G5FAV")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		id      payment.ID
		attempt int
		want    Ref // "": refused
	}{
		{id, 0, "01ARZ3NDEKTSV4RRFFQ69G5FAV00"},
		{id, 99, "01ARZ3NDEKTSV4RRFFQ69G5FAV99"},
		{id, 100, ""},
		{id, -1, ""},
		{payment.ID{}, 1, ""},
	} {
		got, err := NewRef(tt.id, tt.attempt)
		if got != tt.want || (err != nil) != (tt.want == "") || err != nil && !errors.Is(err, ErrRef) {
			t.Errorf("NewRef(%s, %d) = %q, %v; want %q", tt.id, tt.attempt, got, err, tt.want)
		}
		if err == nil && got.Validate() != nil {
			t.Errorf("%q: %v", got, got.Validate())
		}
	}
	for ref, ok := range map[Ref]bool{
		"": false, "a": true, Ref(strings.Repeat("Z", 32)): true, Ref(strings.Repeat("Z", 33)): false,
		"a-b": false, "a b": false, "ä": false, "A\x00": false,
	} {
		if err := ref.Validate(); (err == nil) != ok || err != nil && !errors.Is(err, ErrRef) {
			t.Errorf("%q: %v", ref, err)
		}
	}
}

// TestCodeIsHidden: whichever way a charge is printed, its code is not in it.
func TestCodeIsHidden(t *testing.T) {
	c := Charge{Code: "280812820366966512"}
	text, err := c.Code.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c), c.Code.LogValue().String(), string(text)} {
		if strings.Contains(s, "2808") {
			t.Errorf("the code is in %q", s)
		}
	}
}

// TestNames: each value has a name of its own, and no other.
func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for o := Unknown; o < outcomeEnd; o++ {
		if s := o.String(); s == "" || seen[s] {
			t.Errorf("outcome %d is called %q", o, s)
		} else {
			seen[s] = true
		}
	}
	for w := NoReason + 1; w < whyEnd; w++ {
		if s := w.String(); s == "" || seen[s] {
			t.Errorf("cause %d is called %q", w, s)
		} else {
			seen[s] = true
		}
	}
}

// TestFinal: what may still come to a charge is never final.
func TestFinal(t *testing.T) {
	for o, want := range map[Outcome]bool{Unknown: false, Confirming: false, NotSent: false, Absent: false, Paid: true, Declined: true,
		Reversed: true, Refunded: true, TooLate: true, outcomeEnd: false} {
		if o.Final() != want {
			t.Errorf("%s: %v", o, o.Final())
		}
	}
}

func TestWindow(t *testing.T) {
	zone := func(name string) *time.Location {
		z, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		return z
	}
	tokyo, shanghai, york := zone("Asia/Tokyo"), zone("Asia/Shanghai"), zone("America/New_York")
	for _, tt := range []struct {
		name          string
		w             Window
		charged, want string
	}{
		// PayPay's documents: until 00:14:59 of the next day.
		{"PayPay, at noon", Window{tokyo, 1, 15 * time.Minute}, "2026-11-23T03:00:00Z", "2026-11-23T15:15:00Z"},
		{"PayPay, before midnight in Tokyo", Window{tokyo, 1, 15 * time.Minute}, "2026-11-23T14:59:59Z", "2026-11-23T15:15:00Z"},
		{"PayPay, after midnight in Tokyo", Window{tokyo, 1, 15 * time.Minute}, "2026-11-23T15:00:00Z", "2026-11-24T15:15:00Z"},
		// Alipay's: the same day in Beijing, with a buffer of 15 minutes.
		{"Alipay", Window{shanghai, 0, 24*time.Hour + 15*time.Minute}, "2026-11-23T03:00:00Z", "2026-11-23T16:15:00Z"},
		{"a day of 25 hours", Window{york, 1, 0}, "2026-11-01T05:00:00Z", "2026-11-02T05:00:00Z"},
		{"a day of 23 hours", Window{york, 1, 0}, "2026-03-08T06:00:00Z", "2026-03-09T04:00:00Z"},
		{"none", Window{}, "2026-11-23T03:00:00Z", ""},
	} {
		at, err := time.Parse(time.RFC3339, tt.charged)
		if err != nil {
			t.Fatal(err)
		}
		got, text := tt.w.Ends(at), ""
		if !got.IsZero() {
			text = got.UTC().Format(time.RFC3339)
		}
		if text != tt.want {
			t.Errorf("%s: ends %s, want %s", tt.name, text, tt.want)
		}
	}
}
