package emulate

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
)

// panDigits is how long the account numbers of EMVCo codes are here.
const panDigits = 19

// code makes a new code of the wallet's form.
func (s *Server) code(c *customs) (string, error) {
	if c.emvco == nil {
		return s.digits(c.prefix, c.length)
	}
	return s.emvco(c.emvco)
}

// emvco makes a code by EMVCo's QR Code Specification for Payment Systems, Consumer-Presented Mode 1.0: the payload format,
// and one application with its name (4F), an account number (5A) and, in the transparent data (63), what makes the code one
// of its kind.
func (s *Server) emvco(a *Acquired) (string, error) {
	pan, err := s.digits(a.PAN, panDigits)
	if err != nil {
		return "", err
	}
	aid, err := hex.DecodeString(a.AID)
	if err != nil { // newAcquirer has read it
		return "", fmt.Errorf("%w: application %q", ErrInvalid, a.AID)
	}
	number, err := hex.DecodeString(pan + "F") // packed, the odd last half filled up
	if err != nil {
		return "", fmt.Errorf("%w: account number", ErrInvalid)
	}
	once := make([]byte, 12)
	if _, err := io.ReadFull(s.cfg.Random, once); err != nil {
		return "", fmt.Errorf("emulator: no randomness: %w", err)
	}
	app := append(append(object1(0x4f, aid), object1(0x5a, number)...), object1(0x63, once)...)
	return base64.StdEncoding.EncodeToString(append(object1(0x85, []byte("CPV01")), object1(0x61, app)...)), nil
}

// object1 is a BER-TLV object with a tag of one byte and less than 128 bytes in it.
func object1(tag byte, value []byte) []byte { return append([]byte{tag, byte(len(value))}, value...) }
