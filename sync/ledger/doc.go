// Package ledger is HQ's books: every entry that a lane signed, what was made of it, and the money, in
// double entry, on SQLite.
//
// Three layers, each append-only. Entries are the lanes' own bytes, by branch of an epoch, and are stored
// and acknowledged before anybody judges them. Payments and exceptions are what HQ made of them. Transfers
// are the money: one row moves one amount from one account to another, so that no set of rows can fail to
// sum to zero. A branch has a cursor, Judged, which moves in the transaction that makes the postings; a
// crash at any point therefore leaves either nothing or all of it, and the work goes on from the cursor.
//
// A reader would easily get this wrong: a settlement line is a transfer on the account "store payable", not
// a payment. A void, a payment moved to suspense by a fork, a released exception are lines of their own,
// so that a batch's sum is always what the ledger owes.
//
// The accounts and which event posts to which are in ACCOUNTS.md beside this file; the life of a payment is
// at the type State.
package ledger
