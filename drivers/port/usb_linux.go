package port

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// sysTTY is where the kernel lists its ttys.
const sysTTY = "/sys/class/tty"

// listUSB lists the USB ttys. It reads sysfs itself because the serial package's list opens every ttyS* to see
// whether it is real, with settings of its own: asked again and again while a scanner is unplugged, that would
// disturb the printer on the next port.
func listUSB(sys string) ([]usbTTY, error) {
	ttys, err := os.ReadDir(sys)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // a container without sysfs has no USB either
	}
	if err != nil {
		return nil, err
	}
	var found []usbTTY
	for _, tty := range ttys {
		if d, ok := usbParent(filepath.Join(sys, tty.Name(), "device")); ok {
			d.device = "/dev/" + tty.Name()
			found = append(found, d)
		}
	}
	return found, nil
}

// usbParent climbs from a tty's device to the USB device above it: one step up from the interface of a cdc_acm
// port, two from a usb-serial one. A device that is pulled out meanwhile is simply not there.
func usbParent(link string) (usbTTY, bool) {
	dir, err := filepath.EvalSymlinks(link)
	if err != nil {
		return usbTTY{}, false
	}
	for range 3 {
		vendor, err := strconv.ParseUint(attribute(dir, "idVendor"), 16, 16)
		product, err2 := strconv.ParseUint(attribute(dir, "idProduct"), 16, 16)
		if err == nil && err2 == nil {
			return usbTTY{id: USBID{uint16(vendor), uint16(product)}, serial: attribute(dir, "serial")}, true
		}
		dir = filepath.Dir(dir)
	}
	return usbTTY{}, false
}

func attribute(dir, name string) string {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
