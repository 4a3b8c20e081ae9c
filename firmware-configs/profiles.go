// Package firmware holds what tilld must know about a counter device before it can understand its bytes: one
// profile per model, as data, so that a new scanner is a new file and not a new release.
//
// A profile says how the device has been set up, it does not set it up: when the scanner sends LF where the
// profile says CR, the scanner is right and the profile (or the set-up sheet) has to change.
package firmware

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"sort"
	"strings"
	"time"
)

//go:embed *.toml
var builtin embed.FS

// Generic is the name of the profile for any scanner in its usual set-up.
const Generic = "generic"

// Profile is one device model's description. The zero value is not valid: see Load and Parse.
type Profile struct {
	Name        string  // lower-case letters, digits and '-'; for a built-in profile the file's name
	Description string  // one line for people
	Source      string  // where the values were found: manual, measurement
	Serial      Serial  // the wire; a USB-CDC device ignores it
	USB         []USBID // the models that this profile is for; empty when it is for no model in particular
	Framing     Framing // how one code is told from the next
}

// Serial is the wire's settings. Both sides must have the same.
type Serial struct {
	Baud     int // bits per second
	DataBits int // 7 or 8; UTF-8 text needs 8
	Parity   Parity
	StopBits int // 1 or 2
	Flow     Flow
}

// Framing is how a device marks one code in its stream of bytes.
type Framing struct {
	Suffixes []Suffix      // accepted ends of a code; empty: the idle gap is the end
	STX      Presence      // the byte 02 in front of a code
	AIM      Presence      // the AIM identifier in front of a code, such as ]Q1
	IdleGap  time.Duration // silence after which a code without its end is a bad read
	Blanking time.Duration // a second code that begins this soon after the first is not taken; 0 is off
	MaxFrame int           // bytes of one code, suffix apart
}

// Parity is the wire's parity bit.
type Parity string

// The parities.
const (
	ParityNone  Parity = "none"
	ParityOdd   Parity = "odd"
	ParityEven  Parity = "even"
	ParityMark  Parity = "mark"
	ParitySpace Parity = "space"
)

// Flow is the wire's flow control. There is only none: with RTS/CTS a scanner can wait for ever for a line that
// many cables leave open, and one code is shorter than any receive buffer.
type Flow string

// FlowNone is no flow control.
const FlowNone Flow = "none"

// Suffix is one accepted end of a code.
type Suffix string

// The suffixes. With CR and CRLF both accepted a code ends at CR, and an LF right behind it is skipped.
const (
	SuffixCR   Suffix = "CR"
	SuffixLF   Suffix = "LF"
	SuffixCRLF Suffix = "CRLF"
	SuffixETX  Suffix = "ETX"
)

// Presence says whether a part of the frame may be or must be there.
type Presence string

// The presences. Off means that the bytes have no special meaning.
const (
	Off      Presence = "off"
	Optional Presence = "optional"
	Required Presence = "required"
)

// USBID is a USB device model.
type USBID struct{ Vendor, Product uint16 }

// String is the usual form, as lsusb prints it: "0c2e:0b61".
func (id USBID) String() string { return fmt.Sprintf("%04x:%04x", id.Vendor, id.Product) }

var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

// Load returns a built-in profile by its name, or reads a profile file when given a path (anything with a
// separator or ending in .toml). A name that does not exist matches fs.ErrNotExist and lists those that do.
func Load(nameOrPath string) (Profile, error) {
	if strings.ContainsAny(nameOrPath, `/\`) || strings.HasSuffix(nameOrPath, ".toml") {
		f, err := os.Open(nameOrPath)
		if err != nil {
			return Profile{}, fmt.Errorf("device profile: %w", err)
		}
		defer f.Close()
		return Parse(nameOrPath, f)
	}
	f, err := builtin.Open(nameOrPath + ".toml")
	if err != nil {
		return Profile{}, fmt.Errorf("device profile %q: %w; built in: %s (or give the path of a file)",
			nameOrPath, fs.ErrNotExist, strings.Join(Names(), ", "))
	}
	defer f.Close()
	return Parse(nameOrPath+".toml", f)
}

// Names lists the built-in profiles, sorted.
func Names() []string {
	files, err := fs.Glob(builtin, "*.toml")
	if err != nil {
		panic("firmware: bad glob pattern: " + err.Error()) // our own constant
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(f, ".toml")
	}
	sort.Strings(files)
	return files
}
