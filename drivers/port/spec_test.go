package port

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestParseSpec(t *testing.T) {
	zebra, honeywell := USBID{0x05e0, 0x1701}, USBID{0x0c2e, 0x0b61}
	tests := []struct {
		in   string
		want Spec
		err  string // a part of the error; empty means success
	}{
		{"/dev/serial/by-id/usb-X-if00", Spec{Path: "/dev/serial/by-id/usb-X-if00"}, ""},
		{"usb:0c2e:0b61", Spec{USB: []USBID{honeywell}}, ""},
		{"usb:05e0:1701,0c2e:0b61", Spec{USB: []USBID{zebra, honeywell}}, ""},
		{"usb:0c2e:0b61#SN,1#2", Spec{USB: []USBID{honeywell}, Serial: "SN,1#2"}, ""},
		{"", Spec{}, "neither an absolute path nor"},
		{"ttyACM0", Spec{}, "neither an absolute path nor"},
		{"usb:", Spec{}, "no USB id"},
		{"usb:0c2e", Spec{}, "no USB id"},
		{"usb:c2e:0b61", Spec{}, "no USB id"},
		{"usb:0c2e:0b61:1", Spec{}, "no USB id"},
		{"usb:0c2e:0b61,", Spec{}, "no USB id"},
		{"usb:0c2e:0b61#", Spec{}, "no serial number"},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			var got Spec
			err := got.UnmarshalText([]byte(tt.in))
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Fatalf("got %+v, %v; want %+v", got, err, tt.want)
			}
			if back, err := got.MarshalText(); err != nil || string(back) != tt.in {
				t.Errorf("written as %q, %v", back, err)
			}
		})
	}
}

func FuzzParseSpec(f *testing.F) {
	for _, s := range []string{"/dev/ttyS0", "usb:0C2E:0b61", "usb:0c2e:0b61,05e0:1701#A#B", "usb:+c2e:0b61"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		spec, err := ParseSpec(in)
		if err != nil {
			return
		}
		if err := spec.Validate(); err != nil {
			t.Fatalf("%q is accepted, but %v", in, err)
		}
		again, err := ParseSpec(spec.String())
		if err != nil || !reflect.DeepEqual(again, spec) {
			t.Fatalf("%q is written as %q, read as %+v, %v", in, spec, again, err)
		}
	})
}

func TestSpecNamesOneDeviceInOneWay(t *testing.T) {
	for _, s := range []Spec{
		{},
		{Path: "/dev/ttyS0", USB: []USBID{{1, 2}}},
		{Path: "/dev/ttyS0", Serial: "X"},
		{Path: "dev/ttyS0"},
	} {
		if s.Validate() == nil {
			t.Errorf("%+v is accepted", s)
		}
		if _, err := s.resolve(""); !errors.Is(err, ErrNotFound) {
			t.Errorf("%+v resolves with %v", s, err)
		}
		if _, err := s.MarshalText(); err == nil {
			t.Errorf("%+v is written", s)
		}
	}
}

func TestResolvePath(t *testing.T) {
	dir := t.TempDir()
	device, link := filepath.Join(dir, "ttyACM3"), filepath.Join(dir, "by-id")
	if _, err := (Spec{Path: link}).resolve(""); !errors.Is(err, ErrNotFound) {
		t.Errorf("nothing there: %v", err)
	}
	if err := os.Symlink("ttyACM3", link); err != nil {
		t.Fatal(err)
	}
	if _, err := (Spec{Path: link}).resolve(""); !errors.Is(err, ErrNotFound) {
		t.Errorf("link to nothing: %v", err)
	}
	if err := os.WriteFile(device, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	want, err := filepath.EvalSymlinks(device)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := (Spec{Path: link}).resolve(""); err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}
