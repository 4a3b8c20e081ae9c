// Package journal keeps what happened at the lane, in the order it happened.
//
// A fact is appended once, as a signed entry that names the hash of the one before it, in one SQLite
// transaction with its body and with everything that is computed from it (counters, sums, sales, days).
// After Append returns nil the fact survives a power cut, on the second medium too where there is one.
// Entries are never changed. The outbox is a cursor per epoch: only HQ's signed acknowledgement moves it.
//
// A reader would easily get this wrong: an error of Append does not say that nothing was written. After a
// failed commit or fsync nobody knows, so the journal stops (ErrStopped) until Reopen has read the disk
// again and says what it found.
//
// The package keeps facts and doesn't judge them, beyond refusing rows that can't be: a code that pays
// twice, a void of nothing. It does not talk to the network: see sync/uplink, and sync/wire for what is
// signed. Why it is built so is in DESIGN.md beside this file.
package journal
