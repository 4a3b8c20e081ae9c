package mqtt

import (
	"errors"
	"fmt"
)

// errFrame is a broker that breaks the protocol.
var errFrame = errors.New("mqtt: the broker sent a packet out of bounds")

const (
	// maxPacket bounds what is read into memory at once: a message with its topic, and room.
	maxPacket = MaxMessage + 64<<10

	packetSuback = 9
	subackLength = 3 // packet ID and one code: we subscribe to one filter at a time
)

// A guard follows the packet boundaries of an MQTT stream and stops it before paho sees a packet
// that would do harm: paho allocates whatever length the header says, up to 256 MiB, and panics on
// a SUBACK with more codes than were asked for. (MQTT 3.1.1, 2.2.3: the remaining length is 7 bits a
// byte, low end first, at most 4 bytes.)
type guard struct {
	kind   byte // packet type of the packet being read
	header int  // bytes of its header seen: 0 is between packets
	length int  // remaining length so far
	body   int  // bytes of its body still to come
}

// check takes the next bytes of the stream.
func (g *guard) check(p []byte) error {
	for len(p) > 0 {
		if g.body > 0 {
			n := min(g.body, len(p))
			g.body -= n
			p = p[n:]
			continue
		}
		if err := g.step(p[0]); err != nil {
			return err
		}
		p = p[1:]
	}
	return nil
}

// step takes one byte of a header.
func (g *guard) step(b byte) error {
	if g.header == 0 {
		g.kind, g.length, g.header = b>>4, 0, 1
		return nil
	}
	g.length |= int(b&0x7f) << (7 * (g.header - 1))
	g.header++
	if b&0x80 != 0 {
		if g.header > 4 {
			return fmt.Errorf("%w: length over 4 bytes", errFrame)
		}
		return nil
	}
	if g.length > maxPacket {
		return fmt.Errorf("%w: %d bytes, at most %d", errFrame, g.length, maxPacket)
	}
	if g.kind == packetSuback && g.length != subackLength {
		return fmt.Errorf("%w: SUBACK of %d bytes", errFrame, g.length)
	}
	g.header, g.body = 0, g.length
	return nil
}
