//go:build !linux && !windows

package port

import "errors"

// sysTTY is not used on this system.
const sysTTY = ""

func listUSB(string) ([]usbTTY, error) {
	return nil, errors.New("ports are found by USB id on Linux and Windows only: name the path")
}
