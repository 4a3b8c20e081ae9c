package wire

import (
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"tilld/agent/payment"
)

// Version is the format version of entries that this release writes. A reader takes this one and lower.
const Version = 1

// HashSize is the length of a chain hash, a SHA-256.
const HashSize = 32

// Errors of DecodeEntry. ErrSetAside means: well formed and chained, but it holds something that this
// release must not guess at; HQ keeps such an entry raw, acknowledges it and does not post it.
var (
	ErrEntry    = errors.New("not a journal entry")
	ErrSetAside = errors.New("holds what this release does not know")
)

// Name is an entry's name for ever: one (terminal, epoch, sequence), one entry.
type Name struct {
	Terminal payment.ID
	Epoch    uint64
	Seq      uint64
}

// String is "TERMINAL/epoch/seq", the epoch in hexadecimal.
func (n Name) String() string { return fmt.Sprintf("%s/%016x/%d", n.Terminal, n.Epoch, n.Seq) }

// Entry is one signed line of a lane's journal. Only Terminal, Epoch, Seq and Prev order entries; every
// time in it is a note.
type Entry struct {
	Version  uint         `cbor:"1,keyasint"`
	Terminal payment.ID   `cbor:"2,keyasint"`
	Epoch    uint64       `cbor:"3,keyasint"` // random; one life of a journal
	Seq      uint64       `cbor:"4,keyasint"` // from 1, without gaps
	Prev     []byte       `cbor:"5,keyasint"` // hash of entry Seq-1; empty at 1
	Kind     payment.Kind `cbor:"6,keyasint"`

	Sale    *payment.ID `cbor:"7,keyasint,omitempty"`
	Payment *payment.ID `cbor:"8,keyasint,omitempty"`
	Store   string      `cbor:"9,keyasint"`
	Lane    string      `cbor:"10,keyasint"`

	BusinessDate payment.Date `cbor:"11,keyasint"`
	Shift        uint32       `cbor:"12,keyasint,omitempty"`
	Wall         int64        `cbor:"13,keyasint"`           // Unix ms: the lane's best estimate of now
	Boot         int64        `cbor:"14,keyasint"`           // ms since the machine started, sleep included
	HQAge        int64        `cbor:"15,keyasint,omitempty"` // ms since the last HQ-signed time, plus 1; 0: none since the start
	Zone         string       `cbor:"16,keyasint"`           // IANA name of the store's zone

	Policy   uint64       `cbor:"17,keyasint,omitempty"` // version in force; 0: none
	Software string       `cbor:"18,keyasint"`
	Training bool         `cbor:"19,keyasint,omitempty"` // never posted
	BodyHash []byte       `cbor:"20,keyasint,omitempty"` // SHA-256 of the body's bytes, whose first field is a salt
	Fact     payment.Fact `cbor:"-"`
}

// wireEntry is Entry with its fact still encoded.
type wireEntry struct {
	Entry
	Raw cbor.RawMessage `cbor:"21,keyasint"`
}

// Name is the entry's name.
func (e *Entry) Name() Name { return Name{e.Terminal, e.Epoch, e.Seq} }

// Marshal writes the entry's payload: the canonical bytes that are signed. It refuses an entry that
// DecodeEntry would not give back.
func (e *Entry) Marshal() ([]byte, error) {
	if e.Fact == nil || e.Fact.Kind() != e.Kind {
		return nil, fmt.Errorf("%w: kind %d has no such fact", ErrEntry, e.Kind)
	}
	if e.Version != Version {
		return nil, fmt.Errorf("%w: this release writes version %d, not %d", ErrEntry, Version, e.Version)
	}
	if err := e.spine().check(); err != nil {
		return nil, err
	}
	if err := e.checkBodyHash(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEntry, err)
	}
	raw, err := encoder.Marshal(e.Fact)
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", e.Kind, err)
	}
	b, err := Marshal(wireEntry{Entry: *e, Raw: raw})
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", e.Kind, err)
	}
	return b, nil
}

func (e *Entry) spine() *spine {
	return &spine{version: uint64(e.Version), terminal: e.Terminal, epoch: e.Epoch, seq: e.Seq, prev: e.Prev}
}

func (e *Entry) checkBodyHash() error {
	if n := len(e.BodyHash); n != 0 && n != HashSize {
		return fmt.Errorf("body hash of %d bytes", n)
	}
	return nil
}

// DecodeEntry reads a payload. ErrEntry means that the chain part itself is broken; it never comes of an
// entry of a batch that DecodeBatch and Verify took. With ErrSetAside the returned entry holds the chain
// part only (version, terminal, epoch, sequence, previous hash).
func DecodeEntry(payload []byte) (*Entry, error) {
	if err := Canonical(payload); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEntry, err)
	}
	s, err := readSpine(payload)
	if err != nil {
		return nil, err
	}
	e, err := decodeRest(payload, s)
	if err != nil {
		return s.entry(), fmt.Errorf("%w: %w", ErrSetAside, err)
	}
	return e, nil
}

func decodeRest(payload []byte, s *spine) (*Entry, error) {
	if s.version > Version {
		return nil, fmt.Errorf("format version %d", s.version)
	}
	var w wireEntry
	if err := decodeKnown(payload, &w); err != nil {
		return nil, err
	}
	e := &w.Entry
	if err := e.checkBodyHash(); err != nil {
		return nil, err
	}
	if e.Fact = payment.NewFact(e.Kind); e.Fact == nil {
		return nil, fmt.Errorf("kind %d", e.Kind)
	}
	if err := decodeKnown(w.Raw, e.Fact); err != nil {
		return nil, fmt.Errorf("%s: %w", e.Kind, err)
	}
	return e, nil
}

// SealEntry signs an entry and returns its envelope and its hash, which the next entry names.
func SealEntry(s *Signer, e *Entry) (envelope []byte, hash [HashSize]byte, err error) {
	payload, err := e.Marshal()
	if err != nil {
		return nil, hash, err
	}
	head, err := Protected(s.public, TypEntry)
	if err != nil {
		return nil, hash, fmt.Errorf("encoding %s: %w", TypEntry, err)
	}
	sig, err := s.Sign(ToBeSigned(head, payload))
	if err != nil {
		return nil, hash, err
	}
	return Envelope(head, payload, sig), Hash(head, payload), nil
}
