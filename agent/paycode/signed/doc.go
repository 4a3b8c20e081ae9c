// Package signed is the house wallet's payment code: what a phone shows so that a lane can take its payment
// with no network at all.
//
// A code has two layers. The issuer signs a certificate for the phone's key: whose account it is (a
// pseudonym), how much it may spend offline, and for how many hours. The phone signs the code: a counter, the
// time, and the store or lane where it is meant to be spent. Both are COSE_Sign1 messages over CWT claims
// with ES256, written in base 45 behind the prefix ZY:1. The format, byte by byte, is in FORMAT.md beside this
// file, and testdata/vectors.json holds examples for other implementations.
//
// What a reader would get wrong: Verify says that the issuer and the phone signed this, and nothing else.
// Whether the certificate or the code is still in time, was spent before, was revoked or is meant for this
// lane is for agent/checkout, which gets every time and name that it needs. And a code is known by its
// (phone key, counter), never by its text.
package signed
