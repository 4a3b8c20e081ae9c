// Package drivertest is the suite that every scanner profile and driver must pass, on a real pseudo-terminal. It is
// imported by tests only.
//
// The suite's time is not the machine's: silences are exact however slow the machine is, and a failure is never a
// matter of luck.
package drivertest

import (
	"math/rand/v2"
	"strings"
	"testing"

	"tilld/drivers/scanner"
	"tilld/firmware-configs"
)

const (
	code  = "TILLD:6BFOXN*TS0BI$ZDFRH7T/T.FSX4NUF3S 0123456789" // the alphabet of a base45 code
	other = "281234567890123456"
)

// Scanner runs the suite on a profile.
func Scanner(t *testing.T, profile firmware.Profile) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, *Rig)
	}{
		{"every prefix and suffix", everyFraming},
		{"byte by byte", byteByByte},
		{"odd chunks", oddChunks},
		{"the same code again", sameAgain},
		{"noise", noise},
		{"garbage", garbage},
		{"two codes in one burst", burst},
		{"two codes run together", runTogether},
		{"missing terminator", missingTerminator},
		{"a 10 KB code", tooLong},
		{"a never-ending stream", neverEnding},
		{"unplugged at every byte", unpluggedAtEveryByte},
		{"unplugged while idle", unpluggedWhileIdle},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, NewRig(t, profile))
		})
	}
}

// good is how the event of a code sent by SendCode is described.
func (r *Rig) good(code string) string {
	if r.Profile.Framing.AIM == firmware.Required {
		return "symbol ]Q1 " + code
	}
	return "symbol " + code
}

func (r *Rig) scan(code string) {
	r.t.Helper()
	r.Settle()
	r.SendCode(code)
	r.Settle()
	r.Expect(r.good(code))
}

func everyFraming(_ *testing.T, r *Rig) {
	f := r.Profile.Framing
	ends := []string{""}
	if len(f.Suffixes) > 0 {
		ends = nil
	}
	for _, s := range f.Suffixes {
		ends = append(ends, suffixBytes[s])
	}
	for _, stx := range allowed(f.STX, "\x02") {
		for _, aim := range allowed(f.AIM, "]C0") {
			for _, end := range ends {
				r.Settle()
				r.codes = append(r.codes, code)
				r.Send(stx + aim + code + end)
				r.Settle()
				r.Expect(strings.TrimSpace("symbol "+aim) + " " + code)
			}
		}
	}
	r.ExpectNothingMore()
}

// allowed is what may stand at a place of the frame.
func allowed(p firmware.Presence, part string) []string {
	switch p {
	case firmware.Required:
		return []string{part}
	case firmware.Optional:
		return []string{"", part}
	}
	return []string{""}
}

func byteByByte(_ *testing.T, r *Rig) {
	for _, b := range []byte(r.Frame(code)) {
		r.Send(string([]byte{b}))
		r.Clock.Advance(r.Profile.Framing.IdleGap / 2) // slow, but never silent
	}
	r.Settle()
	r.Expect(r.good(code))
	r.ExpectNothingMore()
}

func oddChunks(_ *testing.T, r *Rig) {
	random := rand.New(rand.NewPCG(7, 11)) // the same pieces every time
	for range 30 {
		for rest := r.Frame(code); rest != ""; {
			n := 1 + random.IntN(len(rest))
			r.Send(rest[:n])
			r.Clock.Advance(r.Profile.Framing.IdleGap - 1)
			rest = rest[n:]
		}
		r.Settle()
		r.Expect(r.good(code))
	}
	r.ExpectNothingMore()
}

func sameAgain(_ *testing.T, r *Rig) {
	for range 3 {
		r.scan(code)
	}
	r.ExpectNothingMore()
}

func noise(t *testing.T, r *Rig) {
	for _, n := range []string{"\x00", "\xff", "\x80\x80", "\x1b[A", "\u0085", "\x7f"} {
		r.Settle()
		r.Send(n)
		r.SendCode(code) // at once: the noise is a part of it
		r.Settle()
		if bad, ok := r.Next().(scanner.BadRead); !ok {
			t.Errorf("%q in front of a code goes unnoticed", n)
		} else if bad.Reason != scanner.ReasonControl && bad.Reason != scanner.ReasonEncoding && !demandsPrefix(r.Profile) {
			t.Errorf("%q in front of a code is bad for %v", n, bad.Reason)
		}
		r.scan(other)
	}
	r.ExpectNothingMore()
}

func demandsPrefix(p firmware.Profile) bool {
	return p.Framing.STX == firmware.Required || p.Framing.AIM == firmware.Required
}

func garbage(t *testing.T, r *Rig) {
	random := rand.New(rand.NewPCG(3, 5))
	for range 20 {
		b := make([]byte, 1+random.IntN(3000))
		for i := range b {
			b[i] = byte(0x80 + random.IntN(0x80)) // no terminator among them
		}
		r.Settle()
		r.Send(string(b))
		r.Settle()
		if _, ok := r.Next().(scanner.BadRead); !ok {
			t.Fatal("garbage was taken for something")
		}
		r.scan(code)
	}
	r.ExpectNothingMore()
}

func burst(t *testing.T, r *Rig) {
	if len(r.Profile.Framing.Suffixes) == 0 {
		t.Log("without a suffix a burst is one code")
		return
	}
	r.Send(r.Frame(code) + r.Frame(other) + r.Frame(code))
	if r.Profile.Framing.Blanking == 0 {
		r.Expect(r.good(code), r.good(other), r.good(code))
		return
	}
	r.Expect(r.good(code), "blanked "+other, "blanked same")
	r.ExpectNothingMore()
}

func runTogether(_ *testing.T, r *Rig) {
	r.Settle()
	r.SendCode(other + code) // the house prefix stands inside
	r.Settle()
	r.Expect("bad two-codes")
	if r.Profile.Framing.AIM != firmware.Off {
		r.SendCode("]Q1" + other + "]Q1" + other)
		r.Settle()
		r.Expect("bad two-codes")
	}
	r.ExpectNothingMore()
}

func missingTerminator(t *testing.T, r *Rig) {
	end := suffix(r.Profile.Framing)
	if end == "" {
		t.Log("without a suffix silence is the terminator")
		return
	}
	whole := strings.TrimSuffix(r.Frame(other), end)
	r.Send(whole)
	r.Pass(r.Profile.Framing.IdleGap)
	r.Expect("bad no-terminator")
	r.Send(end) // late, and alone
	r.scan(code)
	// A code that halts in the middle: neither half is a code.
	r.Settle()
	r.Send(whole[:9])
	r.Pass(r.Profile.Framing.IdleGap)
	r.Send(whole[9:] + end)
	r.Expect("bad no-terminator", "bad remainder")
	r.ExpectNothingMore()
}
