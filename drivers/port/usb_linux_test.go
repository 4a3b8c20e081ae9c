package port

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sysfs builds a tree like the kernel's: the class folder links each tty to its place in the device tree.
type sysfs struct {
	t    *testing.T
	root string
}

func (s sysfs) class() string { return filepath.Join(s.root, "class", "tty") }

func (s sysfs) tty(name, device string, usb map[string]string, usbDir string) {
	s.t.Helper()
	at := filepath.Join(s.root, "devices", device)
	class := filepath.Join(s.class(), name)
	for _, dir := range []string{at, class} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			s.t.Fatal(err)
		}
	}
	for k, v := range usb {
		if err := os.WriteFile(filepath.Join(s.root, "devices", usbDir, k), []byte(v+"\n"), 0o644); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := os.Symlink(at, filepath.Join(class, "device")); err != nil {
		s.t.Fatal(err)
	}
}

func honeywell(serial string) map[string]string {
	return map[string]string{"idVendor": "0c2e", "idProduct": "0b61", "serial": serial}
}

func TestFindByUSB(t *testing.T) {
	sys := sysfs{t, t.TempDir()}
	// cdc_acm hangs below the interface, usb-serial below a port below the interface, a plain UART below no USB.
	sys.tty("ttyACM0", "usb1/1-1/1-1:1.0", honeywell("A1"), "usb1/1-1")
	sys.tty("ttyACM1", "usb1/1-2/1-2:1.0", honeywell("B2"), "usb1/1-2")
	sys.tty("ttyUSB0", "usb1/1-3/1-3:1.0/ttyUSB0", map[string]string{"idVendor": "05E0", "idProduct": "1701"}, "usb1/1-3")
	sys.tty("ttyS0", "pnp0/00:01", nil, "")
	if err := os.MkdirAll(filepath.Join(sys.class(), "console"), 0o755); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		spec, want string
		err        error
	}{
		{"usb:05e0:1701", "/dev/ttyUSB0", nil},
		{"usb:0c2e:0b61#B2", "/dev/ttyACM1", nil},
		{"usb:1234:5678,05e0:1701", "/dev/ttyUSB0", nil},
		{"usb:0c2e:0b61", "", ErrAmbiguous},
		{"usb:0c2e:0b61#C3", "", ErrNotFound},
		{"usb:05e0:1701#A1", "", ErrNotFound},
		{"usb:1234:5678", "", ErrNotFound},
	}
	for _, tt := range tests {
		t.Run(tt.spec, func(t *testing.T) {
			spec, err := ParseSpec(tt.spec)
			if err != nil {
				t.Fatal(err)
			}
			got, err := spec.resolve(sys.class())
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Fatalf("got %q, %v; want %q, %v", got, err, tt.want, tt.err)
			}
			if tt.err == ErrAmbiguous && !strings.Contains(err.Error(), "/dev/ttyACM0 and /dev/ttyACM1") {
				t.Errorf("%q does not name the devices", err)
			}
		})
	}
}

func TestReturnedUnderAnotherName(t *testing.T) {
	sys := sysfs{t, t.TempDir()}
	spec := Spec{USB: []USBID{{0x0c2e, 0x0b61}}}
	sys.tty("ttyACM0", "usb1/1-1/1-1:1.0", honeywell(""), "usb1/1-1")
	if got, err := spec.resolve(sys.class()); err != nil || got != "/dev/ttyACM0" {
		t.Fatalf("got %q, %v", got, err)
	}
	for _, gone := range []string{filepath.Join(sys.class(), "ttyACM0"), filepath.Join(sys.root, "devices", "usb1")} {
		if err := os.RemoveAll(gone); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := spec.resolve(sys.class()); !errors.Is(err, ErrNotFound) {
		t.Fatalf("pulled out: %v", err)
	}
	sys.tty("ttyACM7", "usb1/1-1/1-1:1.0", honeywell(""), "usb1/1-1")
	if got, err := spec.resolve(sys.class()); err != nil || got != "/dev/ttyACM7" {
		t.Fatalf("got %q, %v", got, err)
	}
}

func TestNoSysfsMeansNoUSB(t *testing.T) {
	_, err := Spec{USB: []USBID{{1, 2}}}.resolve(filepath.Join(t.TempDir(), "none"))
	if !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
}
