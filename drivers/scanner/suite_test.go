package scanner_test

import (
	"testing"
	"time"

	"tilld/drivers/drivertest"
	"tilld/firmware-configs"
)

// TestEveryProfile runs the suite that every scanner must pass on every profile that is built in.
func TestEveryProfile(t *testing.T) {
	for _, name := range firmware.Names() {
		p, err := firmware.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) { drivertest.Scanner(t, p) })
	}
}

// TestOddProfiles runs the suite on profiles that no file has yet, so that a new one finds its rules tested.
func TestOddProfiles(t *testing.T) {
	for name, change := range map[string]func(*firmware.Framing){
		"strict": func(f *firmware.Framing) {
			f.STX, f.AIM = firmware.Required, firmware.Required
			f.Suffixes = []firmware.Suffix{firmware.SuffixETX}
		},
		"plain": func(f *firmware.Framing) {
			f.STX, f.AIM, f.Blanking = firmware.Off, firmware.Off, 0
			f.Suffixes = []firmware.Suffix{firmware.SuffixLF, firmware.SuffixCRLF}
		},
		"CR LF, small": func(f *firmware.Framing) {
			f.Suffixes, f.MaxFrame = []firmware.Suffix{firmware.SuffixCRLF}, firmware.MinFrame
			f.IdleGap, f.Blanking = 20*time.Millisecond, 5*time.Second
		},
		"no suffix": func(f *firmware.Framing) { f.Suffixes = nil },
	} {
		t.Run(name, func(t *testing.T) {
			p := generic(t)
			change(&p.Framing)
			drivertest.Scanner(t, p)
		})
	}
}
