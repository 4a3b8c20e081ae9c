package phone

import (
	"slices"
	"strings"
	"time"
)

// View is everything that the page shows.
type View struct {
	State
	Phones       []Phone
	Phone, Place string // chosen
	App          string // whose app the chosen phone shows; empty: the house wallet's
	Number       uint64 // of the code on the screen
	Last         *shown // the customer's code that was held last, which can be shown again; nil: none yet

	shown
	Small, Large size // of the picture, by the window's size
}

// size is a picture of whole pixels for each module.
type size struct{ Scale, Width, Height int }

// The widest pictures, in pixels, for a small window and a large one.
const (
	smallWidth = 380
	largeWidth = 540
)

// draw finds out the sizes of the picture.
func (v *View) draw() error {
	if v.Text == "" {
		return nil
	}
	m, err := draw(v.Kind, v.Text)
	if err != nil {
		return err
	}
	at := func(width int) size {
		scale := m.fit(width)
		return size{scale, len(m[0]) * scale, len(m) * scale}
	}
	v.Small, v.Large = at(smallWidth), at(largeWidth)
	return nil
}

// Drawn says that there is a picture.
func (v View) Drawn() bool { return v.Text != "" }

// Until is when the next code comes, in Unix milliseconds; zero: it does not by itself.
func (v View) Until() int64 {
	if !v.Kind.pays() || v.Expires.IsZero() {
		return 0
	}
	return v.Expires.UnixMilli()
}

// Life is how long the code is shown, in seconds.
func (v View) Life() int64 {
	return max(1, int64(v.Expires.Sub(v.Since).Round(time.Second)/time.Second))
}

// HoldKey is the key that holds the phone to the lane at a place in the list.
func (v View) HoldKey(at int) int { return at + 1 }

// PayKey is the key that pays what the second screen of the lane at a place in the list shows; empty: none.
func (v View) PayKey(at int) string {
	const keys = "pq"
	if at >= len(keys) {
		return ""
	}
	return keys[at : at+1]
}

// Capital is a key as it is printed on one.
func (View) Capital(key string) string { return strings.ToUpper(key) }

// Question is what the phone asks its customer now, of the chosen wallet first; nil: nothing.
func (v View) Question() *Question {
	var first *Question
	for _, o := range v.Operators {
		if len(o.Asks) == 0 {
			continue
		}
		if o.Wallet == v.App {
			return &o.Asks[0]
		}
		if first == nil {
			first = &o.Asks[0]
		}
	}
	return first
}

// Lost says that the chosen phone was reported lost.
func (v View) Lost() bool {
	return slices.ContainsFunc(v.Phones, func(p Phone) bool { return p.ID == v.Phone && p.Lost })
}

// Modes are those to choose from.
func (View) Modes() []Mode { return Modes }
