package port

import (
	"strconv"

	"go.bug.st/serial/enumerator"
)

// sysTTY is not used: the system lists its ports itself.
const sysTTY = ""

func listUSB(string) ([]usbTTY, error) {
	ports, err := enumerator.GetDetailedPortsList()
	if err != nil {
		return nil, err
	}
	var found []usbTTY
	for _, p := range ports {
		vendor, err1 := strconv.ParseUint(p.VID, 16, 16)
		product, err2 := strconv.ParseUint(p.PID, 16, 16)
		if p.IsUSB && err1 == nil && err2 == nil {
			found = append(found, usbTTY{device: p.Name, id: USBID{uint16(vendor), uint16(product)}, serial: p.SerialNumber})
		}
	}
	return found, nil
}
