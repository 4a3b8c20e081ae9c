// Package wire is what travels between a lane and HQ, and what a journal entry is: signed, canonical bytes.
//
// There is one encoding of every message. A signature covers the bytes, the chain hashes them, and HQ keeps
// them, so a second spelling of the same content would be a second identity; Open refuses every other one.
// A reader would easily get this wrong: the hash that chains entries is over the COSE Sig_structure (the
// protected header and the payload), not over the envelope, so that signatures inside a batch can be left
// out on the way (the last one vouches for all before it) and a signature's own malleability changes nothing.
//
// The format, byte by byte, is in FORMAT.md beside this file.
package wire
