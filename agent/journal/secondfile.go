package journal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// The second medium's file, all numbers with the most significant byte first:
//
//	header   magic (8)  terminal (16)  CRC-32C of the 24 bytes before (4)
//	record   length of the envelope (4)  length of the body (4)
//	         CRC-32C of the 8 bytes before and of envelope and body (4)  envelope  body
//
// Records lie in the order of writing, without gaps. A body of length 0 was erased, or the entry has none
// (its envelope tells). A file may end in the middle of a record: the power went while it was written.
const (
	secondMagic  = "tilld2/1"
	secondHeader = 28
	recordHeader = 12
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Damage is a record that can't be read, and so the end of what can be: torn by a power cut when it is the
// last, damaged otherwise.
type Damage struct {
	Offset int64 // where the record begins
	Left   int64 // bytes from there to the end of the file
}

// Error says where reading ended.
func (d *Damage) Error() string {
	return fmt.Sprintf("the record at byte %d is torn or damaged; %d bytes from there on are not read", d.Offset, d.Left)
}

// file is what the second medium needs of a file.
type file interface {
	io.ReaderAt
	io.WriterAt
	Truncate(size int64) error
	Sync() error
	Stat() (os.FileInfo, error)
	Close() error
}

func openFile(path string) (file, error) { return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) }

func encodeHeader(terminal payment.ID) []byte {
	b := append([]byte(secondMagic), terminal[:]...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// readHeader gives the terminal whose entries the file holds; ErrSecond for any other file.
func readHeader(r io.ReaderAt) (terminal payment.ID, err error) {
	b := make([]byte, secondHeader)
	if n, err := r.ReadAt(b, 0); n < len(b) {
		return terminal, fmt.Errorf("%w: %w", ErrSecond, err)
	}
	copy(terminal[:], b[len(secondMagic):])
	if string(b) != string(encodeHeader(terminal)) {
		return payment.ID{}, fmt.Errorf("%w: its head is something else's", ErrSecond)
	}
	return terminal, nil
}

// appendRecord appends a record to b.
func appendRecord(b, envelope, body []byte) []byte {
	at := len(b)
	b = binary.BigEndian.AppendUint32(b, uint32(len(envelope)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
	sum := crc32.Checksum(b[at:], castagnoli)
	sum = crc32.Update(crc32.Update(sum, castagnoli, envelope), castagnoli, body)
	b = binary.BigEndian.AppendUint32(b, sum)
	return append(append(b, envelope...), body...)
}

// stored is a record as it was read.
type stored struct {
	offset, end    int64
	envelope, body []byte
}

// readRecord reads the record at an offset of a file of the given size. At the end it is io.EOF, and for
// bytes that are no record a *Damage; any other error is the file's.
func readRecord(r io.ReaderAt, offset, size int64) (stored, error) {
	if offset == size {
		return stored{}, io.EOF
	}
	damage := &Damage{Offset: offset, Left: size - offset}
	head := make([]byte, recordHeader)
	if size-offset < recordHeader {
		return stored{}, damage
	}
	if _, err := r.ReadAt(head, offset); err != nil {
		return stored{}, fmt.Errorf("reading the second medium: %w", err)
	}
	envelope, body := int64(binary.BigEndian.Uint32(head)), int64(binary.BigEndian.Uint32(head[4:]))
	end := offset + recordHeader + envelope + body
	if envelope == 0 || envelope+body > maxEntry || end > size {
		return stored{}, damage
	}
	b := make([]byte, envelope+body)
	if _, err := r.ReadAt(b, offset+recordHeader); err != nil {
		return stored{}, fmt.Errorf("reading the second medium: %w", err)
	}
	sum := crc32.Update(crc32.Checksum(head[:8], castagnoli), castagnoli, b)
	if sum != binary.BigEndian.Uint32(head[8:]) {
		return stored{}, damage
	}
	return stored{offset: offset, end: end, envelope: b[:envelope:envelope], body: b[envelope:]}, nil
}

// row makes a row of a record, all but its position: its columns are what the envelope says, so only the
// signature can be wrong.
func (s *stored) row() (Row, error) {
	p, err := cutEnvelope(s.envelope)
	if err != nil {
		return Row{}, fmt.Errorf("%w: byte %d: %w", ErrSecond, s.offset, err)
	}
	e, err := wire.DecodeEntry(p.payload)
	if e == nil {
		return Row{}, fmt.Errorf("%w: byte %d: %w", ErrSecond, s.offset, err)
	}
	hash := wire.Hash(p.protected, p.payload)
	r := Row{
		Epoch: e.Epoch, Seq: e.Seq, Hash: hash[:], Prev: e.Prev, Envelope: s.envelope, Kind: e.Kind,
		Sale: idOrZero(e.Sale), Payment: idOrZero(e.Payment), BusinessDate: e.BusinessDate, Wall: e.Wall,
		HasBody: len(e.BodyHash) > 0 || len(s.body) > 0,
	}
	if len(s.body) > 0 {
		r.Body = s.body
	}
	return r, nil
}
