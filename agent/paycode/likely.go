package paycode

import "strings"

// The digits that an account number has: ISO/IEC 7812-1 allows up to 19, and no payment scheme gives out fewer than 13.
const (
	leastAccount = 13
	mostAccount  = 19
)

// hideLikely stars out what looks like an account number in a value whose meaning nobody has told us: a whole run of
// digits, of such a length, whose last digit is Luhn's (ISO/IEC 7812-1, annex B). It looks at the bytes as digits two by two,
// and at the text that they may be.
func hideLikely(value []byte) string {
	h := []byte(upperHex(value))
	eachRun(string(value), func(from, to int) {
		copy(h[2*from:2*(to-4)], stars(2*(to-4-from))) // the last four are shown, each in two signs
	})
	eachRun(string(h), func(from, to int) { copy(h[from:to-4], stars(to-4-from)) })
	return string(h)
}

// eachRun finds the runs of digits that look like an account number.
func eachRun(s string, found func(from, to int)) {
	for from := 0; from < len(s); {
		n := len(s[from:]) - len(strings.TrimLeft(s[from:], "0123456789"))
		if n >= leastAccount && n <= mostAccount && luhn(s[from:from+n]) {
			found(from, from+n)
		}
		from += n + 1
	}
}

// luhn says whether the check digit of a number is right. A number of noughts has one too, and is none.
func luhn(digits string) bool {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0 && strings.Trim(digits, "0") != ""
}
