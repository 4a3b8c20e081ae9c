package main

import (
	"testing"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

func TestSilence(t *testing.T) {
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	defer slave.Close()
	echoes := func() bool {
		t.Helper()
		s, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
		if err != nil {
			t.Fatal(err)
		}
		return s.Lflag&unix.ECHO != 0
	}
	restore := silence(slave)
	if echoes() {
		t.Error("a PIN is shown while it is typed")
	}
	restore()
	if !echoes() {
		t.Error("the terminal stays mute")
	}
}
