package scanner_test

import (
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"tilld/drivers/scanner"
	"tilld/firmware-configs"
)

// timed is one byte and the pause before it.
type timed struct {
	wait time.Duration
	b    byte
}

// feed pushes the stream in pieces. cut tells whether to begin a new piece before byte i although no time has passed;
// poke tells whether to call Expire there, at the next byte's time.
func feed(rules firmware.Framing, stream []timed, cut, poke func(i int) bool) []scanner.Event {
	f := scanner.NewFramer(rules, []string{"AB:"})
	f.Join(epoch)
	now := epoch
	var events []scanner.Event
	var piece []byte
	flush := func() {
		if len(piece) > 0 {
			events = f.Push(events, now, piece)
			piece = nil
		}
	}
	for i, s := range stream {
		if s.wait > 0 || cut(i) {
			flush()
		}
		now = now.Add(s.wait)
		if poke(i) {
			flush()
			events = f.Expire(events, now)
		}
		piece = append(piece, s.b)
	}
	flush()
	return f.Cut(events, now.Add(time.Millisecond))
}

func never(int) bool  { return false }
func always(int) bool { return true }

func checkSymbol(t interface{ Fatalf(string, ...any) }, s scanner.Symbol, rules firmware.Framing) {
	if s.Text == "" || len(s.Text) > rules.MaxFrame || !utf8.ValidString(s.Text) || s.Text[0] == 0x1d {
		t.Fatalf("symbol %q", s.Text)
	}
	for _, r := range s.Text {
		if unicode.IsControl(r) && r != 0x1d {
			t.Fatalf("symbol %q", s.Text)
		}
	}
	if strings.Contains(s.Text[1:], "AB:") {
		t.Fatalf("symbol %q hides a house code", s.Text)
	}
	if rules.AIM == firmware.Off && s.AIM != "" || rules.AIM == firmware.Required && len(s.AIM) != 3 {
		t.Fatalf("symbol with the AIM identifier %q", s.AIM)
	}
}

func genRules(t *rapid.T) firmware.Framing {
	presence := rapid.SampledFrom([]firmware.Presence{firmware.Off, firmware.Optional, firmware.Required})
	all := []firmware.Suffix{firmware.SuffixCR, firmware.SuffixLF, firmware.SuffixCRLF, firmware.SuffixETX}
	return firmware.Framing{
		Suffixes: all[rapid.IntRange(0, 3).Draw(t, "from"):rapid.IntRange(3, 4).Draw(t, "to")],
		STX:      presence.Draw(t, "stx"),
		AIM:      presence.Draw(t, "aim"),
		IdleGap:  100 * time.Millisecond,
		Blanking: rapid.SampledFrom([]time.Duration{0, 150 * time.Millisecond}).Draw(t, "blanking"),
		MaxFrame: rapid.IntRange(4, 40).Draw(t, "max"), // small, so that it is reached
	}
}

var genByte = rapid.OneOf(
	rapid.SampledFrom([]byte("\r\n\x02\x03\x1d]\\AB:Q12")),
	rapid.Byte(),
)

// TestPiecesMakeNoDifference: however the system cuts the same bytes, and however often one asks whether time is up,
// the events are the same.
func TestPiecesMakeNoDifference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules := genRules(t)
		stream := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) timed {
			pause := rapid.SampledFrom([]int{0, 0, 0, 0, 0, 0, 0, 1, 60, 99, 100, 101, 400}).Draw(t, "pause")
			return timed{time.Duration(pause) * time.Millisecond, genByte.Draw(t, "byte")}
		}), 0, 120).Draw(t, "stream")
		pieces := rapid.SliceOfN(rapid.Bool(), len(stream), len(stream))
		cuts, pokes := pieces.Draw(t, "cuts"), pieces.Draw(t, "pokes")

		whole := feed(rules, stream, never, never)
		for name, other := range map[string][]scanner.Event{
			"byte by byte":  feed(rules, stream, always, never),
			"asked always":  feed(rules, stream, never, always),
			"random pieces": feed(rules, stream, func(i int) bool { return cuts[i] }, func(i int) bool { return pokes[i] }),
		} {
			if !reflect.DeepEqual(whole, other) {
				t.Fatalf("%s: %v, else %v", name, other, whole)
			}
		}
		last := epoch
		for _, e := range whole {
			if e.When().Before(last) {
				t.Fatalf("events out of order: %v", whole)
			}
			last = e.When()
			switch e := e.(type) {
			case scanner.Symbol:
				checkSymbol(t, e, rules)
			case scanner.Blanked:
				checkSymbol(t, e.Symbol, rules)
			}
		}
	})
}

// TestNeverAShortCode: whatever goes missing behind some point of a code, and whatever pause comes there, no part of
// the code is taken for a code.
func TestNeverAShortCode(t *testing.T) {
	rules := generic(t).Framing
	rapid.Check(t, func(t *rapid.T) {
		code := rapid.StringMatching(`[0-9]{2,40}`).Draw(t, "code")
		at := rapid.IntRange(1, len(code)-1).Draw(t, "at")
		// The rest comes while it is mistrusted, or not at all.
		pause := time.Duration(rapid.Int64Range(int64(rules.IdleGap), int64(rules.IdleGap+rules.Blanking)-1).Draw(t, "pause"))
		f := scanner.NewFramer(rules, nil)
		events := f.Push(nil, epoch, []byte(code[:at]))
		if rapid.Bool().Draw(t, "rest") {
			events = f.Push(events, epoch.Add(pause), []byte(code[at:]+"\r"))
		}
		events = f.Expire(events, epoch.Add(time.Hour))
		for _, e := range events {
			if _, bad := e.(scanner.BadRead); !bad {
				t.Fatalf("%q, broken at %d, gives %T", code, at, e)
			}
		}
		if len(events) == 0 {
			t.Fatalf("%q, broken at %d, gives nothing", code, at)
		}
	})
}

// FuzzFramer feeds arbitrary bytes: even positions of script are bytes, odd ones say what comes before the next one.
func FuzzFramer(f *testing.F) {
	add := func(s string) {
		var script []byte
		for _, b := range []byte(s) {
			script = append(script, b, 0)
		}
		f.Add(script, uint8(0))
	}
	add("]Q1281234567890123456\r\n")
	add("\x02]Q2\\000026AB:x\\\\\x03")
	add("half\xff\x00\r]E04901234567894]E0\r")
	add("01\x1d10\r\r\n\n")
	f.Add([]byte("a\x00b\xffc\x80\r\x00d\xc0\r\x00"), uint8(7))
	f.Fuzz(func(t *testing.T, script []byte, variant uint8) {
		rules := fuzzRules(variant)
		var stream []timed
		cuts := make(map[int]bool)
		var next byte
		for i, b := range script {
			if i%2 == 1 {
				next = b
				continue
			}
			// Six bits are a pause in steps of 8 ms, for the upper quarter; the lowest is a cut.
			var wait time.Duration
			if next >= 0xc0 {
				wait = time.Duration(next&0x3f) * 8 * time.Millisecond
			}
			cuts[len(stream)] = next&1 == 1
			stream = append(stream, timed{wait, b})
		}
		whole := feed(rules, stream, never, never)
		pieces := feed(rules, stream, func(i int) bool { return cuts[i] }, func(i int) bool { return cuts[i+1] })
		if !reflect.DeepEqual(whole, pieces) {
			t.Fatalf("in pieces %v, else %v", pieces, whole)
		}
		for _, e := range whole {
			switch e := e.(type) {
			case scanner.Symbol:
				checkSymbol(t, e, rules)
			case scanner.Blanked:
				checkSymbol(t, e.Symbol, rules)
			}
		}
	})
}

func fuzzRules(variant uint8) firmware.Framing {
	all := []firmware.Suffix{firmware.SuffixCR, firmware.SuffixCRLF, firmware.SuffixETX, firmware.SuffixLF}
	presence := []firmware.Presence{firmware.Optional, firmware.Off, firmware.Required, firmware.Optional}
	return firmware.Framing{
		Suffixes: all[variant&3:],
		STX:      presence[variant>>2&3],
		AIM:      presence[variant>>4&3],
		IdleGap:  100 * time.Millisecond,
		Blanking: time.Duration(variant>>6) * 100 * time.Millisecond,
		MaxFrame: 64,
	}
}
