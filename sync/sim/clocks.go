package sim

import (
	"context"
	"fmt"
	"time"

	"tilld/agent/clock"
	"tilld/sync/simnet"
)

type ctx = context.Context

// clocks are a machine's: the wall clock, which can be set and drifts, and the boot-time clock, which can't be
// set and drifts too.
type clocks struct {
	name   string // of the machine
	loop   *simnet.Loop
	offset time.Duration // of the wall clock
	booted time.Time
	boots  int
	drift  int64 // parts in a million, of both
	since  time.Time
}

func (c *clocks) drifted() time.Duration {
	if c.drift == 0 {
		return 0
	}
	return time.Duration(int64(c.loop.Now().Sub(c.since)) / 1_000_000 * c.drift)
}

func (c *clocks) wall() time.Time { return c.loop.Now().Add(c.offset + c.drifted()) }

// steady is what time.Now measures time by: it drifts, and nobody can set it.
func (c *clocks) steady() time.Time { return c.loop.Now().Add(c.drifted()) }

func (c *clocks) boot() time.Duration { return c.loop.Now().Sub(c.booted) + c.drifted() }

func (c *clocks) source() clock.Source {
	return clock.Source{Wall: c.wall, Boot: func() (time.Duration, error) { return c.boot(), nil }, BootID: fmt.Sprintf("%s-boot-%d", c.name, c.boots)}
}

// setDrift begins another drift where the last one has led.
func (c *clocks) setDrift(ppm int64) {
	d := c.drifted()
	c.offset += d
	c.booted = c.booted.Add(-d)
	c.drift, c.since = ppm, c.loop.Now()
}

// reboot is another start of the machine.
func (c *clocks) reboot() { c.setDrift(c.drift); c.boots++; c.booted = c.loop.Now() }
