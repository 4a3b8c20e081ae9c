package scanner_test

import (
	"strings"
	"testing"
	"time"

	"tilld/drivers/drivertest"
	"tilld/drivers/port"
	"tilld/drivers/scanner"
	"tilld/firmware-configs"
)

var epoch = time.Date(2019, 7, 1, 0, 0, 0, 0, time.UTC)

func generic(t testing.TB) firmware.Profile {
	t.Helper()
	p, err := firmware.Load(firmware.Generic)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// play runs a capture through a framer and describes what comes out, one event a line. The capture's end is followed
// by a long silence.
func play(t *testing.T, rules firmware.Framing, capture string) string {
	t.Helper()
	steps, err := port.ParseCapture(strings.NewReader(capture))
	if err != nil {
		t.Fatal(err)
	}
	f := scanner.NewFramer(rules, []string{"TILLD:", "hQVDUFY"})
	now := epoch
	var events []scanner.Event
	for _, s := range steps {
		now = now.Add(s.Wait)
		events = f.Push(events, now, s.Data)
	}
	events = f.Expire(events, now.Add(time.Hour))
	var lines []string
	for _, e := range events {
		lines = append(lines, drivertest.Describe(e))
	}
	return strings.Join(lines, "\n")
}

func TestFramer(t *testing.T) {
	rules := generic(t).Framing
	with := func(change func(*firmware.Framing)) firmware.Framing {
		r := rules
		change(&r)
		return r
	}
	suffixes := func(s ...firmware.Suffix) firmware.Framing {
		return with(func(f *firmware.Framing) { f.Suffixes = s })
	}
	long := strings.Repeat("x", rules.MaxFrame)
	tests := []struct {
		name    string
		rules   firmware.Framing
		capture string
		want    string // lines
	}{
		{"CR", rules, `send "4901234567894\r"`, "symbol 4901234567894"},
		{"CR LF is one end", rules, `send "a1\r\n"`, "symbol a1"},
		{"LF much later still belongs to CR", rules, "send \"a1\\r\"\nwait 9s\nsend \"\\n\"", "symbol a1"},
		{"LF alone is noise", rules, `send "\n"`, "bad control"},
		{"an RS-232 break", rules, "hex 00 00", "bad control"},
		{"wrong baud rate", rules, "hex e6 fe 66 f8", "bad encoding"},
		{"STX and half a code", rules, "send \"\\x02half\"", "bad no-terminator"},
		{"LF inside is a control character", rules, `send "a\nb\r"`, "bad control"},
		{"ETX, with and without STX", rules, "send \"\\x02a1\\x03\"\nwait 1s\nsend \"b2\\x03\"", "symbol a1\nsymbol b2"},
		{"STX, CR and ETX", rules, `send "\x02a1\r\x03"`, "symbol a1"},
		{"empty ends are nothing", rules, `send "\r\r\n\x03\r"`, ""},
		{"GS is data", rules, `send "]C101049123\x1d10A\r"`, "symbol ]C1 01049123\x1d10A"},
		{"GS in front is not", rules, `send "\x1d01\r"`, "bad control"},
		{"UTF-8", rules, `send "全家 fünf\r"`, "symbol 全家 fünf"},
		{"Shift-JIS is not UTF-8", rules, "hex 83 65 83 58 83 67 0d", "bad encoding"},
		{"cut UTF-8", rules, "hex e5 85 0d", "bad encoding"},
		{"TAB", rules, `send "a\tb\r"`, "bad control"},
		{"DEL", rules, `send "a\x7fb\r"`, "bad control"},
		{"C1 control", rules, `send "a\u0085b\r"`, "bad control"},

		{"silence in the middle", rules, "send \"half\"\nwait 200ms\nsend \"rest\\r\"", "bad no-terminator\nbad remainder"},
		{"just not silent", rules, "send \"half\"\nwait 199999us\nsend \"rest\\r\"", "symbol halfrest"},
		{"a code after the mistrust", rules, "send \"half\"\nwait 500ms\nsend \"code\\r\"", "bad no-terminator\nsymbol code"},
		{"a code within the mistrust", rules, "send \"half\"\nwait 499ms\nsend \"code\\r\"", "bad no-terminator\nbad remainder"},
		{"a late end puts it in step", rules, "send \"half\"\nwait 250ms\nsend \"\\rcode\\r\"", "bad no-terminator\nsymbol code"},
		{"in three parts", rules, "send \"a\"\nwait 210ms\nsend \"b\"\nwait 210ms\nsend \"c\\r\"", "bad no-terminator\nbad remainder\nbad remainder"},

		{"longest code", rules, "send \"" + long + "\\r\"", "symbol " + long},
		{"one more", rules, "send \"" + long + "x\\r\"", "bad oversize"},
		{"in step after its end", rules, "send \"" + long + "xx\\rb2\\r\"", "bad oversize\nsymbol b2"},
		{"in step after a silence", rules, "send \"" + long + "xx\"\nwait 900ms\nsend \"b2\\r\"", "bad oversize\nsymbol b2"},
		{"its rest is no code", rules, "send \"" + long + "xx\"\nwait 300ms\nsend \"b2\\r\"", "bad oversize\nbad remainder"},

		{"two within the blanking time", rules, "send \"a1\\r\"\nwait 299ms\nsend \"b2\\r\"", "symbol a1\nblanked b2"},
		{"two just outside", rules, "send \"a1\\r\"\nwait 300ms\nsend \"b2\\r\"", "symbol a1\nsymbol b2"},
		{"the beginning of the second counts", rules, "send \"a1\\r\"\nwait 200ms\nsend \"b\"\nwait 150ms\nsend \"2\\r\"", "symbol a1\nblanked b2"},
		{"the first again", rules, "send \"a1\\ra1\\r\"", "symbol a1\nblanked same"},
		{"a stutter does not blank for ever", rules, "send \"a\\r\"\nwait 200ms\nsend \"a\\r\"\nwait 200ms\nsend \"a\\r\"", "symbol a\nblanked same\nsymbol a"},
		{"a bad read blanks nothing", rules, "send \"a\\tb\\r\"\nsend \"b2\\r\"", "bad control\nsymbol b2"},
		{"no blanking", with(func(f *firmware.Framing) { f.Blanking = 0 }), `send "a1\ra1\r"`, "symbol a1\nsymbol a1"},

		{"AIM is taken off once", rules, `send "]Q1TILLD:X\r"`, "symbol ]Q1 TILLD:X"},
		{"AIM twice is two codes", rules, `send "]Q1]Q1TILLD:X\r"`, "bad two-codes"},
		{"AIM inside", rules, `send "]E04901234567894]E04901234567894\r"`, "bad two-codes"},
		{"AIM inside, none in front", rules, `send "4901234567894]E04901234567894\r"`, "bad two-codes"},
		{"AIM with a letter for its variant", rules, `send "]zCtext\r"`, "symbol ]zC text"},
		{"brackets are not AIM", rules, `send "a[1]b]]? ]\r"`, "symbol a[1]b]]? ]"},
		{"AIM and nothing", rules, `send "]Q1\r"`, "bad empty"},
		{"STX and nothing", rules, `send "\x02\r"`, "bad empty"},
		{"AIM off", with(func(f *firmware.Framing) { f.AIM = firmware.Off }), `send "]Q1a]Q1\r"`, "symbol ]Q1a]Q1"},
		{"AIM required", with(func(f *firmware.Framing) { f.AIM = firmware.Required }), "send \"]Q1a\\r\"\nwait 1s\nsend \"a\\r\"", "symbol ]Q1 a\nbad no-aim"},
		{"STX required", with(func(f *firmware.Framing) { f.STX = firmware.Required }), "send \"\\x02a\\r\"\nwait 1s\nsend \"a\\r\"", "symbol a\nbad no-stx"},
		{"STX off", with(func(f *firmware.Framing) { f.STX = firmware.Off }), `send "\x02a\r"`, "bad control"},

		{"ECI undone", rules, `send "]Q2\\000026a\\\\b\r"`, `symbol ]Q2 a\b`},
		{"ECI without a character set", rules, `send "]Q2\\\\000026\r"`, `symbol ]Q2 \000026`},
		{"ECI with FNC1", rules, `send "]Q4\\000026a\r"`, "symbol ]Q4 a"},
		{"ECI half a backslash", rules, `send "]Q2a\\b\r"`, "bad eci"},
		{"ECI changes on the way", rules, `send "]Q2a\\000020b\r"`, "bad eci"},
		{"ECI no number", rules, `send "]Q2\\00002xa\r"`, "bad eci"},
		{"ECI cut short", rules, `send "]Q2\\0000\r"`, "bad eci"},
		{"ECI and nothing", rules, `send "]Q2\\000026\r"`, "bad empty"},
		{"no ECI, so a backslash is itself", rules, `send "]Q1a\\\\b\r"`, `symbol ]Q1 a\\b`},

		{"house prefix in front", rules, `send "TILLD:ABC\r"`, "symbol TILLD:ABC"},
		{"house prefix inside", rules, `send "281234567890123456TILLD:ABC\r"`, "bad two-codes"},
		{"house prefix twice", rules, `send "TILLD:ABCTILLD:ABC\r"`, "bad two-codes"},
		{"another prefix inside", rules, `send "TILLD:ABChQVDUFYB\r"`, "bad two-codes"},
		{"house prefix behind a backslash of ECI", rules, `send "]Q2x\\\\TILLD:ABC\r"`, "bad two-codes"},

		{"CR LF only", suffixes(firmware.SuffixCRLF), `send "a1\r\n"`, "symbol a1"},
		{"CR LF only, pieces", suffixes(firmware.SuffixCRLF), "send \"a1\\r\"\nwait 50ms\nsend \"\\n\"", "symbol a1"},
		{"CR LF only, CR comes", suffixes(firmware.SuffixCRLF), `send "a1\rb2\r\n"`, "bad control"},
		{"CR LF only, longest", suffixes(firmware.SuffixCRLF), "send \"" + long + "\\r\\n\"", "symbol " + long},
		{"CR LF only, longest and CR", suffixes(firmware.SuffixCRLF), "send \"" + long + "\\rx\\r\\nb2\\r\\n\"", "bad oversize\nsymbol b2"},
		{"CR LF only, LF after LF", suffixes(firmware.SuffixCRLF), `send "\r\n\n"`, "bad control"},
		{"CR only, LF comes", suffixes(firmware.SuffixCR), "send \"a1\\r\\n\"\nwait 1s\nsend \"b2\\r\\n\"", "symbol a1\nbad control\nsymbol b2\nbad control"},
		{"LF only", suffixes(firmware.SuffixLF), "send \"a1\\n\"\nwait 1s\nsend \"b2\\r\\n\"", "symbol a1\nbad control"},
		{"LF and CR LF", suffixes(firmware.SuffixLF, firmware.SuffixCRLF), "send \"a1\\n\"\nwait 1s\nsend \"b2\\r\\n\"", "symbol a1\nsymbol b2"},
		{"no suffix", suffixes(), "send \"a1\"\nwait 500ms\nsend \"b2\"", "symbol a1\nsymbol b2"},
		{"no suffix, CR comes", suffixes(), `send "a1\r"`, "bad control"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := play(t, tt.rules, tt.capture); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestFramerJoinsInTheMiddle(t *testing.T) {
	rules := generic(t).Framing
	for _, tt := range []struct {
		name string
		wait time.Duration // from the opening to the first byte
		send string
		want string
	}{
		{"the rest of a code", 50 * time.Millisecond, "567894\r", "bad remainder"},
		{"only its end", 0, "\r4901234567894\r", "symbol 4901234567894"},
		{"a code after a silence", rules.IdleGap, "4901234567894\r", "symbol 4901234567894"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := scanner.NewFramer(rules, nil)
			f.Push(nil, epoch, []byte("from the life before"))
			f.Join(epoch)
			events := f.Push(nil, epoch.Add(tt.wait), []byte(tt.send))
			if len(events) != 1 || drivertest.Describe(events[0]) != tt.want {
				t.Errorf("got %d events, the first %v, want %s", len(events), events, tt.want)
			}
		})
	}
}

func TestFramerCut(t *testing.T) {
	rules := generic(t).Framing
	for _, tt := range []struct {
		send  string
		after time.Duration
		want  string
	}{
		{"", 0, ""},
		{"half", 0, "bad cut"},
		{"half", time.Second, "bad no-terminator"},
		{"whole\r", 0, "symbol whole"},
		{strings.Repeat("x", 5000), 0, "bad oversize"},
	} {
		f := scanner.NewFramer(rules, nil)
		events := f.Push(nil, epoch, []byte(tt.send))
		events = f.Cut(events, epoch.Add(tt.after))
		got := ""
		for _, e := range events {
			got += drivertest.Describe(e)
		}
		if got != tt.want {
			t.Errorf("%.10q cut after %v: got %q, want %q", tt.send, tt.after, got, tt.want)
		}
		if _, ok := f.Deadline(); ok {
			t.Errorf("%.10q cut: a deadline is left", tt.send)
		}
	}
}

func TestFramerWithAClockSetBack(t *testing.T) {
	f := scanner.NewFramer(generic(t).Framing, nil)
	events := f.Push(nil, epoch, []byte("ab"))
	events = f.Push(events, epoch.Add(-time.Hour), []byte("c\r"))
	if len(events) != 1 || drivertest.Describe(events[0]) != "symbol abc" || !events[0].When().Equal(epoch) {
		t.Errorf("got %v", events)
	}
}

func TestEventTimes(t *testing.T) {
	f := scanner.NewFramer(generic(t).Framing, nil)
	ms := func(n int) time.Time { return epoch.Add(time.Duration(n) * time.Millisecond) }
	events := f.Push(nil, ms(0), []byte("a"))
	events = f.Push(events, ms(10), []byte("b\r"))   // ends here
	events = f.Push(events, ms(20), []byte("c\r"))   // blanked
	events = f.Push(events, ms(5000), []byte("d"))   // never ends: bad 200 ms later
	events = f.Push(events, ms(9000), []byte("e\t")) // and so does this
	events = f.Expire(events, ms(99999))
	want := []int{10, 20, 5200, 9200}
	if len(events) != len(want) {
		t.Fatalf("got %v", events)
	}
	for i, e := range events {
		if !e.When().Equal(ms(want[i])) {
			t.Errorf("event %d at %v, want %d ms", i, e.When().Sub(epoch), want[i])
		}
	}
	if b, ok := events[1].(scanner.Blanked); !ok || b.Gap != 10*time.Millisecond || b.Same {
		t.Errorf("got %+v", events[1])
	}
	if b, ok := events[2].(scanner.BadRead); !ok || b.Length != 1 {
		t.Errorf("got %+v", events[2])
	}
}
