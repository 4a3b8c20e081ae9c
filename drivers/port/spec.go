package port

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
)

const usbPrefix = "usb:"

// USBID is a USB device model: vendor and product.
type USBID struct{ Vendor, Product uint16 }

// String is the usual form, as lsusb prints it: "0c2e:0b61".
func (id USBID) String() string { return fmt.Sprintf("%04x:%04x", id.Vendor, id.Product) }

// Spec says which device is meant, in a way that outlives its being unplugged. Exactly one of Path and USB is set.
type Spec struct {
	Path   string  // a device or, better, a stable link to one: /dev/serial/by-id/..., /dev/serial/by-path/...
	USB    []USBID // the one USB serial device that is any of these
	Serial string  // with USB: its serial number; empty means any
}

// usbTTY is one serial port that a plugged-in USB device offers.
type usbTTY struct {
	device string // /dev/ttyACM0
	id     USBID
	serial string // empty when the device has none
}

// ParseSpec reads the form that configurations use: an absolute path, or
// "usb:VVVV:PPPP[,VVVV:PPPP...][#SERIALNUMBER]".
func ParseSpec(s string) (Spec, error) {
	rest, ok := strings.CutPrefix(s, usbPrefix)
	if !ok {
		if !isDevicePath(s) {
			return Spec{}, fmt.Errorf("port %q: neither an absolute path nor %sVVVV:PPPP", s, usbPrefix)
		}
		return Spec{Path: s}, nil
	}
	ids, sn, marked := strings.Cut(rest, "#")
	if marked && sn == "" {
		return Spec{}, fmt.Errorf("port %q: no serial number behind the #", s)
	}
	spec := Spec{Serial: sn}
	for id := range strings.SplitSeq(ids, ",") {
		vendor, product, _ := strings.Cut(id, ":")
		v, err1 := strconv.ParseUint(vendor, 16, 16)
		p, err2 := strconv.ParseUint(product, 16, 16)
		if err1 != nil || err2 != nil || len(vendor) != 4 || len(product) != 4 {
			return Spec{}, fmt.Errorf("port %q: %q is no USB id such as 0c2e:0b61", s, id)
		}
		spec.USB = append(spec.USB, USBID{uint16(v), uint16(p)})
	}
	return spec, nil
}

// String is what ParseSpec reads; "(none)" for the zero Spec.
func (s Spec) String() string {
	if s.Path != "" {
		return s.Path
	}
	if len(s.USB) == 0 {
		return "(none)"
	}
	ids := make([]string, len(s.USB))
	for i, id := range s.USB {
		ids[i] = id.String()
	}
	out := usbPrefix + strings.Join(ids, ",")
	if s.Serial != "" {
		out += "#" + s.Serial
	}
	return out
}

// IsZero tells whether no device is named.
func (s Spec) IsZero() bool { return s.Path == "" && len(s.USB) == 0 }

// Validate checks that one device is named, in one way.
func (s Spec) Validate() error {
	switch {
	case s.IsZero():
		return errors.New("no port is named: give a path or a USB id")
	case s.Path != "" && (len(s.USB) > 0 || s.Serial != ""):
		return fmt.Errorf("port %s: a path and a USB device", s.Path)
	case s.Path != "" && !isDevicePath(s.Path):
		return fmt.Errorf("port %q: not an absolute path", s.Path)
	}
	return nil
}

// MarshalText writes what ParseSpec reads.
func (s Spec) MarshalText() ([]byte, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	return []byte(s.String()), nil
}

// UnmarshalText is ParseSpec, for configuration files.
func (s *Spec) UnmarshalText(text []byte) error {
	spec, err := ParseSpec(string(text))
	if err == nil {
		*s = spec
	}
	return err
}

// resolve finds the device as it is called now. sys is the directory that lists the system's ttys.
func (s Spec) resolve(sys string) (string, error) {
	if err := s.Validate(); err != nil {
		return "", &Error{Op: "open", Device: s.String(), Kind: ErrNotFound, Err: err}
	}
	if s.Path != "" {
		return resolvePath(s.Path)
	}
	found, err := listUSB(sys)
	if err != nil {
		return "", &Error{Op: "open", Device: s.String(), Kind: ErrNotFound, Err: err}
	}
	return s.choose(found)
}

func (s Spec) choose(found []usbTTY) (string, error) {
	var names []string
	for _, d := range found {
		for _, id := range s.USB {
			if d.id == id && (s.Serial == "" || d.serial == s.Serial) {
				names = append(names, d.device)
			}
		}
	}
	switch len(names) {
	case 0:
		return "", &Error{Op: "open", Device: s.String(), Kind: ErrNotFound}
	case 1:
		return names[0], nil
	}
	return "", &Error{Op: "open", Device: s.String(), Kind: ErrAmbiguous,
		Hint: strings.Join(names, " and ") + " fit: name the serial number or the /dev/serial/by-path link"}
}

func resolvePath(path string) (string, error) {
	if isPortName(path) {
		return path, nil
	}
	device, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", &Error{Op: "open", Device: path, Kind: ErrNotFound}
	}
	if err != nil {
		return "", openError(path, err)
	}
	return device, nil
}

func isDevicePath(s string) bool { return filepath.IsAbs(s) || isPortName(s) }
