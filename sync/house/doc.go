// Package house is the issuer of the house wallet: it keeps the accounts, binds phones to them, signs the certificates
// by which lanes take a phone's codes without a network, keeps the money, and stops what looks like theft. It is small,
// and nothing in it is make-believe: DESIGN.md goes through the holes of 7pay one by one and names the rule that
// answers each.
//
//	customer's phone ── sign in, top up, certificate ──▶ Issuer ◀── charge, refund, offline payments ── HQ
//	                                                      │
//	                       package rule decides, one SQLite file keeps, the clock and randomness come from outside
//
// Every method is one transaction (two where a password is computed in between), and what it refuses is written down
// too: a rule.Refusal is an answer, and is committed with the counts that led to it; any other error leaves nothing.
// So whatever a method writes for its own purpose comes after its last refusal.
//
// What a reader would get wrong: a password alone opens nothing here, not even the knowledge of whether it is right.
// The phone's signature is checked first, and without it no password is looked at. And a movement is written when money
// moved, not when it was promised: an earmark is no movement, and what it covers was still the customer's.
package house
