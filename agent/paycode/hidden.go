package paycode

import (
	"cmp"
	"encoding/hex"
	"slices"
	"strings"
)

// hidden are the account numbers of a code, in each way in which they can be written in it. Wherever one turns up it
// is starred out, not only in the objects that are meant to hold it: a token area may repeat it, and the bytes of a
// template hold it anyway.
type hidden []string

// add takes what is written in an object: as it is, as ASCII inside hexadecimal, and in small letters.
func (h hidden) add(s string) hidden {
	if len(s) < leastNumber {
		return h
	}
	return append(h, s, upperHex([]byte(s)), strings.ToLower(s))
}

// longestFirst is the order in which out works.
func (h hidden) longestFirst() hidden {
	slices.SortFunc(h, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	return slices.Compact(h)
}

// out stars out what is hidden.
func (h hidden) out(s string) string {
	for _, secret := range h {
		s = strings.ReplaceAll(s, secret, stars(len(secret)))
	}
	return s
}

// accounts finds the account numbers of a code, at any depth.
func accounts(tree []node, format Format) (h hidden) {
	walk(tree, func(n *node) {
		if n.broken { // it could hold anything
			h = h.add(upperHex(n.value))
		}
		number, holds := n.account(format)
		if !holds {
			return
		}
		if number == "" { // it can't be read, so it is hidden as it is written
			number = upperHex(n.value)
		}
		h = h.add(number)
		if raw, err := hex.DecodeString(number); err == nil {
			h = h.add(string(raw)) // where a number is text, as in some codes' 5A
		}
	})
	return h.longestFirst()
}

// account is the account number in an object that is meant to hold one, or empty when it can't be read.
func (n *node) account(format Format) (number string, holds bool) {
	switch {
	case n.tag == tagTrack2 && format == JPQRCPM:
		return string(n.value), true
	case n.tag == tagTrack2 || n.tag == tagOtherTrack2:
		t, _ := splitTrack2(n.value)
		return t.pan, true
	case n.tag == tagPAN:
		if pan, ok := accountNumber(n.value); ok {
			return pan, true
		}
		return "", true
	case n.tag == tagTrack1: // format code, digits, "^"
		digits, _, _ := strings.Cut(strings.TrimLeft(string(n.value), "B"), "^")
		if !isDigits(digits) {
			digits = ""
		}
		return digits, true
	}
	return "", false
}

// indexNumber is where a number stands in a value, or -1.
func indexNumber(s, number string) int {
	if number == "" {
		return -1
	}
	return strings.Index(s, number)
}

func stars(n int) string { return strings.Repeat("*", n) }
