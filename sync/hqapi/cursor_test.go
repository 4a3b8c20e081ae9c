package hqapi

import (
	"errors"
	"strings"
	"testing"

	"tilld/agent/payment"
)

func TestCursor(t *testing.T) {
	c := cursor{list: listBatches, epoch: 1795305600000, pos: 77, id: payment.ID{1, 2, 3}}
	if got, err := parseCursor(listBatches, c.String()); err != nil || got != c {
		t.Errorf("%+v, %v", got, err)
	}
	good := c.String()
	for name, text := range map[string]string{
		"nothing":       "",
		"words":         "abc",
		"cut short":     good[:len(good)-1],
		"longer":        good + "A",
		"a line break":  good[:10] + "\n" + good[10:],
		"padded":        good + "=",
		"of the future": strings.Replace(good, "AWI", "AmI", 1),
		"spare bits":    good[:len(good)-1] + "B",
	} {
		if got, err := parseCursor(listBatches, text); !errors.Is(err, errCursor) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if _, err := parseCursor(listTerminals, good); !errors.Is(err, errCursor) {
		t.Errorf("a cursor of another list: %v", err)
	}
}

// FuzzCursor: what is taken is the one spelling of itself.
func FuzzCursor(f *testing.F) {
	f.Add(cursor{list: listBatches, epoch: 1, pos: 2, id: payment.ID{3}}.String())
	f.Add(cursor{list: listExceptions, epoch: 1<<64 - 1, pos: 1<<64 - 1}.String())
	f.Add("AWI\nAAAAAAAAAAEAAAAAAAAAAgMAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, text string) {
		for _, list := range []byte{listBatches, listTerminals, listExceptions} {
			c, err := parseCursor(list, text)
			if err != nil {
				if c != (cursor{}) || !errors.Is(err, errCursor) {
					t.Fatalf("%+v, %v", c, err)
				}
				continue
			}
			if c.list != list || c.String() != text {
				t.Fatalf("%q was taken for %+v, written %q", text, c, c.String())
			}
		}
	})
}
