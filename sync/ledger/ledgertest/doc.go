// Package ledgertest holds what every ledger must do, whatever database it is on: Run is the suite, for tests.
//
// The suite speaks of entries and money only. What belongs to one database (pragmas, triggers, damage to its
// files) is tested beside that database.
package ledgertest
