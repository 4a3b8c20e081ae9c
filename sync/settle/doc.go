// Package settle cuts settlement batches: which posted payments of a wallet are settled together, added up
// once, as bytes that never change.
//
// The core is pure: a Cut (a list of lines, fixed when it was read from the ledger at one position) becomes
// a Batch with its manifest, totals and content hash; the order of the input changes nothing. Around it
// stand the Archive, which puts a batch's bytes on disk before anybody can see it, and the Settler, which
// decides each cut once. A reader would easily get this wrong: what decides is the archive, not the ledger.
// Once a batch lies there, its lines are settled, whatever crashed before the ledger heard of it; the
// ledger is brought after it, never the other way.
//
// The format, byte by byte, is in FORMAT.md beside this file.
package settle
