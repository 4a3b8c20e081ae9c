package drivertest

import (
	"strings"
	"testing"
)

func tooLong(_ *testing.T, r *Rig) {
	r.Settle()
	r.SendCode(strings.Repeat("0123456789", 1024))
	r.Expect("bad oversize")
	r.ExpectNothingMore()
}

func neverEnding(_ *testing.T, r *Rig) {
	r.Settle()
	for range 64 {
		r.Send(strings.Repeat("A", 1024))
		r.Clock.Advance(r.Profile.Framing.IdleGap / 2)
	}
	r.Expect("bad oversize")
	r.ExpectNothingMore()
	r.quiet = false
	streaming := make(chan struct{})
	go func() {
		defer close(streaming)
		for r.Device.SendRaw([]byte(strings.Repeat("B", 1000))) == nil {
		}
	}()
	r.Expect("bad oversize")
	r.unplug()
	<-streaming
	r.Expect("lost: device unplugged")
	r.replug()
	r.ExpectNothingMore()
}

func unpluggedAtEveryByte(t *testing.T, r *Rig) {
	whole := r.Frame(other)
	for n := range len(whole) + 1 {
		r.Send(whole[:n])
		if n == len(whole) {
			r.Settle()
			r.Expect(r.good(other))
		}
		r.unplug()
		e := r.Next()
		if n > 0 && n < len(whole) {
			if got := Describe(e); got != "bad cut" {
				// The first byte of a two-byte end was taken for the end.
				if got != r.good(other) {
					t.Fatalf("after %d bytes of %d the driver says %q", n, len(whole), got)
				}
			}
			e = r.Next()
		}
		if got := Describe(e); got != "lost: device unplugged" {
			t.Fatalf("after %d bytes of %d the driver says %q", n, len(whole), got)
		}
		r.replug()
		r.scan(code)
	}
	r.ExpectNothingMore()
}

func unpluggedWhileIdle(t *testing.T, r *Rig) {
	for range 3 {
		before := r.Device.Device()
		r.unplug()
		r.Expect("lost: device unplugged")
		r.replug()
		if r.Device.Device() == before {
			t.Error("it came back under the same name")
		}
	}
	r.ExpectNothingMore()
}

func (r *Rig) unplug() {
	r.t.Helper()
	if err := r.Device.Unplug(); err != nil {
		r.t.Fatal(err)
	}
}

func (r *Rig) replug() {
	r.t.Helper()
	if err := r.Device.Replug(); err != nil {
		r.t.Fatal(err)
	}
	r.AwaitReturn()
	r.sent = r.meter.total() // what was under way when the cable was pulled never counts
}
