package firmware

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

const minimal = "name = \"x\"\nserial.baud = 9600\nframing.suffixes = [\"CR\"]\n"

func TestParseDefaults(t *testing.T) {
	p, err := Parse("min.toml", strings.NewReader(minimal))
	if err != nil {
		t.Fatal(err)
	}
	want := Profile{
		Name:   "x",
		Serial: Serial{Baud: 9600, DataBits: 8, Parity: ParityNone, StopBits: 1, Flow: FlowNone},
		Framing: Framing{Suffixes: []Suffix{SuffixCR}, STX: Off, AIM: Optional,
			IdleGap: 200 * time.Millisecond, Blanking: 300 * time.Millisecond, MaxFrame: 4096},
	}
	if !reflect.DeepEqual(p, want) {
		t.Errorf("got  %+v\nwant %+v", p, want)
	}
}

func TestParseUSBIDs(t *testing.T) {
	p, err := Parse("usb.toml", strings.NewReader("usb_ids = [\"0C2E:0b61\", \"6666:7777\"]\n"+minimal))
	if err != nil {
		t.Fatal(err)
	}
	if want := []USBID{{0x0c2e, 0x0b61}, {0x6666, 0x7777}}; !reflect.DeepEqual(p.USB, want) {
		t.Errorf("got %v, want %v", p.USB, want)
	}
	if got := p.USB[0].String(); got != "0c2e:0b61" {
		t.Errorf("String is %q", got)
	}
}

func TestParseRefuses(t *testing.T) {
	tests := []struct {
		name, in string
		want     string // the whole error
	}{
		{"syntax", "name = \"x\"\nserial = = 3\n", `f.toml:2: `},
		{"duplicate key", "name = \"x\"\nname = \"y\"\n", "f.toml:2: "},
		{"unknown key", minimal + "colour = \"red\"\n", "f.toml:4: colour: unknown key"},
		{"unknown key in a table", "name = \"x\"\n[serial]\nbaud = 9600\n[framing]\nsuffixes = []\nidel_gap = \"1s\"\n",
			"f.toml:6: framing.idel_gap: unknown key"},
		{"unknown table", minimal + "[seriall]\nbaud = 9600\n", "f.toml:5: seriall.baud: unknown key"},
		{"empty unknown table", minimal + "[seriall]\n", "f.toml:4: seriall: unknown key"},
		{"number for a duration", minimal + "framing.idle_gap = 200\n",
			`f.toml:4: framing.idle_gap: must be a duration in quotes with its unit, such as "200ms"`},
		{"duration without unit", minimal + "framing.idle_gap = \"200\"\n",
			`f.toml:4: framing.idle_gap: must be a duration in quotes with its unit, such as "200ms"`},
		{"unknown unit", minimal + "framing.blanking = \"3 sec\"\n",
			`f.toml:4: framing.blanking: must be a duration in quotes with its unit, such as "200ms"`},
		{"baud in quotes", "name = \"x\"\nserial.baud = \"9600\"\nframing.suffixes = []\n",
			"f.toml:2: serial.baud: must be a whole number, without quotes or unit"},
		{"baud too large for an int32", "name = \"x\"\nserial.baud = 4294976896\nframing.suffixes = []\n",
			"f.toml:2: serial.baud: must be a whole number, without quotes or unit"},
		{"no such baud", "name = \"x\"\nserial.baud = 11520\nframing.suffixes = []\n",
			"f.toml:2: serial.baud: 11520 is none of [1200 2400 4800 9600 19200 38400 57600 115200 230400 460800 921600]"},
		{"parity", minimal + "serial.parity = \"No\"\n",
			`f.toml:4: serial.parity: "No" is none of ["none" "odd" "even" "mark" "space"]`},
		{"data bits", minimal + "serial.data_bits = 5\n", "f.toml:4: serial.data_bits: 5 is neither 7 nor 8"},
		{"stop bits", minimal + "serial.stop_bits = 3\n", "f.toml:4: serial.stop_bits: 3 is neither 1 nor 2"},
		{"flow", minimal + "serial.flow = \"rts-cts\"\n",
			`f.toml:4: serial.flow: "rts-cts" must be "none": switch handshaking off in the scanner`},
		{"suffix", "name = \"x\"\nserial.baud = 9600\nframing.suffixes = [\"TAB\"]\n",
			`f.toml:3: framing.suffixes: "TAB" is none of ["CR" "LF" "CRLF" "ETX"]`},
		{"suffix twice", "name = \"x\"\nserial.baud = 9600\nframing.suffixes = [\"CR\", \"CR\"]\n",
			`f.toml:3: framing.suffixes: "CR" is there twice`},
		{"suffixes no list", "name = \"x\"\nserial.baud = 9600\nframing.suffixes = \"CR\"\n",
			`f.toml:3: framing.suffixes: must be a list, such as ["CR", "CRLF"]`},
		{"suffixes of numbers", "name = \"x\"\nserial.baud = 9600\nframing.suffixes = [13]\n",
			`f.toml:3: framing.suffixes: must be a list, such as ["CR", "CRLF"]`},
		{"stx", minimal + "framing.stx = \"yes\"\n", `f.toml:4: framing.stx: "yes" is none of ["off" "optional" "required"]`},
		{"idle gap under ten characters", "name = \"x\"\nserial.baud = 1200\nframing.suffixes = []\nframing.idle_gap = \"50ms\"\n",
			"f.toml:4: framing.idle_gap: 50ms is less than 10 characters at 1200 baud (83.333333ms)"},
		{"idle gap too long", minimal + "framing.idle_gap = \"3s\"\n", "f.toml:4: framing.idle_gap: 3s is not within 20ms and 2s"},
		{"negative blanking", minimal + "framing.blanking = \"-1s\"\n", "f.toml:4: framing.blanking: -1s is not within 0s and 5s"},
		{"frame too small", minimal + "framing.max_frame = 100\n", "f.toml:4: framing.max_frame: 100 is not within 512 and 4096"},
		{"name", "name = \"My Scanner\"\nserial.baud = 9600\nframing.suffixes = []\n",
			`f.toml:1: name: "My Scanner" must be lower-case letters, digits and '-', at most 40`},
		{"usb id", minimal + "usb_ids = [\"c2e:b61\"]\n",
			`f.toml:4: usb_ids: "c2e:b61" is no USB id: four hexadecimal digits, a colon, four more, such as 0c2e:0b61`},
		{"a table where a value belongs", minimal + "[name]\nx = 1\n", "f.toml:4: "},
		{"a value where a table belongs", "name = \"x\"\nserial = 9600\nframing.suffixes = []\n",
			"f.toml:2: serial: unknown key\nf.toml:2: serial.baud: missing"},
		{"missing key points at its table", "name = \"x\"\n\n[serial]\nparity = \"odd\"\n[framing]\nsuffixes = []\n",
			"f.toml:3: serial.baud: missing"},
		{"everything at once, in order", "[framing]\nidle_gap = 5\n[serial]\nbaud = true\n",
			"f.toml: name: missing\nf.toml:1: framing.suffixes: missing\n" +
				"f.toml:2: framing.idle_gap: must be a duration in quotes with its unit, such as \"200ms\"\n" +
				"f.toml:4: serial.baud: must be a whole number, without quotes or unit"},
		{"no profile at all", strings.Repeat("#", maxFile+1), "f.toml: larger than 65536 bytes: this is no device profile"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Parse("f.toml", strings.NewReader(tt.in))
			if err == nil {
				t.Fatalf("accepted: %+v", p)
			}
			if !reflect.DeepEqual(p, Profile{}) {
				t.Errorf("a profile came with the error: %+v", p)
			}
			// The TOML package's own words are not ours to fix; its line is.
			if got := err.Error(); got != tt.want && !(strings.HasSuffix(tt.want, ": ") && strings.HasPrefix(got, tt.want)) {
				t.Errorf("error\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestParseReportsAReadError(t *testing.T) {
	gone := errors.New("disk gone")
	if _, err := Parse("f.toml", failing{gone}); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// FuzzParse: whatever the file, either a profile that validates or an error that names the file.
func FuzzParse(f *testing.F) {
	generic, err := builtin.ReadFile("generic.toml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(generic)
	f.Add([]byte(minimal))
	f.Add([]byte("[[serial]]\nbaud = 1\n[framing.suffixes.x]\n"))
	f.Add([]byte("serial = {baud = 9600, stop_bits = 9}\nframing = {}\nname.a = 1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse("fuzz.toml", bytes.NewReader(data))
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				if !strings.HasPrefix(line, "fuzz.toml") {
					t.Errorf("the line %q does not name the file", line)
				}
			}
			return
		}
		if err := p.Validate(); err != nil {
			t.Errorf("accepted, but %v", err)
		}
	})
}
